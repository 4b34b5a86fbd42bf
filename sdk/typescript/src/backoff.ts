// The times between tries.

/**
 * The time before the next try after failures: random between zero and a limit that doubles with each failure ("full
 * jitter").
 */
export class Backoff {
    #failures = 0;

    /** A backoff whose limit goes from `first` to `last`, in milliseconds. */
    constructor(
        private readonly first: number,
        private readonly last: number,
    ) {}

    /** The time after one more failure, in milliseconds; `random` is from 0 to 1. */
    next(random: number): number {
        const limit = this.first * 2 ** Math.min(this.#failures, 20);
        this.#failures += 1;
        return Math.min(limit, this.last) * random;
    }

    /** Begins again: the service has answered. */
    reset(): void {
        this.#failures = 0;
    }
}

/**
 * Reads `Retry-After` (RFC 9110 §10.2.3), seconds or a date, as milliseconds from `now`. Returns undefined without one.
 */
export function retryAfter(text: string | null, now: number): number | undefined {
    const bare = text?.trim() ?? "";
    if (/^\d+$/.test(bare)) return Number(bare) * 1000;
    if (!/^[A-Z][a-z]+, /.test(bare)) return undefined;
    const at = Date.parse(bare);
    return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** Returns the time that a service asked for, plus up to a fifth: clients that were sent away together come apart. */
export function stretched(ms: number, random: number): number {
    return ms * (1 + 0.2 * random);
}
