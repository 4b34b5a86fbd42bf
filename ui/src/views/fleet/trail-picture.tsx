// The share of converged nodes as steps over time, with the marks of 50, 95 and 100 %.

import type { ReactNode } from "react";

import { percent } from "../../model/shares";
import { useTrail } from "./data";
import { text } from "./text";
import { beginning, reached, stepsPath } from "./trail";

const WIDTH = 360;
const HEIGHT = 72;
const MARKS = [0.5, 0.95, 1];

export function Trail({ tenant }: { tenant: string }): ReactNode {
    const looks = useTrail(tenant);
    const last = looks.at(-1);
    if (!last) return null;
    const from = beginning(looks);
    const changes = looks.filter(({ revision }, at) => at > 0 && looks[at - 1]?.revision !== revision);
    const now = last.share === undefined ? "–" : percent(last.share);
    return (
        <figure className="trail">
            <figcaption>
                <strong>{text.over}</strong> <span className="quiet">{text.since}</span>
            </figcaption>
            <svg viewBox={`0 -4 ${String(WIDTH)} ${String(HEIGHT + 8)}`} role="img" aria-label={text.graph(now)}>
                {MARKS.map((mark) => (
                    <line key={mark} x1="0" x2={WIDTH} y1={(1 - mark) * HEIGHT} y2={(1 - mark) * HEIGHT} />
                ))}
                {changes.map(({ at, revision }) => {
                    const x = ((at - from) / (last.at - from)) * WIDTH;
                    return <line key={revision} className="change" x1={x} x2={x} y1="0" y2={HEIGHT} />;
                })}
                <path d={stepsPath(looks, WIDTH, HEIGHT)} />
            </svg>
            <ul className="trail-marks">
                {MARKS.map((mark) => {
                    const seconds = reached(looks, mark);
                    return (
                        <li key={mark} className={seconds === undefined ? "" : "done"}>
                            {text.reached(percent(mark), seconds === undefined ? undefined : text.seconds(seconds))}
                        </li>
                    );
                })}
            </ul>
        </figure>
    );
}
