// Nodes of the ledger: their order, and what their state tells.

import { type Node, VersionTag } from "@client";

import { byName } from "../../model/natural";

export type NodeState = Node["state"];

/** The states, the worst one first. */
export const STATES: readonly NodeState[] = ["refused", "lagging", "lost", "unknown", "converged"];

/** Sorts nodes: the worst state first, then the largest lag, then the one that is longest in its state. */
export function worstFirst(nodes: readonly Node[]): Node[] {
    return [...nodes].sort(
        (a, b) =>
            STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
            b.lag_revisions - a.lag_revisions ||
            (a.since ?? "").localeCompare(b.since ?? "") ||
            byName(a.node, b.node),
    );
}

/** Returns the key of a node in one scope. */
export function nodeKey({ node, env, service }: Node): string {
    return `${node}/${env ?? ""}/${service ?? ""}`;
}

/** Returns the revision of a tag; undefined without one. */
export function revisionOf(tag: string | null): number | undefined {
    return tag === null ? undefined : VersionTag.parse(tag)?.revision;
}

/** What keeps a node from the newest change of what it follows. */
export type Cause = "none" | "refused" | "unreachable" | "held_back" | "silent" | "mute" | "behind" | "unused";

/**
 * Returns why a node does not run the newest change: `behind` if it was not sent that change, so that it does not ask;
 * `unused` if it was sent the change and does not run it; `mute` if it has never said what it runs.
 */
export function causeOf({ state, error, served, applied, lag_revisions: lag }: Node): Cause {
    if (state === "converged") return "none";
    if (state === "lost") return "silent";
    if (state === "unknown") return "mute";
    if (error?.code === "unreachable" || error?.code === "held_back") return error.code;
    if (state === "refused" || error) return "refused";
    const [sent, run] = [revisionOf(served), revisionOf(applied)];
    if (sent === undefined || run === undefined) return "behind";
    return sent >= run + lag ? "unused" : "behind";
}

/** Returns whether a node matches words: each must be in its name, state, dialect, scope or error. */
export function matches(node: Node, words: string): boolean {
    const text = [node.node, node.state, node.dialect, node.env, node.service, node.error?.code, node.error?.text]
        .filter((part) => part !== null && part !== undefined)
        .join(" ")
        .toLowerCase();
    return words
        .toLowerCase()
        .split(/\s+/)
        .every((word) => text.includes(word));
}
