// Breakers, bulkheads and pools as tables.

import type { ReactNode } from "react";

import { Badge, Panel, Time, type Tone } from "../../components/basic";
import { count } from "../../model/time";
import { type Dependency, type Pool, amount, fullestFirst, fullness, troubledFirst } from "./resilience";
import { text } from "./text";

const TONES: Record<Dependency["breaker"], Tone> = { closed: "good", half_open: "warn", open: "bad" };

export function Dependencies({ dependencies }: { dependencies: readonly Dependency[] }): ReactNode {
    const { dependency } = text;
    return (
        <div className="scroll-x" tabIndex={0} role="region" aria-label={text.dependencies}>
            <table className="plain-table">
                <thead>
                    <tr>
                        <th scope="col">{dependency.name}</th>
                        <th scope="col">{dependency.breaker}</th>
                        <th scope="col">{dependency.inFlight}</th>
                        <th scope="col" className="number">
                            {dependency.timeout}
                        </th>
                        <th scope="col" className="number">
                            {dependency.opened}
                        </th>
                        <th scope="col">{dependency.last}</th>
                    </tr>
                </thead>
                <tbody>
                    {troubledFirst(dependencies).map((one) => (
                        <DependencyRow key={one.name} dependency={one} />
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function DependencyRow({ dependency }: { dependency: Dependency }): ReactNode {
    const { name, breaker, drill, in_flight: used, bulkhead, timeout_ms: timeout, breaker_moves: moves } = dependency;
    const last = moves.at(-1);
    return (
        <tr>
            <td>{name.replaceAll("_", " ")}</td>
            <td>
                <Badge tone={TONES[breaker]}>{text.breaker[breaker]}</Badge>
                {drill && <span className="quiet"> {text.forced(drill.state, drill.seconds_left)}</span>}
            </td>
            <td>
                <Meter label={name} value={bulkhead === 0 ? 0 : used / bulkhead} words={text.of(used, bulkhead)} />
            </td>
            <td className="number">{text.ms(timeout)}</td>
            <td className="number">{count(dependency.breaker_opened_total)}</td>
            <td>{last && <Time at={last.at} relative />}</td>
        </tr>
    );
}

/** How full something is, as a bar and in words. */
function Meter({ label, value, words }: { label: string; value: number; words: string }): ReactNode {
    return (
        <span className="meter">
            <meter min={0} max={1} high={0.8} value={value} aria-label={label} />
            <span>{words}</span>
        </span>
    );
}

export function Pools({ pools }: { pools: readonly Pool[] }): ReactNode {
    const { pool } = text;
    return (
        <Panel title={text.pools}>
            <div className="scroll-x" tabIndex={0} role="region" aria-label={text.pools}>
                <table className="plain-table">
                    <thead>
                        <tr>
                            <th scope="col">{pool.name}</th>
                            <th scope="col">{pool.used}</th>
                            <th scope="col" className="number">
                                {pool.size}
                            </th>
                            <th scope="col" className="number">
                                {pool.share}
                            </th>
                            <th scope="col" className="number">
                                {pool.payers}
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        {fullestFirst(pools).map((one) => (
                            <tr key={`${one.name} ${one.unit}`}>
                                <td>{one.name.replaceAll("_", " ")}</td>
                                <td>
                                    <Meter label={one.name} value={fullness(one)} words={amount(one.used, one.unit)} />
                                </td>
                                <td className="number">{amount(one.size, one.unit)}</td>
                                <td className="number">
                                    {one.tenant_share === null ? "" : amount(one.tenant_share, one.unit)}
                                </td>
                                <td className="number">{one.payers ?? ""}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </Panel>
    );
}
