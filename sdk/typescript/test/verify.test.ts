import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { Client, NotEvents, verify, verifyTenant } from "../src/index.js";
import { scripted } from "./fake.js";

type Json = Record<string, unknown>;

// Members whose names and texts are easy to sort and to write wrongly.
const ODD = { "\u20ac": 1, "\r": 'é "\u2028\n\u0001', "\ufb33": [], "😀": null, "1": { b: true, a: [1, "x"] } };

function jcs(value: unknown): string {
    if (Array.isArray(value)) return `[${value.map(jcs).join()}]`;
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${jcs((value as Json)[name])}`).join()}}`;
}

function sealed(body: Json): Json {
    const content = Object.fromEntries(Object.entries(body).filter(([name]) => name !== "hash"));
    return { ...content, hash: createHash("sha256").update(jcs(content)).digest("hex") };
}

function chain(...places: [number, number, number][]): Json[] {
    let previous = "0".repeat(64);
    return places.map(([revision, item, items]) => {
        const place = { tenant: "t", epoch: "e", revision, item, items, action: "created" };
        const content = {
            id: `${String(revision)}-${String(item)}`,
            after: { url: "http://a/", is_active: true },
            ...ODD,
        };
        const event = sealed({ ...place, ...content, actor: { id: "someone" }, reason: "why", prev_hash: previous });
        previous = event.hash as string;
        return event;
    });
}

const WHOLE = chain([1, 0, 1], [2, 0, 2], [2, 1, 2], [3, 0, 1]);

async function fault(events: unknown[], options = {}): Promise<string | undefined> {
    const [result] = await verify(events, options);
    return result?.fault;
}

test("whole chain is whole, in any order, as events, documents and pages", async () => {
    const [result] = await verify(WHOLE);
    assert.deepEqual(result, { tenant: "t", epoch: "e", events: 4, head: WHOLE[3]?.hash, fault: undefined });
    assert.equal(await fault([...WHOLE].reverse()), undefined);
    assert.equal(
        await fault([{ items: WHOLE.map((event) => ({ event, url: "http://a/", state: "active" })) }]),
        undefined,
    );
});

test("each kind of forgery is found", async () => {
    const edited = WHOLE.map((event, at) => (at === 1 ? { ...event, reason: "other" } : event));
    assert.match((await fault(edited))!, /revision 2 item 0: edited/);
    const resealed = WHOLE.map((event, at) => (at === 1 ? sealed({ ...event, reason: "other" }) : event));
    assert.match((await fault(resealed))!, /revision 2 item 1: broken/);
    assert.match((await fault(WHOLE.slice(1)))!, /missing: revision 1 item 0/);
    assert.match((await fault([...WHOLE.slice(0, 2), ...WHOLE.slice(3)]))!, /missing: revision 2 item 1/);
    assert.match((await fault(WHOLE.slice(0, 2)))!, /only 1 of its 2 items/);
    assert.match((await fault([...WHOLE, WHOLE[3]]))!, /doubled/);
    const documents = WHOLE.map((event) => ({ event, changed_by: "another" }));
    assert.match((await fault(documents))!, /edited: the document's changed_by/);
    const large = [sealed({ ...WHOLE[0], more: 2 ** 53 })];
    assert.match((await fault(large))!, /is not exact/);
});

test("version of an event is in the type of its document only", async () => {
    const typed = (type: string): Json[] => WHOLE.map((event) => ({ event, event_type: type }));
    for (const version of [1, 2, 10]) {
        assert.equal(await fault(typed(`trafficmanager.route.created.v${String(version)}`)), undefined);
    }
    for (const wrong of ["trafficmanager.route.deleted.v2", "trafficmanager.route.created.v2x"]) {
        assert.match((await fault(typed(wrong)))!, /the document's event_type/);
    }
});

test("chain may begin in the middle, or after a checkpoint", async () => {
    assert.equal(await fault(WHOLE.slice(1), { fromMiddle: true }), undefined);
    const checkpoint = { tenant: "t", epoch: "e", revision: 2, hash: WHOLE[2]?.hash as string };
    assert.equal(await fault(WHOLE.slice(3), { checkpoint }), undefined);
    assert.match((await fault(WHOLE.slice(3), { checkpoint: { ...checkpoint, hash: "x" } }))!, /broken/);
});

test("opened personal data of an answer are not compared, those of an archived document are", async () => {
    const event = sealed({ ...WHOLE[0], reason: "enc:v1:abc" });
    assert.equal(await fault([{ event, reason: "opened" }]), undefined);
    assert.match((await fault([{ event, reason: "opened", _id: event.id }]))!, /the document's reason/);
});

test("anything that is no event is refused", async () => {
    for (const wrong of [7, "x", {}, { prev_hash: "x" }, { ...WHOLE[0], revision: "1" }]) {
        await assert.rejects(verify([wrong]), NotEvents);
    }
});

test("export of a tenant is read line by line", async () => {
    const text = WHOLE.map((event) => `${JSON.stringify(event)}\n`).join("");
    const { fetch, sent } = scripted({ body: text });
    const [result] = await verifyTenant(new Client({ url: "http://127.0.0.1:1", fetch }), "t");
    assert.equal(result?.fault, undefined);
    assert.equal(result?.events, 4);
    assert.equal(sent[0]?.path, "/api/v1/audit/export?tenant=t&format=ndjson");
});
