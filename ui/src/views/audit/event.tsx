// One event: what it changed, who made it, and its place in the chain.

import { type ArchivedEvent, verify } from "@client";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { Button, Panel, Time } from "../../components/basic";
import { Changes } from "../../components/changes";
import { words } from "../../live/query";
import { fieldChanges } from "../../model/diff";
import { pathOf, subjectOf } from "../../model/event";
import { ActionBadge } from "../changes/changes";
import { text } from "./text";

export function EventDetails({ archived, onClose }: { archived: ArchivedEvent; onClose: () => void }): ReactNode {
    const { event } = archived;
    const pairs: [string, ReactNode][] = [
        [text.event.actor, archived.changed_by],
        [text.event.reason, archived.reason ?? "–"],
        [text.event.from, archived.source_ip ?? "–"],
        [text.event.request, <code key="request">{event.request_id}</code>],
        [text.event.trace, <code key="trace">{event.trace_id ?? "–"}</code>],
        [text.event.archived, <Time key="archived" at={archived.processed_at} />],
        [text.event.previous, <code key="previous">{event.prev_hash}</code>],
        [text.event.hash, <HashCheck key="hash" archived={archived} />],
    ];
    return (
        <div className="detail">
            <Panel
                title={text.event.title(event.revision, event.item, event.items)}
                aside={
                    <Button kind="quiet" onClick={onClose}>
                        {text.event.close}
                    </Button>
                }
            >
                <p>
                    <ActionBadge action={event.action} /> <Link href={pathOf(event)}>{subjectOf(event)}</Link>
                </p>
                <p className="quiet">
                    <Time at={event.occurred_at} />
                </p>
                <Changes changes={fieldChanges(event.before, event.after)} />
                <dl className="pairs narrow">
                    {pairs.map(([name, value]) => (
                        <div key={name}>
                            <dt>{name}</dt>
                            <dd>{value}</dd>
                        </div>
                    ))}
                </dl>
                <details>
                    <summary>{text.event.raw}</summary>
                    <pre className="raw" tabIndex={0}>
                        {JSON.stringify(event, undefined, 2)}
                    </pre>
                </details>
            </Panel>
        </div>
    );
}

/** The hash of the event, and whether this browser computes the same one: SHA-256 over the RFC 8785 bytes. */
function HashCheck({ archived }: { archived: ArchivedEvent }): ReactNode {
    const check = useQuery({
        queryKey: ["hash", archived.event_id, archived.hash],
        queryFn: () => verifyOne(archived),
        staleTime: Infinity,
    });
    return (
        <>
            <code>{archived.hash}</code>
            <br />
            {check.isPending && <span className="quiet">{text.event.checking}</span>}
            {check.isError && <span className="tone-text bad">{words(check.error)}</span>}
            {check.isSuccess &&
                (check.data === "" ? (
                    <span className="tone-text good">{text.event.good}</span>
                ) : (
                    <span className="tone-text bad">
                        {text.event.bad}: {check.data}
                    </span>
                ))}
        </>
    );
}

/** Returns what is wrong with one event by itself; empty if its content has its hash. */
async function verifyOne(archived: ArchivedEvent): Promise<string> {
    // An event of several in one revision is looked at alone: its place is not in question here.
    const { event } = archived;
    const [result] = await verify([event], { fromMiddle: true });
    const fault = result?.fault ?? "";
    return fault.includes(": missing: only ") ? "" : fault;
}
