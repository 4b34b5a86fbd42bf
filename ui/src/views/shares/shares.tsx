// Shares over time: stacked steps, one for each revision, and the same as a table.

import type { PolicyEvent } from "@client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useParams } from "wouter";

import { api } from "../../api/client";
import { Button, Empty, Failed, Head, Loading, Time } from "../../components/basic";
import { useReview } from "../../components/review";
import { COLOURS, colour } from "../../components/sharebar";
import { useTenant } from "../../live/hooks";
import { actorOf } from "../../model/event";
import { byName } from "../../model/natural";
import { policyPath } from "../../model/route";
import { byVersion, percent } from "../../model/shares";
import { useWho } from "../../shell/context";
import { text } from "./text";

/** The number of revisions of one page. */
const PAGE = 50;

interface Step {
    readonly event: PolicyEvent;
    readonly shares: ReadonlyMap<string, number>;
}

export function Shares(): ReactNode {
    const { service, env } = useParams<{ service: string; env: string }>();
    const { tenant, tag } = useTenant();
    const history = useInfiniteQuery({
        queryKey: ["policy-history", tenant, service, env, tag?.revision],
        queryFn: ({ pageParam, signal }) =>
            api.getPolicyHistory(
                { tenant, service, env, limit: PAGE, ...(pageParam === "" ? {} : { cursor: pageParam }) },
                { signal },
            ),
        initialPageParam: "",
        getNextPageParam: (page) => page.value.next_cursor ?? undefined,
        placeholderData: (old) => old,
    });
    if (history.isPending) return <Loading />;
    if (history.isError) return <Failed error={history.error} retry={() => void history.refetch()} />;
    const events = history.data.pages.flatMap((page) => page.value.items).filter((event) => "policy" in event);
    const steps = events.map((event) => ({ event, shares: byVersion(event.after?.split ?? []) }));
    const versions = [...new Set(steps.flatMap(({ shares }) => [...shares.keys()]))].sort(byName);
    return (
        <>
            <Head
                title={
                    <>
                        {text.title("")}{" "}
                        <Link href={policyPath(tenant, { service, env })}>{`${service} / ${env}`}</Link>
                    </>
                }
                about={text.about}
            />
            {steps.length === 0 ? (
                <Empty title={text.none} />
            ) : (
                <>
                    <div className="panel">
                        <Steps steps={[...steps].reverse()} versions={versions} />
                    </div>
                    <Rows tenant={tenant} steps={steps} versions={versions} />
                </>
            )}
            {history.hasNextPage && <Button onClick={() => void history.fetchNextPage()}>{text.older}</Button>}
        </>
    );
}

const WIDTH = 960;
const HEIGHT = 180;

function Steps({ steps, versions }: { steps: readonly Step[]; versions: readonly string[] }): ReactNode {
    const width = WIDTH / steps.length;
    return (
        <svg className="steps" viewBox={`0 0 ${WIDTH} ${HEIGHT + 18}`} role="img" aria-label={text.label}>
            {steps.map(({ event, shares }, at) => {
                let top = 0;
                return (
                    <g key={event.id}>
                        <title>{`${String(event.revision)} ${event.reason ?? ""} ${actorOf(event)}`}</title>
                        {versions.map((version, index) => {
                            const size = (shares.get(version) ?? 0) * HEIGHT;
                            const y = top;
                            top += size;
                            if (size === 0) return null;
                            const label = `${version} ${percent(shares.get(version) ?? 0)}`;
                            return (
                                <g key={version}>
                                    <rect
                                        className={colour(index % COLOURS)}
                                        x={at * width + 0.5}
                                        y={y}
                                        width={Math.max(1, width - 1)}
                                        height={size}
                                    />
                                    {size > 14 && width > label.length * 6.5 && (
                                        <text x={at * width + 6} y={y + size / 2 + 4} className="on">
                                            {label}
                                        </text>
                                    )}
                                </g>
                            );
                        })}
                        {width > 24 && (
                            <text x={at * width + 2} y={HEIGHT + 14}>
                                {event.revision}
                            </text>
                        )}
                    </g>
                );
            })}
        </svg>
    );
}

interface RowsProps {
    tenant: string;
    steps: readonly Step[];
    versions: readonly string[];
}

function Rows({ tenant, steps, versions }: RowsProps): ReactNode {
    const review = useReview();
    const { rights } = useWho();
    const [error, setError] = useState<unknown>();
    const back = async (revision: number): Promise<void> => {
        setError(undefined);
        try {
            const reason = text.reason(revision);
            const { value } = await api.createRollbackPlan({ tenant, body: { to: revision } }, { reason });
            review.plan(value);
        } catch (failure) {
            setError(failure);
        }
    };
    return (
        <div className="panel scroll-x">
            {error !== undefined && <Failed error={error} />}
            <table className="plain-table">
                <thead>
                    <tr>
                        <th className="number">{text.revision}</th>
                        {versions.map((version, at) => (
                            <th key={version}>
                                <i className={`dot ${colour(at)}`} aria-hidden="true" /> {version}
                            </th>
                        ))}
                        <th>{text.why}</th>
                        <th>{text.who}</th>
                        <th>{text.when}</th>
                        <th>
                            <span className="unseen">{text.back}</span>
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {steps.map(({ event, shares }) => (
                        <tr key={event.id}>
                            <td className="number">{event.revision}</td>
                            {versions.map((version) => (
                                <td key={version}>{shares.has(version) ? percent(shares.get(version) ?? 0) : "–"}</td>
                            ))}
                            <td>{event.reason}</td>
                            <td>{actorOf(event)}</td>
                            <td>
                                <Time at={event.occurred_at} />
                            </td>
                            <td>
                                {rights.mayEdit && (
                                    <Button
                                        className="small"
                                        aria-label={text.backTo(event.revision)}
                                        onClick={() => void back(event.revision)}
                                    >
                                        {text.back}
                                    </Button>
                                )}
                            </td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}
