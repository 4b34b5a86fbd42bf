// The live walk: twelve steps against a real service, the same in each language. TM_URL is its base URL, TM_TOKEN a
// token that may make tenants, NODE_EXTRA_CA_CERTS a file with the authorities of its certificate. Without TM_URL it is
// skipped.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Client, PlanApply, Watcher, lines, verifyTenant } from "../src/index.js";

const url = process.env.TM_URL;
const token = process.env.TM_TOKEN;
const skip = url === undefined ? "TM_URL is not set: no service to walk through" : false;
const tenant = `walk-ts-${Date.now().toString(36)}`;
const name = { tenant, service: "web", env: "prod", version: "v1" };
const PATIENCE = 60_000;

function connect(): Client {
    return new Client({ url: url ?? "", ...(token === undefined ? {} : { token }) });
}

after(async () => {
    if (!skip) await connect().deleteTenant({ tenant, confirm: tenant });
});

test("live walk of twelve steps", { skip, timeout: 3 * PATIENCE }, async (walk) => {
    const client = connect();
    const signal = AbortSignal.timeout(2 * PATIENCE);
    await client.createTenant({ body: { name: tenant } });
    const watcher = await Watcher.start({
        url: url ?? "",
        tenant,
        node: "walk",
        ...(token === undefined ? {} : { token }),
    });
    try {
        await walk.test("1 create", async () => {
            const body = { url: "https://one.example/" };
            const written = await client.putRoute({ ...name, body }, { createOnly: true, reason: "walk" });
            assert.equal(written.status, 201);
            const read = await client.getRoute(name);
            assert.ok(read.tag?.equals(written.tag));
        });
        await walk.test("2 412", async () => {
            const again = client.putRoute({ ...name, body: { url: "https://x.example/" } }, { createOnly: true });
            await assert.rejects(again, { status: 412, code: "precondition_failed" });
        });
        await walk.test("3 422", async () => {
            const wrong = await client
                .putRoute({ ...name, body: { url: "nonsense" } })
                .catch((error: unknown) => error);
            const { status, errors } = wrong as { status: number; errors: { pointer: string }[] };
            assert.deepEqual([status, errors[0]?.pointer], [422, "/url"]);
        });
        await walk.test("4 long-poll 304", async () => {
            const { tag } = await client.getSnapshot({ tenant });
            const same = await client.getSnapshot({ tenant, wait: "1s" }, { ifNoneMatch: tag! });
            assert.equal(same.notModified, true);
        });
        await walk.test("5 change", async () => {
            const changed = await client.patchRoute({ ...name, body: { url: "https://two.example/" } });
            assert.equal(changed.value.url, "https://two.example/");
            const same = await client.patchRoute({ ...name, body: { url: "https://two.example/" } });
            assert.equal(same.unchanged, true);
        });
        await walk.test("6 stream", async () => {
            const seen = (wanted: string) =>
                watcher.until((view) => view.state === "live" && view.snapshot?.route(name)?.url === wanted, signal);
            await seen("https://two.example/");
            const body = { url: "https://three.example/" };
            const { convergence } = await client.putRoute({ ...name, body, wait: { percent: 100, ms: 10_000 } });
            // Not all nodes are known to a service without Kafka, or to one that has just started.
            assert.match(convergence?.state ?? "", /^(converged|partial|warming)$/);
            assert.deepEqual([convergence?.live, convergence?.converged], [1, 1]);
            await seen("https://three.example/");
            // What the watcher made of events is what the service has.
            const policy = { split: [{ version: "v1", weight: 1 }], sticky_by: { header: "x-user" }, timeout_ms: 900 };
            await client.putPolicy({ tenant, service: "web", env: "prod", body: policy });
            const { value: snapshot } = await client.getSnapshot({ tenant });
            await watcher.until((view) => view.snapshot?.digest === snapshot.digest, signal);
            assert.equal(watcher.current()?.policy(name)?.timeout_ms, 900);
        });
        const plans = new PlanApply(client, tenant);
        const route = { service: "web", env: "prod", version: "v2", url: "https://v2.example/" };
        const plan = await plans.plan({ routes: [route] }, "walk");
        await walk.test("7 plan", () => {
            assert.equal(plan.body.summary.create, 1);
        });
        await walk.test("8 apply", async () => {
            const applied = await plan.apply();
            assert.equal(applied.value.summary.create, 1);
            await watcher.until((view) => view.snapshot?.routeCount === 2, signal);
        });
        await walk.test("9 rollback", async () => {
            const { value } = await client.getTenant({ tenant });
            const back = await plans.rollback(value.revision - 1, "walk");
            assert.equal(back.body.summary.delete, 1);
            await back.apply();
            await watcher.until((view) => view.snapshot?.routeCount === 1, signal);
        });
        await walk.test("10 export", async () => {
            const { value } = await client.exportTenant({ tenant, format: "json" });
            assert.equal((value as { routes: unknown[] }).routes.length, 1);
        });
        await walk.test("11 audit", async () => {
            const { value } = await client.getTenant({ tenant });
            for (;;) {
                signal.throwIfAborted();
                const { value: status } = await client.getAuditStatus({ tenant });
                if (status.tenants.some((one) => one.archived_revision >= value.revision)) break;
            }
            const newest = (await client.listAuditEvents({ tenant, limit: 1 })).value.items;
            assert.deepEqual(
                newest.map((event) => [event.revision, event.action]),
                [[value.revision, "deleted"]],
            );
            const { value: body } = await client.exportAuditEvents({ tenant });
            let count = 0;
            for await (const line of lines(body)) count += line === "" ? 0 : 1;
            assert.ok(count >= value.revision);
        });
        await walk.test("12 verify", async () => {
            const [chain] = await verifyTenant(client, tenant);
            assert.equal(chain?.fault, undefined);
            const { value } = await client.verifyAuditChain({ tenant });
            assert.equal(value.verified, true);
        });
    } finally {
        await watcher.stop();
    }
});
