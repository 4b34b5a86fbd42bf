// The pure part of the watcher: what it holds, and how each thing that it hears changes that. There is no I/O and no
// clock here. Methods that check a signature are asynchronous, since WebCrypto is.

import { type Change, readChange, readSigned, touch } from "./changes.js";
import { type Scope, Snapshot, WrongDigest, scopeHas } from "./snapshot.js";
import { MAX_TEXT, type TrustedKey, check } from "./signatures.js";
import { type Counters, type Refusal, type State, type View, noCounters } from "./status.js";
import type { VersionTag } from "./tag.js";

/** The most epochs that are remembered as left. */
const MAX_LEFT = 8;

/**
 * What came of something that the watcher heard. `more`: a part, the rest is still to come. `dropped`: not newer than
 * the data. `unsigned`: it waits for its signature. `gap`: it does not follow the data. Any other: refused.
 */
export type Verdict = "taken" | "more" | "dropped" | "unsigned" | "gap" | Refused;

/** A verdict that something was refused; a snapshot is needed. */
export interface Refused {
    readonly refused: Refusal;
}

/** A snapshot with its signatures, as the header `TM-Signature` has them. */
export interface Held {
    readonly snapshot: Snapshot;
    readonly signature: string | undefined;
}

/** The state of a watcher as its file has it. */
export interface Saved extends Held {
    readonly scope: Scope;
    readonly left: readonly string[];
    /** Milliseconds since 1970. */
    readonly confirmed: number;
}

interface Candidate {
    readonly held: Held;
    readonly cursor: VersionTag;
}

/** What a follower is told at its beginning. */
export interface FollowerSettings {
    readonly tenant: string;
    readonly scope: Scope;
    readonly keys: readonly TrustedKey[];
    readonly maxBytes: number;
    readonly accept: ((old: Snapshot, next: Snapshot) => boolean) | undefined;
}

/** The state of a watcher. */
export class Follower {
    #held: Held | undefined;
    /** What waits for its signature. Only with keys. */
    #pending: Candidate | undefined;
    /** The place in the stream after the data. In a stream of a part, it may be further than the tag of the data. */
    #cursor: VersionTag | undefined;
    /** The last epochs that were left, the oldest first. */
    #left: string[] = [];
    /** True after the service refused the tag of the data, until it confirms a snapshot. */
    #isTagRefused = false;
    #needsSnapshot = true;
    /** The events so far of a revision that is not whole yet, and the bytes of their JSON. */
    #partial: { events: Change[]; bytes: number } = { events: [], bytes: 0 };
    #state: State = "starting";
    #confirmed: number | undefined;
    #counters: Counters = noCounters();
    #problem: string | undefined;

    constructor(private readonly settings: FollowerSettings) {}

    /** What the watcher shows. */
    view(): View {
        return {
            state: this.#state,
            snapshot: this.#held?.snapshot,
            counters: structuredClone(this.#counters),
            problem: this.#problem,
            confirmed: this.#confirmed,
        };
    }

    /**
     * The tag to ask for a snapshot with: that of the data. It is not that of data that wait for their signature: an
     * answer 304 has none.
     */
    get knownTag(): VersionTag | undefined {
        return this.#isTagRefused ? undefined : this.#held?.snapshot.tag;
    }

    /** The place to continue the stream from. */
    get cursor(): VersionTag | undefined {
        return this.#isTagRefused ? undefined : this.#cursor;
    }

    /** Whether a snapshot is needed before a stream can continue. */
    get needsSnapshot(): boolean {
        return this.#needsSnapshot || this.#held === undefined || this.#pending !== undefined;
    }

    /** Whether the data can be moved on by events. */
    get isExact(): boolean {
        return this.#held?.snapshot.isExact ?? true;
    }

    /** Whether something waits for its signature. */
    get isPending(): boolean {
        return this.#pending !== undefined;
    }

    /** The number of snapshots and revisions that were taken. */
    get applied(): number {
        return this.#counters.applied;
    }

    /** Takes a snapshot, from an answer 200 or from the stream, where `id` is the event's. */
    async snapshot(
        json: string,
        signature: string | undefined,
        id: VersionTag | undefined,
        now: number,
    ): Promise<Verdict> {
        this.#dropPartial();
        let snapshot: Snapshot;
        try {
            snapshot = Snapshot.read(json);
        } catch (error) {
            const reason = error instanceof WrongDigest ? "digest" : "malformed";
            return this.refuse(reason, `snapshot: ${words(error)}`);
        }
        const { tag } = snapshot;
        if (snapshot.tenant !== this.settings.tenant || !snapshot.isWithin(this.settings.scope)) {
            return this.refuse("foreign", "snapshot of another tenant or scope");
        }
        if (this.#left.includes(tag.epoch)) {
            return this.refuse("left_epoch", `snapshot ${tag.toString()} of an epoch that was left`);
        }
        const cursor = id?.covers(tag) ? id : tag;
        const mine = this.#held?.snapshot;
        if (mine?.tag.equals(tag)) {
            if (mine.digest === snapshot.digest) return this.#confirm(signature, cursor, now);
            this.#counters.diverged += 1;
            this.#tell(`snapshot ${tag.toString()} has another digest than the data`);
        } else if (mine?.tag.covers(tag)) {
            this.#counters.dropped += 1;
            return "dropped";
        }
        return this.#settle({ held: { snapshot, signature }, cursor }, now);
    }

    /** Takes an answer 304 to a request with {@link knownTag}. `tag` is the tag of the answer. */
    async unchanged(tag: VersionTag | undefined, signature: string | undefined, now: number): Promise<Verdict> {
        this.#dropPartial();
        const known = this.knownTag;
        if (!known || (tag && !tag.equals(known))) {
            return this.refuse("malformed", "304 for a tag that was not sent");
        }
        return this.#confirm(signature, undefined, now);
    }

    /** Takes an event `change`. A revision is whole with the event whose id is the revision's own tag. */
    async change(json: string, id: VersionTag | undefined, now: number): Promise<Verdict> {
        let change: Change;
        try {
            change = readChange(json);
        } catch (error) {
            return this.refuse("malformed", `change: ${words(error)}`);
        }
        const { tenant, scope } = this.settings;
        const isMine =
            change.kind === "tenant"
                ? scope.service === undefined && scope.env === undefined
                : scopeHas(scope, change.service, change.env);
        if (change.tenant !== tenant || !isMine) {
            return this.refuse("foreign", "change of another tenant or scope");
        }
        const base = this.#base;
        if (base?.tag.covers(change.tag)) {
            this.#counters.dropped += 1;
            return "dropped";
        }
        if (base?.tag.epoch !== change.tag.epoch || !base.isExact) return this.#gap();
        const first = this.#partial.events[0];
        if (first && !first.tag.equals(change.tag)) return this.#gap();
        this.#partial.bytes += new TextEncoder().encode(json).length;
        if (this.#partial.bytes > this.settings.maxBytes) {
            return this.refuse("too_large", `revision ${change.tag.toString()} is too large`);
        }
        this.#partial.events.push(change);
        return id?.equals(change.tag) ? this.#revision(base, change.tag, now) : "more";
    }

    /** Takes an event `signature`, which says tag, digest and signature of what came before it. */
    async signature(json: string, now: number): Promise<Verdict> {
        const signed = readSigned(json);
        if (!signed) {
            return this.settings.keys.length === 0
                ? "more"
                : this.refuse("malformed", "an event signature that is none");
        }
        const candidate = this.#pending;
        const snapshot = candidate?.held.snapshot ?? this.#held?.snapshot;
        if (!snapshot?.tag.equals(signed.tag)) return candidate ? "unsigned" : "more";
        if (!candidate) {
            return snapshot.digest === signed.digest ? this.#signatureOfHeld(snapshot, signed.signature) : "more";
        }
        if (snapshot.digest !== signed.digest) {
            return this.refuse("digest", `revision ${signed.tag.toString()} has another digest here`);
        }
        this.#pending = undefined;
        return this.#settle({ held: { snapshot, signature: signed.signature }, cursor: candidate.cursor }, now);
    }

    /** Counts what still waits for its signature, although the service was asked for a snapshot with one, as refused. */
    refuseUnsigned(): Verdict {
        return this.refuse("unsigned", "snapshot without a signature");
    }

    /** Takes an answer 404. */
    gone(): void {
        this.#state = "gone";
        this.#needsSnapshot = true;
        this.#dropUnfinished();
    }

    /** Takes an answer 401 or 403. */
    denied(): void {
        this.#state = "denied";
        this.#needsSnapshot = true;
        this.#dropUnfinished();
    }

    /** Takes an answer 422 to a request with a tag: forgets the tag, and not the data. */
    tagRefused(): void {
        this.#isTagRefused = true;
        this.#needsSnapshot = true;
        this.#dropUnfinished();
        this.#tell("422 for the tag of the data");
    }

    /** Takes the failure of a request, or of a stream before its time. */
    failed(what: string): void {
        this.#counters.reconnects += 1;
        this.#dropPartial();
        this.#stale();
        this.#tell(what);
    }

    /** Takes the end of a stream: the events of a revision that is not whole are sent again. */
    streamEnded(): void {
        this.#dropPartial();
    }

    /** Takes a sign of life of an open stream: the data are as new as the stream. */
    alive(now: number): void {
        if (this.needsSnapshot) return;
        this.#confirmed = now;
        if (this.#state === "stale") this.#state = "live";
    }

    /** Counts a fault of the file. */
    fileFailed(what: string): void {
        this.#counters.fileErrors += 1;
        this.#tell(what);
    }

    /** Counts a refusal. The data stay, and a snapshot is needed. */
    refuse(reason: Refusal, what: string): Refused {
        this.#counters.refused[reason] += 1;
        this.#tell(`refused (${reason}): ${what}`);
        this.#needsSnapshot = true;
        this.#dropPartial();
        if (reason !== "unsigned") this.#pending = undefined;
        this.#stale();
        return { refused: reason };
    }

    /** Returns the state to keep over a restart; undefined without data. */
    saved(): Saved | undefined {
        if (!this.#held) return undefined;
        const { snapshot, signature } = this.#held;
        return {
            snapshot,
            signature: signature && signature.length <= MAX_TEXT ? signature : undefined,
            scope: this.settings.scope,
            left: [...this.#left],
            confirmed: this.#confirmed ?? 0,
        };
    }

    /**
     * Takes the state of a file, as the watcher's first data. It is the floor: the watcher never goes behind it, and
     * never back to an epoch that it left. Returns why it was refused, or undefined.
     */
    async restore(saved: Saved): Promise<Refusal | undefined> {
        const { snapshot, signature, scope } = saved;
        const mine = this.settings;
        const isMine =
            snapshot.tenant === mine.tenant && scope.service === mine.scope.service && scope.env === mine.scope.env;
        if (!isMine || !snapshot.isWithin(scope)) return "foreign";
        const checked = await check(mine.keys, snapshot, scope, signature);
        if (checked !== "good") return checked === "missing" ? "unsigned" : "signature";
        this.#left = saved.left.slice(-MAX_LEFT);
        this.#cursor = snapshot.tag;
        this.#held = { snapshot, signature };
        this.#confirmed = saved.confirmed;
        this.#state = "disk";
        return undefined;
    }

    /** The newest state, signed or not: the next revision follows it. */
    get #base(): Snapshot | undefined {
        return (this.#pending?.held ?? this.#held)?.snapshot;
    }

    async #revision(base: Snapshot, tag: VersionTag, now: number): Promise<Verdict> {
        const { events } = this.#partial;
        this.#dropPartial();
        const { service, env } = this.settings.scope;
        const isWhole = events.every((event, at) => event.item === at && event.items === events.length);
        const follows = tag.revision === base.tag.revision + 1;
        // A stream of a part has only the part's items, and no revisions without any.
        if (service === undefined && env === undefined && !(isWhole && follows)) return this.#gap();
        // The tenant was removed. The data stay until the service says so itself.
        if (events.some((event) => event.kind === "tenant" && event.after === null)) return this.#gap();
        const snapshot = base.after(tag, events.flatMap(touch));
        return this.#settle({ held: { snapshot, signature: undefined }, cursor: tag }, now);
    }

    async #signatureOfHeld(snapshot: Snapshot, signature: string): Promise<Verdict> {
        const checked = await check(this.settings.keys, snapshot, this.settings.scope, signature);
        if (checked === "bad") return this.refuse("signature", "a wrong signature of the data");
        if (checked === "missing") return "more";
        this.#held = { snapshot, signature };
        return "taken";
    }

    /** Takes the service's word that the data are its newest state. */
    async #confirm(signature: string | undefined, cursor: VersionTag | undefined, now: number): Promise<Verdict> {
        const held = this.#held;
        if (!held) return this.refuse("malformed", "nothing is held that could be confirmed");
        const checked = await check(this.settings.keys, held.snapshot, this.settings.scope, signature);
        if (checked === "bad") return this.refuse("signature", "a wrong signature of the data");
        if (signature !== undefined && checked === "good" && signature !== held.signature) {
            this.#held = { snapshot: held.snapshot, signature };
        }
        this.#cursor = cursor ?? this.#cursor;
        this.#pending = undefined;
        this.#isConfirmed(now);
        return "taken";
    }

    /** Takes a candidate if its signature and the hook `accept` allow it. */
    async #settle(candidate: Candidate, now: number): Promise<Verdict> {
        const { snapshot, signature } = candidate.held;
        const tag = snapshot.tag.toString();
        const checked = await check(this.settings.keys, snapshot, this.settings.scope, signature);
        if (checked === "missing") {
            this.#pending = candidate;
            return "unsigned";
        }
        if (checked === "bad") return this.refuse("signature", `a wrong signature of ${tag}`);
        this.#pending = undefined;
        const old = this.#held?.snapshot;
        if (old && this.settings.accept && !this.settings.accept(old, snapshot)) {
            return this.refuse("not_accepted", `${tag} is not accepted`);
        }
        if (old && old.tag.epoch !== snapshot.tag.epoch) {
            this.#left = [...this.#left, old.tag.epoch].slice(-MAX_LEFT);
        }
        this.#held = candidate.held;
        this.#cursor = candidate.cursor;
        this.#counters.applied += 1;
        this.#isConfirmed(now);
        return "taken";
    }

    #isConfirmed(now: number): void {
        this.#state = "live";
        this.#confirmed = now;
        this.#isTagRefused = false;
        this.#needsSnapshot = false;
    }

    #gap(): Verdict {
        this.#dropPartial();
        this.#needsSnapshot = true;
        return "gap";
    }

    #tell(what: string): void {
        this.#problem = `tenant ${this.settings.tenant}: ${what}`;
    }

    #stale(): void {
        if (this.#state === "live") this.#state = "stale";
    }

    #dropPartial(): void {
        this.#partial = { events: [], bytes: 0 };
    }

    #dropUnfinished(): void {
        this.#dropPartial();
        this.#pending = undefined;
    }
}

function words(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
