import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { VERSION } from "../src/index.js";
import { ours } from "./support.js";

test("generated files are what docs/openapi.json gives; `npm run generate` writes them", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "tm-generated-"));
    try {
        await promisify(execFile)("node", [ours("scripts/generate.mjs"), folder]);
        for (const name of ["api.ts", "operations.ts"]) {
            const [fresh, present] = await Promise.all(
                [path.join(folder, name), ours(`src/generated/${name}`)].map((file) => readFile(file, "utf8")),
            );
            assert.ok(fresh === present, `${name} is not what the document gives`);
        }
    } finally {
        await rm(folder, { recursive: true });
    }
});

test("version is that of the package", async () => {
    const { version } = JSON.parse(await readFile(ours("package.json"), "utf8")) as { version: string };
    assert.equal(VERSION, version);
});
