// The client: every operation of the API as a method.

import { call, type Shared } from "./call.js";
import { type Clock, platformFetch, systemClock } from "./clock.js";
import { OPERATIONS } from "./generated/operations.js";
import type { JsonObject } from "./json.js";
import { RetryBudget } from "./retry.js";
import type { VersionTag } from "./tag.js";
import { type Token, TokenSource, baseUrl } from "./token.js";
import type { Args, CallOptions, ItemOf, Methods, OperationId, PagedId } from "./types.js";

/** The settings of a client. */
export interface ClientSettings {
    /** The base URL of the service, such as `https://tm.example.com`. */
    url: string;
    /** The bearer token. A function is asked once more after a 401. */
    token?: Token;
    /** Allows to send the token over plain http to other machines. Whoever is on the way can read it then. */
    allowPlainHttp?: boolean;
    /** The longest time of a call with all its tries, in milliseconds; 30 s by default. The time of a `wait` is added. */
    timeout?: number;
    /** The function that sends requests; the platform's `fetch` by default. */
    fetch?: typeof fetch;
    /** Time and chance; those of the machine by default. */
    clock?: Clock;
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging, @typescript-eslint/no-empty-object-type -- the methods are made below, one for each operation
export interface Client extends Methods {}

/**
 * A client of the API. Each operation is a method with the name of its operationId; its arguments are one object, and
 * the options of the call another one.
 *
 * GETs, and writes that take an idempotency key, are sent again after 429, 503 or no answer: at most 5 tries in all,
 * and no more retries than a tenth of the client's calls. A read of a tenant is at least as new as this client's own
 * last write to it.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- see above
export class Client {
    readonly #shared: Shared;

    /** Throws a TypeError for a wrong URL, and if the token would go over plain http to another machine. */
    constructor(settings: ClientSettings) {
        const url = baseUrl(settings.url, settings.token !== undefined, settings.allowPlainHttp ?? false);
        this.#shared = {
            url: url.href.replace(/\/$/, ""),
            token: new TokenSource(settings.token),
            fetch: settings.fetch ?? platformFetch,
            clock: settings.clock ?? systemClock,
            budget: new RetryBudget(),
            timeout: settings.timeout,
            written: new Map(),
        };
    }

    /** Makes a call by the name of its operation. The methods are the typed way. */
    call(id: OperationId, args?: JsonObject, options?: CallOptions): Promise<unknown> {
        return call(this.#shared, id, args, options);
    }

    /** Returns the newest tag that a write of this client to a tenant answered. */
    lastWrite(tenant: string): VersionTag | undefined {
        return this.#shared.written.get(tenant);
    }

    /**
     * Returns the items of a list, over all its pages. Only one page is held at a time.
     *
     * @example `for await (const route of client.items("listRoutes", { tenant: "acme" })) …`
     */
    async *items<K extends PagedId>(id: K, args?: Args<K>, options?: CallOptions): AsyncGenerator<ItemOf<K>> {
        let cursor: string | null | undefined;
        do {
            const page = await call(
                this.#shared,
                id,
                { ...(args as JsonObject | undefined), ...(cursor ? { cursor } : {}) },
                options,
            );
            const { items, next_cursor: next } = page.value as { items: ItemOf<K>[]; next_cursor?: string | null };
            yield* items;
            cursor = next;
        } while (cursor);
    }
}

for (const id of Object.keys(OPERATIONS) as OperationId[]) {
    Object.defineProperty(Client.prototype, id, {
        value(this: Client, args?: JsonObject, options?: CallOptions) {
            return this.call(id, args, options);
        },
    });
}
