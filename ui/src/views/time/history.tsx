// The newest revisions with their reasons, to choose one.

import type { VersionTag } from "@client";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";

import { api } from "../../api/client";
import { Failed, Loading, Panel, Time } from "../../components/basic";
import { count } from "../../model/time";
import { marks } from "./marks";
import { text } from "./text";

/** The most revisions that are listed. */
const LISTED = 200;
/** The most events that are read for it: a revision may hold many. */
const EVENTS = 1000;

interface HistoryProps {
    tenant: string;
    tag: VersionTag;
    chosen: number;
    onChoose: (revision: number) => void;
}

export function History({ tenant, tag, chosen, onChoose }: HistoryProps): ReactNode {
    const { epoch, revision: newest } = tag;
    const after = `${epoch}.${String(Math.max(0, newest - LISTED))}`;
    const events = useQuery({
        queryKey: ["revisions", tenant, tag.toString()],
        queryFn: ({ signal }) => api.getChanges({ tenant, after, limit: EVENTS }, { signal }),
        placeholderData: (old) => old,
    });
    const found = useMemo(() => marks(events.data?.value.changes ?? []), [events.data]);
    return (
        <Panel title={text.history}>
            {events.isPending && <Loading />}
            {events.isError && <Failed error={events.error} />}
            <ol className="revisions" tabIndex={0} aria-label={text.history}>
                {found.map(({ revision, at, events: changes, reason, actor }) => (
                    <li key={revision}>
                        <button
                            type="button"
                            aria-current={revision === chosen ? "true" : undefined}
                            onClick={() => onChoose(revision)}
                        >
                            <span className="number">{revision}</span>
                            <span>
                                {reason ?? <span className="quiet">{actor}</span>}
                                {changes > 1 && <span className="quiet"> · {text.events(count(changes))}</span>}
                            </span>
                            <span className="quiet">
                                <Time at={at} relative />
                            </span>
                        </button>
                    </li>
                ))}
            </ol>
            {newest > LISTED && <p className="quiet">{text.older(count(LISTED))}</p>}
        </Panel>
    );
}
