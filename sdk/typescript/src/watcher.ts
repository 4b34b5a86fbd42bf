// The handle of a watcher.

import { platformFetch, systemClock } from "./clock.js";
import { Driver } from "./driver.js";
import { Follower } from "./follow.js";
import { Node, type Report, type Reported } from "./report.js";
import { Reporter } from "./reporter.js";
import { DEFAULT_TIMES, MAX_BYTES, type WatcherSettings } from "./settings.js";
import { readKeys } from "./signatures.js";
import type { Snapshot } from "./snapshot.js";
import type { Counters, State, View } from "./status.js";
import { Saver, restore } from "./store.js";
import type { VersionTag } from "./tag.js";
import { TokenSource, baseUrl } from "./token.js";
import { Http } from "./watch-http.js";

/** The watcher was stopped while somebody waited for it. */
export class Stopped extends Error {}

/**
 * Follows a tenant, or a part of it, until it is stopped. It never goes backwards, and never gives up what it holds:
 * when the service is away, refuses it, or sends something wrong, the last good state stays. Its reads never wait and
 * never throw.
 */
export class Watcher {
    #view: View;
    readonly #listeners = new Set<(view: View) => void>();
    readonly #stopping = new AbortController();
    readonly #now: () => number;
    #reporter: Reporter | undefined;
    #done: Promise<void> = Promise.resolve();

    private constructor(view: View, now: () => number) {
        this.#view = view;
        this.#now = now;
    }

    /**
     * Reads the store, if there is one, and starts to follow. Does not wait for the service. Rejects with a TypeError if
     * there is no URL or a wrong one, a key or the name of the node is none, or the token would go over plain http to another machine.
     */
    static async start(settings: WatcherSettings): Promise<Watcher> {
        const clock = settings.clock ?? systemClock;
        const times = { ...DEFAULT_TIMES, ...settings.times };
        const maxBytes = settings.maxBytes ?? MAX_BYTES;
        const scope = settings.scope ?? {};
        const urls = typeof settings.url === "string" ? [settings.url] : settings.url;
        if (urls.length === 0) throw new TypeError("no server is configured");
        const hasToken = settings.token !== undefined;
        const servers = urls.map((url) => baseUrl(url, hasToken, settings.allowPlainHttp ?? false));
        const node = settings.node === undefined ? undefined : new Node(settings.node, settings.dialect);
        const keys = await readKeys(settings.trustedKeys ?? []);
        const { tenant, accept, store } = settings;
        const follower = new Follower({ tenant, scope, keys, maxBytes, accept });
        if (store) await restore(store, follower);

        const watcher = new Watcher(follower.view(), () => clock.now());
        const { signal } = watcher.#stopping;
        const fetches = settings.fetch ?? platformFetch;
        // Reports have a server and a token of their own.
        const http = (): Http => {
            const token = new TokenSource(settings.token);
            return new Http({ servers, tenant, scope, token, node, maxBytes, times, fetch: fetches, clock, signal });
        };
        if (node) {
            const held = (): VersionTag | undefined => watcher.tag;
            watcher.#reporter = new Reporter({ node, http: http(), times, clock, signal, held });
            watcher.#reporter.holds(watcher.tag);
        }
        const failed = (what: string): void => {
            follower.fileFailed(what);
            watcher.#show(follower.view());
        };
        const saver = store && new Saver(store, times.save, clock, signal, failed, follower.saved());
        const publish = (): void => {
            const saved = follower.saved();
            if (saved) saver?.offer(saved);
            watcher.#show(follower.view());
        };
        const driver = new Driver({ follower, http: http(), times, maxBytes, clock, signal, publish });
        const reporting = watcher.#reporter?.run().catch(() => undefined);
        watcher.#done = watcher
            .#run(driver)
            .then(() => reporting)
            .then(() => saver?.done);
        return watcher;
    }

    /** The data; undefined until the first are there. */
    current(): Snapshot | undefined {
        return this.#view.snapshot;
    }

    /** Data, state and counters of one moment. */
    view(): View {
        return this.#view;
    }

    /** How the data relate to the service. */
    get state(): State {
        return this.#view.state;
    }

    /** The tag of the data. */
    get tag(): VersionTag | undefined {
        return this.#view.snapshot?.tag;
    }

    /**
     * The time since the service confirmed the data last, also if that was before a restart, in milliseconds. Zero if the
     * clock went back; undefined without data.
     */
    get age(): number | undefined {
        const { confirmed } = this.#view;
        return confirmed === undefined ? undefined : Math.max(0, this.#now() - confirmed);
    }

    /** The counters since the start. */
    get counters(): Readonly<Counters> {
        return this.#view.counters;
    }

    /** The reports since the start. */
    get reported(): Reported {
        return this.#reporter?.reported ?? { sent: 0, failed: 0 };
    }

    /**
     * Tells the service what the node runs, and why it does not run what the watcher holds. Never waits: the newest report
     * is sent soon, at most ten a second, and again until the service has taken it. Without the setting `node` nothing
     * is sent. From the first report on, only reports count. Throws a TypeError if the error's code is malformed.
     */
    report(report: Report): void {
        this.#reporter?.take(report);
    }

    /**
     * Waits for data, from the service or from the store. Does not wait for a connection. Rejects with {@link Stopped}
     * when the watcher stops, and with the signal's reason when the signal aborts.
     */
    async ready(signal?: AbortSignal): Promise<Snapshot> {
        const { snapshot } = await this.until((view) => view.snapshot !== undefined, signal);
        if (!snapshot) throw new Stopped("the watcher was stopped");
        return snapshot;
    }

    /** Waits until a view is as wanted, and returns that view. Rejects like {@link ready}. */
    until(isWanted: (view: View) => boolean, signal?: AbortSignal): Promise<View> {
        return new Promise((resolve, reject) => {
            const end = (): void => {
                forget();
                reject(signal?.aborted ? (signal.reason as Error) : new Stopped("the watcher was stopped"));
            };
            const look = (view: View): void => {
                if (!isWanted(view)) return;
                forget();
                resolve(view);
            };
            const forget = this.onChange(look);
            const stopped = this.#stopping.signal;
            for (const one of [signal, stopped]) one?.addEventListener("abort", end, { once: true });
            look(this.#view);
            if (signal?.aborted || stopped.aborted) end();
        });
    }

    /** Calls a function with each new view: other data, state, counters or problem. Returns a function that ends this. */
    onChange(listener: (view: View) => void): () => void {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
    }

    /** Stops to follow, and closes the connection. What is held stays readable. Resolves when all has ended. */
    async stop(): Promise<void> {
        this.#stopping.abort(new Stopped("the watcher was stopped"));
        await this.#done;
    }

    async #run(driver: Driver): Promise<void> {
        try {
            await driver.run();
        } catch (error) {
            // A fault of the watcher itself would end it: whoever waits hears of it, and the process does not end.
            if (!this.#stopping.signal.aborted) {
                this.#show({
                    ...this.#view,
                    state: "stale",
                    problem: `the watcher's task has ended: ${String(error)}`,
                });
                this.#stopping.abort(new Stopped("the watcher's task has ended"));
            }
        }
    }

    #show(view: View): void {
        const old = this.#view;
        this.#view = view;
        this.#reporter?.holds(view.snapshot?.tag);
        const differs =
            old.snapshot !== view.snapshot ||
            old.state !== view.state ||
            old.problem !== view.problem ||
            JSON.stringify(old.counters) !== JSON.stringify(view.counters);
        if (differs) for (const listener of [...this.#listeners]) listener(view);
    }
}
