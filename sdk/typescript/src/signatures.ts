// Signatures of snapshots (Ed25519), checked by WebCrypto.

import type { Scope, Snapshot } from "./snapshot.js";
import { hex, sha256, unhex } from "./sha256.js";

/** The result of a check. `missing`: none of the signatures is by a trusted key. */
export type Checked = "good" | "missing" | "bad";

/** The longest text of signatures, in bytes: there is room for eight. */
export const MAX_TEXT = 2048;
const MAX_SIGNATURES = 8;
const ED25519 = { name: "Ed25519" };

/** A public key whose signatures are trusted. */
export interface TrustedKey {
    /** The first 8 bytes of the key's SHA-256, in hex. */
    readonly id: string;
    readonly key: CryptoKey;
}

/**
 * Reads public keys (Ed25519), each 64 hex digits. Throws a TypeError for other texts, and an error if WebCrypto has no
 * Ed25519 here.
 */
export function readKeys(texts: readonly string[]): Promise<TrustedKey[]> {
    return Promise.all(
        texts.map(async (text) => {
            const bytes = unhex(text, 32);
            if (!bytes) throw new TypeError("a public key is written as 64 hex digits");
            const key = await crypto.subtle.importKey("raw", bytes, ED25519, false, ["verify"]);
            return { id: hex(sha256(bytes)).slice(0, 16), key };
        }),
    );
}

/** Returns the text that is signed. */
export function statement(snapshot: Snapshot, scope: Scope): string {
    const lines = [
        "tm-snapshot/v1",
        snapshot.tenant,
        `service=${scope.service ?? "*"}`,
        `env=${scope.env ?? "*"}`,
        snapshot.tag.toString(),
        snapshot.digest,
    ];
    return lines.map((line) => `${line}\n`).join("");
}

/**
 * Checks the signatures of a snapshot. A wrong signature of a trusted key spoils all; those of other keys are ignored.
 * Without keys everything is good.
 */
export async function check(
    keys: readonly TrustedKey[],
    snapshot: Snapshot,
    scope: Scope,
    text: string | undefined,
): Promise<Checked> {
    if (keys.length === 0) return "good";
    if (text === undefined) return "missing";
    const signatures = readSignatures(text);
    if (!signatures) return "bad";
    const signed = new TextEncoder().encode(statement(snapshot, scope));
    let checked: Checked = "missing";
    for (const [id, signature] of signatures) {
        for (const trusted of keys.filter((key) => key.id === id)) {
            if (!(await crypto.subtle.verify(ED25519, trusted.key, signature, signed))) return "bad";
            checked = "good";
        }
    }
    return checked;
}

function readSignatures(text: string): [string, Uint8Array<ArrayBuffer>][] | undefined {
    if (text.length > MAX_TEXT) return undefined;
    const items = text.split(",");
    if (items.length > MAX_SIGNATURES) return undefined;
    const signatures: [string, Uint8Array<ArrayBuffer>][] = [];
    for (const item of items) {
        const [id = "", digits = "", ...more] = item.trim().split("=");
        const signature = unhex(digits, 64);
        if (!unhex(id, 8) || !signature || more.length > 0) return undefined;
        signatures.push([id.toLowerCase(), signature]);
    }
    return signatures;
}
