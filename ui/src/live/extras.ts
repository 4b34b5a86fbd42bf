// What the snapshot of a tenant does not have: its inactive routes, and who changed what most recently.

import { type Event, type Route, VersionTag } from "@client";

import { api } from "../api/client";
import { type RouteRow, keyOf } from "../model/route";

/** The most changes that are kept to be shown. */
const RECENT = 60;
/** The most changes of one answer. */
const PAGE = 1000;
/** The list of inactive routes is read in pages of this size. */
const LIST_PAGE = 200;

/** A change that was heard, and when. */
export interface Heard {
    readonly event: Event;
    /** Milliseconds since 1970; undefined if it is older than the page. */
    readonly at: number | undefined;
}

/**
 * Follows the changes of a tenant beside its snapshot. Each result is merged by its revision: one that arrives late does
 * not overwrite what is newer.
 */
export class Extras {
    readonly inactive = new Map<string, RouteRow>();
    /** The revision at which a route was last seen to change. */
    readonly #revisions = new Map<string, number>();
    recent: readonly Heard[] = [];
    /** Whether the list of inactive routes is complete. */
    isComplete = false;
    #cursor: VersionTag | undefined;

    constructor(
        private readonly tenant: string,
        private readonly signal: AbortSignal,
    ) {}

    /** Reads what is missing until a tag is reached. Rejects as calls of the API do. */
    async reach(tag: VersionTag): Promise<void> {
        if (this.#cursor?.epoch !== tag.epoch) await this.#begin(tag);
        while (this.#cursor && !this.#cursor.covers(tag)) {
            const after = this.#cursor;
            const { value } = await api.getChanges(
                { tenant: this.tenant, after: after.toString(), limit: PAGE },
                { signal: this.signal, minRevision: false },
            );
            if (value.reset) return this.#begin(tag);
            this.#take(value.changes, true);
            this.#cursor = VersionTag.parse(value.to);
            // An answer of an instance that is behind: the next revision asks again.
            if (this.#cursor?.equals(after)) return;
        }
    }

    async #begin(tag: VersionTag): Promise<void> {
        this.isComplete = false;
        this.inactive.clear();
        this.#revisions.clear();
        await this.#readRecent(tag);
        let cursor: string | null | undefined;
        do {
            const page = await api.listRoutes(
                { tenant: this.tenant, is_active: false, limit: LIST_PAGE, ...(cursor ? { cursor } : {}) },
                { signal: this.signal, minRevision: false },
            );
            // Changes since the first page are read again: they win by their revision.
            this.#cursor = cursor ? this.#cursor : page.tag;
            for (const route of page.value.items) this.#put(route);
            cursor = page.value.next_cursor;
        } while (cursor);
        this.isComplete = true;
    }

    async #readRecent(tag: VersionTag): Promise<void> {
        const from = VersionTag.of(tag.epoch, Math.max(0, tag.revision - RECENT));
        if (!from) return;
        const { value } = await api.getChanges(
            { tenant: this.tenant, after: from.toString(), limit: PAGE },
            { signal: this.signal, minRevision: false },
        );
        this.recent = [];
        if (!value.reset) this.#remember(value.changes, false);
    }

    #put(route: Route): void {
        const key = keyOf(route);
        if ((this.#revisions.get(key) ?? -1) > route.revision) return;
        this.#revisions.set(key, route.revision);
        this.inactive.set(key, {
            service: route.service,
            env: route.env,
            version: route.version,
            url: route.url,
            labels: route.labels,
            revision: route.revision,
            isActive: false,
        });
    }

    #take(events: readonly Event[], isNew: boolean): void {
        for (const event of events) {
            if (!("route" in event)) continue;
            const key = keyOf(event.route);
            if ((this.#revisions.get(key) ?? -1) > event.revision) continue;
            this.#revisions.set(key, event.revision);
            if (event.after && !event.after.is_active) {
                const { url, labels } = event.after;
                this.inactive.set(key, { ...event.route, url, labels, revision: event.revision, isActive: false });
            } else this.inactive.delete(key);
        }
        this.#remember(events, isNew);
    }

    #remember(events: readonly Event[], isNew: boolean): void {
        const known = new Set(this.recent.map(({ event }) => event.id));
        const at = isNew ? Date.now() : undefined;
        const heard = events.filter(({ id }) => !known.has(id)).map((event) => ({ event, at }));
        this.recent = [...heard.reverse(), ...this.recent].slice(0, RECENT);
    }
}
