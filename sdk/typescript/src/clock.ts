// Time, in a form that tests can replace.

/** Time and chance. Tests give their own. */
export interface Clock {
    /** The time of day: milliseconds since 1970. */
    now(): number;
    /** A time that never goes back: milliseconds since some moment. */
    monotonic(): number;
    /** Waits for some milliseconds. Rejects with the signal's reason when the signal aborts. */
    sleep(ms: number, signal?: AbortSignal): Promise<void>;
    /** A random number from 0 to 1. */
    random(): number;
}

/** The longest time that a timer of JavaScript can have. */
const LONGEST = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: () => Math.random(),
    sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
            const stop = (): void => {
                clearTimeout(timer);
                reject(signal?.reason as Error);
            };
            const timer = setTimeout(
                () => {
                    signal?.removeEventListener("abort", stop);
                    resolve();
                },
                Math.min(ms, LONGEST),
            );
            if (signal?.aborted) stop();
            else signal?.addEventListener("abort", stop, { once: true });
        }),
};

/** The platform's `fetch`. In browsers it must not be called as the method of another object. */
export const platformFetch: typeof fetch = (input, init) => fetch(input, init);

/** The result of {@link within} when the time is over. */
export const LATE = Symbol("late");

/**
 * Does some work for at most `ms` milliseconds. Then the result is {@link LATE}; what the work would still have given is
 * thrown away. The work's signal aborts at the end in any case. When `parent` aborts, this rejects with its reason.
 */
export async function within<T>(
    clock: Clock,
    ms: number,
    parent: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
): Promise<T | typeof LATE> {
    parent?.throwIfAborted();
    const doing = new AbortController();
    const waiting = new AbortController();
    const stop = (): void => {
        doing.abort(parent?.reason);
    };
    parent?.addEventListener("abort", stop, { once: true });
    const late: Promise<typeof LATE> = clock.sleep(ms, waiting.signal).then(
        () => LATE,
        () => LATE,
    );
    try {
        const done = work(doing.signal);
        done.catch(() => undefined);
        return await Promise.race<T | typeof LATE>([done, late, aborted(parent, waiting.signal)]);
    } finally {
        waiting.abort(new Error("done"));
        doing.abort(new Error(`not done within ${String(ms)} ms`));
        parent?.removeEventListener("abort", stop);
    }
}

/** Rejects when a signal aborts; is forgotten with the other one. */
function aborted(signal: AbortSignal | undefined, until: AbortSignal): Promise<never> {
    const never = new Promise<never>((_, reject) => {
        signal?.addEventListener(
            "abort",
            () => {
                reject(signal.reason as Error);
            },
            { once: true, signal: until },
        );
    });
    never.catch(() => undefined);
    return never;
}
