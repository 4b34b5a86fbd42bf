// Plays one case.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { type Times, Watcher } from "../../src/index.js";
import { fileStore } from "../../src/node.js";
import type { Answer, Case, Holds, Piece, Step } from "./case.js";
import * as compare from "./compare.js";
import * as content from "./content.js";
import { type Request, Requests, start, write } from "./server.js";

/** The longest time that a step takes, on a busy machine. */
const PATIENCE = 30_000;
const LONG = 3_600_000;

/** Plays a case. Throws an error that says which step failed, and how. */
export async function play(one: Case): Promise<void> {
    const folder = await mkdtemp(path.join(tmpdir(), "tm-conformance-"));
    const player = new Player(one, path.join(folder, "acme.tm"));
    try {
        await player.restart({});
        for (const [at, step] of one.steps.entries()) {
            try {
                await player.step(step);
            } catch (error) {
                throw new Error(`${one.name}: step ${String(at + 1)}: ${(error as Error).message}; ${player.shown()}`, {
                    cause: error,
                });
            }
        }
    } finally {
        await player.end();
        await rm(folder, { recursive: true });
    }
}

class Player {
    readonly #case: Case;
    readonly #file: string;
    readonly #patience: number;
    #requests = new Requests();
    #servers: Server[] = [];
    readonly #sockets = new Set<Socket>();
    #watcher: Watcher | undefined;
    /** The open stream. */
    #stream: Socket | undefined;
    #answered = performance.now();

    constructor(one: Case, file: string) {
        this.#case = one;
        this.#file = file;
        this.#patience = one.patience_ms ?? PATIENCE;
    }

    async step(step: Step): Promise<void> {
        if (step.begin !== undefined) {
            const by = (this.#case.keys ?? []).slice(0, 1);
            const answer: Answer = { snapshot: step.begin, ...(by.length > 0 ? { signed: { by } } : {}) };
            await this.#exchange({ if_none_match: null }, "snapshot", answer);
        }
        if (step.damage) await this.#damage(step.damage);
        if (step.restart) await this.restart(step.restart);
        if (step.expect) await this.#exchange(step, step.expect, step.answer);
        await this.#send(step.send ?? []);
        if (step.end) this.#stream?.end();
        if (step.holds) await this.#holds(step.holds);
        if (step.saved !== undefined) await this.#saved(content.tag(step.saved));
    }

    /** What the watcher shows, for a failure's text. */
    shown(): string {
        const { state, snapshot, counters, problem } = this.#watcher?.view() ?? {};
        return `the watcher has ${JSON.stringify({ state, tag: snapshot?.tag, counters, problem })}`;
    }

    /** Ends the watcher, its servers and their connections. */
    async end(): Promise<void> {
        await this.#watcher?.stop();
        this.#stream = undefined;
        for (const socket of this.#sockets) socket.destroy();
        await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
        this.#servers = [];
    }

    /** Starts a watcher with the case's settings and servers of its own, and ends the one before. */
    async restart(restart: NonNullable<Step["restart"]>): Promise<void> {
        await this.end();
        const one = this.#case;
        this.#requests = new Requests();
        const urls: string[] = [];
        for (let at = 0; at < (one.servers ?? 1); at++) {
            const { url, listener } = await start(at, this.#requests, this.#sockets);
            urls.push(url);
            this.#servers.push(listener);
        }
        const share = one.accept_share;
        const tokens = [...(one.tokens ?? [])];
        this.#watcher = await Watcher.start({
            url: urls,
            tenant: restart.tenant ?? content.TENANT,
            scope: restart.scope ?? one.scope ?? {},
            trustedKeys: (restart.keys ?? one.keys ?? []).map(content.publicKey),
            store: fileStore(this.#file),
            times: times(one.times ?? {}),
            ...(tokens.length > 0 ? { token: () => (tokens.length > 1 ? tokens.shift() : tokens[0]) ?? "" } : {}),
            ...(one.max_bytes === undefined ? {} : { maxBytes: one.max_bytes }),
            ...(share === undefined ? {} : { accept: (old, next) => next.routeCount >= share * old.routeCount }),
        });
    }

    async #exchange(step: Step, kind: string, answer: Answer | undefined): Promise<void> {
        const request = await this.#requests.next(this.#patience);
        if (!request) throw new Error("no request");
        const wrong = compare.request(step, kind, request, performance.now() - this.#answered);
        if (wrong.length > 0) throw new Error(wrong.join(", "));
        if (answer && !answer.hang) await this.#reply(request, answer);
    }

    async #reply({ connection }: Request, answer: Answer): Promise<void> {
        const { head, body } = this.#answer(answer);
        await write(connection, Buffer.concat([Buffer.from(head), body]), false);
        this.#answered = performance.now();
        if (answer.stream) {
            this.#stream = connection;
            await this.#send(answer.stream);
        } else {
            connection.end();
        }
    }

    #answer(answer: Answer): { head: string; body: Buffer } {
        const headers: Record<string, string> = { ...answer.headers };
        let body = Buffer.from(answer.body ?? "");
        let short = answer.tag;
        if (answer.snapshot !== undefined) {
            const full = content.full(answer.snapshot);
            body = Buffer.from(content.body(full));
            short = full.tag;
        }
        if (answer.gzip) {
            body = gzipSync(body);
            headers["content-encoding"] = "gzip";
        }
        if (short !== undefined) headers.etag = `${answer.weak ? "W/" : ""}"${content.tag(short)}"`;
        if (answer.signed) {
            headers["tm-signature"] = content.signatures(answer.signed, answer.snapshot, this.#case.scope ?? {});
        }
        const status = answer.status ?? 200;
        if (answer.stream) headers["content-type"] ??= "text/event-stream";
        else if (status !== 304) headers["content-length"] = String(body.length + (answer.cut ? 1 : 0));
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
        return { head: `HTTP/1.1 ${String(status)} X\r\nconnection: close\r\n${lines.join("")}\r\n`, body };
    }

    async #send(pieces: readonly Piece[]): Promise<void> {
        for (const piece of pieces) {
            const slow = typeof piece !== "string" && piece.slow === true;
            if (this.#stream) await write(this.#stream, content.piece(piece, this.#case.scope ?? {}), slow);
        }
    }

    /** Waits until the watcher has what is wanted. */
    async #holds(wanted: Holds): Promise<void> {
        const watcher = this.#watcher;
        if (!watcher) throw new Error("no watcher");
        const patience = AbortSignal.timeout(this.#patience);
        try {
            await watcher.until((view) => compare.view(view, wanted).length === 0, patience);
        } catch (error) {
            throw new Error(compare.view(watcher.view(), wanted).join(", "), { cause: error });
        }
    }

    async #saved(tag: string): Promise<void> {
        const until = performance.now() + this.#patience;
        while (!(await readFile(this.#file, "utf8").catch(() => "")).includes(`"tag":"${tag}"`)) {
            if (performance.now() > until) throw new Error(`no file with ${tag}`);
            await pause(5);
        }
    }

    /** Damages the file while no watcher runs. */
    async #damage({ how, previous }: NonNullable<Step["damage"]>): Promise<void> {
        await this.end();
        const file = previous ? `${this.#file}.previous` : this.#file;
        if (how === "remove") return rm(file);
        let bytes = await readFile(file);
        const middle = Math.floor(bytes.length / 2);
        if (how === "cut") bytes = bytes.subarray(0, middle);
        else if (how === "empty") bytes = Buffer.alloc(0);
        else bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        await writeFile(file, bytes);
    }
}

/** The times of cases: short pauses, and no deadlines that a busy machine could miss, except those of the case. */
function times(wanted: Record<string, number>): Times {
    const all: Times = {
        snapshot: LONG,
        silence: LONG,
        firstByte: LONG,
        muteStreams: 3,
        polling: LONG,
        wait: 50_000,
        poll: LONG,
        signature: LONG,
        reopen: 10,
        firstRetry: 10,
        lastRetry: 50,
        longestRetryAfter: LONG,
        confirm: LONG,
        askAgain: 20,
        save: 10,
        report: LONG,
        reportPause: 10,
    };
    for (const [name, ms] of Object.entries(wanted)) {
        const own = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
        if (!(own in all)) throw new Error(`no time ${name}`);
        all[own as keyof Times] = ms;
    }
    return all;
}
