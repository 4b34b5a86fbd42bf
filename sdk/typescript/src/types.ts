// The types of calls, made of the generated ones.

import type { Convergence, operations } from "./generated/api.js";
import type { OPERATIONS } from "./generated/operations.js";
import type { VersionTag } from "./tag.js";
import type { Wait } from "./wait.js";

/** The name of an operation: its operationId. */
export type OperationId = keyof typeof OPERATIONS & keyof operations;

type Parameters<K extends OperationId> = operations[K]["parameters"];
type PathOf<K extends OperationId> = Parameters<K> extends { path: infer P } ? P : unknown;
type QueryOf<K extends OperationId> =
    Parameters<K> extends { query: infer Q }
        ? Omit<Q, "min_revision">
        : Parameters<K> extends { query?: infer Q }
          ? [NonNullable<Q>] extends [never]
              ? unknown
              : Omit<NonNullable<Q>, "min_revision">
          : unknown;
type BodyOf<K extends OperationId> = operations[K] extends { requestBody: { content: infer C } }
    ? { body: Bodies<C> }
    : operations[K] extends { requestBody?: { content: infer C } }
      ? { body?: Bodies<C> }
      : unknown;
/** A text is sent as YAML where the operation takes YAML. */
type Bodies<C> = "application/yaml" extends keyof C ? C[keyof C] | string : C[keyof C];

/** The arguments of an operation: the parameters of its path and query, and `body`, in one object. */
export type Args<K extends OperationId> = PathOf<K> & Waits<K, QueryOf<K>> & BodyOf<K>;
/** `wait` of a write may be an object. */
type Waits<K extends OperationId, Q> =
    IsRead<K> extends true ? Q : Q extends { wait?: string } ? Omit<Q, "wait"> & { wait?: Wait | string } : Q;

type Success<R> = { [S in keyof R & (200 | 201 | 202)]: R[S] extends { content: infer C } ? C[keyof C] : never };
type Contents<K extends OperationId> = Success<operations[K]["responses"]>;

/** The value that an operation answers: its JSON, its text, a stream of bytes, or nothing. */
export type Value<K extends OperationId> = (typeof OPERATIONS)[K]["stream"] extends true
    ? ReadableStream<Uint8Array>
    : [keyof Contents<K>] extends [never]
      ? undefined
      : Contents<K>[keyof Contents<K>] | (operations[K]["responses"] extends { 204: unknown } ? undefined : never);

/** What every answer tells beside its value. */
export interface Answered {
    /** The HTTP status. */
    readonly status: number;
    /** The version tag of what was answered, from `ETag`. */
    readonly tag: VersionTag | undefined;
    /** The id of the request, to find it in the logs and in the audit trail. */
    readonly requestId: string | undefined;
    /** All headers of the answer. */
    readonly headers: Headers;
}

/** The answer of a read. */
export interface Read<T> extends Answered {
    readonly notModified: false;
    readonly value: T;
    /** The seconds since the primary database confirmed the data; undefined while it can be reached. */
    readonly staleSeconds: number | undefined;
}

/** The answer of a read with `ifNoneMatch` when nothing has changed (304). */
export interface NotModified extends Answered {
    readonly notModified: true;
    readonly staleSeconds: number | undefined;
}

/** The answer of a write. */
export interface Written<T> extends Answered {
    readonly value: T;
    /** True if there was nothing to change: no revision and no event were made. */
    readonly unchanged: boolean;
    /** True if this is the stored answer of an earlier request with the same idempotency key. */
    readonly replayed: boolean;
    /**
     * How a `wait` for nodes ended; undefined without one, and if the answer has no body, as of a removal. Only the state
     * `converged` is a success: `failed`, `timeout`, `partial`, `no_nodes` and `warming` are none.
     */
    readonly convergence: Convergence | undefined;
    /** The share of the nodes that runs the change, from 0 to 1, also of a removal; undefined if there are no nodes. */
    readonly convergedShare: number | undefined;
}

/** How a call is made. An option that an operation does not take throws a TypeError, so that nothing is lost. */
export interface CallOptions {
    /** Writes: 412 unless the object has this tag. */
    ifMatch?: VersionTag | "*";
    /** Writes: 412 if the object exists. */
    createOnly?: boolean;
    /** Writes: repeats with the same key are safe. The client makes a key if none is given. */
    idempotencyKey?: string;
    /** Writes: the reason, kept in the audit trail. At most 512 bytes of UTF-8. */
    reason?: string;
    /**
     * Reads: the answer is at least this new, or an error. By default the newest tag that this client got from a write to
     * the tenant; `false` asks for none.
     */
    minRevision?: VersionTag | false;
    /** Reads: the answer is {@link NotModified} if it has this tag. */
    ifNoneMatch?: VersionTag;
    /** `streamChanges`: continues after this place. */
    lastEventId?: VersionTag;
    /** The id of the request: 1 to 128 visible ASCII characters. */
    correlationId?: string;
    /** W3C Trace Context: the parent of the request's span. */
    traceparent?: string;
    /** The longest time of the call with all its tries, in milliseconds; of a stream, until it begins. Longer than `wait`. */
    timeout?: number;
    /** Ends the call, or the stream. */
    signal?: AbortSignal;
}

type IsRead<K extends OperationId> = (typeof OPERATIONS)[K]["method"] extends "GET" ? true : false;
type TakesTag<K extends OperationId> = operations[K]["responses"] extends { 304: unknown } ? true : false;

/** The answer of an operation with given options. */
export type Result<K extends OperationId, O> =
    IsRead<K> extends false
        ? Written<Value<K>>
        : [TakesTag<K>, O] extends [true, { ifNoneMatch: VersionTag }]
          ? Read<Value<K>> | NotModified
          : Read<Value<K>>;

/** The method of an operation. Rejects with {@link Problem} or {@link NoAnswer}. */
export type Method<K extends OperationId> =
    Partial<Args<K>> extends Args<K>
        ? <const O extends CallOptions>(args?: Args<K>, options?: O) => Promise<Result<K, O>>
        : <const O extends CallOptions>(args: Args<K>, options?: O) => Promise<Result<K, O>>;

/** All operations as methods. */
export type Methods = { [K in OperationId]: Method<K> };

/** The operations whose answers are pages. */
export type PagedId = {
    [K in OperationId]: Value<K> extends { items: unknown[]; next_cursor?: unknown } ? K : never;
}[OperationId];

/** An item of a page. */
export type ItemOf<K extends PagedId> = Value<K> extends { items: (infer T)[] } ? T : never;
