import type { Event } from "@client";
import { expect, test } from "vitest";

import { chosenRevision, marks } from "./marks";

function event(revision: number, item: number, items: number): Event {
    return {
        revision,
        item,
        items,
        occurred_at: "2026-11-21T08:00:00Z",
        reason: "release",
        actor: { kind: "key", id: "k" },
    } as unknown as Event;
}

test("several events of one revision are one mark, the newest first", () => {
    const found = marks([event(1, 0, 1), event(2, 0, 2), event(2, 1, 2)]);
    expect(found.map(({ revision, events }) => [revision, events])).toEqual([
        [2, 2],
        [1, 1],
    ]);
});

test("an address that is no revision means the newest one", () => {
    expect(chosenRevision("", 9)).toBe(9);
    expect(chosenRevision("x", 9)).toBe(9);
    expect(chosenRevision("1.5", 9)).toBe(9);
    expect(chosenRevision("0", 9)).toBe(1);
    expect(chosenRevision("12", 9)).toBe(9);
    expect(chosenRevision("4", 9)).toBe(4);
});
