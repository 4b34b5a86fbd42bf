// The split: a slider and a number for each version, both to 0.01 %.

import { type ReactNode, useState } from "react";

import { Button } from "../../components/basic";
import { ShareBar, colour } from "../../components/sharebar";
import { type Weighted, WHOLE, moved, percent, shares, withShare } from "../../model/shares";
import { text } from "./text";

interface SplitProps {
    /** What is in force. */
    now: readonly Weighted[];
    split: readonly Weighted[];
    /** The versions that could be added. */
    versions: readonly string[];
    onChange: (split: Weighted[]) => void;
    isSticky: boolean;
}

export function Split({ now, split, versions, onChange, isSticky }: SplitProps): ReactNode {
    const all = shares(split);
    const moving = moved(now, split);
    return (
        <>
            <ShareBar split={split} />
            <div className="split">
                {split.map(({ version, weight }, at) => {
                    const share = all[at] ?? 0;
                    return (
                        <div key={version} className="split-row">
                            <strong>
                                <i className={colour(at)} aria-hidden="true" /> {version}
                            </strong>
                            <input
                                type="range"
                                min={0}
                                max={WHOLE}
                                step={1}
                                aria-label={text.slider(version)}
                                aria-valuetext={percent(share)}
                                value={Math.round(share * WHOLE)}
                                onChange={(event) => onChange(withShare(split, at, Number(event.target.value)))}
                            />
                            <ShareField
                                version={version}
                                share={share}
                                onChange={(units) => onChange(withShare(split, at, units))}
                            />
                            <span className="quiet number">
                                {text.weight} {weight}
                            </span>
                            <Button
                                className="small"
                                aria-label={text.allTo(version)}
                                onClick={() => onChange(withShare(split, at, WHOLE))}
                            >
                                {text.all}
                            </Button>
                            <Button
                                className="small"
                                kind="quiet"
                                aria-label={text.remove(version)}
                                disabled={split.length === 1}
                                onClick={() => onChange(split.filter((_, index) => index !== at))}
                            >
                                ×
                            </Button>
                        </div>
                    );
                })}
            </div>
            <AddVersion versions={versions} onAdd={(version) => onChange([...split, { version, weight: 0 }])} />
            <p role="status" className={moving > 0 ? "moves" : "quiet"}>
                {moving > 0 ? text.moves(percent(moving)) : text.movesNone} {isSticky && text.movesSticky}
            </p>
        </>
    );
}

interface ShareFieldProps {
    version: string;
    share: number;
    onChange: (units: number) => void;
}

/** A number that is taken when it is complete: half of one, such as `12.`, must not move the split. */
function ShareField({ version, share, onChange }: ShareFieldProps): ReactNode {
    const [typed, setTyped] = useState<string>();
    const shown = typed ?? (Math.round(share * WHOLE) / 100).toString();
    return (
        <span className="share-field">
            <input
                type="number"
                min={0}
                max={100}
                step={0.01}
                aria-label={text.share(version)}
                value={shown}
                onChange={(event) => {
                    setTyped(event.target.value);
                    const value = event.target.valueAsNumber;
                    if (value >= 0 && value <= 100) onChange(Math.round(value * 100));
                }}
                onBlur={() => setTyped(undefined)}
            />{" "}
            %
        </span>
    );
}

/** A choice of versions, and a button that adds one. */
export function AddVersion({
    versions,
    onAdd,
}: {
    versions: readonly string[];
    onAdd: (version: string) => void;
}): ReactNode {
    const [chosen, setChosen] = useState("");
    const version = versions.includes(chosen) ? chosen : versions[0];
    if (version === undefined) return <p className="quiet">{text.noneToAdd}</p>;
    return (
        <div className="add">
            <select aria-label={text.addVersion} value={version} onChange={(event) => setChosen(event.target.value)}>
                {versions.map((name) => (
                    <option key={name}>{name}</option>
                ))}
            </select>
            <Button className="small" onClick={() => onAdd(version)}>
                {text.add}
            </Button>
        </div>
    );
}
