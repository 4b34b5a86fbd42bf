import { createHash } from "node:crypto";

import type { Event } from "@client";
import { expect, test } from "vitest";

import { NOTHING, withEvents } from "./walk";

/** Sorts the members as RFC 8785 does; enough for the texts and numbers of these events. */
function canonical(value: object): string {
    return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Makes a chain with one event for each day. */
function chain(...days: string[]): Event[] {
    let previous = "0".repeat(64);
    return days.map((day, at) => {
        const event = {
            tenant: "acme",
            epoch: "0123456789abcdef",
            revision: at + 1,
            item: 0,
            items: 1,
            occurred_at: `${day}T08:00:00Z`,
            reason: "é",
            prev_hash: previous,
        };
        previous = createHash("sha256").update(canonical(event)).digest("hex");
        return { ...event, hash: previous } as unknown as Event;
    });
}

const DAYS = ["2026-11-20", "2026-11-20", "2026-11-21", "2026-11-23"];

test("a whole chain is checked over several pages and summed up by days", async () => {
    const events = chain(...DAYS);
    const walk = await withEvents(await withEvents(NOTHING, events.slice(0, 1)), events.slice(1));
    expect(walk.fault).toBeUndefined();
    expect(walk.checked?.revision).toBe(4);
    expect(walk.days.map(({ day, from, to }) => [day, from, to])).toEqual([
        ["2026-11-20", 1, 2],
        ["2026-11-21", 3, 3],
        ["2026-11-23", 4, 4],
    ]);
    expect(walk.days[1]?.before).toBe(walk.days[0]?.head);
});

test("an edited event is found, and its day is marked", async () => {
    const events = chain(...DAYS).map((event) => (event.revision === 3 ? { ...event, reason: "other" } : event));
    const walk = await withEvents(NOTHING, events);
    expect(walk.fault).toContain("revision 3 item 0: edited");
    expect(walk.days.map(({ fault }) => fault !== undefined)).toEqual([false, true, false]);
});

test("an event that is missing between two pages is found", async () => {
    const events = chain(...DAYS);
    const walk = await withEvents(await withEvents(NOTHING, events.slice(0, 2)), events.slice(3));
    expect(walk.fault).toContain("missing: revision 3");
    expect(walk.checked?.revision).toBe(2);
});
