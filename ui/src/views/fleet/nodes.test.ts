import type { Node } from "@client";
import { expect, test } from "vitest";

import { causeOf, matches, worstFirst } from "./nodes";

const EPOCH = "0123456789abcdef";

function node(name: string, changes: Partial<Node> = {}): Node {
    return {
        node: name,
        service: null,
        env: "prod",
        state: "converged",
        dialect: "envoy",
        applied: `${EPOCH}.9`,
        served: `${EPOCH}.9`,
        lag_revisions: 0,
        error: null,
        seen: "2026-11-21T08:00:00Z",
        since: "2026-11-21T07:00:00Z",
        interval_seconds: 1,
        instance: "i",
        ...changes,
    };
}

test("nodes are sorted by state, then by lag, then by age, then by name", () => {
    const nodes = [
        node("edge-10"),
        node("edge-2"),
        node("lost", { state: "lost" }),
        node("near", { state: "lagging", lag_revisions: 1 }),
        node("far", { state: "lagging", lag_revisions: 3 }),
        node("old", { state: "lagging", lag_revisions: 1, since: "2026-11-20T07:00:00Z" }),
        node("refused", { state: "refused" }),
    ];
    expect(worstFirst(nodes).map(({ node: name }) => name)).toEqual([
        "refused",
        "far",
        "old",
        "near",
        "lost",
        "edge-2",
        "edge-10",
    ]);
});

test("a node that was sent the change and one that was not have different causes", () => {
    const applied = `${EPOCH}.6`;
    const lagging = { state: "lagging", applied, lag_revisions: 3 } as const;
    expect(causeOf(node("a", { ...lagging, served: `${EPOCH}.9` }))).toBe("unused");
    expect(causeOf(node("a", { ...lagging, served: applied }))).toBe("behind");
    expect(causeOf(node("a", { ...lagging, served: null }))).toBe("behind");
});

test("the code of an error tells the cause of a node that refuses", () => {
    const refused = (code: string): Node => node("a", { state: "refused", error: { code, tag: null, text: "" } });
    expect(causeOf(refused("held_back"))).toBe("held_back");
    expect(causeOf(refused("unreachable"))).toBe("unreachable");
    expect(causeOf(refused("refused"))).toBe("refused");
});

test("a filter needs all its words, in any member", () => {
    const one = node("edge-1", { state: "refused", error: { code: "refused", tag: null, text: "host not found" } });
    expect(matches(one, "EDGE found")).toBe(true);
    expect(matches(one, "edge missing")).toBe(false);
    expect(matches(node("edge-1"), "everything")).toBe(false);
});
