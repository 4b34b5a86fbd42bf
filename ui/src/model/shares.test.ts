import { describe, expect, test } from "vitest";

import { moved, percent, shares, withShare } from "./shares";

const split = (...weights: number[]): { version: string; weight: number }[] =>
    weights.map((weight, at) => ({ version: `v${String(at)}`, weight }));
const weights = (of: readonly { weight: number }[]): number[] => of.map(({ weight }) => weight);

describe("shares", () => {
    test("are parts of the sum, whatever it is", () => {
        expect(shares(split(9, 1))).toEqual([0.9, 0.1]);
        expect(shares(split(0, 0))).toEqual([0, 0]);
    });

    test("a share is set to 0.01 %, and the others keep their proportions", () => {
        expect(weights(withShare(split(9000, 1000), 1, 1))).toEqual([9999, 1]);
        expect(weights(withShare(split(6000, 3000, 1000), 2, 5500))).toEqual([3000, 1500, 5500]);
    });

    test.each([0, 1, 3333, 9999, 10_000, -5, 20_000])("the weights add up to the whole: %i", (units) => {
        const next = weights(withShare(split(7, 11, 13, 17), 1, units));
        expect(next.reduce((sum, weight) => sum + weight)).toBe(10_000);
        expect(next[1]).toBe(Math.min(10_000, Math.max(0, units)));
        expect(next.every((weight) => Number.isInteger(weight) && weight >= 0)).toBe(true);
    });

    test("what nobody had goes to the first of the others", () => {
        expect(weights(withShare(split(0, 10_000), 1, 2500))).toEqual([7500, 2500]);
        expect(weights(withShare(split(10_000, 0), 0, 2500))).toEqual([2500, 7500]);
    });

    test("only what grows has to move", () => {
        expect(moved(split(9900, 100), split(9500, 500))).toBeCloseTo(0.04);
        expect(moved(split(1, 1), split(5000, 5000))).toBe(0);
        expect(moved(split(1), [{ version: "other", weight: 1 }])).toBe(1);
    });

    test("are shown to 0.01 %", () => {
        expect(percent(0.0001)).toBe("0.01 %");
        expect(percent(1)).toBe("100 %");
    });
});
