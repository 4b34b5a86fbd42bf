// What a node tells the service of itself.

import assert from "node:assert/strict";
import type { Server, Socket } from "node:net";
import { test } from "node:test";

import { DEFAULT_TIMES, VersionTag, Watcher, type WatcherSettings } from "../src/index.js";
import { reportHeaders } from "../src/report.js";
import * as content from "./conformance/content.js";
import { type Request, Requests, start, write } from "./conformance/server.js";

const PATIENCE = 30_000;

function tag(short: string): VersionTag {
    return VersionTag.parse(content.tag(short))!;
}

/** The service: the test gets each report, and all else is answered. */
class Service {
    readonly reads: Request[] = [];
    readonly streams: Request[] = [];
    readonly #watchers: Watcher[] = [];

    private constructor(
        private readonly requests: Requests,
        private readonly sockets: Set<Socket>,
        private readonly listener: Server,
        private readonly url: string,
    ) {}

    static async start(): Promise<Service> {
        const requests = new Requests();
        const sockets = new Set<Socket>();
        const { url, listener } = await start(0, requests, sockets);
        return new Service(requests, sockets, listener, url);
    }

    async watcher(settings: Partial<WatcherSettings>): Promise<Watcher> {
        const { times, ...others } = settings;
        const watcher = await Watcher.start({
            url: this.url,
            tenant: "acme",
            times: { firstRetry: 1, lastRetry: 5, ...times },
            ...others,
        });
        this.#watchers.push(watcher);
        return watcher;
    }

    /** Returns the next report; undefined if none comes in time. */
    async reportWithin(ms: number): Promise<Request | undefined> {
        const end = performance.now() + ms;
        for (;;) {
            const request = await this.requests.next(Math.max(0, end - performance.now()));
            if (!request || request.method === "HEAD") return request;
            if (request.path.endsWith("/stream")) {
                const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n:\n\n";
                await write(request.connection, Buffer.from(head), false);
                this.streams.push(request);
                continue;
            }
            this.reads.push(request);
            const body = content.body(content.full("a.5"));
            const length = String(Buffer.byteLength(body));
            const head = `HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n`;
            await write(request.connection, Buffer.from(head + body), false);
            request.connection.end();
        }
    }

    async report(): Promise<Request> {
        const request = await this.reportWithin(PATIENCE);
        assert.ok(request, "no report");
        return request;
    }

    async end(): Promise<void> {
        for (const watcher of this.#watchers) await watcher.stop();
        this.listener.close();
        for (const socket of this.sockets) socket.destroy();
    }
}

async function answer(request: Request, status = "304 Not Modified"): Promise<void> {
    const head = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`;
    await write(request.connection, Buffer.from(head), false);
    request.connection.end();
}

async function until(isTrue: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE;
    while (!isTrue()) {
        assert.ok(performance.now() < end);
        await new Promise((resolve) => setTimeout(resolve, 5));
    }
}

function withService(name: string, body: (service: Service) => Promise<void>): void {
    test(name, async () => {
        const service = await Service.start();
        try {
            await body(service);
        } finally {
            await service.end();
        }
    });
}

withService("report is a HEAD request with all that the node tells", async (service) => {
    const watcher = await service.watcher({ node: "edge-1", dialect: "haproxy", scope: { env: "prod" } });
    const waiting = service.report();
    await watcher.ready();
    watcher.report({ applied: tag("a.4"), error: { code: "held_back", text: "drops\n9 ä", tag: tag("a.7") } });
    const { path, query, headers } = await waiting;
    assert.deepEqual([path, query], ["/api/v1/tenants/acme/snapshot", "env=prod"]);
    const own = [...headers].filter(([name]) => /^(tm|if)-/.test(name));
    assert.deepEqual(Object.fromEntries(own), {
        "tm-node": "edge-1",
        "tm-dialect": "haproxy",
        "if-none-match": `"${content.tag("a.5")}"`,
        "tm-applied": content.tag("a.4"),
        "tm-refused": content.tag("a.7"),
        "tm-error": "held_back drops%0A9 %C3%A4",
    });
});

withService("every request says who the node is, and none but reports what it runs", async (service) => {
    const watcher = await service.watcher({ node: "edge-1", dialect: "haproxy", times: { report: 100 } });
    watcher.report({ applied: tag("a.5") });
    while (service.streams.length === 0) await answer(await service.report());
    for (const { headers } of [...service.reads, ...service.streams]) {
        assert.deepEqual([headers.get("tm-node"), headers.get("tm-dialect")], ["edge-1", "haproxy"]);
        assert.equal(headers.has("tm-applied"), false);
    }
});

withService("node without reports runs what it holds", async (service) => {
    await service.watcher({ node: "edge-1" });
    const first = await service.report();
    assert.equal(first.headers.get("tm-applied"), content.tag("a.5"));
    assert.equal(first.headers.has("tm-dialect"), false);
    await answer(first);
    const second = service.report();
    await until(() => service.streams.length > 0);
    await write(service.streams[0]!.connection, content.piece({ change: "a.6" }, {}), false);
    assert.equal((await second).headers.get("tm-applied"), content.tag("a.6"));
});

withService("node that feeds a proxy runs nothing until it says so", async (service) => {
    await service.watcher({ node: "edge-1", dialect: "haproxy", times: { report: 300 } });
    const { headers } = await service.report();
    assert.equal(headers.get("if-none-match"), `"${content.tag("a.5")}"`);
    assert.equal(headers.has("tm-applied"), false);
});

withService("own reports without a dialect are not mixed with what polls say", async (service) => {
    const watcher = await service.watcher({ node: "edge-1" });
    watcher.report({ error: { code: "refused", text: "no", tag: tag("a.5") } });
    const request = await service.report();
    await answer(request);
    assert.equal(await service.reportWithin(300), undefined);
    for (const { headers } of [request, ...service.streams]) {
        assert.equal(headers.get("tm-dialect"), "program");
        assert.equal(headers.has("tm-applied"), false);
    }
});

withService("reports in one moment are one, and the next comes after a pause", async (service) => {
    assert.equal(DEFAULT_TIMES.reportPause, 100);
    const reportPause = 500;
    const watcher = await service.watcher({ node: "edge-1", dialect: "haproxy", times: { reportPause } });
    watcher.report({ applied: tag("a.1") });
    const first = await service.report();
    const began = performance.now();
    for (let revision = 2; revision <= 50; revision++) watcher.report({ applied: tag(`a.${String(revision)}`) });
    await answer(first);
    const second = await service.report();
    assert.equal(second.headers.get("tm-applied"), content.tag("a.50"));
    // The first was sent a moment before it was read.
    assert.ok(performance.now() - began > reportPause / 2);
    await answer(second, "200 OK");
    await until(() => watcher.reported.sent === 2);
    assert.equal(watcher.reported.failed, 0);
});

withService("report that fails is sent again in its newest form", async (service) => {
    const watcher = await service.watcher({ node: "edge-1", dialect: "haproxy" });
    watcher.report({ applied: tag("a.1") });
    const first = await service.report();
    watcher.report({ applied: tag("a.2") });
    await answer(first, "503 Service Unavailable");
    const second = await service.report();
    assert.equal(second.headers.get("tm-applied"), content.tag("a.2"));
    await answer(second);
    await until(() => watcher.reported.sent === 1);
    assert.equal(watcher.reported.failed, 1);
});

withService("same report is sent again regularly, and without a name none", async (service) => {
    assert.equal(DEFAULT_TIMES.report, 20_000);
    const times = { report: 120 };
    const watcher = await service.watcher({ node: "edge-1", dialect: "haproxy", times });
    watcher.report({ applied: tag("a.1") });
    for (let at = 0; at < 3; at++) {
        const request = await service.report();
        assert.equal(request.headers.get("tm-applied"), content.tag("a.1"));
        await answer(request);
    }
    await watcher.stop();
    service.reads.length = 0;
    const nameless = await service.watcher({ dialect: "haproxy", times });
    nameless.report({ applied: tag("a.1") });
    // One of the watcher before may still be on its way.
    while ((await service.reportWithin(400))?.headers.has("tm-node"));
    assert.equal(service.reads[0]?.headers.has("tm-node"), false);
    assert.deepEqual(nameless.reported, { sent: 0, failed: 0 });
});

withService("service that hangs holds up no caller, and no stop", async (service) => {
    const watcher = await service.watcher({ node: "edge-1", dialect: "haproxy" });
    watcher.report({ applied: tag("a.1") });
    await service.report();
    const tags = Array.from({ length: 20 }, (_, revision) => tag(`a.${String(revision)}`));
    const began = performance.now();
    for (let turn = 0; turn < 100_000; turn++) watcher.report({ applied: tags[turn % 20] });
    assert.ok(performance.now() - began < 5000);
    await watcher.stop();
    watcher.report({ applied: tag("a.3") });
});

test("text of a fault is printable ASCII, and cut between characters", () => {
    const header = (text: string): string => reportHeaders({ error: { code: "refused", text } })["tm-error"]!;
    assert.equal(header("a b~"), "refused a b~");
    assert.equal(header("50 %\nnäh\x7f"), "refused 50 %25%0An%C3%A4h%7F");
    assert.equal(header(" \n"), "refused");
    assert.equal(header("x".repeat(5000)).length, 1024);
    for (let before = 0; before < 6; before++) {
        const value = header("x".repeat(before) + "ä".repeat(1000));
        assert.ok(value.length <= 1024 && value.length > 1018 && value.endsWith("%C3%A4"), value);
    }
    for (const code of ["", "-a", "a b", "ä", "a".repeat(64), "a\n"]) {
        assert.throws(() => reportHeaders({ error: { code } }), /code of a fault/);
    }
});

test("labels that the service refuses are refused at once", async () => {
    const refused = (labels: object, why: RegExp): Promise<void> =>
        assert.rejects(Watcher.start({ url: "http://localhost", tenant: "acme", ...labels }), why);
    for (const label of ["", "-a", "a-", "A", "a.b", "a b", "ä", "a".repeat(64), "a\n"]) {
        await refused({ node: label }, /node must have/);
        await refused({ node: "a", dialect: label }, /dialect must have/);
    }
});
