import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { Backoff, retryAfter } from "../src/backoff.js";
import { systemClock } from "../src/clock.js";
import { canonical } from "../src/json.js";
import { fileStore } from "../src/node.js";
import { hex, sha256 } from "../src/sha256.js";
import { EventTooLarge, type SseEvent, VersionTag, Watcher } from "../src/index.js";
import { SseParser } from "../src/sse.js";
import * as content from "./conformance/content.js";

test("SHA-256 is that of Node, for each length around the ends of blocks", () => {
    for (const size of [...Array(200).keys(), 1000, 100_003]) {
        const bytes = randomBytes(size);
        assert.equal(hex(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"), String(size));
    }
});

test("canonical JSON sorts by UTF-16 code units, and escapes as little as it can", () => {
    const names = Object.fromEntries(
        ["\u20ac", "\r", "\ufb33", "1", "\u{1f600}", "\u0080", "\u00f6"].map((n) => [n, 0]),
    );
    const sorted = Object.keys(JSON.parse(canonical(names)) as object);
    assert.deepEqual(sorted, ["1", "\r", "\u0080", "\u00f6", "\u20ac", "\u{1f600}", "\ufb33"]);
    assert.equal(canonical('\u20ac$\u000f\nA\'B"\\\\"/\u007f'), '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f"');
    assert.equal(canonical([1e21, -0, 4.5, 1e-7, true, null]), "[1e+21,0,4.5,1e-7,true,null]");
    for (const wrong of ["\ud800", NaN, undefined]) assert.throws(() => canonical(wrong), TypeError);
});

test("tag is read with quotes and weak, and nothing else is one", () => {
    const text = "00c0ffee00c0ffee.41";
    for (const form of [text, `"${text}"`, `W/"${text}"`]) assert.equal(VersionTag.parse(form)?.toString(), text);
    assert.equal(VersionTag.parse(text)?.toEtag(), `"${text}"`);
    const wrong = [
        "",
        "*",
        "00c0ffee00c0ffee.",
        "00c0ffee00c0ffee.01",
        "00C0FFEE00C0FFEE.1",
        `${text}9999999999999999`,
    ];
    for (const other of wrong) assert.equal(VersionTag.parse(other), undefined, other);
});

test("limit of the backoff doubles up to the last, and begins again", () => {
    const backoff = new Backoff(250, 30_000);
    const limits = Array.from({ length: 9 }, () => backoff.next(1));
    assert.deepEqual(limits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    backoff.reset();
    assert.equal(backoff.next(0.5), 125);
});

test("Retry-After is seconds or a date", () => {
    const now = Date.parse("2027-01-15T08:00:00Z");
    assert.equal(retryAfter(" 7", now), 7000);
    assert.equal(retryAfter("Fri, 15 Jan 2027 08:00:30 GMT", now), 30_000);
    assert.equal(retryAfter("Fri, 15 Jan 2027 07:00:00 GMT", now), 0);
    for (const wrong of [null, "", "-1", "soon", "1.5"]) assert.equal(retryAfter(wrong, now), undefined, String(wrong));
});

const STREAM =
    "\ufeffretry: 1000\n\n: comment\n\nevent: change\ndata: ä\n\nid: 7\r\nevent: change\r\ndata: b\rdata:c\r\rdata\n\n" +
    "id: 8\n\nid: 9\ndata: d\nother: x\n\ndata: cut";
const EVENTS: SseEvent[] = [
    { id: undefined, name: "change", data: "ä" },
    { id: "7", name: "change", data: "b\nc" },
    { id: undefined, name: "", data: "" },
    { id: "9", name: "", data: "d" },
];

test("stream in pieces of any size has the same events, each with its own id only", () => {
    const bytes = new TextEncoder().encode(STREAM);
    for (let size = 1; size <= bytes.length; size++) {
        const parser = new SseParser(1000);
        const events: SseEvent[] = [];
        for (let at = 0; at < bytes.length; at += size) events.push(...parser.read(bytes.subarray(at, at + size)));
        assert.deepEqual(events, EVENTS, String(size));
    }
});

test("event of too many bytes is refused before it is kept", () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const parser = new SseParser(10);
    assert.deepEqual(parser.read(bytes("data: 1234")), []);
    assert.throws(() => parser.read(bytes("5")), EventTooLarge);
    assert.throws(() => new SseParser(16).read(bytes("data: 12345\ndata: 12345\n")), EventTooLarge);
    const patient = new SseParser(20);
    for (let at = 0; at < 100; at++) assert.equal(patient.read(bytes(": comment\ndata: 1\n\n")).length, 1);
});

test("clock sleeps until its time or its signal", async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(20);
    assert.ok(systemClock.monotonic() - before >= 19);
    const stop = new AbortController();
    const sleeping = systemClock.sleep(60_000, stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(sleeping, /enough/);
    await assert.rejects(systemClock.sleep(60_000, stop.signal), /enough/);
});

test("file is for its owner alone, has two generations, and survives a failed write", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "tm-store-"));
    const file = path.join(folder, "acme.tm");
    try {
        const store = fileStore(file, 100);
        assert.deepEqual(await store.load(), []);
        await store.save("one");
        await store.save("two");
        assert.equal((await stat(file)).mode & 0o777, 0o600);
        const kept = await store.load();
        assert.deepEqual(kept, [
            { name: file, text: "two" },
            { name: `${file}.previous`, text: "one" },
        ]);
        await store.setAside(file);
        assert.equal(await readFile(`${file}.bad`, "utf8"), "two");
        await writeFile(file, "x".repeat(200));
        const [long] = await store.load();
        assert.ok(long && "text" in long);
        assert.equal(long.text.length, 100);
        await rm(folder, { recursive: true });
        await assert.rejects(store.save("three"), { code: "ENOENT" });
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
});

test("newest file that cannot be read is counted and stays, and the one before is taken", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "tm-store-"));
    const file = path.join(folder, "acme.tm");
    const settings = { url: "http://127.0.0.1:1", tenant: "acme", store: fileStore(file) };
    try {
        const body = content.body(content.full("a.5"));
        const first = await Watcher.start({ ...settings, fetch: () => Promise.resolve(new Response(body)) });
        await first.ready();
        while ((await settings.store.load()).length === 0) await systemClock.sleep(5);
        await first.stop();
        await rename(file, `${file}.previous`);
        // The administrator of the machine can read every file, and nobody can read a folder.
        await writeFile(file, "secret", { mode: 0 });
        if (process.getuid?.() === 0) await rm(file).then(() => mkdir(file));

        const second = await Watcher.start({ ...settings, fetch: () => new Promise(() => undefined) });
        const { state, snapshot, counters, problem } = second.view();
        await second.stop();
        assert.deepEqual([state, snapshot?.tag.toString()], ["disk", content.tag("a.5")]);
        assert.equal(counters.fileErrors, 1);
        assert.match(problem!, /cannot read .*acme\.tm: E(ACCES|ISDIR)/);
        await stat(file);
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
});

test("watcher refuses wrong settings before it starts, and says that it was stopped", async () => {
    const wrong = [
        { url: [] },
        { url: "http://10.0.0.1", token: "t" },
        { url: "ftp://localhost" },
        { url: "http://localhost", trustedKeys: ["x"] },
    ];
    for (const settings of wrong) await assert.rejects(Watcher.start({ tenant: "acme", ...settings }), TypeError);
    const watcher = await Watcher.start({ url: "http://127.0.0.1:1", tenant: "acme" });
    assert.equal(watcher.current(), undefined);
    assert.equal(watcher.age, undefined);
    await assert.rejects(watcher.ready(AbortSignal.abort(new Error("no time"))), /no time/);
    const waiting = assert.rejects(watcher.ready(), /was stopped/);
    await watcher.stop();
    await waiting;
});
