import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { inspect } from "node:util";

import { Client, type ClientSettings, NoAnswer, OPERATIONS, Problem, VersionTag, Watcher } from "../src/index.js";
import { FakeClock, type Scripted, type Sent, scripted } from "./fake.js";
import { repository } from "./support.js";

const TAG = "aaaaaaaaaaaaaaaa";
const ROUTE = { tenant: "acme", service: "web", env: "prod", version: "v1" };
const BODY = { url: "https://a.example/" };

interface Made {
    client: Client;
    sent: Sent[];
    clock: FakeClock;
}

function made(answers: Scripted[], settings: Partial<ClientSettings> = {}, clock = new FakeClock()): Made {
    const { fetch, sent } = scripted(...answers);
    return { client: new Client({ url: "http://127.0.0.1:1", fetch, clock, ...settings }), sent, clock };
}

function problem(status: number, code: string, members: object = {}, headers: Record<string, string> = {}): Scripted {
    return {
        status,
        headers,
        body: { type: `/problems/${code}`, title: "T", status, detail: "why", code, ...members },
    };
}

interface Document {
    paths: Record<string, Record<string, { operationId?: string }>>;
}

test("every operation of the document is a method that sends its request", async () => {
    const document = JSON.parse(await readFile(repository("docs/openapi.json"), "utf8")) as Document;
    const names: string[] = [];
    for (const [path, methods] of Object.entries(document.paths)) {
        for (const [method, { operationId: id }] of Object.entries(methods)) {
            if (id === undefined) continue;
            names.push(id);
            const { client, sent } = made([{ status: 200, body: {} }]);
            const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, "x"]);
            const call = client[id as "getHealth"] as (args: object) => Promise<unknown>;
            await call.call(client, Object.fromEntries(parameters) as object);
            assert.equal(sent[0]?.method, method.toUpperCase());
            assert.equal(sent[0].path, path.replace(/\{\w+\}/g, "x"));
        }
    }
    assert.deepEqual(names.sort(), Object.keys(OPERATIONS).sort());
    assert.ok(names.length > 70);
});

test("write sends its options, and says what came of it", async () => {
    const headers = {
        etag: `"${TAG}.7"`,
        "tm-unchanged": "true",
        "idempotency-replayed": "true",
        "x-correlation-id": "r",
    };
    const { client, sent } = made([{ headers, body: { ...ROUTE, ...BODY } }], { token: "secret" });
    const written = await client.putRoute(
        { ...ROUTE, body: BODY, confirm_in_use: true },
        { ifMatch: VersionTag.parse(`W/"${TAG}.6"`)!, reason: "grün", correlationId: "c", idempotencyKey: "k" },
    );
    assert.equal(sent[0]?.path, "/api/v1/routes/acme/web/prod/v1?confirm_in_use=true");
    const get = (name: string): string | null => sent[0]!.headers.get(name);
    assert.equal(get("if-match"), `"${TAG}.6"`);
    assert.equal(Buffer.from(get("x-reason")!, "latin1").toString("utf8"), "grün");
    assert.equal(get("x-correlation-id"), "c");
    assert.equal(get("idempotency-key"), "k");
    assert.equal(get("authorization"), "Bearer secret");
    assert.equal(get("content-type"), "application/json");
    assert.match(get("user-agent")!, /^tm-typescript\//);
    assert.deepEqual(JSON.parse(sent[0].body), BODY);
    const { unchanged, replayed, requestId, value } = written;
    assert.deepEqual({ unchanged, replayed, requestId }, { unchanged: true, replayed: true, requestId: "r" });
    assert.equal(value.url, BODY.url);
    assert.equal(written.tag?.toString(), `${TAG}.7`);
});

test("write waits for a share of the nodes, and says how that ended", async () => {
    const states = ["converged", "no_nodes", "partial", "warming", "of a later version"];
    const convergence = { live: 4, converged: 3 };
    const answers = states.map((state) => ({
        headers: { "tm-convergence": "0.75" },
        body: { ...ROUTE, convergence: { ...convergence, state } },
    }));
    const { client, sent } = made([
        ...answers,
        { body: ROUTE },
        { body: { tenant: "acme", convergence: null } },
        { status: 204, headers: { "tm-convergence": "1.00" } },
    ]);
    for (const state of states) {
        const written = await client.putRoute({ ...ROUTE, body: BODY, wait: { percent: 99.9, ms: 2500 } });
        assert.equal(sent.at(-1)?.path, "/api/v1/routes/acme/web/prod/v1?wait=99.9%25%2C2500ms");
        assert.equal(written.convergence?.state, state);
        assert.deepEqual([written.convergence.converged, written.convergedShare], [3, 0.75]);
    }
    assert.equal((await client.putRoute({ ...ROUTE, body: BODY })).convergence, undefined);
    assert.equal((await client.applyBatch({ tenant: "acme", body: "" })).convergence, undefined);
    const removed = await client.deleteRoute({ ...ROUTE, wait: "100%,5s" });
    assert.deepEqual([removed.convergence, removed.convergedShare], [undefined, 1]);
    assert.equal(sent.at(-1)?.path, "/api/v1/routes/acme/web/prod/v1?wait=100%25%2C5s");
});

test("deadline is longer than the wait", async () => {
    const waits = [
        [{ percent: 95, ms: 20_000 }, 50_000],
        [{ percent: 95 }, 40_000],
        ["95%,5s", 35_000],
        ["95%,5", 35_000],
        ["95%,500ms", 30_500],
        ["95%", 40_000],
        ["95%,3600s", 90_000],
    ] as const;
    for (const [wait, ms] of waits) {
        const deadlines: number[] = [];
        const clock = new FakeClock();
        const sleep = clock.sleep.bind(clock);
        clock.sleep = (time, signal) => {
            deadlines.push(time);
            return sleep(time, signal);
        };
        const { client } = made([{ body: ROUTE }], {}, clock);
        await client.putRoute({ ...ROUTE, body: BODY, wait });
        assert.deepEqual(deadlines, [ms]);
        const short = client.putRoute({ ...ROUTE, body: BODY, wait }, { timeout: 500 });
        await assert.rejects(short, /longer than the wait/);
    }
});

test("wait is a share and a time that the service knows", async () => {
    const { client, sent } = made([{ body: ROUTE }, { body: ROUTE }, { body: ROUTE }]);
    for (const percent of [100, 0.07, 99.9999]) await client.putRoute({ ...ROUTE, body: BODY, wait: { percent } });
    const asked = sent.map(({ path }) => decodeURIComponent(path.split("wait=")[1]!));
    assert.deepEqual(asked, ["100%,10000ms", "0.07%,10000ms", "99.9999%,10000ms"]);
    const wrong = [
        { percent: 0 },
        { percent: 101 },
        { percent: NaN },
        { percent: 9, ms: -1 },
        { percent: 9, ms: 60_001 },
    ];
    for (const wait of wrong) await assert.rejects(client.putRoute({ ...ROUTE, body: BODY, wait }), TypeError);
});

test("option or parameter that an operation does not have is refused before anything is sent", async () => {
    const { client, sent } = made([]);
    await assert.rejects(client.getRoute(ROUTE, { reason: "x" }), /getRoute does not take reason/);
    await assert.rejects(client.getHealth({ tenant: "x" } as object), /getHealth has no parameter tenant/);
    await assert.rejects(client.call("getRoute", { tenant: "x" }), /getRoute needs service/);
    assert.equal(sent.length, 0);
});

test("read says how stale it is, and 304 is no error", async () => {
    const { client, sent } = made([
        { headers: { etag: `"${TAG}.5"`, "tm-stale": "12" }, body: ROUTE },
        { status: 304, headers: { etag: `"${TAG}.5"` } },
    ]);
    const read = await client.getRoute(ROUTE);
    assert.equal(read.staleSeconds, 12);
    const again = await client.getRoute(ROUTE, { ifNoneMatch: read.tag! });
    assert.equal(again.notModified, true);
    assert.equal(sent[1]?.headers.get("if-none-match"), `"${TAG}.5"`);
});

test("write is sent again with the same key and body after 503, 429 and no answer", async () => {
    const { client, sent, clock } = made([
        problem(503, "commit_unknown", {}, { "retry-after": "3" }),
        problem(429, "too_many_requests"),
        { breaks: true },
        { status: 201, body: ROUTE },
    ]);
    await client.upsertRoute({ body: { ...ROUTE, ...BODY } });
    assert.equal(new Set(sent.map(({ headers }) => headers.get("idempotency-key"))).size, 1);
    assert.match(sent[0]!.headers.get("idempotency-key")!, /^[0-9a-f-]{36}$/);
    assert.equal(new Set(sent.map(({ body }) => body)).size, 1);
    // Retry-After wins, plus a fifth; then the jitter's limit doubles.
    assert.deepEqual(clock.slept, [3600, 500, 1000]);
});

test("call is tried five times at most", async () => {
    const { client, sent } = made(Array.from({ length: 6 }, () => problem(503, "unavailable")));
    await assert.rejects(client.getRoute(ROUTE), { code: "unavailable" });
    assert.equal(sent.length, 5);
});

test("500, and a write without an idempotency key, are not sent again", async () => {
    const { client, sent } = made([problem(500, "internal"), problem(503, "unavailable")]);
    await assert.rejects(client.getRoute(ROUTE), { status: 500 });
    await assert.rejects(client.rotateKey({ key_id: "k", body: {} }), { status: 503 });
    assert.equal(sent.length, 2);
});

test("all calls share a budget of ten retries, and a tenth of the calls", async () => {
    const { client, sent } = made(Array.from({ length: 200 }, () => problem(503, "unavailable")));
    for (let at = 0; at < 30; at++) await assert.rejects(client.getRoute(ROUTE));
    assert.equal(sent.length - 30, 12);
});

test("reads ask for the newest own write of their tenant", async () => {
    const written = (revision: number): Scripted => ({
        headers: { etag: `"${TAG}.${String(revision)}"` },
        body: ROUTE,
    });
    const { client, sent } = made([written(7), written(6), ...Array.from({ length: 4 }, () => ({ body: {} }))]);
    await client.putRoute({ ...ROUTE, body: BODY });
    await client.putRoute({ ...ROUTE, body: BODY });
    await client.getRoute(ROUTE);
    await client.listRoutes({ tenant: "other" });
    await client.getRoute(ROUTE, { minRevision: false });
    await client.getRoute({ ...ROUTE, at: "3" });
    const asked = sent.slice(2).map(({ headers }) => headers.get("tm-min-revision"));
    assert.deepEqual(asked, [`${TAG}.7`, null, null, null]);
});

test("own write of an epoch that is over is forgotten", async () => {
    const { client, sent } = made([
        { headers: { etag: `"${TAG}.7"` }, body: ROUTE },
        problem(503, "revision_not_reached", {}, { etag: '"bbbbbbbbbbbbbbbb.2"' }),
        { body: ROUTE },
        { headers: { etag: `"${TAG}.8"` }, body: ROUTE },
        { status: 204 },
        { body: ROUTE },
    ]);
    await client.putRoute({ ...ROUTE, body: BODY });
    await client.getRoute(ROUTE);
    assert.equal(sent[2]?.headers.get("tm-min-revision"), null);
    await client.putRoute({ ...ROUTE, body: BODY });
    await client.deleteTenant({ tenant: "acme" });
    await client.getRoute(ROUTE);
    assert.equal(sent[5]?.headers.get("tm-min-revision"), null);
});

test("token of a function is asked for once more after 401", async () => {
    const tokens = ["one", "two", "three"];
    const { client, sent } = made([{ body: {} }, problem(401, "unauthenticated"), problem(401, "unauthenticated")], {
        token: () => Promise.resolve(tokens.shift()!),
    });
    await client.getHealth();
    await assert.rejects(client.getHealth(), { status: 401 });
    assert.deepEqual(
        sent.map(({ headers }) => headers.get("authorization")),
        ["Bearer one", "Bearer one", "Bearer two"],
    );
});

test("token is not shown, and goes over plain http only to this machine", async () => {
    const { client } = made([problem(401, "unauthenticated"), { breaks: true }], { token: "tmk_secret" });
    const failures: unknown[] = [];
    await client.getHealth().catch((error: unknown) => failures.push(error));
    await client.rotateKey({ key_id: "k", body: {} }).catch((error: unknown) => failures.push(error));
    assert.equal(failures.length, 2);
    const shown = [client, ...failures].map((value) => inspect(value, { depth: 9, showHidden: true }));
    for (const text of [...shown, ...failures.map(String), JSON.stringify(client)]) {
        assert.doesNotMatch(text, /tmk_secret/);
    }
    assert.throws(() => new Client({ url: "http://10.0.0.1", token: "t" }), /plain http to 10.0.0.1/);
    assert.throws(() => new Client({ url: "ftp://localhost" }), TypeError);
    assert.throws(() => new Client({ url: "https://a:b@tm.example" }), TypeError);
    for (const url of ["http://localhost:1", "http://[::1]:1", "http://127.9.9.9", "https://tm.example"]) {
        assert.ok(new Client({ url, token: "t" }));
    }
    assert.ok(new Client({ url: "http://10.0.0.1" }));
    assert.ok(new Client({ url: "http://10.0.0.1", token: "t", allowPlainHttp: true }));
});

test("problem has its code, fields and request id, also in its text", async () => {
    const errors = [{ pointer: "/url", code: "not_a_url", detail: "an absolute URL" }];
    const { client } = made([
        problem(422, "invalid_request", { request_id: "id-1", errors }),
        { status: 502, body: "<html>", headers: { "x-correlation-id": "id-2" } },
        problem(409, "shrink_not_confirmed", { confirm_shrink: "h", active_routes: 20, removed_routes: 15 }),
        problem(409, "version_in_use", { may_confirm: true }),
    ]);
    const failed = async (): Promise<Problem> => {
        const error: unknown = await client.putRoute({ ...ROUTE, body: BODY }).catch((why: unknown) => why);
        assert.ok(error instanceof Problem);
        return error;
    };
    const invalid = await failed();
    assert.equal(invalid.message, "422 invalid_request: why; /url: an absolute URL (request id-1)");
    assert.deepEqual(invalid.errors, errors);
    const strange = await failed();
    assert.deepEqual([strange.code, strange.status, strange.requestId], ["unexpected_answer", 502, "id-2"]);
    assert.deepEqual((await failed()).shrink, { confirm: "h", activeRoutes: 20, removedRoutes: 15 });
    assert.equal((await failed()).mayConfirmInUse, true);
});

test("pages are read one after the other, as far as they are wanted", async () => {
    const page = (versions: string[], next: string | null): Scripted => ({
        body: { items: versions.map((version) => ({ ...ROUTE, version })), next_cursor: next },
    });
    const { client, sent } = made([page(["v1", "v2"], "c1"), page([], "c2"), page(["v3"], null), page(["v1"], "c1")]);
    const all: string[] = [];
    for await (const route of client.items("listRoutes", { tenant: "acme", limit: 2 })) all.push(route.version);
    assert.deepEqual(all, ["v1", "v2", "v3"]);
    assert.equal(sent[2]?.path, "/api/v1/routes?tenant=acme&limit=2&cursor=c2");
    for await (const route of client.items("listRoutes", { tenant: "acme" })) {
        assert.equal(route.version, "v1");
        break;
    }
    assert.equal(sent.length, 4);
});

test("parameters of resolveRoute that are objects become single parameters", async () => {
    const { client, sent } = made([{ body: {} }]);
    await client.resolveRoute({
        tenant: "acme",
        service: "web",
        env: "prod",
        request_headers: { "header.x-beta": "yes" },
    });
    assert.equal(sent[0]?.path, "/api/v1/routes/resolve?tenant=acme&service=web&env=prod&header.x-beta=yes");
});

test("text is sent as YAML where the operation takes YAML", async () => {
    const { client, sent } = made([{ status: 201, body: {} }]);
    await client.createPlan({ tenant: "acme", body: "routes: []\n" });
    assert.equal(sent[0]?.headers.get("content-type"), "application/yaml");
    assert.equal(sent[0].body, "routes: []\n");
});

test("call does not wait beyond its deadline for another try", async () => {
    const { client, clock } = made([problem(503, "unavailable", {}, { "retry-after": "60" })]);
    await assert.rejects(client.getHealth(), { code: "unavailable" });
    assert.deepEqual(clock.slept, []);
});

test("platform's fetch is not called as a method of another object, which browsers refuse", async () => {
    const original = globalThis.fetch;
    const owners: unknown[] = [];
    globalThis.fetch = function (this: unknown) {
        owners.push(this);
        return Promise.resolve(new Response("{}", { headers: { "content-type": "application/json" } }));
    };
    try {
        await new Client({ url: "http://127.0.0.1:1" }).getHealth();
        const watcher = await Watcher.start({ url: "http://127.0.0.1:1", tenant: "acme" });
        await watcher.until((view) => view.counters.refused.malformed > 0);
        await watcher.stop();
    } finally {
        globalThis.fetch = original;
    }
    assert.ok(owners.length >= 2);
    assert.ok(owners.every((owner) => owner === undefined || owner === globalThis));
});

test("call ends at its deadline, and when its signal aborts", async () => {
    const { client } = made([{ hangs: true }], { timeout: 5 });
    await assert.rejects(client.getHealth(), NoAnswer);
    const stop = new AbortController();
    const { client: other } = made([{ hangs: true }]);
    const waiting = other.getHealth({}, { signal: stop.signal });
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
});
