// How long a write waits for the nodes.

/** Holds the answer to a write until a share of the tenant's nodes runs the change. The change is made before. */
export interface Wait {
    /** The share of the nodes: more than 0, at most 100; four decimals count. */
    readonly percent: number;
    /** The longest time of the wait in milliseconds: 10 s by default, 60 s at most. */
    readonly ms?: number;
}

/** The time of a wait that names only its share. */
const USUAL = 10_000;
/** The longest time that a service holds a request. */
const LONGEST = 60_000;

/** Returns the value of the parameter, such as `95%,10000ms`. Throws a TypeError if the service does not know it. */
export function waitText({ percent, ms = USUAL }: Wait): string {
    if (!(percent >= 0.0001 && percent <= 100)) throw new TypeError("percent must be more than 0, and at most 100");
    if (!(ms >= 0 && ms <= LONGEST)) throw new TypeError("ms must be from 0 to 60000");
    return `${String(Number(percent.toFixed(4)))}%,${String(Math.round(ms))}ms`;
}

/** Returns the longest time that the service holds a request with this `wait`, in milliseconds. */
export function heldFor(wait: unknown): number {
    if (wait === undefined) return 0;
    const text = typeof wait === "string" ? wait : "";
    if (/^[\d.]+%$/.test(text)) return USUAL;
    const [, digits, unit] = /(\d{1,9})(s|ms)?$/.exec(text) ?? [];
    return digits === undefined ? LONGEST : Math.min(LONGEST, Number(digits) * (unit === "ms" ? 1 : 1000));
}
