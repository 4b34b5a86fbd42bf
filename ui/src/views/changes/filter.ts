// Which changes the feed shows.

import type { Event } from "@client";

import { actorOf, subjectOf } from "../../model/event";

/** Returns whether an event matches words: `tenant:` and `action:` are exact, other words are somewhere in it. */
export function matches(event: Event, filter: string): boolean {
    const text = [event.tenant, event.action.replaceAll("_", " "), subjectOf(event), actorOf(event), event.reason ?? ""]
        .join(" ")
        .toLowerCase();
    return filter
        .toLowerCase()
        .split(/\s+/)
        .every((word) => {
            const [, name, value] = /^(tenant|action):(.*)$/.exec(word) ?? [];
            if (name === "tenant") return event.tenant === value;
            if (name === "action") return event.action === value;
            return text.includes(word);
        });
}

/** Returns events with others before them: each once, the newest first, no more than `most`. */
export function withNewer(events: readonly Event[], newer: readonly Event[], most: number): Event[] {
    const known = new Set(events.map(({ id }) => id));
    const fresh = newer.filter(({ id }) => !known.has(id));
    return [...fresh.reverse(), ...events].slice(0, most);
}
