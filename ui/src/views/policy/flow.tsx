// The flow of a policy: from its hosts through rules and split to the versions. Widths are shares; a rule has none that
// is known, so it is thin and dashed.

import type { ReactNode } from "react";

import { colour } from "../../components/sharebar";
import { type Draft, destination } from "../../model/policy";
import { byVersion, percent } from "../../model/shares";
import { text } from "./text";

const WIDTH = 720;
const ROW = 44;
const FULL = 30;

/** Draws a draft as it would be. */
export function Flow({ draft }: { draft: Draft }): ReactNode {
    const shares = byVersion(draft.split);
    const targets = [...shares.keys()];
    for (const rule of draft.rules) {
        for (const version of [rule.version, ...(rule.split ?? []).map((entry) => entry.version)]) {
            if (version !== undefined && !targets.includes(version)) targets.push(version);
        }
    }
    for (const version of draft.failover) if (!targets.includes(version)) targets.push(version);
    const elsewhere = draft.rules.filter((rule) => rule.redirect ?? rule.respond);
    const left = draft.rules.length + 1;
    const right = targets.length + elsewhere.length;
    const height = Math.max(left, right, 2) * ROW + 8;
    const leftY = (at: number): number => (height / left) * (at + 0.5);
    const rightY = (at: number): number => (height / right) * (at + 0.5);
    const words = [...shares].map(([version, share]) => `${version} ${percent(share)}`).join(", ");
    const middle = height / 2;
    return (
        <svg className="flow" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={text.flowLabel(words)}>
            <Box x={0} y={middle} width={150} title={draft.hosts[0] ?? "requests"} about={more(draft)} />
            {draft.rules.map((rule, at) => {
                const y = leftY(at);
                const to = [rule.version, ...(rule.split ?? []).map((entry) => entry.version)]
                    .filter((version) => version !== undefined)
                    .map((version) => targets.indexOf(version));
                const out = elsewhere.indexOf(rule);
                if (out >= 0) to.push(targets.length + out);
                return (
                    <g key={rule.name}>
                        <path className="thin" d={curve(150, middle, 240, y)} />
                        {to.map((target) => (
                            <path key={target} className="thin dashed" d={curve(390, y, 540, rightY(target))} />
                        ))}
                        <Box x={240} y={y} width={150} title={`rule: ${rule.name}`} about={destination(rule)} />
                    </g>
                );
            })}
            <path className="wide" d={curve(150, middle, 240, leftY(left - 1))} strokeWidth={FULL} />
            {[...shares].map(([version, share], at) => (
                <path
                    key={version}
                    className={`share s${String(at % 5)}`}
                    d={curve(390, leftY(left - 1), 540, rightY(targets.indexOf(version)))}
                    strokeWidth={share === 0 ? 0 : Math.max(1.5, share * FULL)}
                />
            ))}
            <Box
                x={240}
                y={leftY(left - 1)}
                width={150}
                title="split"
                about={draft.rules.length > 0 ? "all others" : "all"}
            />
            {targets.map((version, at) => {
                const place = [...shares.keys()].indexOf(version);
                const spare = draft.failover.indexOf(version);
                const share = shares.get(version);
                const about = [
                    share === undefined ? "" : percent(share),
                    spare < 0 ? "" : `failover ${String(spare + 1)}`,
                ].filter((part) => part !== "");
                return (
                    <g key={version}>
                        <Box
                            x={546}
                            y={rightY(at)}
                            width={174}
                            title={version}
                            about={about.join(" · ") || "by rule"}
                        />
                        <rect
                            className={place < 0 ? "by-rule" : colour(place)}
                            x={540}
                            y={rightY(at) - 17}
                            width={6}
                            height={34}
                        />
                    </g>
                );
            })}
            {elsewhere.map((rule, at) => (
                <Box
                    key={rule.name}
                    x={546}
                    y={rightY(targets.length + at)}
                    width={174}
                    title={destination(rule)}
                    about={rule.redirect ? "redirect" : "fixed answer"}
                />
            ))}
        </svg>
    );
}

function more({ hosts, path_prefixes: prefixes }: Draft): string {
    const paths = prefixes.filter((prefix) => prefix !== "/").join(" ");
    const others = hosts.length > 1 ? `and ${String(hosts.length - 1)} more` : "";
    return [others, paths].filter((part) => part !== "").join(" · ") || "all paths";
}

function curve(x1: number, y1: number, x2: number, y2: number): string {
    const middle = (x1 + x2) / 2;
    return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}

interface BoxProps {
    x: number;
    y: number;
    width: number;
    title: string;
    about: string;
}

/** The letters that fit into a box for each unit of its width. */
const LETTERS = 0.118;

function Box({ x, y, width, title, about }: BoxProps): ReactNode {
    const most = Math.floor(width * LETTERS);
    const cut = (full: string): string => (full.length > most ? `${full.slice(0, most - 1)}…` : full);
    return (
        <g>
            <title>{`${title} ${about}`}</title>
            <rect className="box" x={x} y={y - 17} width={width} height={34} rx={5} />
            <text x={x + 8} y={y - 2} className="box-title">
                {cut(title)}
            </text>
            <text x={x + 8} y={y + 11} className="box-about">
                {cut(about)}
            </text>
        </g>
    );
}
