// When a call is sent once more.

import { Backoff, stretched } from "./backoff.js";

/** The tries of one call, the first one among them. */
const TRIES = 5;
const FIRST = 250;
const LAST = 10_000;

/** The share of calls that may be sent once more. */
const SHARE = 0.1;
/** The most retries that are saved up. */
const MOST = 10;

/**
 * The retries that all calls of a client may make together: a tenth of the calls, and ten at the beginning. When a
 * service is down, its clients then do not multiply the load.
 */
export class RetryBudget {
    #left = MOST;

    /** Counts a call. */
    call(): void {
        this.#left = Math.min(MOST, this.#left + SHARE);
    }

    /** Takes a retry, or returns false if there is none left. */
    take(): boolean {
        if (this.#left < 1) return false;
        this.#left -= 1;
        return true;
    }
}

/** The tries of one call. */
export class Retries {
    #tries = 1;
    readonly #backoff = new Backoff(FIRST, LAST);

    constructor(private readonly budget: RetryBudget) {
        budget.call();
    }

    /**
     * Returns the time before the next try in milliseconds, or undefined if there is to be none. `asked` is the time of
     * `Retry-After`.
     */
    next(asked: number | undefined, random: () => number): number | undefined {
        if (this.#tries >= TRIES || !this.budget.take()) return undefined;
        this.#tries += 1;
        const mine = this.#backoff.next(random());
        return asked === undefined ? mine : Math.max(mine, stretched(asked, random()));
    }
}
