// Figures beside each other, and parts of a whole as a bar with words.

import type { ReactNode } from "react";

import type { Tone } from "./basic";

export interface Fact {
    readonly name: string;
    readonly value: string;
    readonly tone?: Tone | undefined;
    readonly title?: string | undefined;
}

/** Figures with their names; a tone marks one that needs attention. */
export function Facts({ facts }: { facts: readonly Fact[] }): ReactNode {
    return (
        <ul className="figures">
            {facts.map(({ name, value, tone = "plain", title }) => (
                <li key={name} className={`figure tone-${tone}`} title={title}>
                    <strong>{value}</strong>
                    <span>{name}</span>
                </li>
            ))}
        </ul>
    );
}

export interface Part {
    readonly name: string;
    readonly value: number;
    readonly tone: Tone;
}

/** Parts of a whole: a bar, and the same in words. Parts without a value are left out. */
export function Parts({ label, parts }: { label: string; parts: readonly Part[] }): ReactNode {
    const shown = parts.filter(({ value }) => value > 0);
    return (
        <div className="parts" role="group" aria-label={label}>
            <div className="parts-bar" aria-hidden="true">
                {shown.map(({ name, value, tone }) => (
                    <span key={name} className={`part tone-${tone}`} style={{ flexGrow: value }} />
                ))}
            </div>
            <div className="parts-words">
                {shown.map(({ name, value, tone }) => (
                    <span key={name}>
                        <i className={`part tone-${tone}`} aria-hidden="true" />
                        {value} {name}
                    </span>
                ))}
            </div>
        </div>
    );
}
