import type { ProxyReport } from "@client";
import { expect, test } from "vitest";

import { matrix, worst } from "./matrix";

function report(dialect: string, states: Record<string, "native" | "degraded" | "refused">): ProxyReport {
    const policies = Object.entries(states).map(([service, state]) => ({
        tenant: "acme",
        service,
        env: "prod",
        revision: 1,
        state,
        notes: [],
    }));
    return { dialect, tenant: "acme", revision: "0123456789abcdef.1", policies };
}

test("reports are joined by policy, the worst one first", () => {
    const rows = matrix([
        report("envoy", { a: "native", b: "native", c: "degraded" }),
        report("nginx", { a: "native", b: "refused", c: "native" }),
    ]);
    expect(rows.map(({ service }) => service)).toEqual(["b", "c", "a"]);
    expect(rows[0]?.by.envoy?.state).toBe("native");
    expect(rows[0]?.by.nginx?.state).toBe("refused");
    expect(rows.map(worst)).toEqual([2, 1, 0]);
});

test("a kind of proxy that the page does not know is left out", () => {
    expect(matrix([report("other", { a: "native" })])).toEqual([]);
});
