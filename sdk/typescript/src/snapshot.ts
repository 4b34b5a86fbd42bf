// A snapshot: the active routes and the policies of a tenant, or of a part of it, with their digest.

import type { SnapshotPolicy, SnapshotRoute } from "./generated/api.js";
import { type JsonObject, canonical, isCount, isObject } from "./json.js";
import { hex, sha256, sha256Text } from "./sha256.js";
import { VersionTag } from "./tag.js";

/** A part of a tenant: one service, one environment, both, or all of it. */
export interface Scope {
    /** Only this service. */
    readonly service?: string;
    /** Only this environment. */
    readonly env?: string;
}

/** Returns true if objects of a service and an environment belong to a scope. */
export function scopeHas(scope: Scope, service: string, env: string): boolean {
    return (scope.service ?? service) === service && (scope.env ?? env) === env;
}

/** A text or an event is not what it should be. */
export class Malformed extends Error {}

/** The objects of a snapshot have another digest than the snapshot states. */
export class WrongDigest extends Error {}

interface Item<T> {
    /** The name within the service, in an order that is the service's own. */
    readonly key: string;
    readonly value: T;
    readonly digest: Uint8Array;
}

interface Service {
    readonly routes: readonly Item<SnapshotRoute>[];
    readonly policies: readonly Item<SnapshotPolicy>[];
    readonly digest: Uint8Array;
}

/** A change of one object by an event; without `value` the object is gone. */
export type Touch = { readonly service: string; readonly key: string } & (
    | { readonly kind: "route"; readonly value: SnapshotRoute | undefined }
    | { readonly kind: "policy"; readonly value: SnapshotPolicy | undefined }
);

const ROUTE_MEMBERS = new Set(["env", "labels", "revision", "service", "url", "version"]);
const POLICY_MEMBERS = new Set(
    (
        "env failover host_header hosts mirror path_prefix path_prefixes request_headers response_headers retries " +
        "revision rewrite rules service split sticky_by timeout_ms version_header"
    ).split(" "),
);
const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Returns a name of a tenant, a service or an environment, or throws {@link Malformed}. */
export function dnsLabel(value: unknown, what: string): string {
    if (typeof value !== "string" || !LABEL.test(value)) throw new Malformed(`${what} is no name`);
    return value;
}

/** Returns the name of a version, or throws {@link Malformed}. */
export function versionName(value: unknown): string {
    if (typeof value !== "string" || !VERSION.test(value)) throw new Malformed("version is no name");
    return value;
}

/** Returns labels as they are, or throws {@link Malformed}. */
export function labelsOf(value: unknown): Record<string, string> {
    if (!isObject(value) || !Object.values(value).every((label) => typeof label === "string")) {
        throw new Malformed("labels are no object of texts");
    }
    return value as Record<string, string>;
}

// No name has a character below the separator, so the order of keys is the order of the names, one after the other.
const SEPARATOR = "\u0000";

/** Returns the key of a route within its service. */
export function routeKey(env: string, version: string): string {
    return `${env}${SEPARATOR}${version}`;
}

function item<T>(key: string, value: T): Item<T> {
    return { key, value, digest: sha256Text(canonical(value)) };
}

function joined(digests: readonly Uint8Array[]): Uint8Array {
    const all = new Uint8Array(32 * digests.length);
    digests.forEach((digest, at) => {
        all.set(digest, 32 * at);
    });
    return sha256(all);
}

function service(routes: readonly Item<SnapshotRoute>[], policies: readonly Item<SnapshotPolicy>[]): Service {
    return { routes, policies, digest: joined([...routes, ...policies].map((held) => held.digest)) };
}

/** Returns the place of a key in sorted items, or that where it would be. */
function place(items: readonly Item<unknown>[], key: string): number {
    let [low, high] = [0, items.length];
    while (low < high) {
        const middle = (low + high) >> 1;
        if ((items[middle]?.key ?? "") < key) low = middle + 1;
        else high = middle;
    }
    return low;
}

function found<T>(items: readonly Item<T>[], key: string): T | undefined {
    const held = items[place(items, key)];
    return held?.key === key ? held.value : undefined;
}

function changed<T>(items: readonly Item<T>[], key: string, value: T | undefined): readonly Item<T>[] {
    const at = place(items, key);
    const old = items[at]?.key === key ? 1 : 0;
    return items.toSpliced(at, old, ...(value === undefined ? [] : [item(key, value)]));
}

/** The active routes and the policies of a scope at one revision. It never changes. */
export class Snapshot {
    private constructor(
        /** The tenant's name. */
        readonly tenant: string,
        /** The tag of the scope. */
        readonly tag: VersionTag,
        /** The digest of the objects: 64 hex digits. */
        readonly digest: string,
        /** The number of routes. */
        readonly routeCount: number,
        /**
         * False if an object has members that this version does not know. Events cannot move such a snapshot on: nobody
         * could say which members the object has then.
         */
        readonly isExact: boolean,
        private readonly services: ReadonlyMap<string, Service>,
    ) {}

    /** Reads the body of `GET /tenants/{tenant}/snapshot`. Throws {@link Malformed} or {@link WrongDigest}. */
    static read(json: string): Snapshot {
        const body = parsed(json);
        const tag =
            typeof body.epoch === "string" && isCount(body.revision)
                ? VersionTag.of(body.epoch, body.revision)
                : undefined;
        if (!tag) throw new Malformed("the snapshot has no tag");
        if (!Array.isArray(body.routes) || !Array.isArray(body.policies))
            throw new Malformed("the snapshot has no lists");
        const services = grouped(body.routes, body.policies);
        const objects = [...(body.routes as JsonObject[]), ...(body.policies as JsonObject[])];
        const isExact = objects.every((object) => {
            const known = "version" in object ? ROUTE_MEMBERS : POLICY_MEMBERS;
            return Object.keys(object).every((name) => known.has(name));
        });
        const snapshot = Snapshot.of(dnsLabel(body.tenant, "tenant"), tag, services, isExact);
        if (snapshot.digest !== body.digest) {
            throw new WrongDigest(`the snapshot states another digest than ${snapshot.digest}, that of its objects`);
        }
        return snapshot;
    }

    private static of(tenant: string, tag: VersionTag, services: Map<string, Service>, isExact: boolean): Snapshot {
        const sorted = new Map([...services].sort(([a], [b]) => (a < b ? -1 : 1)));
        const parts = [...sorted.values()];
        const digest = hex(joined(parts.map((part) => part.digest)));
        const count = parts.reduce((sum, part) => sum + part.routes.length, 0);
        return new Snapshot(tenant, tag, digest, count, isExact, sorted);
    }

    /** Returns the snapshot after the changes of one revision. It shares the services that do not change. */
    after(tag: VersionTag, touches: readonly Touch[]): Snapshot {
        const services = new Map(this.services);
        for (const name of new Set(touches.map((touch) => touch.service))) {
            const old = services.get(name);
            let routes = old?.routes ?? [];
            let policies = old?.policies ?? [];
            for (const touch of touches.filter((one) => one.service === name)) {
                if (touch.kind === "route") routes = changed(routes, touch.key, touch.value);
                else policies = changed(policies, touch.key, touch.value);
            }
            if (routes.length + policies.length > 0) services.set(name, service(routes, policies));
            else services.delete(name);
        }
        return Snapshot.of(this.tenant, tag, services, this.isExact);
    }

    /** Returns the routes, sorted by service, environment and version. */
    *routes(): Generator<SnapshotRoute> {
        for (const held of this.services.values()) for (const route of held.routes) yield route.value;
    }

    /** Returns the policies, sorted by service and environment. */
    *policies(): Generator<SnapshotPolicy> {
        for (const held of this.services.values()) for (const policy of held.policies) yield policy.value;
    }

    /** Returns a route, or undefined if there is none or it is inactive. */
    route(name: { service: string; env: string; version: string }): SnapshotRoute | undefined {
        return found(this.services.get(name.service)?.routes ?? [], routeKey(name.env, name.version));
    }

    /** Returns the policy of a service in an environment, or undefined if there is none. */
    policy(name: { service: string; env: string }): SnapshotPolicy | undefined {
        return found(this.services.get(name.service)?.policies ?? [], name.env);
    }

    /** Returns true if no object is outside a scope. */
    isWithin(scope: Scope): boolean {
        const inside = (object: { service: string; env: string }): boolean =>
            scopeHas(scope, object.service, object.env);
        return [...this.routes()].every(inside) && [...this.policies()].every(inside);
    }

    /** Returns the body, as `GET /tenants/{tenant}/snapshot` has it. */
    body(): string {
        const { tenant, digest } = this;
        const { epoch, revision } = this.tag;
        return canonical({
            tenant,
            digest,
            epoch,
            revision,
            routes: [...this.routes()],
            policies: [...this.policies()],
        });
    }
}

/** Returns the object of a JSON text, or throws {@link Malformed}. */
export function parsed(json: string): JsonObject {
    let value: unknown;
    try {
        value = JSON.parse(json);
    } catch {
        throw new Malformed("it is no JSON");
    }
    if (!isObject(value)) throw new Malformed("it is no JSON object");
    return value;
}

function grouped(routes: unknown[], policies: unknown[]): Map<string, Service> {
    const all = new Map<string, { routes: Item<SnapshotRoute>[]; policies: Item<SnapshotPolicy>[] }>();
    const of = (name: string): { routes: Item<SnapshotRoute>[]; policies: Item<SnapshotPolicy>[] } => {
        const held = all.get(name) ?? { routes: [], policies: [] };
        all.set(name, held);
        return held;
    };
    for (const route of routes) {
        const { service: name, key } = checkedRoute(route);
        of(name).routes.push(item(key, route as SnapshotRoute));
    }
    for (const policy of policies) {
        const { service: name, key } = checkedPolicy(policy);
        of(name).policies.push(item(key, policy as SnapshotPolicy));
    }
    return new Map([...all].map(([name, held]) => [name, service(sorted(held.routes), sorted(held.policies))]));
}

function sorted<T>(items: Item<T>[]): Item<T>[] {
    items.sort((a, b) => (a.key < b.key ? -1 : 1));
    if (items.some((held, at) => held.key === items[at + 1]?.key)) throw new Malformed("an object is there twice");
    return items;
}

function checkedRoute(value: unknown): { service: string; key: string } {
    if (!isObject(value)) throw new Malformed("a route is no object");
    const name = dnsLabel(value.service, "service");
    const key = routeKey(dnsLabel(value.env, "env"), versionName(value.version));
    if (typeof value.url !== "string") throw new Malformed("a route has no url");
    if (!isCount(value.revision)) throw new Malformed("a route has no revision");
    labelsOf(value.labels);
    return { service: name, key };
}

function checkedPolicy(value: unknown): { service: string; key: string } {
    if (!isObject(value)) throw new Malformed("a policy is no object");
    if (!isCount(value.revision)) throw new Malformed("a policy has no revision");
    checkPolicySpec(value);
    return { service: dnsLabel(value.service, "service"), key: dnsLabel(value.env, "env") };
}

/** Throws {@link Malformed} if a policy has no split. */
export function checkPolicySpec(spec: JsonObject): void {
    if (!Array.isArray(spec.split)) throw new Malformed("a policy has no split");
}
