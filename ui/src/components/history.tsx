// The events of one object, newest first, with what each changed.

import type { Event } from "@client";
import type { ReactNode } from "react";

import { actorOf } from "../model/event";
import { fieldChanges } from "../model/diff";
import { Badge, Button, Time } from "./basic";
import { Changes } from "./changes";

interface HistoryProps {
    events: readonly Event[];
    /** Shows older events. */
    more?: (() => void) | undefined;
}

export function History({ events, more }: HistoryProps): ReactNode {
    return (
        <>
            <ol className="history">
                {events.map((event) => (
                    <li key={event.id}>
                        <p>
                            <strong>{event.revision}</strong> <Badge>{event.action.replaceAll("_", " ")}</Badge>{" "}
                            {event.reason !== null && <span className="reason">“{event.reason}”</span>}{" "}
                            <span className="quiet">
                                {actorOf(event)} · <Time at={event.occurred_at} />
                            </span>
                        </p>
                        <Changes changes={fieldChanges(event.before, event.after)} />
                    </li>
                ))}
            </ol>
            {more && <Button onClick={more}>Older</Button>}
        </>
    );
}
