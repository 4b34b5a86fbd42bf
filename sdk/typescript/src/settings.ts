// The settings of a watcher.

import type { Clock } from "./clock.js";
import type { Scope, Snapshot } from "./snapshot.js";
import type { Store } from "./store.js";
import type { Token } from "./token.js";

/** All times of a watcher, in milliseconds. */
export interface Times {
    /** The longest time that a snapshot takes to arrive; 10 minutes. */
    snapshot: number;
    /** The longest time without a byte of an open connection; 40 s. The service sends a comment every 15 s. */
    silence: number;
    /** The longest time until a stream's first byte; 10 s. */
    firstByte: number;
    /** The streams in a row without a byte in that time after which the watcher polls instead; 3. A number, no time. */
    muteStreams: number;
    /** The time that it polls, before it tries streams again; 10 minutes. */
    polling: number;
    /** The time that the service holds a long poll; 50 s. The service knows whole seconds, 60 at most. */
    wait: number;
    /** The longest time of a long poll; 65 s. */
    poll: number;
    /** The time that data wait for their signature, before the watcher asks for a snapshot; 2 s. */
    signature: number;
    /** The upper limit of the random time before a stream that ended is opened again; 1 s. */
    reopen: number;
    /** The upper limit of the random time after a first failure; 0.25 s. It doubles with each further failure. */
    firstRetry: number;
    /** The upper limit of the random time after any failure; 30 s. */
    lastRetry: number;
    /** The most that the service's `Retry-After` can ask for; 10 minutes. */
    longestRetryAfter: number;
    /** The time between snapshots that confirm the data, up to a tenth less; 10 minutes. */
    confirm: number;
    /** The time between requests while the service says 401, 403 or 404, or the hook refuses; 60 s. */
    askAgain: number;
    /** The shortest time between two writes of the file; 1 s. */
    save: number;
    /** The time after which a node reports the same again, up to a tenth less; 20 s. */
    report: number;
    /** The shortest time between two reports; 0.1 s. */
    reportPause: number;
}

/** The default times. */
export const DEFAULT_TIMES: Readonly<Times> = {
    snapshot: 600_000,
    silence: 40_000,
    firstByte: 10_000,
    muteStreams: 3,
    polling: 600_000,
    wait: 50_000,
    poll: 65_000,
    signature: 2_000,
    reopen: 1_000,
    firstRetry: 250,
    lastRetry: 30_000,
    longestRetryAfter: 600_000,
    confirm: 600_000,
    askAgain: 60_000,
    save: 1_000,
    report: 20_000,
    reportPause: 100,
};

/** What a watcher follows, and how. */
export interface WatcherSettings {
    /**
     * The base URL of the service, such as `https://tm.example.com`, or those of several instances: after a failure the
     * next one is tried.
     */
    url: string | readonly string[];
    /** The tenant to follow. */
    tenant: string;
    /** The part of the tenant to follow; the whole tenant by default. */
    scope?: Scope;
    /** The bearer token of the requests. */
    token?: Token;
    /** Allows to send the token over plain http to other machines. Whoever is on the way can read it then. */
    allowPlainHttp?: boolean;
    /**
     * The public keys (Ed25519), each 64 hex digits, whose signatures are required. Without any, signatures are ignored.
     * During a rotation, the old one and the new one.
     */
    trustedKeys?: readonly string[];
    /**
     * The name of this node in the service's list of nodes: a DNS label. With a name, each request carries it, and reports
     * go to the service. Without reports of the program, the node counts as running what the watcher holds.
     */
    node?: string;
    /** The kind of proxy that the program feeds, such as `haproxy`: only reports say what the node runs then. */
    dialect?: string;
    /** Keeps the data over a restart, such as `fileStore("/var/lib/proxy/acme.tm")` of `traffic-manager-client/node`. */
    store?: Store;
    /** The most bytes of a body, an event and a revision; 256 MiB by default. */
    maxBytes?: number;
    /**
     * A hook that is asked with the old and the new data before the new ones are taken. If it returns false, the old ones
     * stay; the watcher asks the service again after `times.askAgain`.
     */
    accept?: (old: Snapshot, next: Snapshot) => boolean;
    /** Times that differ from the defaults. */
    times?: Partial<Times>;
    /** The function that sends requests; the platform's `fetch` by default. */
    fetch?: typeof fetch;
    /** Time and chance; those of the machine by default. */
    clock?: Clock;
}

/** The default limit of bodies, events and revisions: 256 MiB. */
export const MAX_BYTES = 256 * 1024 * 1024;
