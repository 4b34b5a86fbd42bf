// A live feed of the changes of all tenants that the caller may see.

import type { Event } from "@client";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState, useSyncExternalStore } from "react";
import { Link } from "wouter";

import { api } from "../../api/client";
import { Badge, Button, Empty, Failed, Head, Time, type Tone } from "../../components/basic";
import { Changes as Members } from "../../components/changes";
import { fieldChanges } from "../../model/diff";
import { actorOf, pathOf, subjectOf } from "../../model/event";
import { count } from "../../model/time";
import { useWho } from "../../shell/context";
import { useSearch } from "../../shell/search";
import { Feed } from "./feed";
import { matches } from "./filter";
import { text } from "./text";

/** The number of changes from before the page was opened. */
const BEFORE = 50;
/** The most that are drawn. */
const DRAWN = 200;

const TONES: Partial<Record<Event["action"], Tone>> = {
    created: "good",
    activated: "good",
    tenant_created: "good",
    deactivated: "warn",
    deleted: "bad",
    policy_deleted: "bad",
    tenant_deleted: "bad",
};

/** What an event did, with a colour for what comes and what goes. */
export function ActionBadge({ action }: { action: Event["action"] }): ReactNode {
    return <Badge tone={TONES[action] ?? "info"}>{action.replaceAll("_", " ")}</Badge>;
}

export function Changes(): ReactNode {
    const [feed] = useState(() => new Feed());
    const view = useSyncExternalStore(feed.subscribe, feed.view);
    const [held, setHeld] = useState<readonly Event[]>();
    const [read, set] = useSearch();
    const filter = read("filter");
    useEarlier(feed);
    const all = held ?? view.events;
    const shown = filter.trim() === "" ? all : all.filter((event) => matches(event, filter));
    const waiting = held ? view.events.findIndex(({ id }) => id === held[0]?.id) : 0;
    return (
        <>
            <Head
                title={text.title}
                about={`${text.about(view.isLive, count(shown.length))}${held ? ` · ${text.paused}` : ""}`}
            >
                <input
                    type="search"
                    aria-label={text.filter}
                    placeholder={text.filter}
                    size={32}
                    value={filter}
                    onChange={(event) => set({ filter: event.target.value })}
                />
                <Button aria-pressed={held !== undefined} onClick={() => setHeld(held ? undefined : view.events)}>
                    {held ? text.go(waiting === -1 ? view.events.length : waiting) : text.pause}
                </Button>
            </Head>
            {view.error !== undefined && <Failed error={view.error} />}
            {view.gaps > 0 && <p className="notice warn">{text.gaps(view.gaps)}</p>}
            {all.length === 0 && <Empty title={text.empty}>{text.emptyHint}</Empty>}
            {all.length > 0 && shown.length === 0 && <Empty title={text.noMatch} />}
            {shown.length > 0 && (
                <ol className="panel changes-feed" aria-label={text.list}>
                    {shown.slice(0, DRAWN).map((event) => (
                        <Change
                            key={event.id}
                            event={event}
                            isFresh={Date.parse(event.occurred_at) > (view.since ?? Infinity)}
                        />
                    ))}
                </ol>
            )}
        </>
    );
}

/** Fills the feed once with the newest archived events, for callers that may read them. */
function useEarlier(feed: Feed): void {
    const { rights } = useWho();
    const earlier = useQuery({
        queryKey: ["changes-before"],
        queryFn: ({ signal }) => api.listAuditEvents({ limit: BEFORE }, { signal }),
        enabled: rights.mayAudit,
        staleTime: Infinity,
    });
    const events = earlier.data?.value.items;
    useEffect(() => {
        if (events) feed.prefill(events.map(({ event }) => event));
    }, [feed, events]);
}

function Change({ event, isFresh }: { event: Event; isFresh: boolean }): ReactNode {
    const changes = fieldChanges(event.before, event.after);
    return (
        <li className={isFresh ? "fresh" : ""}>
            <details>
                <summary>
                    <span className="quiet when">
                        <Time at={event.occurred_at} relative />
                    </span>
                    <strong>{event.tenant}</strong>
                    <span className="number quiet">{event.revision}</span>
                    <span>
                        <ActionBadge action={event.action} />
                    </span>
                    <span className="what">
                        {subjectOf(event)}
                        {event.reason !== null && <span className="reason"> “{event.reason}”</span>}
                        <span className="quiet">
                            {" "}
                            {text.by} {actorOf(event)}
                        </span>
                    </span>
                </summary>
                <div className="change-body">
                    <Members changes={changes} />
                    <Link href={pathOf(event)}>{subjectOf(event)}</Link>
                </div>
            </details>
        </li>
    );
}
