import { expect, test } from "vitest";

import { auditQuery, exportUrl, localField } from "./query";

function reader(address: string): (name: string) => string {
    const search = new URLSearchParams(address);
    return (name) => search.get(name) ?? "";
}

test("a search reads what the address has", () => {
    const query = auditQuery(reader("action=policy_set&actor=%20ann%20&from=2026-11-21T08:00:00Z"));
    expect(query).toEqual({ action: "policy_set", actor: "ann", from: "2026-11-21T08:00:00.000Z" });
});

test("a search leaves out what is no action and no time", () => {
    expect(auditQuery(reader("action=sneezed&to=soon&service="))).toEqual({});
});

test("an export has the same search", () => {
    expect(exportUrl("acme", { actor: "a b" }, "csv")).toBe("/api/v1/audit/export?tenant=acme&actor=a+b&format=csv");
});

test("a field for local times shows the time of the address", () => {
    const shown = localField("2026-11-21T08:00:00Z");
    expect(new Date(shown).toISOString()).toBe("2026-11-21T08:00:00.000Z");
    expect(localField(shown)).toBe(shown);
    expect(localField("soon")).toBe("");
});
