// Plays the cases of sdk/conformance/cases.json against the real watcher, over HTTP on loopback. TM_CASE chooses those
// that have a text in their names.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, test } from "node:test";

import { type Case, type Cases, checkCase } from "./conformance/case.js";
import { play } from "./conformance/play.js";
import { repository } from "./support.js";

const { format, cases } = JSON.parse(await readFile(repository("sdk/conformance/cases.json"), "utf8")) as Cases;
const chosen = cases.filter(({ name }) => name.includes(process.env.TM_CASE ?? ""));

test("the cases have the known format, and different names", () => {
    assert.equal(format, 1);
    assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
    assert.notEqual(chosen.length, 0);
    cases.forEach(checkCase);
});

// Cases that set times are played alone, so that a busy machine does not miss a deadline.
describe("cases without times", { concurrency: 8 }, () => {
    for (const one of chosen.filter(({ times }) => !times)) test(one.name, () => play(one));
});

describe("cases with times", { concurrency: 1 }, () => {
    for (const one of chosen.filter(({ times }) => times)) test(one.name, () => play(one));
});

// A player that takes everything proves nothing: a case with a wrong expectation fails.
describe("wrong expectations are noticed", { concurrency: 1 }, () => {
    const wrong: Case["steps"] = [
        { holds: { tag: "a.6" } },
        { holds: { routes: { "web/prod/v1": "https://6.example/" } } },
        { holds: { refused: { digest: 1 } } },
        { expect: "poll" },
        { expect: "stream", last_event_id: "a.4" },
        { expect: "stream", token: "other" },
    ];
    for (const step of wrong) {
        test(JSON.stringify(step), () =>
            assert.rejects(play({ name: "wrong", patience_ms: 300, steps: [{ begin: "a.5" }, step] })),
        );
    }
});
