// The shares of a split as one bar, with the versions and their shares in words below.

import type { ReactNode } from "react";

import { type Weighted, percent, shares } from "../model/shares";

/** The number of colours; a sixth version has the pattern of the first one again, and its own label. */
export const COLOURS = 5;

/** Returns the class of the colour of an entry. */
export function colour(at: number): string {
    return `c${String(at % COLOURS)}`;
}

/** A bar whose parts are as wide as the shares. The words say the same. */
export function ShareBar({ split }: { split: readonly Weighted[] }): ReactNode {
    const all = shares(split);
    return (
        <div className="sharebar">
            <div className="sharebar-bar" aria-hidden="true">
                {split.map(({ version }, at) => (
                    <span key={version} className={colour(at)} style={{ flexGrow: all[at] ?? 0 }} />
                ))}
            </div>
            <div className="sharebar-words">
                {split.map(({ version }, at) => (
                    <span key={version}>
                        <i className={colour(at)} aria-hidden="true" />
                        {version} {percent(all[at] ?? 0)}
                    </span>
                ))}
            </div>
        </div>
    );
}
