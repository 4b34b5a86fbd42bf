// A policy while somebody edits it: what differs becomes a merge patch.

import type { PolicyPatchIn, PolicyRule, SnapshotPolicy } from "@client";

import type { Weighted } from "./shares";

/** The members that the page edits; all others stay as they are. */
export interface Draft {
    readonly split: readonly Weighted[];
    readonly rules: readonly PolicyRule[];
    readonly failover: readonly string[];
    readonly hosts: readonly string[];
    readonly path_prefixes: readonly string[];
}

/** Returns the members of a policy that the page edits. */
export function draftOf(policy: SnapshotPolicy): Draft {
    const { split, rules, failover, hosts, path_prefix: prefix, path_prefixes: prefixes } = policy;
    return { split, rules, failover, hosts, path_prefixes: prefixes ?? [prefix] };
}

/** Returns the members of the draft that differ from the policy: the merge patch, and the same of the policy. */
export function patchOf(policy: Draft, draft: Draft): { before: Partial<Draft>; after: PolicyPatchIn } {
    const names = Object.keys(draft) as (keyof Draft)[];
    const changed = names.filter((name) => JSON.stringify(policy[name]) !== JSON.stringify(draft[name]));
    const pick = (from: Draft): Partial<Draft> => Object.fromEntries(changed.map((name) => [name, from[name]]));
    return { before: pick(policy), after: pick(draft) as PolicyPatchIn };
}

/** Returns a list with one entry moved by a number of places. */
export function movedBy<T>(list: readonly T[], at: number, by: number): T[] {
    const to = at + by;
    const next = [...list];
    const [item] = next.splice(at, 1);
    if (item === undefined || to < 0 || to > next.length) return [...list];
    next.splice(to, 0, item);
    return next;
}

/** Returns the lines of a field that are not empty. */
export function lines(text: string): string[] {
    return text
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "");
}

/** Returns a rule's condition in words, such as `GET, path /v1…, x-tester = yes`. */
export function condition({ match }: PolicyRule): string {
    const parts = [match.methods?.join(" or ") ?? ""];
    const { path } = match;
    if (path?.exact !== undefined) parts.push(`path = ${path.exact}`);
    if (path?.prefix !== undefined) parts.push(`path ${path.prefix}…`);
    if (path?.regex !== undefined) parts.push(`path ~ ${path.regex}`);
    for (const [name, text] of Object.entries(match.headers)) parts.push(`${name} ${textMatch(text)}`);
    for (const [name, text] of Object.entries(match.query ?? {})) parts.push(`?${name} ${textMatch(text)}`);
    return parts.filter((part) => part !== "").join(", ");
}

const SIGNS: Record<string, string> = {
    exact: "=",
    prefix: "begins with",
    suffix: "ends with",
    contains: "has",
    regex: "~",
};

function textMatch(text: object): string {
    const [kind, value] = (Object.entries(text) as [string, string | boolean | undefined][])[0] ?? ["present", true];
    if (kind === "present") return value === false ? "is absent" : "is present";
    return `${SIGNS[kind] ?? kind} ${String(value)}`;
}

/** Returns in words where a rule sends its requests. */
export function destination(rule: PolicyRule): string {
    if (rule.version !== undefined) return rule.version;
    if (rule.split) return rule.split.map(({ version, weight }) => `${version} ${String(weight)}`).join(", ");
    if (rule.redirect) return `${String(rule.redirect.status)} to ${rule.redirect.url}`;
    return rule.respond ? `answer ${String(rule.respond.status)}` : "";
}
