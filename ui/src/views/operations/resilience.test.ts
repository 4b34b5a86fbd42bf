import { expect, test } from "vitest";

import { type Dependency, type Pool, amount, fullestFirst, fullness, troubledFirst } from "./resilience";

test("open breakers come first, then those half open or forced", () => {
    const of = (name: string, breaker: string, drill: object | null = null): Dependency =>
        ({ name, breaker, drill }) as Dependency;
    const sorted = troubledFirst([
        of("b", "closed"),
        of("a", "closed"),
        of("forced", "closed", { state: "closed", seconds_left: 5 }),
        of("open", "open"),
    ]);
    expect(sorted.map(({ name }) => name)).toEqual(["open", "forced", "a", "b"]);
});

test("a pool without a size is empty, and the fullest comes first", () => {
    const of = (name: string, used: number, size: number): Pool => ({ name, used, size }) as Pool;
    expect(fullness(of("none", 0, 0))).toBe(0);
    expect(fullness(of("over", 20, 10))).toBe(1);
    expect(fullestFirst([of("a", 1, 10), of("b", 5, 10)]).map(({ name }) => name)).toEqual(["b", "a"]);
});

test("bytes have the unit that fits", () => {
    expect(amount(512, "bytes")).toBe("512 B");
    expect(amount(268_435_456, "bytes")).toBe("256 MiB");
    expect(amount(3, "calls")).toBe("3 calls");
});
