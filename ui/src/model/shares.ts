// Weights and shares: a weight is a part of the sum of all weights. Shares are shown to 0.01 %.

/** A version and its weight. */
export interface Weighted {
    readonly version: string;
    readonly weight: number;
}

/** The sum that the page gives the weights when somebody sets shares: one unit is 0.01 %. */
export const WHOLE = 10_000;

/** Returns the share of each entry, from 0 to 1. */
export function shares(split: readonly Weighted[]): number[] {
    const sum = split.reduce((all, { weight }) => all + weight, 0);
    return split.map(({ weight }) => (sum === 0 ? 0 : weight / sum));
}

/**
 * Returns the split after one entry was set to a share in 1/10,000. The others keep their proportions among each other;
 * if they have none, the first of them takes the rest. The weights add up to {@link WHOLE}.
 */
export function withShare(split: readonly Weighted[], at: number, units: number): Weighted[] {
    const wanted = Math.min(WHOLE, Math.max(0, Math.round(units)));
    if (split.length === 1) return split.map(({ version }) => ({ version, weight: WHOLE }));
    const others = split.map(({ weight }, index) => (index === at ? 0 : weight));
    const sum = others.reduce((all, weight) => all + weight, 0);
    const first = at === 0 ? 1 : 0;
    const exact = others.map((weight, index) =>
        sum === 0 ? (index === first ? WHOLE - wanted : 0) : (weight / sum) * (WHOLE - wanted),
    );
    const weights = largestRemainder(exact, WHOLE - wanted);
    return split.map(({ version }, index) => ({ version, weight: index === at ? wanted : (weights[index] ?? 0) }));
}

/** Returns whole numbers with the given sum, each as near to the exact one as can be. */
function largestRemainder(exact: readonly number[], sum: number): number[] {
    const whole = exact.map(Math.floor);
    let missing = sum - whole.reduce((all, one) => all + one, 0);
    const order = exact.map((value, index) => ({ index, rest: value - Math.floor(value) }));
    order.sort((a, b) => b.rest - a.rest || a.index - b.index);
    for (const { index, rest } of order) {
        if (missing === 0) break;
        if (rest === 0) continue;
        whole[index] = (whole[index] ?? 0) + 1;
        missing--;
    }
    return whole;
}

/**
 * Returns the share of keys that get another version at most, from 0 to 1: the sum of what the shares grow. The choice
 * moves no more keys than that.
 */
export function moved(before: readonly Weighted[], after: readonly Weighted[]): number {
    const old = byVersion(before);
    return [...byVersion(after)].reduce(
        (sum, [version, share]) => sum + Math.max(0, share - (old.get(version) ?? 0)),
        0,
    );
}

/** Returns the share of each version. */
export function byVersion(split: readonly Weighted[]): Map<string, number> {
    const all = shares(split);
    return new Map(split.map(({ version }, index) => [version, all[index] ?? 0]));
}

/** Returns a share as a percentage to 0.01 %, such as `12.5 %`. */
export function percent(share: number): string {
    return `${PERCENT.format(share * 100)} %`;
}

const PERCENT = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
