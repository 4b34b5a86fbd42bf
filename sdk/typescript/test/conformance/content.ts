// Makes bodies, events and signatures of the short forms of cases, with code of its own and Node's cryptography: the
// watcher's would agree with itself.

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

import type { CaseScope, FullChange, FullSnapshot, Piece, Signed, SnapshotOf, StreamEvent } from "./case.js";

export const TENANT = "acme";

type Json = Record<string, unknown>;

/** Returns `aaaaaaaaaaaaaaaa.5` for `a.5`. */
export function tag(short: string): string {
    const [epoch = "", revision = ""] = short.split(".");
    return `${epoch.repeat(16)}.${revision}`;
}

function revision(short: string): number {
    return Number(short.split(".")[1]);
}

export function full(snapshot: SnapshotOf): FullSnapshot {
    if (typeof snapshot !== "string") return snapshot;
    const at = revision(snapshot);
    return { tag: snapshot, routes: [["web/prod/v1", `https://${String(at)}.example/`, at]] };
}

function jcs(value: unknown): string {
    if (Array.isArray(value)) return `[${value.map(jcs).join()}]`;
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jcs(member)}`).join()}}`;
}

function policySpec(weights: Record<string, number>): Json {
    const split = Object.keys(weights)
        .sort()
        .map((version) => ({ version, weight: weights[version] }));
    return { failover: [], hosts: [], path_prefix: "/", rules: [], split, sticky_by: null };
}

/** Returns objects sorted by their names, part by part. No part has a character below the space. */
function sorted(objects: [string, Json][]): Json[] {
    const key = (name: string): string => name.replaceAll("/", " ");
    return objects.sort(([a], [b]) => (key(a) < key(b) ? -1 : 1)).map(([, object]) => object);
}

function objects(snapshot: FullSnapshot): { routes: Json[]; policies: Json[] } {
    const rows = [...(snapshot.routes ?? [])];
    for (let at = 0; at < (snapshot.many ?? 0); at++) {
        rows.push([`web${String(at % 50)}/prod/v${String(at)}`, `https://${String(at)}.example/`, 1]);
    }
    const routes = rows.map(([name, url, at]): [string, Json] => {
        const [service, env, version] = name.split("/");
        return [name, { service, env, version, url, labels: {}, revision: at, ...snapshot.route_members }];
    });
    const policies = (snapshot.policies ?? []).map(([name, weights, at]): [string, Json] => {
        const [service, env] = name.split("/");
        return [name, { ...policySpec(weights), service, env, revision: at }];
    });
    return { routes: sorted(routes), policies: sorted(policies) };
}

const sha = (data: string | Buffer): Buffer => createHash("sha256").update(data).digest();

function digest(snapshot: FullSnapshot): string {
    const { routes, policies } = objects(snapshot);
    const services = new Map<string, Buffer[]>();
    for (const object of [...routes, ...policies]) {
        const name = object.service as string;
        services.set(name, [...(services.get(name) ?? []), sha(jcs(object))]);
    }
    const parts = [...services].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, hashes]) => sha(Buffer.concat(hashes)));
    return sha(Buffer.concat(parts)).toString("hex");
}

/** Returns the body of a snapshot. */
export function body(snapshot: FullSnapshot): string {
    return jcs({
        tenant: snapshot.tenant ?? TENANT,
        epoch: tag(snapshot.tag).split(".")[0],
        revision: revision(snapshot.tag),
        digest: snapshot.wrong_digest ? "07".repeat(32) : digest(snapshot),
        ...objects(snapshot),
        ...snapshot.members,
    });
}

/** The head of a private key of 32 bytes in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** Returns the key pair of a name: its seed is 32 times the name's first byte. */
function key(name: string): { secret: KeyObject; bytes: Buffer } {
    const seed = Buffer.alloc(32, name.charCodeAt(0));
    const secret = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
    const bytes = createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-32);
    return { secret, bytes };
}

/** Returns the public key of a name as hex digits. */
export function publicKey(name: string): string {
    return key(name).bytes.toString("hex");
}

/** Returns the header `TM-Signature`. `answered` is the content of the answer, `scope` the case's. */
export function signatures(signed: Signed, answered: SnapshotOf | undefined, scope: CaseScope): string {
    const of = full(signed.of ?? answered ?? "a.0");
    const { service = "*", env = "*" } = signed.scope ?? scope;
    const lines = [
        "tm-snapshot/v1",
        signed.tenant ?? TENANT,
        `service=${service}`,
        `env=${env}`,
        tag(signed.tag ?? of.tag),
        digest(of),
    ];
    const text = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    const one = (name: string): string => {
        const { secret, bytes } = key(name);
        const signature = sign(null, text, secret);
        if (signed.broken) signature[9] = (signature[9] ?? 0) ^ 1;
        return `${sha(bytes).toString("hex").slice(0, 16)}=${signature.toString("hex")}`;
    };
    return signed.by.map(one).join(", ");
}

/** Returns the bytes of a piece of a stream. */
export function piece(of: Piece, scope: CaseScope): Buffer {
    if (typeof of === "string") return Buffer.from(of);
    const { name, data, id: own } = described(of, scope);
    const id = of.id === undefined ? own : of.id === null ? undefined : tag(of.id);
    const first = id === undefined ? "" : `id: ${id}\n`;
    return Buffer.from(`${first}event: ${name}\ndata: ${data}\n\n`);
}

function described(event: StreamEvent, scope: CaseScope): { name: string; data: string; id?: string } {
    if (event.snapshot !== undefined) {
        const of = full(event.snapshot);
        return { name: "snapshot", data: body(of), id: tag(of.tag) };
    }
    if (event.signature) {
        const of = full(event.signature.of ?? "a.0");
        const signature = signatures(event.signature, undefined, scope);
        return { name: "signature", data: JSON.stringify({ tag: tag(of.tag), digest: digest(of), signature }) };
    }
    if (event.change !== undefined) return { name: "change", ...changeEvent(event.change) };
    return { name: event.event ?? "", data: event.data ?? "" };
}

function changeEvent(of: string | FullChange): { data: string; id?: string } {
    const change =
        typeof of === "string"
            ? { tag: of, route: "web/prod/v1", url: `https://${String(revision(of))}.example/` }
            : of;
    const { item = 0, items = 1, action = "updated", tenant = TENANT } = change;
    const event: Json = {
        action,
        actor: { id: "tester", kind: "key" },
        before: null,
        after: null,
        epoch: tag(change.tag).split(".")[0],
        hash: "0".repeat(64),
        id: "01a1fd21-de3d-7778-bc54-13f5856b700d",
        item,
        items,
        occurred_at: "2026-11-21T08:03:37.661997Z",
        prev_hash: "0".repeat(64),
        reason: null,
        request_id: "case",
        revision: revision(change.tag),
        source_ip: null,
        tenant,
        trace_id: null,
        ...about(change),
        ...change.members,
    };
    const data = JSON.stringify(event);
    return item + 1 === items ? { data, id: tag(change.tag) } : { data };
}

function about({ route, url, inactive, policy, split }: FullChange): Json {
    if (route !== undefined) {
        const [service, env, version] = route.split("/");
        const after = url === undefined ? null : { url, is_active: !inactive, labels: {}, description: null };
        return { route: { service, env, version }, after };
    }
    if (policy === undefined) return {};
    const [service, env] = policy.split("/");
    return { policy: { service, env }, after: split ? policySpec(split) : null };
}
