import { describe, expect, test } from "vitest";

import { fieldChanges } from "./diff";
import { routeFilter } from "./filter";
import { byName } from "./natural";
import { lineOf } from "./pointer";
import { condition, draftOf, movedBy, patchOf } from "./policy";
import { rightsOf } from "./rights";
import { type RouteRow, sorted } from "./route";

const row = (part: Partial<RouteRow>): RouteRow => ({
    service: "checkout",
    env: "prod",
    version: "v1",
    url: "https://one.example",
    labels: {},
    revision: 1,
    isActive: true,
    ...part,
});

test("names sort as people count", () => {
    expect(["v10", "v2", "v1", "a"].sort(byName)).toEqual(["a", "v1", "v2", "v10"]);
});

describe("the filter", () => {
    const matches = (filter: string, part: Partial<RouteRow>): boolean => routeFilter(filter)(row(part));

    test("wants all words", () => {
        expect(matches("check one", {})).toBe(true);
        expect(matches("check two", {})).toBe(false);
        expect(matches("", {})).toBe(true);
    });

    test("knows members, labels and states", () => {
        expect(matches("service:checkout env:prod", {})).toBe(true);
        expect(matches("service:check", {})).toBe(false);
        expect(matches("label:team=shop", { labels: { team: "shop" } })).toBe(true);
        expect(matches("label:team", { labels: { team: "shop" } })).toBe(true);
        expect(matches("label:team=sho", { labels: { team: "shop" } })).toBe(false);
        expect(matches("is:inactive", { isActive: false })).toBe(true);
        expect(matches("is:inactive", {})).toBe(false);
    });

    test("negates, and takes quotes", () => {
        expect(matches("-env:prod", {})).toBe(false);
        expect(matches('label:"note=two words"', { labels: { note: "two words" } })).toBe(true);
    });

    test("finds what looks like a member and is none", () => {
        expect(matches("https://one", {})).toBe(true);
    });
});

test("a column sorts, and names decide among equals", () => {
    const rows = [row({ version: "v10", revision: 2 }), row({ version: "v2", revision: 2 }), row({ revision: 1 })];
    expect(sorted(rows, "revision", true).map(({ version }) => version)).toEqual(["v2", "v10", "v1"]);
});

describe("the difference", () => {
    test("names members that differ, not what the service writes itself", () => {
        const before = { url: "a", labels: { team: "x", tier: "1" }, revision: 1 };
        const after = { url: "a", labels: { team: "y" }, revision: 2 };
        expect(fieldChanges(before, after)).toEqual([
            { path: "labels.team", before: "x", after: "y" },
            { path: "labels.tier", before: "1", after: undefined },
        ]);
    });

    test("shows a split in words, and a new object whole", () => {
        const after = { split: [{ version: "v1", weight: 9 }], hosts: [] };
        expect(fieldChanges(undefined, after)).toEqual([{ path: "split", before: undefined, after: "v1 9" }]);
    });
});

describe("a policy that is edited", () => {
    const policy = {
        service: "checkout",
        env: "prod",
        split: [{ version: "v1", weight: 1 }],
        rules: [],
        failover: ["v0"],
        hosts: ["a.example"],
        path_prefix: "/",
        sticky_by: null,
        revision: 7,
    };

    test("sends only what differs", () => {
        const draft = { ...draftOf(policy), failover: [] };
        expect(patchOf(draftOf(policy), draft)).toEqual({ before: { failover: ["v0"] }, after: { failover: [] } });
        expect(patchOf(draftOf(policy), draftOf(policy)).after).toEqual({});
    });

    test("moves an entry, and nothing beyond the ends", () => {
        expect(movedBy(["a", "b", "c"], 2, -1)).toEqual(["a", "c", "b"]);
        expect(movedBy(["a", "b"], 0, -1)).toEqual(["a", "b"]);
        expect(movedBy(["a", "b"], 1, 1)).toEqual(["a", "b"]);
    });

    test("says a rule's condition in words", () => {
        const match = {
            headers: { "x-a": { exact: "1" }, "x-b": { present: false } },
            path: { prefix: "/v1" },
            methods: ["GET"],
        };
        expect(condition({ name: "r", match, version: "v1" })).toBe("GET, path /v1…, x-a = 1, x-b is absent");
    });
});

describe("the line of an error", () => {
    const json = '{\n  "routes": [\n    {"url": "a,b]"},\n    {\n      "url": "x"\n    }\n  ]\n}';

    test("is that of the value", () => {
        expect(lineOf(json, "/routes/0/url")).toBe(3);
        expect(lineOf(json, "/routes/1/url")).toBe(5);
        expect(lineOf(json, "#/routes")).toBe(2);
    });

    test("is that of the nearest parent, when the value is missing", () => {
        expect(lineOf(json, "/routes/1/service")).toBe(4);
    });

    test("is not known in another format", () => {
        expect(lineOf("routes: []", "/routes")).toBeUndefined();
    });
});

test("roles give rights", () => {
    const caller = {
        actor: { id: "k", kind: "key" },
        roles: ["viewer"],
        tenant: "a",
        services: null,
        envs: null,
        expires_at: null,
    };
    const viewer = rightsOf(caller as Parameters<typeof rightsOf>[0]);
    expect([viewer.mayRead, viewer.mayEdit, viewer.mayManageKeys]).toEqual([true, false, false]);
    const admin = rightsOf({ ...caller, roles: ["platform_admin"] });
    expect([admin.mayEdit, admin.mayManageTenants, admin.mayOperate]).toEqual([true, true, true]);
});
