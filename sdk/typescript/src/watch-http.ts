// The requests of a watcher, and what their answers mean to it. Everything that an answer has is bounded.

import { retryAfter } from "./backoff.js";
import { type Clock, LATE, within } from "./clock.js";
import type { Node } from "./report.js";
import type { Times } from "./settings.js";
import type { Scope } from "./snapshot.js";
import { VersionTag } from "./tag.js";
import type { TokenSource } from "./token.js";
import { USER_AGENT } from "./version.js";

/** What an answer means. */
export type Answer<T> =
    | { readonly kind: "content"; readonly content: T }
    /** 304, with its tag and signature. */
    | { readonly kind: "unchanged"; readonly tag: VersionTag | undefined; readonly signature: string | undefined }
    /** 404 */
    | { readonly kind: "missing" }
    /** 401 or 403. `again`: the token was an older one, and it is worth trying once with a new one. */
    | { readonly kind: "denied"; readonly again: boolean }
    /** 422 to a request that had a tag. */
    | { readonly kind: "tag_refused" }
    | { readonly kind: "too_large" }
    /** Anything else, in words, with the time of `Retry-After` in milliseconds. */
    | { readonly kind: "failed"; readonly why: string; readonly retryAfter: number | undefined };

/** The body of a snapshot with its signature. */
export interface Body {
    readonly json: string;
    readonly signature: string | undefined;
}

/** An open stream. */
export interface OpenStream {
    /** Waits for the next bytes, at most `ms` milliseconds. Undefined is the end. Rejects when the connection breaks. */
    next(ms: number): Promise<Uint8Array | undefined | typeof LATE>;
    /** Closes the connection. */
    close(): void;
}

/** The settings of the requests. */
export interface HttpSettings {
    readonly servers: readonly URL[];
    readonly tenant: string;
    readonly scope: Scope;
    readonly token: TokenSource;
    readonly node: Node | undefined;
    readonly maxBytes: number;
    readonly times: Times;
    readonly fetch: typeof fetch;
    readonly clock: Clock;
    /** Aborts when the watcher stops. */
    readonly signal: AbortSignal;
}

/** The client of one watcher. */
export class Http {
    /** The place of the server in the list. */
    #at = 0;

    constructor(private readonly settings: HttpSettings) {}

    /** Turns to the next server of the list. */
    nextServer(): void {
        this.#at = (this.#at + 1) % this.settings.servers.length;
    }

    /** Asks for a snapshot newer than the tag; with `wait`, the service holds the request until there is one. */
    async snapshot(tag: VersionTag | undefined, wait: boolean): Promise<Answer<Body>> {
        const { times, clock, signal } = this.settings;
        const limit = wait ? times.poll : times.snapshot;
        const answer = await within(clock, limit, signal, (until) => this.#getSnapshot(tag, wait, until));
        return answer === LATE ? failed(`no snapshot within ${String(limit)} ms`) : answer;
    }

    async #getSnapshot(tag: VersionTag | undefined, wait: boolean, signal: AbortSignal): Promise<Answer<Body>> {
        const url = this.#url("snapshot");
        const heldFor = wait ? Math.max(1000, this.settings.times.wait) : 0;
        if (wait) url.searchParams.append("wait", `${String(Math.floor(heldFor / 1000))}s`);
        const headers: Record<string, string> = tag ? { "if-none-match": tag.toEtag() } : {};
        const answer = await this.#send(url, headers, heldFor, signal);
        if (answer.kind !== "content") return answer;
        const response = answer.content;
        const json = await this.#collect(response, signal);
        if (typeof json !== "string") return json;
        return { kind: "content", content: { json, signature: response.headers.get("tm-signature") ?? undefined } };
    }

    /** Opens the stream of the changes after a place. The stream ends when the signal aborts. */
    async stream(after: VersionTag | undefined, signal: AbortSignal): Promise<Answer<OpenStream>> {
        const headers: Record<string, string> = { accept: "text/event-stream" };
        if (after) headers["last-event-id"] = after.toString();
        const answer = await this.#send(this.#url("stream"), headers, 0, signal);
        if (answer.kind !== "content") return answer;
        const response = answer.content;
        if (!response.headers.get("content-type")?.toLowerCase().startsWith("text/event-stream")) {
            discard(response);
            return failed("the stream has another content type");
        }
        return { kind: "content", content: this.#opened(response) };
    }

    /** Tells what the node runs, with the tag that it holds. */
    async report(held: VersionTag | undefined, headers: Record<string, string>): Promise<Answer<undefined>> {
        const all = held ? { ...headers, "if-none-match": held.toEtag() } : { ...headers };
        const answer = await this.#send(this.#url("snapshot"), all, 0, this.settings.signal, "HEAD");
        return answer.kind === "content" ? { kind: "content", content: undefined } : answer;
    }

    #opened(response: Response): OpenStream {
        const { clock } = this.settings;
        const reader = response.body?.getReader();
        let reading: Promise<Uint8Array | undefined> | undefined;
        const read = async (): Promise<Uint8Array | undefined> => {
            try {
                return (await reader?.read())?.value;
            } finally {
                reading = undefined;
            }
        };
        // A read that was late goes on, and is what the next call waits for.
        const next = (): Promise<Uint8Array | undefined> => (reading ??= read());
        return {
            next: (ms) => within(clock, ms, undefined, next),
            close: () => {
                reader?.cancel().catch(() => undefined);
            },
        };
    }

    #url(what: string): URL {
        const { servers, tenant, scope } = this.settings;
        const url = new URL(servers[this.#at] ?? "");
        url.pathname = `${url.pathname.replace(/\/$/, "")}/api/v1/tenants/${encodeURIComponent(tenant)}/${what}`;
        url.search = "";
        for (const name of ["service", "env"] as const) {
            const value = scope[name];
            if (value !== undefined) url.searchParams.append(name, value);
        }
        return url;
    }

    /** Sends a request, and waits for the head of its answer. `heldFor` is the time that the service may hold it. */
    async #send(
        url: URL,
        headers: Record<string, string>,
        heldFor: number,
        signal: AbortSignal,
        method = "GET",
    ): Promise<Answer<Response>> {
        const { token, clock, node, times } = this.settings;
        const wasKept = token.isKept;
        const limit = times.silence + heldFor;
        try {
            const authorization = await within(clock, times.silence, signal, () => token.header());
            if (authorization === LATE) return failed(`no token within ${String(times.silence)} ms`);
            if (authorization !== undefined) headers.authorization = authorization;
        } catch (error) {
            return failed(`no token: ${words(error)}`);
        }
        Object.assign(headers, node?.headers(), { "user-agent": USER_AGENT });
        try {
            const send = this.settings.fetch(url, { method, headers, redirect: "manual", cache: "no-store", signal });
            const response = await within(clock, limit, signal, () => send);
            if (response === LATE) return failed(`no answer within ${String(limit)} ms`);
            return this.#meaning(response, wasKept, "if-none-match" in headers || "last-event-id" in headers);
        } catch (error) {
            return failed(words(error));
        }
    }

    #meaning(response: Response, wasKept: boolean, hasTag: boolean): Answer<Response> {
        const { status, headers } = response;
        if (status === 200) return { kind: "content", content: response };
        discard(response);
        if (status === 304) {
            const tag = VersionTag.parse(headers.get("etag") ?? "");
            return { kind: "unchanged", tag, signature: headers.get("tm-signature") ?? undefined };
        }
        if (status === 404) return { kind: "missing" };
        if (status === 401 || status === 403) return { kind: "denied", again: this.settings.token.refused(wasKept) };
        if (status === 422 && hasTag) return { kind: "tag_refused" };
        const asked = retryAfter(headers.get("retry-after"), this.settings.clock.now());
        const most = this.settings.times.longestRetryAfter;
        return failed(
            `the service answered ${String(status)}`,
            asked === undefined ? undefined : Math.min(asked, most),
        );
    }

    /** Collects the body of an answer. */
    async #collect(response: Response, signal: AbortSignal): Promise<string | Answer<never>> {
        const { clock, times, maxBytes } = this.settings;
        const reader = response.body?.getReader();
        if (!reader) return "";
        const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
        const texts: string[] = [];
        let size = 0;
        try {
            for (;;) {
                const piece = await within(clock, times.silence, signal, () => reader.read());
                if (piece === LATE) return failed("the answer fell silent");
                if (piece.done) return texts.join("") + decoder.decode();
                size += piece.value.length;
                if (size > maxBytes) return { kind: "too_large" };
                texts.push(decoder.decode(piece.value, { stream: true }));
            }
        } catch (error) {
            return failed(words(error));
        } finally {
            reader.cancel().catch(() => undefined);
        }
    }
}

/** Throws the body of an answer away. */
function discard(response: Response): void {
    response.body?.cancel().catch(() => undefined);
}

function failed(why: string, asked?: number): { kind: "failed"; why: string; retryAfter: number | undefined } {
    return { kind: "failed", why, retryAfter: asked };
}

/** Returns an error's words with those of its cause: `fetch` says "fetch failed", and its cause says why. */
export function words(error: unknown): string {
    if (!(error instanceof Error)) return String(error);
    return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
