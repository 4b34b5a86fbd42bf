// The package as users get it: packed, installed in a clean folder, imported, and with the code of its documentation.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import * as content from "./conformance/content.js";
import { ours, repository } from "./support.js";

const run = promisify(execFile);
let folder = "";
let service: Server | undefined;

interface Block {
    name: string;
    code: string;
    runs: boolean;
}

const URL_IN_DOCS = "http://127.0.0.1:8000";

/** Returns the blocks of code of the documentation. */
async function blocks(): Promise<Block[]> {
    const text = await readFile(repository("docs/sdk/typescript.md"), "utf8");
    const found = [...text.matchAll(/^```ts( run)?\n(.*?)^```$/gms)];
    return found.map(([, runs, code = ""], at) => ({ name: `block${String(at)}.ts`, code, runs: runs !== undefined }));
}

/** Answers what the runnable blocks ask for. */
async function serve(): Promise<string> {
    const route = { tenant: "acme", service: "web", env: "prod", version: "v1", url: "https://web-1.example.com" };
    service = createServer((request, response) => {
        if (request.headers.authorization !== "Bearer tmk_x") response.writeHead(401).end();
        else if (request.method === "PUT") {
            const headers = { "content-type": "application/json", etag: `"${content.tag("a.5")}"` };
            const waits = request.url?.endsWith("?wait=95%25%2C10000ms");
            const answer = { ...route, ...(waits && { convergence: { state: "converged" } }) };
            response.writeHead(201, headers).end(JSON.stringify(answer));
        } else if (request.url?.endsWith("/snapshot")) {
            const routes: [string, string, number][] = [["web/prod/v1", route.url, 5]];
            response.writeHead(200, { etag: `"${content.tag("a.5")}"` }).end(content.body({ tag: "a.5", routes }));
        } else response.writeHead(503).end();
    });
    await new Promise<void>((resolve) => service?.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${String((service.address() as AddressInfo).port)}`;
}

before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "tm-package-"));
    await run("npm", ["run", "build"], { cwd: ours(".") });
    const { stdout } = await run("npm", ["pack", "--pack-destination", folder], { cwd: ours(".") });
    const packed = path.join(folder, stdout.trim().split("\n").at(-1) ?? "");
    await writeFile(path.join(folder, "package.json"), '{"private": true, "type": "module"}');
    await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", packed], { cwd: folder });
});

after(async () => {
    service?.close();
    await rm(folder, { recursive: true, force: true });
});

test("package installs with one dependency, and imports", async () => {
    const list = JSON.parse(await readFile(path.join(folder, "node_modules/.package-lock.json"), "utf8")) as {
        packages: Record<string, unknown>;
    };
    const names = Object.keys(list.packages).map((name) => name.replace("node_modules/", ""));
    assert.deepEqual(names.sort(), ["openapi-fetch", "openapi-typescript-helpers", "traffic-manager-client"]);
    const code =
        'import { Client, Watcher } from "traffic-manager-client"; import { fileStore } from "traffic-manager-client/node";' +
        "console.log(typeof Client, typeof Watcher.start, typeof fileStore)";
    const { stdout } = await run("node", ["--input-type=module", "-e", code], { cwd: folder });
    assert.equal(stdout.trim(), "function function function");
});

test("code of the documentation compiles against the package, and its quick starts run", async () => {
    const url = await serve();
    const all = await blocks();
    assert.ok(all.length >= 7);
    await mkdir(path.join(folder, "docs"));
    for (const { name, code } of all) {
        const own = code.replace(URL_IN_DOCS, url).replaceAll("tmk_…", "tmk_x");
        await writeFile(path.join(folder, "docs", name), own);
    }
    const options = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "--noEmitOnError"];
    const typeRoots = [
        "--typeRoots",
        ours("node_modules/@types"),
        "--lib",
        "es2023,dom,dom.iterable,dom.asynciterable",
    ];
    const files = all.map(({ name }) => path.join("docs", name));
    await run(ours("node_modules/.bin/tsc"), [...options, ...typeRoots, ...files], { cwd: folder });
    const outputs: string[] = [];
    for (const { name } of all.filter(({ runs }) => runs)) {
        const { stdout } = await run("node", [path.join("docs", name.replace(".ts", ".js"))], { cwd: folder });
        outputs.push(stdout.trim());
    }
    assert.deepEqual(outputs, [`${content.tag("a.5")} converged`, "live 1\nhttps://web-1.example.com"]);
    for (const { code } of all.filter(({ runs }) => runs)) {
        assert.ok(code.split("\n").filter((line) => line !== "").length <= 10, "a quick start has ten lines");
    }
});
