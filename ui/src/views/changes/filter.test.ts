import type { Event } from "@client";
import { expect, test } from "vitest";

import { matches, withNewer } from "./filter";

function event(id: string, changes: Partial<Event> = {}): Event {
    return {
        id,
        tenant: "acme",
        epoch: "0123456789abcdef",
        revision: 1,
        item: 0,
        items: 1,
        action: "created",
        route: { service: "checkout", env: "prod", version: "v2" },
        actor: { kind: "key", id: "0Yb3" },
        before: null,
        after: null,
        reason: "Canary at 5 %",
        request_id: "r",
        source_ip: null,
        trace_id: null,
        occurred_at: "2026-11-21T08:00:00Z",
        prev_hash: "0",
        hash: "1",
        ...changes,
    } as Event;
}

test("a filter needs all its words; tenant and action are exact", () => {
    const one = event("1");
    expect(matches(one, "checkout canary")).toBe(true);
    expect(matches(one, "tenant:acme action:created")).toBe(true);
    expect(matches(one, "tenant:acm")).toBe(false);
    expect(matches(one, "checkout v3")).toBe(false);
});

test("newer events come first, each once, and the oldest ones go", () => {
    const events = withNewer([event("2"), event("1")], [event("2"), event("3"), event("4")], 3);
    expect(events.map(({ id }) => id)).toEqual(["4", "3", "2"]);
});
