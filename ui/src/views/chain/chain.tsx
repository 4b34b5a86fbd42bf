// The chain of hashes: its blocks by day, checked in this browser and by the service.

import type { Event, VersionTag } from "@client";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { Link } from "wouter";

import { api } from "../../api/client";
import { Badge, Button, Failed, Head, Loading, Panel } from "../../components/basic";
import { useTenant } from "../../live/hooks";
import { count } from "../../model/time";
import { useWho } from "../../shell/context";
import { exportUrl } from "../audit/query";
import { ServerCheck } from "./server";
import { text } from "./text";
import { type Day, NOTHING, type Walk, withEvents } from "./walk";

/** The newest revisions that are checked by themselves. */
const NEWEST = 1000;
/** The events of one answer. */
const PAGE = 1000;

interface Progress {
    readonly walk: Walk;
    readonly isRunning: boolean;
    /** The service has not these events any more. */
    readonly isReset: boolean;
    readonly error: unknown;
}

const IDLE: Progress = { walk: NOTHING, isRunning: false, isReset: false, error: undefined };

/** Reads the events after a revision up to a tag, one page after the other. */
async function* pages(
    tenant: string,
    tag: VersionTag,
    after: number,
    signal: AbortSignal,
): AsyncGenerator<readonly Event[] | "reset"> {
    let from = `${tag.epoch}.${String(after)}`;
    for (;;) {
        const { value } = await api.getChanges({ tenant, after: from, limit: PAGE }, { signal, minRevision: tag });
        if (value.reset) {
            yield "reset";
            return;
        }
        yield value.changes;
        if (value.complete || value.to === from) return;
        from = value.to;
    }
}

/** Checks the chain of the present tenant; returns how far it is, and functions to begin and to stop. */
function useWalk(tenant: string, tag: VersionTag | undefined): [Progress, (after: number) => void, () => void] {
    const [progress, setProgress] = useState(IDLE);
    const running = useRef<AbortController>(undefined);
    const stop = useCallback(() => {
        running.current?.abort(new Error("the check was stopped"));
        running.current = undefined;
        setProgress((old) => ({ ...old, isRunning: false }));
    }, []);
    const begin = useCallback(
        (after: number) => {
            if (!tag) return;
            running.current?.abort(new Error("another check begins"));
            const controller = new AbortController();
            running.current = controller;
            const { signal } = controller;
            const go = async (): Promise<void> => {
                let walk = NOTHING;
                setProgress({ ...IDLE, isRunning: true });
                for await (const events of pages(tenant, tag, after, signal)) {
                    if (events === "reset") return setProgress({ ...IDLE, walk, isReset: true });
                    walk = await withEvents(walk, events);
                    if (signal.aborted) return;
                    setProgress({ ...IDLE, walk, isRunning: true });
                    if (walk.fault !== undefined) break;
                }
                setProgress({ ...IDLE, walk });
            };
            go().catch((error: unknown) => {
                if (!signal.aborted) setProgress((old) => ({ ...old, isRunning: false, error }));
            });
        },
        [tenant, tag],
    );
    return [progress, begin, stop];
}

export function Chain(): ReactNode {
    const { tenant, tag } = useTenant();
    const { rights } = useWho();
    const [progress, begin, stop] = useWalk(tenant, tag);
    const newest = Math.max(0, (tag?.revision ?? 0) - NEWEST);
    const epoch = tag?.epoch;
    // Begins once for each epoch; new revisions do not begin it anew by themselves.
    const begun = useRef<string>(undefined);
    useEffect(() => {
        if (epoch === undefined || begun.current === epoch) return;
        begun.current = epoch;
        begin(newest);
    }, [epoch, begin, newest]);
    const { walk, isRunning, isReset, error } = progress;
    return (
        <>
            <Head title={text.title} about={text.about}>
                {rights.mayAudit && (
                    <a className="button plain" href={exportUrl(tenant, {}, "ndjson")} title={text.python} download>
                        {text.download}
                    </a>
                )}
            </Head>
            <div className="columns even">
                <Panel title={text.here} aside={<Verdict walk={walk} isRunning={isRunning} />}>
                    <p className="quiet">{text.hereWhy}</p>
                    <Result walk={walk} isRunning={isRunning} />
                    {isReset && <p className="notice warn">{text.reset}</p>}
                    {error !== undefined && <Failed error={error} />}
                    <div className="actions">
                        {isRunning ? (
                            <Button onClick={stop}>{text.stop}</Button>
                        ) : (
                            <>
                                <Button onClick={() => begin(0)}>{text.all}</Button>
                                {newest > 0 && <Button onClick={() => begin(newest)}>{text.again}</Button>}
                            </>
                        )}
                    </div>
                </Panel>
                <ServerCheck tenant={tenant} />
            </div>
            <Panel title={text.blocks}>
                {walk.days.length === 0 && isRunning && <Loading lines={2} />}
                <Blocks tenant={tenant} days={walk.days} checked={walk.checked?.revision ?? 0} />
                <p className="quiet">{text.keep}</p>
            </Panel>
        </>
    );
}

function Verdict({ walk, isRunning }: { walk: Walk; isRunning: boolean }): ReactNode {
    if (walk.fault !== undefined) return <Badge tone="bad">{text.bad}</Badge>;
    if (isRunning || !walk.checked) return <Badge>{text.unchecked}</Badge>;
    return <Badge tone="good">{text.whole}</Badge>;
}

function Result({ walk, isRunning }: { walk: Walk; isRunning: boolean }): ReactNode {
    const first = walk.days[0];
    if (walk.fault !== undefined) {
        return (
            <p className="notice bad">
                <strong>{text.hereBad}</strong> {walk.fault}
            </p>
        );
    }
    if (isRunning) return <p>{text.hereRunning(count(walk.events))}</p>;
    if (!walk.checked || !first) return <p>{text.none}</p>;
    return (
        <>
            <p>{text.hereGood(first.from, walk.checked.revision, count(walk.events))}</p>
            {first.from > 1 && <p className="quiet">{text.partOnly(first.from)}</p>}
            <p>
                {text.head} <code>{walk.checked.hash}</code>
            </p>
        </>
    );
}

/** Blocks that are linked by hashes; each leads to the events of its day. */
function Blocks({ tenant, days, checked }: { tenant: string; days: readonly Day[]; checked: number }): ReactNode {
    const newestFirst = [...days].reverse();
    return (
        <ol className="blocks" reversed>
            {newestFirst.map(({ day, from, to, events, before, head, fault }) => {
                const state = fault !== undefined ? "bad" : to <= checked ? "whole" : "unchecked";
                const next = new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString();
                const search = new URLSearchParams({ from: `${day}T00:00:00Z`, to: next });
                return (
                    <li key={day} className={`block ${state}`}>
                        <Link href={`/t/${tenant}/audit?${search.toString()}`}>
                            <strong>{day}</strong>
                        </Link>
                        <span>
                            {state === "whole" ? "✓" : state === "bad" ? "✗" : "…"} {text[state]}
                        </span>
                        <span className="quiet">
                            {text.revisions(from, to)} · {text.events(count(events))}
                        </span>
                        <code title={head}>…{head.slice(-12)}</code>
                        <code className="quiet link-to" title={before}>
                            ↳ …{before.slice(-12)}
                        </code>
                    </li>
                );
            })}
        </ol>
    );
}
