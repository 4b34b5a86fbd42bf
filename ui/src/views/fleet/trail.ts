// The share of nodes that run the newest revision, as this page has seen it over time.

/** One look at the fleet. */
export interface Look {
    /** Milliseconds since 1970. */
    readonly at: number;
    readonly revision: number;
    /** From 0 to 1; undefined while no node is there that counts. */
    readonly share: number | undefined;
}

/** The longest time that is kept, in milliseconds. */
export const KEPT = 600_000;

/** Returns the looks with one more, without those that are too old. The middle ones of equal shares are left out. */
export function withLook(looks: readonly Look[], look: Look): Look[] {
    const young = looks.filter(({ at }) => at >= look.at - KEPT && at < look.at);
    const [before, last] = young.slice(-2);
    const isSame = (a: Look, b: Look): boolean => a.revision === b.revision && a.share === b.share;
    if (before && last && isSame(before, last) && isSame(last, look)) young.pop();
    return [...young, look];
}

/** Returns the looks since the newest revision appeared. */
export function sinceChange(looks: readonly Look[]): Look[] {
    const newest = looks.at(-1)?.revision;
    const first = looks.findIndex(({ revision }) => revision === newest);
    return first === -1 ? [] : looks.slice(first);
}

/** Returns the seconds from the first look at the newest revision until a share was reached; undefined if it was not. */
export function reached(looks: readonly Look[], share: number): number | undefined {
    const own = sinceChange(looks);
    const [first] = own;
    const found = own.find((look) => (look.share ?? 0) >= share);
    return first && found && (found.at - first.at) / 1000;
}

/** The shortest span of the picture, in milliseconds: the first looks do not fill it at once. */
const SHORTEST = 60_000;

/** Returns the time at the left edge of the picture. */
export function beginning(looks: readonly Look[]): number {
    const last = looks.at(-1)?.at ?? 0;
    return Math.min(looks[0]?.at ?? last, last - SHORTEST);
}

/** Returns an SVG path of steps through the looks, in a box of the given size. */
export function stepsPath(looks: readonly Look[], width: number, height: number): string {
    const from = beginning(looks);
    const span = (looks.at(-1)?.at ?? 0) - from;
    let path = "";
    for (const { at, share } of looks) {
        if (share === undefined) continue;
        const x = (((at - from) / span) * width).toFixed(1);
        const y = ((1 - share) * height).toFixed(1);
        path += path === "" ? `M${x} ${y}` : `H${x}V${y}`;
    }
    return path;
}
