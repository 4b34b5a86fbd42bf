// What a watcher tells of itself.

import type { Snapshot } from "./snapshot.js";

/**
 * How the watcher's data relate to the service.
 *
 * - `starting`: there are no data yet, and the service has not answered.
 * - `disk`: the data are from the file; the service has not confirmed them yet.
 * - `live`: the service has confirmed the data, and answers.
 * - `stale`: the service confirmed the data once, and does not answer now.
 * - `gone`: the service says 404: the tenant was removed, or the caller lost its right. The data stay.
 * - `denied`: the service says 401 or 403: the token is wrong or expired. The data stay.
 */
export type State = "starting" | "disk" | "live" | "stale" | "gone" | "denied";

/** All reasons why an answer, an event or a file is not taken. */
export const REFUSALS = [
    "malformed",
    "foreign",
    "digest",
    "signature",
    "unsigned",
    "left_epoch",
    "not_accepted",
    "too_large",
] as const;

/**
 * Why an answer, an event or a file was not taken.
 *
 * - `malformed`: it is not what it should be, or of a kind that this version does not know.
 * - `foreign`: it belongs to another tenant, or to another scope.
 * - `digest`: the digest is not that of the objects.
 * - `signature`: a signature of a trusted key is wrong.
 * - `unsigned`: keys are configured, and no signature of one of them came.
 * - `left_epoch`: it belongs to an epoch that the watcher left.
 * - `not_accepted`: the hook `accept` said no.
 * - `too_large`: it has more bytes than `maxBytes`.
 */
export type Refusal = (typeof REFUSALS)[number];

/** Counts since the start of the watcher. */
export interface Counters {
    /** Snapshots and revisions that were taken. */
    applied: number;
    /** Snapshots and events that were not newer than the data. */
    dropped: number;
    /** Snapshots of the tag that is held, but with another digest: a fault to report. The snapshot replaces the data. */
    diverged: number;
    /** Connections that ended before their time, and requests that failed. */
    reconnects: number;
    /** Files that could not be read, were refused, or could not be written. */
    fileErrors: number;
    /** How often something was refused, by reason. */
    refused: Record<Refusal, number>;
}

/** Returns counters that are all zero. */
export function noCounters(): Counters {
    const refused = Object.fromEntries(REFUSALS.map((reason) => [reason, 0])) as Record<Refusal, number>;
    return { applied: 0, dropped: 0, diverged: 0, reconnects: 0, fileErrors: 0, refused };
}

/** The watcher's data and state at one moment. */
export interface View {
    readonly state: State;
    /** The data; undefined until the first are there. */
    readonly snapshot: Snapshot | undefined;
    readonly counters: Readonly<Counters>;
    /** The newest refusal or failure, for people. It stays after the watcher has recovered. */
    readonly problem: string | undefined;
    /** The last moment at which the service confirmed the data, also if that was before a restart: ms since 1970. */
    readonly confirmed: number | undefined;
}
