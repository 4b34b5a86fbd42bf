// The task that sends reports: one at a time, the newest, so that the service never hears them in another order.

import { Backoff } from "./backoff.js";
import { type Clock, within } from "./clock.js";
import { type Node, type Report, type Reported, reportHeaders } from "./report.js";
import type { Times } from "./settings.js";
import type { VersionTag } from "./tag.js";
import type { Http } from "./watch-http.js";

/** What a reporter needs. */
export interface ReporterSettings {
    readonly node: Node;
    readonly http: Http;
    readonly times: Times;
    readonly clock: Clock;
    /** Aborts when the watcher stops. */
    readonly signal: AbortSignal;
    /** Returns the tag that the watcher holds. */
    readonly held: () => VersionTag | undefined;
}

/** Sends each change, and the same again from time to time. */
export class Reporter {
    readonly #backoff: Backoff;
    #reported: Reported = { sent: 0, failed: 0 };
    #shown: VersionTag | undefined;
    #changed = signalled();

    constructor(private readonly settings: ReporterSettings) {
        const { firstRetry, lastRetry } = settings.times;
        this.#backoff = new Backoff(firstRetry, lastRetry);
    }

    /** The reports since the start. */
    get reported(): Reported {
        return this.#reported;
    }

    /** Has a report sent soon. Throws a TypeError for a malformed one. */
    take(report: Report): void {
        const { node } = this.settings;
        const fresh = reportHeaders(report);
        if (node.own && JSON.stringify(node.own) === JSON.stringify(fresh)) return;
        node.own = fresh;
        this.#changed.set();
    }

    /** Hears that the watcher holds data of this tag, which counts as a report if the program makes none. */
    holds(tag: VersionTag | undefined): void {
        if (tag?.toString() === this.#shown?.toString()) return;
        this.#shown = tag;
        if (this.settings.node.runsWhatItHolds) this.#changed.set();
    }

    /** Sends reports until the signal aborts; then it rejects with the signal's reason. */
    async run(): Promise<never> {
        const { clock, signal, times } = this.settings;
        let due = this.#regular();
        let fails = false;
        for (;;) {
            const left = Math.max(0, due - clock.monotonic());
            // After a failure, a report that comes meanwhile is sent with the next try.
            if (fails) await clock.sleep(left, signal);
            else await within(clock, left, signal, () => this.#changed.done);
            const restsUntil = clock.monotonic() + times.reportPause;
            const again = await this.#send();
            signal.throwIfAborted();
            fails = again !== undefined;
            due = again === undefined ? this.#regular() : Math.max(clock.monotonic() + again, restsUntil);
            await clock.sleep(Math.max(0, restsUntil - clock.monotonic()), signal);
        }
    }

    /** Returns the time of the next report if nothing changes. */
    #regular(): number {
        const { clock, times } = this.settings;
        return clock.monotonic() + times.report * (1 - 0.1 * clock.random());
    }

    /** Sends a report. Returns the time until it must be sent again, or undefined if the service has taken it. */
    async #send(): Promise<number | undefined> {
        const { clock, held, http, node, times } = this.settings;
        this.#changed = signalled();
        const tag = held();
        const answer = await http.report(tag, node.report(tag));
        const { sent, failed } = this.#reported;
        if (answer.kind === "content" || answer.kind === "unchanged") {
            this.#backoff.reset();
            this.#reported = { sent: sent + 1, failed };
            return undefined;
        }
        this.#reported = { sent, failed: failed + 1 };
        if (answer.kind === "denied" && answer.again) return 0;
        http.nextServer();
        if (answer.kind === "denied" || answer.kind === "missing") return times.askAgain * (1 - 0.1 * clock.random());
        const mine = this.#backoff.next(clock.random());
        return Math.max(mine, (answer.kind === "failed" ? answer.retryAfter : undefined) ?? 0);
    }
}

/** Returns a promise, and the function that resolves it. */
function signalled(): { done: Promise<void>; set: () => void } {
    let set = (): void => undefined;
    const done = new Promise<void>((resolve) => {
        set = resolve;
    });
    return { done, set };
}
