import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, PlanApply, PlanChanged } from "../src/index.js";
import { FakeClock, type Scripted, type Sent, scripted } from "./fake.js";

const CHANGES = [
    { action: "create", key: { service: "web", env: "prod", version: "v1" }, before: null, after: { url: "u" } },
];

function plan(id: string, changes: object[] = CHANGES): object {
    return { id, hash: `hash-${id}`, tenant: "acme", changes };
}

function stale(id: string): Scripted {
    return { status: 409, body: { code: "plan_stale", plan: plan(id, []), more_changes: true } };
}

function made(...answers: Scripted[]): { plans: PlanApply; sent: Sent[] } {
    const { fetch, sent } = scripted({ status: 201, body: plan("1") }, ...answers);
    return {
        plans: new PlanApply(new Client({ url: "http://127.0.0.1:1", fetch, clock: new FakeClock() }), "acme"),
        sent,
    };
}

const applied = { body: { tenant: "acme", revision: 2, summary: {} } };
const paths = (sent: Sent[]): string[] =>
    sent.map(({ method, path }) => `${method} ${path.split("/plans")[1] ?? path}`);

test("plan is applied by its hash, with what the caller confirms", async () => {
    const { plans, sent } = made(applied);
    const made1 = await plans.plan({ routes: [] }, "why");
    const result = await made1.apply({ confirmShrink: "h", confirmInUse: true });
    assert.equal(result.value.revision, 2);
    assert.equal(sent[0]?.headers.get("x-reason"), "why");
    assert.deepEqual(JSON.parse(sent[1]!.body), { hash: "hash-1", confirm_shrink: "h", confirm_in_use: true });
});

test("stale plan with the same changes is applied, and a confirmation of its hash goes with it", async () => {
    const { plans, sent } = made(stale("2"), { body: plan("2") }, applied);
    const first = await plans.plan("routes: []");
    await first.apply({ confirmShrink: "hash-1" });
    assert.deepEqual(paths(sent), ["POST ", "POST /1/apply", "GET /2", "POST /2/apply"]);
    assert.deepEqual(JSON.parse(sent[3]!.body), { hash: "hash-2", confirm_shrink: "hash-2" });
});

test("stale plan with other changes is given back, and not applied", async () => {
    const { plans, sent } = made(stale("2"), { body: plan("2", []) }, { status: 204 });
    const first = await plans.plan({});
    const error: unknown = await first.apply().catch((why: unknown) => why);
    assert.ok(error instanceof PlanChanged);
    assert.equal(error.plan.body.id, "2");
    await error.plan.discard();
    assert.deepEqual(paths(sent), ["POST ", "POST /1/apply", "GET /2", "DELETE /2"]);
});

test("plan that is stale again and again is given back in the end", async () => {
    const answers = Array.from({ length: 6 }, () => [stale("2"), { body: plan("2") }]).flat();
    const { plans } = made(...answers);
    await assert.rejects((await plans.plan({})).apply(), PlanChanged);
});

test("missing confirmation is the caller's to give", async () => {
    const refused = { status: 409, body: { code: "shrink_not_confirmed", confirm_shrink: "h" } };
    const { plans, sent } = made(refused);
    await assert.rejects((await plans.plan({})).apply(), { code: "shrink_not_confirmed" });
    assert.equal(sent.length, 2);
});

test("preview keeps no plan, and a rollback is a plan", async () => {
    const { plans, sent } = made({ status: 201, body: plan("1") });
    await plans.preview({});
    assert.equal(sent[0]?.path, "/api/v1/tenants/acme/plans?dry_run=true");
    assert.equal((await plans.rollback(4)).body.id, "1");
    assert.deepEqual(JSON.parse(sent[1]!.body), { to: 4 });
});
