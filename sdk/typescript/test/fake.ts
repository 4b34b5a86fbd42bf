// A fetch that answers from a script, and a clock that does not wait.

import type { Clock } from "../src/index.js";

export interface Sent {
    method: string;
    path: string;
    headers: Headers;
    body: string;
}

export interface Scripted {
    status?: number;
    headers?: Record<string, string>;
    /** An object becomes JSON, a text stays; nothing by default. */
    body?: unknown;
    /** The connection breaks instead. */
    breaks?: boolean;
    /** The answer never comes. */
    hangs?: boolean;
}

/** Returns a `fetch` that answers one after the other, and the requests that it was given. */
export function scripted(...answers: Scripted[]): { fetch: typeof fetch; sent: Sent[] } {
    const sent: Sent[] = [];
    const left = [...answers];
    const answer = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
        const request = new Request(input, init);
        const url = new URL(request.url);
        sent.push({
            method: request.method,
            path: url.pathname + url.search,
            headers: request.headers,
            body: await request.text(),
        });
        const next = left.shift();
        if (!next) throw new Error(`no answer is left for ${request.method} ${request.url}`);
        if (next.hangs) return new Promise(() => undefined);
        if (next.breaks) throw new TypeError("fetch failed", { cause: new Error("the connection was reset") });
        return response(next);
    };
    return { fetch: answer, sent };
}

function response({ status = 200, headers = {}, body }: Scripted): Response {
    const isText = typeof body === "string";
    const type = isText ? "text/plain" : status >= 400 ? "application/problem+json" : "application/json";
    const text = body === undefined ? null : isText ? body : JSON.stringify(body);
    return new Response(text, { status, headers: { "content-type": type, ...headers } });
}

/** A clock whose sleeps end at once, and are counted. Deadlines of `longest` or more never come, unless told. */
export class FakeClock implements Clock {
    readonly slept: number[] = [];
    #now = 1_800_000_000_000;

    constructor(
        private readonly chance = 1,
        private readonly longest = 20_000,
    ) {}

    now(): number {
        return this.#now;
    }

    monotonic(): number {
        return this.#now;
    }

    random(): number {
        return this.chance;
    }

    sleep(ms: number, signal?: AbortSignal): Promise<void> {
        if (ms >= this.longest) {
            return new Promise((_, reject) => {
                signal?.addEventListener("abort", () => reject(signal.reason as Error));
            });
        }
        this.slept.push(ms);
        this.#now += ms;
        return Promise.resolve();
    }
}
