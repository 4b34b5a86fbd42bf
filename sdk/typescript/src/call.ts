// One call, from its arguments to its result.

import createFetch from "openapi-fetch";

import { type Clock, LATE, within } from "./clock.js";
import { OPERATIONS } from "./generated/operations.js";
import { type JsonObject, isObject } from "./json.js";
import { NoAnswer, Problem } from "./problem.js";
import { Retries, type RetryBudget } from "./retry.js";
import { VersionTag } from "./tag.js";
import type { TokenSource } from "./token.js";
import type { Answered, CallOptions, OperationId } from "./types.js";
import { USER_AGENT } from "./version.js";
import { type Wait, heldFor, waitText } from "./wait.js";

/** The longest time of a call by default, in milliseconds. */
const TIMEOUT = 30_000;

/** What all calls of a client share. */
export interface Shared {
    readonly url: string;
    readonly token: TokenSource;
    readonly fetch: typeof fetch;
    readonly clock: Clock;
    readonly budget: RetryBudget;
    readonly timeout: number | undefined;
    /** The newest tag that a write answered, by tenant. */
    readonly written: Map<string, VersionTag>;
}

interface Operation {
    readonly method: string;
    readonly path: string;
    readonly pathParameters: readonly string[];
    readonly query: readonly string[];
    readonly takes: readonly string[];
    readonly yaml: boolean;
    readonly stream: boolean;
}

/** The options that go into a header, and which header. */
const HEADERS: Partial<Record<keyof CallOptions, string>> = {
    ifMatch: "if-match",
    createOnly: "if-none-match",
    idempotencyKey: "idempotency-key",
    reason: "x-reason",
    minRevision: "tm-min-revision",
    ifNoneMatch: "if-none-match",
    lastEventId: "last-event-id",
};

/** Any result of a call; the types of methods say which. */
export type AnyResult = Answered & JsonObject;

/** A request that is ready to be sent, as often as needed. */
interface Prepared {
    readonly id: OperationId;
    readonly operation: Operation;
    readonly tenant: string | undefined;
    readonly path: JsonObject;
    readonly query: JsonObject;
    readonly body: unknown;
    readonly headers: Record<string, string>;
    readonly options: CallOptions;
    /** Whether the tag of this client's own last write is asked for. */
    readonly readsOwnWrites: boolean;
    readonly mayRetry: boolean;
}

/** Makes a call. Rejects with {@link Problem}, {@link NoAnswer}, a TypeError, or the reason of the signal. */
export async function call(
    shared: Shared,
    id: OperationId,
    args: JsonObject = {},
    options: CallOptions = {},
): Promise<AnyResult> {
    const prepared = prepare(id, args, options);
    const { clock } = shared;
    const held = heldFor(prepared.query.wait);
    if (prepared.operation.method !== "GET" && options.timeout !== undefined && options.timeout <= held) {
        throw new TypeError(`${id}: the timeout must be longer than the wait of ${String(held)} ms`);
    }
    const limit = options.timeout ?? (shared.timeout ?? TIMEOUT) + held;
    const endsAt = clock.monotonic() + limit;
    const done = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, done.signal]) : done.signal;
    let isDone = false;
    try {
        const result = await within(clock, limit, options.signal, (until) =>
            tries(shared, prepared, signal, until, endsAt),
        );
        if (result === LATE) throw new NoAnswer(`${id}: no answer within ${String(limit)} ms`);
        isDone = true;
        return result;
    } finally {
        // A stream goes on after its call; everything else ends with it.
        if (!isDone || !prepared.operation.stream) done.abort(new NoAnswer(`${id}: the call has ended`));
    }
}

function prepare(id: OperationId, args: JsonObject, options: CallOptions): Prepared {
    const operation: Operation = OPERATIONS[id];
    const { takes } = operation;
    const headers: Record<string, string> = {};
    for (const [name, header] of Object.entries(HEADERS)) {
        const value = options[name as keyof CallOptions];
        if (value === undefined || value === false) continue;
        if (!takes.includes(name)) throw new TypeError(`${id} does not take ${name}`);
        headers[header] = headerText(name, value);
    }
    if (takes.includes("idempotencyKey")) headers["idempotency-key"] ??= crypto.randomUUID();
    if (options.correlationId !== undefined) headers["x-correlation-id"] = options.correlationId;
    if (options.traceparent !== undefined) headers.traceparent = options.traceparent;
    const { body, ...parameters } = args;
    if (body !== undefined) headers["content-type"] = isYaml(operation, body) ? "application/yaml" : "application/json";
    return {
        id,
        operation,
        tenant: tenantOf(args),
        path: pick(parameters, operation.pathParameters, id),
        query: query(parameters, operation, id),
        body,
        headers,
        options,
        readsOwnWrites: takes.includes("minRevision") && options.minRevision === undefined && args.at === undefined,
        mayRetry: operation.method === "GET" || "idempotency-key" in headers,
    };
}

function headerText(name: string, value: unknown): string {
    if (name === "createOnly") return "*";
    if (value instanceof VersionTag) {
        return name === "minRevision" || name === "lastEventId" ? value.toString() : value.toEtag();
    }
    // A header of `fetch` has one character for each byte.
    return String.fromCharCode(...new TextEncoder().encode(String(value)));
}

function isYaml(operation: Operation, body: unknown): boolean {
    return operation.yaml && typeof body === "string";
}

function tenantOf(args: JsonObject): string | undefined {
    const inBody = isObject(args.body) ? args.body.tenant : undefined;
    const tenant = args.tenant ?? inBody;
    return typeof tenant === "string" ? tenant : undefined;
}

function pick(parameters: JsonObject, names: readonly string[], id: string): JsonObject {
    for (const name of names) {
        if (parameters[name] === undefined) throw new TypeError(`${id} needs ${name}`);
    }
    return Object.fromEntries(names.map((name) => [name, parameters[name]]));
}

function query(parameters: JsonObject, operation: Operation, id: string): JsonObject {
    const found: JsonObject = {};
    for (const [name, value] of Object.entries(parameters)) {
        if (operation.pathParameters.includes(name) || value === undefined) continue;
        if (!operation.query.includes(name)) throw new TypeError(`${id} has no parameter ${name}`);
        if (name === "wait" && isObject(value)) found.wait = waitText(value as unknown as Wait);
        // `request_headers` and `request_query` of resolveRoute: each member is a parameter of its own.
        else if (isObject(value)) Object.assign(found, value);
        else found[name] = value;
    }
    return found;
}

async function tries(
    shared: Shared,
    call: Prepared,
    signal: AbortSignal,
    until: AbortSignal,
    endsAt: number,
): Promise<AnyResult> {
    const retries = new Retries(shared.budget);
    let mayAskForToken = true;
    for (;;) {
        let failure: Problem | NoAnswer;
        const wasKept = shared.token.isKept;
        try {
            const response = await send(shared, call, signal);
            if (response.ok || response.status === 304) return await success(shared, call, response);
            failure = await problem(call, response, shared.clock.now());
        } catch (error) {
            if (!(error instanceof NoAnswer)) throw error;
            call.options.signal?.throwIfAborted();
            until.throwIfAborted();
            failure = error;
        }
        if (failure instanceof Problem && failure.status === 401) {
            const again = shared.token.refused(wasKept) && mayAskForToken;
            mayAskForToken = false;
            if (again) continue;
        }
        forgetLostEpoch(shared, call, failure);
        const pause = mayRepeat(call, failure)
            ? retries.next(retryTime(failure), () => shared.clock.random())
            : undefined;
        // Who cannot wait that long is told now, and told more than that the time is over.
        if (pause === undefined || shared.clock.monotonic() + pause >= endsAt) throw failure;
        await shared.clock.sleep(pause, until);
    }
}

/** Returns what a connection gives. If it fails, this rejects with {@link NoAnswer}. */
async function answered<T>(call: { id: string }, from: Promise<T>): Promise<T> {
    try {
        return await from;
    } catch (error) {
        // `fetch` says "fetch failed", and its cause says why.
        const why = error instanceof Error && error.cause instanceof Error ? error.cause : error;
        throw new NoAnswer(`${call.id}: no answer: ${why instanceof Error ? why.message : String(why)}`, {
            cause: error,
        });
    }
}

function mayRepeat(call: Prepared, failure: Problem | NoAnswer): boolean {
    if (!call.mayRetry) return false;
    return failure instanceof NoAnswer || failure.status === 429 || failure.status === 503;
}

function retryTime(failure: Problem | NoAnswer): number | undefined {
    return failure instanceof Problem ? failure.retryAfter : undefined;
}

/** Sends a request once. */
async function send(shared: Shared, call: Prepared, signal: AbortSignal): Promise<Response> {
    const authorization = await shared.token.header();
    const headers: Record<string, string> = { ...call.headers, "user-agent": USER_AGENT };
    if (authorization !== undefined) headers.authorization = authorization;
    const newest = call.tenant === undefined ? undefined : shared.written.get(call.tenant);
    if (newest && call.readsOwnWrites) headers["tm-min-revision"] = newest.toString();
    let taken: Response | undefined;
    // openapi-fetch writes the path, the query and the body. The answer is read here: it may be no JSON.
    const client = createFetch<Record<string, Record<string, never>>>({
        baseUrl: shared.url,
        fetch: async (request) => {
            taken = await answered(call, shared.fetch(request));
            return new Response(null, { status: 204 });
        },
    });
    await client.request(
        call.operation.method.toLowerCase() as never,
        call.operation.path as never,
        {
            params: { path: call.path, query: call.query },
            headers,
            body: call.body,
            bodySerializer: (body: unknown) => (isYaml(call.operation, body) ? body : JSON.stringify(body)),
            redirect: "manual",
            cache: "no-store",
            signal,
        } as never,
    );
    if (!taken) throw new TypeError("the request was not sent");
    return taken;
}

async function problem(call: Prepared, response: Response, now: number): Promise<Problem> {
    const text = await answered(call, response.text());
    let body: unknown;
    try {
        body = JSON.parse(text);
    } catch {
        body = undefined;
    }
    return new Problem(response.status, body, response.headers, now);
}

/** The tag of an epoch that is over is never reached again: the next read does without it. */
function forgetLostEpoch(shared: Shared, call: Prepared, failure: Problem | NoAnswer): void {
    if (!(failure instanceof Problem) || call.tenant === undefined) return;
    if (failure.code !== "revision_not_reached" || !failure.tag) return;
    if (failure.tag.epoch !== shared.written.get(call.tenant)?.epoch) shared.written.delete(call.tenant);
}

async function success(shared: Shared, call: Prepared, response: Response): Promise<AnyResult> {
    const { headers, status } = response;
    const tag = VersionTag.parse(headers.get("etag") ?? "");
    const about = { status, tag, headers, requestId: headers.get("x-correlation-id") ?? undefined };
    const stale = headers.get("tm-stale");
    const staleSeconds = stale === null ? undefined : Number(stale);
    if (status === 304) return { ...about, notModified: true, staleSeconds };
    const value = call.operation.stream ? response.body : await content(call, response);
    if (call.operation.method === "GET") return { ...about, notModified: false, value, staleSeconds };
    remember(shared, call, tag);
    const unchanged = headers.get("tm-unchanged") === "true";
    const replayed = headers.get("idempotency-replayed") === "true";
    // The member is null, or missing, without a wait.
    const convergence = isObject(value) ? (value.convergence ?? undefined) : undefined;
    const share = headers.get("tm-convergence");
    const convergedShare = share === null ? undefined : Number(share);
    return { ...about, value, unchanged, replayed, convergence, convergedShare };
}

async function content(call: Prepared, response: Response): Promise<unknown> {
    const text = await answered(call, response.text());
    if (text === "") return undefined;
    const isJson = /^application\/([\w.-]+\+)?json\b/.test(response.headers.get("content-type") ?? "");
    return isJson ? (JSON.parse(text) as unknown) : text;
}

function remember(shared: Shared, call: Prepared, tag: VersionTag | undefined): void {
    const { id, tenant } = call;
    if (tenant === undefined) return;
    if (id === "deleteTenant") shared.written.delete(tenant);
    else if (tag && !shared.written.get(tenant)?.covers(tag)) shared.written.set(tenant, tag);
}
