// The chain of a tenant's events, checked in this browser page by page, and summed up by days.

import { type Event, verify } from "@client";

/** Where a part of a chain ends: all up to there was checked. */
export interface Checked {
    readonly tenant: string;
    readonly epoch: string;
    readonly revision: number;
    readonly hash: string;
}

/** The events of one day (UTC). */
export interface Day {
    /** `2026-11-21`. */
    readonly day: string;
    readonly from: number;
    readonly to: number;
    readonly events: number;
    /** The hash that the first event names as the one before it. */
    readonly before: string;
    /** The hash of the last event. */
    readonly head: string;
    /** What is wrong with an event of this day. */
    readonly fault: string | undefined;
}

/** What a walk has found so far. */
export interface Walk {
    readonly days: readonly Day[];
    readonly events: number;
    readonly checked: Checked | undefined;
    readonly fault: string | undefined;
}

export const NOTHING: Walk = { days: [], events: 0, checked: undefined, fault: undefined };

/**
 * Returns a walk with the next events of the chain. They must follow the end of the walk; the first events of a walk may
 * be from the middle of the chain.
 */
export async function withEvents(walk: Walk, events: readonly Event[]): Promise<Walk> {
    const last = events.at(-1);
    if (!last || walk.fault !== undefined) return walk;
    const [result] = await verify(events, walk.checked ? { checkpoint: walk.checked } : { fromMiddle: true });
    const fault = result?.fault;
    const { tenant, epoch, revision, hash } = last;
    return {
        days: byDay(walk.days, events, fault),
        events: walk.events + events.length,
        checked: fault === undefined ? { tenant, epoch, revision, hash } : walk.checked,
        fault,
    };
}

/** The words of a fault begin with the revision where it is. */
function revisionOf(fault: string | undefined): number | undefined {
    const found = /^revision (\d+)/.exec(fault ?? "");
    return found ? Number(found[1]) : undefined;
}

function byDay(days: readonly Day[], events: readonly Event[], fault: string | undefined): Day[] {
    const bad = revisionOf(fault);
    const all = [...days];
    for (const event of events) {
        const day = event.occurred_at.slice(0, 10);
        const last = all.at(-1);
        const found = event.revision === bad ? fault : undefined;
        if (last?.day === day) {
            all[all.length - 1] = {
                ...last,
                to: event.revision,
                events: last.events + 1,
                head: event.hash,
                fault: last.fault ?? found,
            };
        } else {
            const { revision, prev_hash: before, hash: head } = event;
            all.push({ day, from: revision, to: revision, events: 1, before, head, fault: found });
        }
    }
    return all;
}
