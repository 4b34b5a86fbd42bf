import { expect, test } from "vitest";

import { KEPT, type Look, reached, stepsPath, withLook } from "./trail";

function trail(...looks: [at: number, revision: number, share: number | undefined][]): Look[] {
    return looks.reduce<Look[]>((all, [at, revision, share]) => withLook(all, { at, revision, share }), []);
}

test("looks that say the same keep their first and last one", () => {
    const looks = trail([0, 1, 1], [1000, 1, 1], [2000, 1, 1], [3000, 1, 0.5]);
    expect(looks.map(({ at }) => at)).toEqual([0, 2000, 3000]);
});

test("looks that are too old are left out", () => {
    expect(trail([0, 1, 1], [KEPT + 1, 1, 0.5]).map(({ at }) => at)).toEqual([KEPT + 1]);
});

test("the time to a share counts from the first look at the newest revision", () => {
    const looks = trail([0, 1, 1], [5000, 2, 0.1], [7000, 2, 0.6], [9000, 2, 0.96]);
    expect(reached(looks, 0.5)).toBe(2);
    expect(reached(looks, 0.95)).toBe(4);
    expect(reached(looks, 1)).toBeUndefined();
});

test("the steps begin at the first share and end at the right edge", () => {
    expect(stepsPath(trail([0, 1, undefined], [60_000, 1, 0.5], [120_000, 1, 1]), 120, 10)).toBe("M60.0 5.0H120.0V0.0");
    expect(stepsPath([], 120, 10)).toBe("");
});
