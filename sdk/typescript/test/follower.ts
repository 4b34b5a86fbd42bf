// A watcher as a process, for the tests of faults (tests/faults/watchers.rs). It prints each state that it holds, as a
// line of JSON. A line `read` on standard input reads all routes a thousand times, and prints how long the slowest took.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { type View, Watcher } from "../src/index.js";
import { fileStore } from "../src/node.js";

const { TM_URL = "", TM_TENANT = "", TM_TOKEN_FILE, TM_FILE } = process.env;
const READS = 1_000;

function say(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
}

function tell({ state, snapshot }: View): void {
    say({ state, tag: snapshot?.tag.toString() ?? null, digest: snapshot?.digest ?? null });
}

const watcher = await Watcher.start({
    url: TM_URL.split(","),
    tenant: TM_TENANT,
    ...(TM_TOKEN_FILE !== undefined && { token: () => readFileSync(TM_TOKEN_FILE, "utf8").trim() }),
    ...(TM_FILE !== undefined && { store: fileStore(TM_FILE) }),
    times: { reopen: 50, firstRetry: 50, lastRetry: 500, askAgain: 500, confirm: 2_000, save: 50 },
});
tell(watcher.view());
watcher.onChange(tell);
for await (const line of createInterface({ input: process.stdin })) {
    if (line !== "read") continue;
    let [slowest, routes] = [0, 0];
    for (let at = 0; at < READS; at += 1) {
        const began = performance.now();
        const snapshot = watcher.current();
        snapshot?.route({ service: "web", env: "prod", version: "v0" });
        routes = snapshot?.routeCount ?? 0;
        slowest = Math.max(slowest, performance.now() - began);
    }
    say({ routes, slowest_us: Math.ceil(slowest * 1_000), pid: process.pid });
}
await watcher.stop();
