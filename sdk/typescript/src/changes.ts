// The events `change` and `signature` of a stream.

import type { SnapshotPolicy, SnapshotRoute } from "./generated/api.js";
import { type JsonObject, isCount, isObject } from "./json.js";
import {
    Malformed,
    type Touch,
    checkPolicySpec,
    dnsLabel,
    labelsOf,
    parsed,
    routeKey,
    versionName,
} from "./snapshot.js";
import { VersionTag } from "./tag.js";

const ACTIONS = new Set(
    (
        "created updated activated deactivated deleted policy_set policy_deleted " +
        "tenant_created tenant_updated tenant_deleted"
    ).split(" "),
);

interface Place {
    readonly tenant: string;
    readonly tag: VersionTag;
    /** The number of the event within its revision, from 0. */
    readonly item: number;
    /** The number of events in the revision. */
    readonly items: number;
}

/** One event: an object after the change, or null if it is gone. */
export type Change = Place &
    (
        | { kind: "route"; service: string; env: string; version: string; after: RouteSpec | null }
        | { kind: "policy"; service: string; env: string; after: JsonObject | null }
        | { kind: "tenant"; after: JsonObject | null }
    );

interface RouteSpec {
    readonly url: string;
    readonly isActive: boolean;
    readonly labels: Record<string, string>;
}

/** Reads the data of an event `change`. Throws {@link Malformed}, also for an action that this version does not know. */
export function readChange(json: string): Change {
    const event = parsed(json);
    const { epoch, revision, item, items, action, route, policy } = event;
    const tag = typeof epoch === "string" && isCount(revision) ? VersionTag.of(epoch, revision) : undefined;
    if (!tag) throw new Malformed("an event has no tag");
    if (!isCount(item) || !isCount(items)) throw new Malformed("an event has no place in its revision");
    if (typeof action !== "string" || !ACTIONS.has(action)) throw new Malformed("an event has an unknown action");
    const after = event.after ?? null;
    if (after !== null && !isObject(after)) throw new Malformed("after is no object");
    const at = { tenant: dnsLabel(event.tenant, "tenant"), tag, item, items };
    if (isObject(route) && isObject(policy)) throw new Malformed("an event is about a route or about a policy");
    if (isObject(route)) {
        const version = versionName(route.version);
        return { ...at, kind: "route", ...placeOf(route), version, after: after && routeSpec(after) };
    }
    if (isObject(policy)) {
        if (after) checkPolicySpec(after);
        return { ...at, kind: "policy", ...placeOf(policy), after };
    }
    return { ...at, kind: "tenant", after };
}

function placeOf(name: JsonObject): { service: string; env: string } {
    return { service: dnsLabel(name.service, "service"), env: dnsLabel(name.env, "env") };
}

function routeSpec(after: JsonObject): RouteSpec {
    const { url, is_active: isActive } = after;
    if (typeof url !== "string" || typeof isActive !== "boolean") throw new Malformed("a route has no url or no state");
    return { url, isActive, labels: labelsOf(after.labels) };
}

/** Returns what an event changes in a snapshot, which has only active routes. */
export function touch(change: Change): Touch[] {
    if (change.kind === "tenant") return [];
    const { service, env, tag } = change;
    const { revision } = tag;
    if (change.kind === "policy") {
        // The spec is taken as it is, with members that this version does not know: the digest covers them.
        const value = change.after
            ? ({ ...change.after, service, env, revision } as unknown as SnapshotPolicy)
            : undefined;
        return [{ kind: "policy", service, key: env, value }];
    }
    const { version, after } = change;
    const value: SnapshotRoute | undefined = after?.isActive
        ? { service, env, version, url: after.url, labels: after.labels, revision }
        : undefined;
    return [{ kind: "route", service, key: routeKey(env, version), value }];
}

/** Reads the data of an event `signature`. Returns undefined for any other text. */
export function readSigned(json: string): { tag: VersionTag; digest: string; signature: string } | undefined {
    let value: unknown;
    try {
        value = JSON.parse(json);
    } catch {
        return undefined;
    }
    if (!isObject(value)) return undefined;
    const { tag: text, digest, signature } = value;
    const tag = typeof text === "string" ? VersionTag.parse(text) : undefined;
    if (!tag || typeof digest !== "string" || typeof signature !== "string") return undefined;
    return { tag, digest, signature };
}
