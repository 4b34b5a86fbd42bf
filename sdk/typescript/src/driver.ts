// The task of a watcher: it asks, hears, and waits. All decisions about data are in follow.ts.

import { Backoff, stretched } from "./backoff.js";
import { type Clock, LATE, within } from "./clock.js";
import type { Follower, Verdict } from "./follow.js";
import type { Times } from "./settings.js";
import { EventTooLarge, type SseEvent, SseParser } from "./sse.js";
import { VersionTag } from "./tag.js";
import { type Answer, type Http, type OpenStream, words } from "./watch-http.js";

/**
 * The time before the next request. `reopen`: a short random time, nothing has failed. `unfit`: after events of a stream
 * that could not be taken. `ask_again`: until the next regular try. `retry`: after a failure, at least the time that the
 * service asked for.
 */
type Pause = "none" | "reopen" | "unfit" | "ask_again" | { readonly retry: number | undefined };

/** What a driver needs. */
export interface DriverSettings {
    readonly follower: Follower;
    readonly http: Http;
    readonly times: Times;
    readonly maxBytes: number;
    readonly clock: Clock;
    /** Aborts when the watcher stops. */
    readonly signal: AbortSignal;
    /** Shows the follower's state. */
    readonly publish: () => void;
}

/** The times of an open stream, all of the clock's `monotonic`. */
interface Moments {
    readonly opened: number;
    /** The time of the newest byte; undefined before the first. */
    heard: number | undefined;
    /** The time since which data wait for their signature, without any that were taken since. */
    pending: number | undefined;
}

/** The task of a watcher. */
export class Driver {
    readonly #backoff: Backoff;
    /** The backoff after streams whose events could not be taken. A snapshot in between does not reset it. */
    readonly #unfit: Backoff;
    /** The streams in a row that gave no byte in time. */
    #muteStreams = 0;
    /** Until then, the watcher polls. */
    #pollsUntil = -Infinity;
    /** The time of the next snapshot that confirms the data. */
    #confirmsAt = -Infinity;

    constructor(private readonly settings: DriverSettings) {
        const { firstRetry, lastRetry } = settings.times;
        this.#backoff = new Backoff(firstRetry, lastRetry);
        this.#unfit = new Backoff(firstRetry, lastRetry);
    }

    /** Follows the tenant until the signal aborts; then it rejects with the signal's reason. */
    async run(): Promise<never> {
        const { clock, follower, signal } = this.settings;
        for (;;) {
            const isDue = this.#now() >= this.#confirmsAt;
            let pause: Pause;
            if (isDue || follower.needsSnapshot) pause = await this.#ask(false);
            else if (this.#now() < this.#pollsUntil) pause = await this.#ask(true);
            else pause = await this.#stream();
            signal.throwIfAborted();
            this.settings.publish();
            await clock.sleep(this.#time(pause), signal);
        }
    }

    #now(): number {
        return this.settings.clock.monotonic();
    }

    #time(pause: Pause): number {
        const { clock, times } = this.settings;
        if (pause === "none") return 0;
        if (pause === "reopen") return times.reopen * clock.random();
        if (pause === "ask_again") return times.askAgain * (1 - 0.1 * clock.random());
        if (pause === "unfit") return this.#unfit.next(clock.random());
        const mine = this.#backoff.next(clock.random());
        // A service that says 0 is not asked in a loop.
        return pause.retry === undefined ? mine : Math.max(mine, stretched(pause.retry, clock.random()));
    }

    /** Asks for a snapshot, or polls for the next one. */
    async #ask(wait: boolean): Promise<Pause> {
        const { clock, follower, http, times } = this.settings;
        const known = follower.knownTag;
        const polls = wait && known !== undefined;
        const asked = this.#now();
        const answer = await http.snapshot(known, polls);
        let verdict: Verdict;
        if (answer.kind === "content") {
            verdict = await follower.snapshot(answer.content.json, answer.content.signature, undefined, clock.now());
            if (verdict === "unsigned") verdict = follower.refuseUnsigned();
        } else if (answer.kind === "unchanged") {
            verdict = await follower.unchanged(answer.tag, answer.signature, clock.now());
        } else {
            return this.#noContent(answer);
        }
        if (verdict === "taken") {
            this.#backoff.reset();
            this.#confirmsAt = this.#now() + times.confirm * (1 - 0.1 * clock.random());
            // A poll that is answered at once must not become a busy loop.
            return polls && this.#now() - asked < times.reopen ? "reopen" : "none";
        }
        if (verdict === "dropped") return this.#failed("an older snapshot than the data");
        if (typeof verdict === "object" && verdict.refused === "not_accepted") return "ask_again";
        http.nextServer();
        return { retry: undefined };
    }

    /** Says what to do about an answer that is neither 200 nor 304. */
    #noContent(answer: Answer<unknown>): Pause {
        const { follower, http } = this.settings;
        switch (answer.kind) {
            case "missing":
                // Another instance may know better: one of them may have wrong settings.
                follower.gone();
                http.nextServer();
                return "ask_again";
            case "denied":
                if (answer.again) return "none";
                follower.denied();
                http.nextServer();
                return "ask_again";
            case "tag_refused":
                follower.tagRefused();
                return "reopen";
            case "too_large":
                return this.#tooLarge(`an answer of more than ${String(this.settings.maxBytes)} bytes`);
            case "failed":
                return this.#failed(answer.why, answer.retryAfter);
            case "content":
            case "unchanged":
                return this.#failed("an answer that was not asked for");
        }
    }

    #failed(what: string, retry?: number): Pause {
        this.settings.follower.failed(what);
        this.settings.http.nextServer();
        return { retry };
    }

    #tooLarge(what: string): Pause {
        this.settings.follower.refuse("too_large", what);
        this.settings.http.nextServer();
        return { retry: undefined };
    }

    /** Opens a stream, and follows it to its end. */
    async #stream(): Promise<Pause> {
        const { clock, follower, http, signal, times } = this.settings;
        const opened = this.#now();
        const leaving = new AbortController();
        const stop = (): void => {
            leaving.abort(signal.reason);
        };
        signal.addEventListener("abort", stop, { once: true });
        try {
            // A proxy that buffers may hold back even the head of the answer.
            const answer = await within(clock, times.firstByte, signal, () =>
                http.stream(follower.cursor, leaving.signal),
            );
            if (answer === LATE) return this.#mute();
            if (answer.kind === "tag_refused") {
                // The snapshot that is asked for next does not mend what else the service may dislike.
                follower.tagRefused();
                return "unfit";
            }
            if (answer.kind !== "content") return this.#noContent(answer);
            const pause = await this.#follow(answer.content, { opened, heard: undefined, pending: undefined });
            answer.content.close();
            follower.streamEnded();
            return pause;
        } finally {
            signal.removeEventListener("abort", stop);
            leaving.abort(new Error("the watcher leaves the stream"));
        }
    }

    async #follow(stream: OpenStream, moments: Moments): Promise<Pause> {
        const parser = new SseParser(this.settings.maxBytes);
        for (;;) {
            let piece: Uint8Array | undefined | typeof LATE;
            try {
                piece = await stream.next(Math.max(0, this.#until(moments) - this.#now()));
            } catch (error) {
                return this.#failed(`stream: ${words(error)}`);
            }
            this.settings.signal.throwIfAborted();
            if (piece === LATE) {
                const pause = this.#late(moments);
                if (pause) return pause;
                continue;
            }
            if (!piece) return moments.heard === undefined ? this.#failed("the stream ended without a byte") : "reopen";
            const pause = await this.#piece(piece, parser, moments);
            if (pause) return pause;
        }
    }

    /** Takes bytes of a stream. Returns the time before the next request if the stream must be left. */
    async #piece(piece: Uint8Array, parser: SseParser, moments: Moments): Promise<Pause | undefined> {
        const { follower, publish } = this.settings;
        this.#heard(moments);
        let events: SseEvent[];
        try {
            events = parser.read(piece);
        } catch (error) {
            if (!(error instanceof EventTooLarge)) throw error;
            return this.#tooLarge(error.message);
        }
        const { applied } = follower;
        for (const event of events) {
            const pause = await this.#event(event);
            if (pause) return pause;
            publish();
        }
        const since = applied === follower.applied ? moments.pending : undefined;
        moments.pending = follower.isPending ? (since ?? this.#now()) : undefined;
        publish();
        return undefined;
    }

    #heard(moments: Moments): void {
        const { clock, follower, times } = this.settings;
        moments.heard = this.#now();
        this.#muteStreams = 0;
        // Not with its first bytes: a stream may break right after them each time.
        if (moments.heard - moments.opened >= times.firstByte) this.#backoff.reset();
        follower.alive(clock.now());
    }

    /** Returns the next moment at which something is late or due. */
    #until({ opened, heard, pending }: Moments): number {
        const { times } = this.settings;
        const silent = heard === undefined ? opened + times.firstByte : heard + times.silence;
        const unsigned = pending === undefined ? Infinity : pending + times.signature;
        return Math.min(silent, this.#confirmsAt, unsigned);
    }

    /** Says what to do about a stream in which something is late, or while the data are to be confirmed. */
    #late(moments: Moments): Pause | undefined {
        const { times } = this.settings;
        const now = this.#now();
        // Timers may be early by a part of a millisecond.
        if (now < this.#until(moments)) return undefined;
        const { opened, heard } = moments;
        if (heard === undefined) return now >= opened + times.firstByte ? this.#mute() : "none";
        if (now >= heard + times.silence) return this.#failed(`no byte of the stream for ${String(times.silence)} ms`);
        // The data are due to be confirmed, or their signature is late: a snapshot is asked for.
        return "none";
    }

    /** Takes a stream that gave no byte in time. */
    #mute(): Pause {
        const { times } = this.settings;
        this.#muteStreams += 1;
        if (this.#muteStreams >= times.muteStreams) {
            this.#muteStreams = 0;
            this.#pollsUntil = this.#now() + times.polling;
        }
        return this.#failed(`no byte of a stream within ${String(times.firstByte)} ms`);
    }

    /** Takes an event. Returns the time before the next request if the stream must be left. */
    async #event(event: SseEvent): Promise<Pause | undefined> {
        const { follower, http } = this.settings;
        const verdict = await this.#heardEvent(event);
        if (verdict === "taken") {
            this.#unfit.reset();
            this.#backoff.reset();
            return undefined;
        }
        // With a newer service, each change needs a snapshot, and comes no later for that.
        if (verdict === "gap") return follower.isExact ? "unfit" : "none";
        if (typeof verdict === "string") return undefined;
        if (verdict.refused === "not_accepted") return "ask_again";
        http.nextServer();
        return "unfit";
    }

    async #heardEvent({ id, name, data }: SseEvent): Promise<Verdict> {
        const { follower, clock } = this.settings;
        const tag = id === undefined ? undefined : VersionTag.parse(id);
        if (name === "snapshot") return follower.snapshot(data, undefined, tag, clock.now());
        if (name === "change") return follower.change(data, tag, clock.now());
        if (name === "signature") return follower.signature(data, clock.now());
        // Events of later versions.
        return "more";
    }
}
