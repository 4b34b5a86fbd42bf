// The format of a watcher's file, which is that of the watchers in other languages.
//
//     tm-watch 1 <SHA-256 of everything after this line, 64 hex digits>
//     {"tenant": …, "scope": …, "left": […], "tag": …, "digest": …, "signature": …, "confirmed": …}
//     <the snapshot's body, to the end>

import type { Saved } from "./follow.js";
import { type JsonObject, isObject } from "./json.js";
import { hex, sha256Text } from "./sha256.js";
import { Malformed, type Scope, Snapshot, parsed } from "./snapshot.js";

/** The beginning of a file; the number is the format's. */
const FORMAT = "tm-watch 1 ";

/** Returns the text of a file. */
export function writeFile(saved: Saved): string {
    const { snapshot, scope } = saved;
    const head = {
        tenant: snapshot.tenant,
        scope: { service: scope.service ?? null, env: scope.env ?? null },
        left: saved.left,
        tag: snapshot.tag,
        digest: snapshot.digest,
        signature: saved.signature ?? null,
        confirmed: new Date(saved.confirmed).toISOString(),
    };
    const rest = `${JSON.stringify(head)}\n${snapshot.body()}`;
    return firstLine(rest) + rest;
}

/** Reads the text of a file. Throws an error that says why it is refused. */
export function readFile(text: string): Saved {
    const [first, rest] = cut(text);
    if (`${first}\n` !== firstLine(rest)) throw new Malformed("the file is damaged, or of another format");
    const [headText, body] = cut(rest);
    const head = parsed(headText);
    const snapshot = Snapshot.read(body);
    const { tenant, tag, digest, signature, left, confirmed } = head;
    if (tag !== snapshot.tag.toString() || digest !== snapshot.digest || tenant !== snapshot.tenant) {
        throw new Malformed("the head of the file is of another snapshot");
    }
    if (!Array.isArray(left) || !left.every((epoch) => typeof epoch === "string")) {
        throw new Malformed("the head of the file has no list of epochs");
    }
    return {
        snapshot,
        signature: typeof signature === "string" ? signature : undefined,
        scope: scopeOf(head.scope),
        left,
        confirmed: typeof confirmed === "string" ? Date.parse(confirmed) || 0 : 0,
    };
}

function scopeOf(value: unknown): Scope {
    if (!isObject(value)) throw new Malformed("the head of the file has no scope");
    return { ...named(value, "service"), ...named(value, "env") };
}

function named(scope: JsonObject, name: "service" | "env"): Scope {
    const value = scope[name] ?? null;
    if (value === null) return {};
    if (typeof value !== "string") throw new Malformed("the head of the file has no scope");
    return { [name]: value };
}

function firstLine(rest: string): string {
    return `${FORMAT}${hex(sha256Text(rest))}\n`;
}

function cut(text: string): [string, string] {
    const end = text.indexOf("\n");
    if (end < 0) throw new Malformed("the file is damaged, or of another format");
    return [text.slice(0, end), text.slice(end + 1)];
}
