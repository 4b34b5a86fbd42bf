// The points in a tenant's history that the slider offers.

import type { Event } from "@client";

/** One revision that is known, with what was done in it. */
export interface Mark {
    readonly revision: number;
    readonly at: string;
    readonly events: number;
    readonly reason: string | null;
    readonly actor: string;
}

/** Returns one mark for each revision, the newest first. */
export function marks(events: readonly Event[]): Mark[] {
    const found = new Map<number, Mark>();
    for (const { revision, occurred_at: at, reason, actor, items } of events) {
        if (!found.has(revision)) found.set(revision, { revision, at, events: items, reason, actor: actor.id });
    }
    return [...found.values()].sort((a, b) => b.revision - a.revision);
}

/** Returns the revision of an address: whole, from 1 to the newest one; the newest one without a good one. */
export function chosenRevision(text: string, newest: number): number {
    const revision = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(revision)) return newest;
    return Math.min(newest, Math.max(1, revision));
}
