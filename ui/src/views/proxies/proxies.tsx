// The report of each kind of proxy, side by side: what it does of each policy, and what differs.

import { useQueries } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { api } from "../../api/client";
import { Badge, Button, Empty, Failed, Head, Loading, Panel, Time, type Tone } from "../../components/basic";
import { Facts } from "../../components/facts";
import { useTenant } from "../../live/hooks";
import { policyPath } from "../../model/route";
import { count } from "../../model/time";
import { useSearch } from "../../shell/search";
import { DIALECTS, type PolicyRow, type Reported, matrix, worst } from "./matrix";
import { text } from "./text";

const TONES: Record<Reported["state"], Tone> = {
    native: "good",
    degraded: "warn",
    refused: "bad",
    quarantined: "bad",
};
const MARKS: Record<Reported["state"], string> = { native: "✓", degraded: "≈", refused: "✗", quarantined: "✗" };

export function Proxies(): ReactNode {
    const { tenant, tag } = useTenant();
    const [read, set] = useSearch();
    const reports = useQueries({
        queries: DIALECTS.map((dialect) => ({
            queryKey: ["proxy-report", tenant, dialect, tag?.toString()],
            queryFn: ({ signal }: { signal: AbortSignal }) => api.getProxyReport({ tenant, dialect }, { signal }),
            placeholderData: <T,>(old: T): T => old,
        })),
    });
    const failed = reports.find(({ isError }) => isError);
    const known = reports.flatMap(({ data }) => (data ? [data.value] : []));
    if (known.length === 0 && !failed) return <Loading lines={8} />;
    const rows = matrix(known);
    const isOnly = read("only") === "1";
    const shown = isOnly ? rows.filter((row) => worst(row) > 0) : rows;
    const chosen = rows.find(({ key }) => key === read("policy"));
    const facts = known.map(({ dialect, policies }) => {
        const native = policies.filter(({ state }) => state === "native").length;
        const tone: Tone = policies.some(({ state }) => TONES[state] === "bad") ? "bad" : "plain";
        return { name: dialect, value: text.counts(count(native), count(policies.length)), tone, title: text.counted };
    });
    return (
        <>
            <Head title={text.title} about={text.about}>
                <label className="check">
                    <input
                        type="checkbox"
                        checked={isOnly}
                        onChange={(event) => set({ only: event.target.checked ? "1" : "" })}
                    />
                    {text.only}
                </label>
            </Head>
            {failed && <Failed error={failed.error} retry={() => void failed.refetch()} />}
            {rows.length === 0 && !failed && <Empty title={text.empty}>{text.emptyHint}</Empty>}
            {rows.length > 0 && <Facts facts={facts} />}
            {rows.length > 0 && shown.length === 0 && <Empty title={text.allNative} />}
            {shown.length > 0 && (
                <div className="columns">
                    <Matrix rows={shown} chosen={chosen} onChoose={(key) => set({ policy: key })} />
                    {chosen ? (
                        <Details tenant={tenant} row={chosen} onClose={() => set({ policy: "" })} />
                    ) : (
                        <p className="panel quiet">{text.choose}</p>
                    )}
                </div>
            )}
        </>
    );
}

interface MatrixProps {
    rows: readonly PolicyRow[];
    chosen: PolicyRow | undefined;
    onChoose: (key: string) => void;
}

function Matrix({ rows, chosen, onChoose }: MatrixProps): ReactNode {
    return (
        <div className="panel scroll-x" tabIndex={0} role="region" aria-label={text.title}>
            <table className="plain-table">
                <thead>
                    <tr>
                        <th scope="col">{text.policy}</th>
                        {DIALECTS.map((dialect) => (
                            <th key={dialect} scope="col">
                                {dialect}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {rows.map(({ key, service, env, by }) => (
                        <tr key={key} className={key === chosen?.key ? "chosen" : ""}>
                            <td>
                                <button
                                    type="button"
                                    className="link tall"
                                    aria-pressed={key === chosen?.key}
                                    onClick={() => onChoose(key)}
                                >
                                    {service}
                                </button>{" "}
                                <span className="quiet">{env}</span>
                            </td>
                            {DIALECTS.map((dialect) => (
                                <td key={dialect}>
                                    <State reported={by[dialect]} />
                                </td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function State({ reported }: { reported: Reported | undefined }): ReactNode {
    if (!reported) return <span className="quiet">{text.none}</span>;
    const { state, notes } = reported;
    return (
        <span title={notes.join("\n")}>
            <Badge tone={TONES[state]}>
                <span aria-hidden="true">{MARKS[state]} </span>
                {text.state[state]}
            </Badge>
        </span>
    );
}

function Details({ tenant, row, onClose }: { tenant: string; row: PolicyRow; onClose: () => void }): ReactNode {
    return (
        <Panel
            title={`${row.service} / ${row.env}`}
            aside={
                <Button kind="quiet" onClick={onClose}>
                    {text.close}
                </Button>
            }
        >
            <ul className="notes">
                {DIALECTS.map((dialect) => {
                    const reported = row.by[dialect];
                    return (
                        <li key={dialect}>
                            <h3>
                                {dialect} <State reported={reported} />
                            </h3>
                            {reported?.notes.length === 0 && <p className="quiet">{text.noNotes}</p>}
                            <ul>
                                {reported?.notes.map((note) => (
                                    <li key={note}>{note}</li>
                                ))}
                            </ul>
                            {reported?.quarantine && <Quarantine quarantine={reported.quarantine} />}
                        </li>
                    );
                })}
            </ul>
            <Link href={policyPath(tenant, row)}>{text.open}</Link>
        </Panel>
    );
}

function Quarantine({ quarantine }: { quarantine: NonNullable<Reported["quarantine"]> }): ReactNode {
    const { node, program, reason, since, serves } = quarantine;
    return (
        <div className="notice bad">
            <code>{reason}</code>
            <p>
                {program} {node}, {text.since} <Time at={since} />:{" "}
                {serves === null ? text.servesNothing : text.serves(serves)}
            </p>
        </div>
    );
}
