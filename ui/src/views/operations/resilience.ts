// What the instance tells of its breakers and pools, with the members that depend on the role of the process.

import type { Resilience } from "@client";

export type Dependency = Resilience["dependencies"][number];
export type Pool = Resilience["pools"][number];

/** Returns the dependencies, those in trouble first. */
export function troubledFirst(dependencies: readonly Dependency[]): Dependency[] {
    const rank = ({ breaker, drill }: Dependency): number =>
        breaker === "open" ? 2 : breaker === "half_open" || drill ? 1 : 0;
    return [...dependencies].sort((a, b) => rank(b) - rank(a) || a.name.localeCompare(b.name));
}

/** Returns the pools, the fullest first. */
export function fullestFirst(pools: readonly Pool[]): Pool[] {
    return [...pools].sort((a, b) => fullness(b) - fullness(a) || a.name.localeCompare(b.name));
}

/** Returns how full a pool is, from 0 to 1. */
export function fullness({ used, size }: Pool): number {
    return size === 0 ? 0 : Math.min(1, used / size);
}

const BYTES = ["B", "KiB", "MiB", "GiB"];

/** Returns an amount with its unit; bytes with the unit that fits. */
export function amount(value: number, unit: string): string {
    if (unit !== "bytes") return `${new Intl.NumberFormat().format(value)} ${unit}`;
    let [size, at] = [value, 0];
    while (size >= 1024 && at < BYTES.length - 1) {
        size /= 1024;
        at++;
    }
    return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 }).format(size)} ${BYTES[at] ?? ""}`;
}
