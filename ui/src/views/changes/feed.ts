// The stream of all changes that the caller may see, followed while somebody looks.

import { type Event, sseEvents } from "@client";

import { api } from "../../api/client";
import { withNewer } from "./filter";

/** The most changes that are kept. */
const MOST = 1000;
/** How long to wait before the next try, in milliseconds: doubled with each one that fails. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
/** How long a hidden page goes on listening, in milliseconds. */
const HIDDEN = 10_000;

export interface FeedView {
    readonly isLive: boolean;
    readonly events: readonly Event[];
    /** When the feed began to listen, in milliseconds since 1970. */
    readonly since: number | undefined;
    /** How often the stream broke: changes of that time are not here. */
    readonly gaps: number;
    readonly error: unknown;
}

/** Follows the stream. A missed event does not come again, so that each break is counted. */
export class Feed {
    #view: FeedView = { isLive: false, events: [], since: undefined, gaps: 0, error: undefined };
    readonly #listeners = new Set<() => void>();
    #following: AbortController | undefined;
    #closing: ReturnType<typeof setTimeout> | undefined;

    readonly view = (): FeedView => this.#view;

    readonly subscribe = (listener: () => void): (() => void) => {
        this.#listeners.add(listener);
        document.addEventListener("visibilitychange", this.#onVisibility);
        // A page that is left must not hold its connection.
        window.addEventListener("pagehide", this.#close);
        this.#onVisibility();
        return () => {
            this.#listeners.delete(listener);
            document.removeEventListener("visibilitychange", this.#onVisibility);
            window.removeEventListener("pagehide", this.#close);
            this.#close();
        };
    };

    /** Adds changes from before the stream began. */
    prefill(events: readonly Event[]): void {
        const known = new Set(this.#view.events.map(({ id }) => id));
        const older = events.filter(({ id }) => !known.has(id));
        if (older.length > 0) this.#set({ events: [...this.#view.events, ...older].slice(0, MOST) });
    }

    /** Ends the stream at once. */
    readonly #close = (): void => {
        clearTimeout(this.#closing);
        this.#following?.abort(new Error("nobody looks at the feed"));
        this.#following = undefined;
        if (this.#view.isLive) this.#set({ isLive: false });
    };

    readonly #onVisibility = (): void => {
        clearTimeout(this.#closing);
        if (document.hidden) {
            this.#closing = setTimeout(this.#close, HIDDEN);
        } else if (!this.#following) {
            this.#following = new AbortController();
            void this.#follow(this.#following.signal);
        }
    };

    async #follow(signal: AbortSignal): Promise<void> {
        for (let wait = FIRST_WAIT; !signal.aborted; wait = Math.min(wait * 2, LONGEST_WAIT)) {
            try {
                const { value } = await api.streamAllChanges({}, { signal });
                const { since, gaps } = this.#view;
                this.#set({
                    isLive: true,
                    error: undefined,
                    since: since ?? Date.now(),
                    gaps: since === undefined ? 0 : gaps + 1,
                });
                wait = FIRST_WAIT;
                for await (const { name, data } of sseEvents(value)) {
                    if (name !== "change") continue;
                    this.#set({ events: withNewer(this.#view.events, [JSON.parse(data) as Event], MOST) });
                }
                // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it may have been aborted meanwhile
                if (!signal.aborted) this.#set({ isLive: false });
            } catch (error) {
                // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- it may have been aborted meanwhile
                if (!signal.aborted) this.#set({ isLive: false, error });
            }
            await new Promise((resolve) => setTimeout(resolve, wait));
        }
    }

    #set(changes: Partial<FeedView>): void {
        this.#view = { ...this.#view, ...changes };
        for (const listener of [...this.#listeners]) listener();
    }
}
