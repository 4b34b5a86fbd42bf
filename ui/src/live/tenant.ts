// The live state of one tenant: the watcher of the SDK, with what its snapshot lacks, drawn at most four times a second.

import { type Snapshot, type SnapshotPolicy, type VersionTag, type View, Watcher } from "@client";

import { sessionFetch } from "../api/client";
import { type RouteRow, keyOf } from "../model/route";
import { Extras, type Heard } from "./extras";

/**
 * How what is shown relates to the service. `loading`: there is nothing yet. `live`: the service answers. `stale`: the
 * service itself cannot reach its database. `reconnecting`: no answer. `gone`: no such tenant, or no right to it.
 */
export type Condition = "loading" | "live" | "stale" | "reconnecting" | "gone" | "signed_out";

/** The state of a tenant at one moment. It never changes. */
export interface TenantView {
    readonly tenant: string;
    readonly condition: Condition;
    /** Undefined until a snapshot has come: that is not the same as empty. */
    readonly tag: VersionTag | undefined;
    readonly routes: readonly RouteRow[];
    readonly policies: readonly SnapshotPolicy[];
    /** Whether the inactive routes are all there. */
    readonly isComplete: boolean;
    readonly recent: readonly Heard[];
    /** When a route or policy was last seen to change, by its key: milliseconds since 1970. */
    readonly changed: ReadonlyMap<string, number>;
    /** When the service confirmed the data last: milliseconds since 1970. */
    readonly confirmed: number | undefined;
    readonly problem: string | undefined;
}

/** The shortest time between two pictures, in milliseconds. */
const FRAME = 250;
/** How long a hidden page goes on listening: a browser has few connections, and each stream holds one. */
const HIDDEN = 10_000;
/** How long a tenant that nobody looks at is still followed. */
const UNUSED = 10_000;

/** Follows one tenant while somebody looks. */
export class TenantStore {
    #view: TenantView;
    readonly #listeners = new Set<() => void>();
    #watcher: Watcher | undefined;
    #following: AbortController | undefined;
    #extras: Extras | undefined;
    #isReaching = false;
    #staleAt: number | undefined;
    #pending: ReturnType<typeof setTimeout> | undefined;
    #drawn = 0;
    #closing: ReturnType<typeof setTimeout> | undefined;
    #shown: Snapshot | undefined;

    constructor(private readonly tenant: string) {
        this.#view = {
            tenant,
            condition: "loading",
            tag: undefined,
            routes: [],
            policies: [],
            isComplete: false,
            recent: [],
            changed: new Map(),
            confirmed: undefined,
            problem: undefined,
        };
    }

    readonly view = (): TenantView => this.#view;

    /** Calls a function with each new view. The tenant is followed while there are such functions. */
    readonly subscribe = (listener: () => void): (() => void) => {
        this.#listeners.add(listener);
        clearTimeout(this.#closing);
        if (!document.hidden) this.#open();
        document.addEventListener("visibilitychange", this.#onVisibility);
        return () => {
            this.#listeners.delete(listener);
            if (this.#listeners.size === 0) this.#closeAfter(UNUSED);
        };
    };

    /** Ends the connection at once; what is held stays. */
    close(): void {
        clearTimeout(this.#closing);
        this.#following?.abort(new Error("the page has stopped to follow"));
        this.#following = undefined;
        void this.#watcher?.stop();
        this.#watcher = undefined;
    }

    /** Begins anew, such as after signing in. */
    reopen(): void {
        this.close();
        if (this.#listeners.size > 0) this.#open();
    }

    readonly #onVisibility = (): void => {
        if (document.hidden) this.#closeAfter(HIDDEN);
        else if (this.#listeners.size > 0) {
            clearTimeout(this.#closing);
            this.#open();
        }
    };

    #closeAfter(ms: number): void {
        clearTimeout(this.#closing);
        this.#closing = setTimeout(() => this.close(), ms);
    }

    #open(): void {
        if (this.#following) return;
        const following = new AbortController();
        this.#following = following;
        // What was heard before the pause is older than what the new watcher begins with.
        this.#extras = new Extras(this.tenant, following.signal);
        void this.#start(following);
    }

    async #start(following: AbortController): Promise<void> {
        const watcher = await Watcher.start({ url: location.origin, tenant: this.tenant, fetch: this.#fetch });
        if (following.signal.aborted) return watcher.stop();
        this.#watcher = watcher;
        watcher.onChange(() => this.#onWatcher());
        this.#onWatcher();
    }

    /** Notices how old the data are that the service sends while it cannot reach its database. */
    readonly #fetch: typeof fetch = async (input, init) => {
        const response = await sessionFetch(input, init);
        const seconds = response.headers.get("tm-stale");
        this.#staleAt = seconds === null ? undefined : Date.now() - 1000 * Number(seconds);
        return response;
    };

    #onWatcher(): void {
        const tag = this.#watcher?.tag;
        if (tag) void this.#reach(tag);
        this.#draw();
    }

    /** Has the extras follow, one request at a time. */
    async #reach(tag: VersionTag): Promise<void> {
        const extras = this.#extras;
        if (this.#isReaching || !extras) return;
        this.#isReaching = true;
        try {
            await extras.reach(tag);
        } catch {
            // The watcher tells of the same trouble; the next revision, or the next connection, asks again.
        } finally {
            this.#isReaching = false;
        }
        this.#draw();
        const newest = this.#watcher?.tag;
        if (newest && extras === this.#extras && !newest.equals(tag)) void this.#reach(newest);
    }

    #draw(): void {
        if (this.#pending !== undefined) return;
        const wait = Math.max(0, this.#drawn + FRAME - Date.now());
        this.#pending = setTimeout(() => {
            this.#pending = undefined;
            this.#drawn = Date.now();
            const view = this.#watcher?.view();
            if (!view || !this.#extras) return;
            this.#view = this.#next(view, this.#extras);
            for (const listener of [...this.#listeners]) listener();
        }, wait);
    }

    #next(view: View, extras: Extras): TenantView {
        const old = this.#view;
        const { snapshot } = view;
        const base = { ...old, condition: this.#condition(view), problem: view.problem };
        const confirmed = this.#staleAt ?? view.confirmed ?? old.confirmed;
        if (!snapshot) return { ...base, confirmed };
        const routes = rows(snapshot, extras);
        const changed = this.#shown ? changes(old, routes, [...snapshot.policies()]) : old.changed;
        this.#shown = snapshot;
        const policies = [...snapshot.policies()];
        const { isComplete, recent } = extras;
        return { ...base, confirmed, tag: snapshot.tag, routes, policies, isComplete, recent, changed };
    }

    #condition({ state, snapshot }: View): Condition {
        switch (state) {
            case "gone":
                return "gone";
            case "denied":
                return "signed_out";
            case "live":
                return this.#staleAt === undefined ? "live" : "stale";
            default:
                return snapshot || this.#view.tag ? "reconnecting" : "loading";
        }
    }
}

function rows(snapshot: Snapshot, extras: Extras): RouteRow[] {
    const active = new Map<string, RouteRow>();
    for (const route of snapshot.routes()) active.set(keyOf(route), rowOf(route));
    const inactive = [...extras.inactive.values()].filter((row) => !active.has(keyOf(row)));
    return [...active.values(), ...inactive];
}

const known = new WeakMap<object, RouteRow>();

function rowOf(route: Omit<RouteRow, "isActive">): RouteRow {
    let row = known.get(route);
    if (!row) {
        row = { ...route, isActive: true };
        known.set(route, row);
    }
    return row;
}

/** Notes which objects are newer than in the view before. */
function changes(
    old: TenantView,
    routes: readonly RouteRow[],
    policies: readonly SnapshotPolicy[],
): ReadonlyMap<string, number> {
    const now = Date.now();
    const before = new Map<string, number>();
    for (const row of old.routes) before.set(keyOf(row), row.revision);
    for (const policy of old.policies) before.set(policyKey(policy), policy.revision);
    const changed = new Map([...old.changed].filter(([, at]) => now - at < 60_000));
    const revision = old.tag?.revision ?? 0;
    const note = (key: string, at: number): void => {
        if (at > revision && before.get(key) !== at) changed.set(key, now);
    };
    for (const row of routes) note(keyOf(row), row.revision);
    for (const policy of policies) note(policyKey(policy), policy.revision);
    return changed;
}

/** Returns the key of a policy within its tenant; no route has the same. */
export function policyKey({ service, env }: { service: string; env: string }): string {
    return `${service}/${env}`;
}

const stores = new Map<string, TenantStore>();

/** Returns the store of a tenant; all views of it share one. */
export function tenantStore(tenant: string): TenantStore {
    let store = stores.get(tenant);
    if (!store) {
        store = new TenantStore(tenant);
        stores.set(tenant, store);
    }
    return store;
}

/** Ends all connections and forgets all data, as when somebody signs out. */
export function forgetTenants(): void {
    for (const store of stores.values()) store.close();
    stores.clear();
}

// A page that is left must not hold its connection.
window.addEventListener("pagehide", () => {
    for (const store of stores.values()) store.close();
});
