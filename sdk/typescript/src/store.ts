// Where a watcher keeps its data over a restart.

import type { Clock } from "./clock.js";
import { readFile, writeFile } from "./file.js";
import type { Follower, Saved } from "./follow.js";

/** A text that was kept, and its name for people; or the name of one that cannot be read, and why. */
export type Stored =
    { readonly name: string; readonly text: string } | { readonly name: string; readonly problem: string };

/**
 * A place that keeps the newest texts of one watcher. `fileStore` of `traffic-manager-client/node` keeps two of them
 * in files; a browser may keep one in its own storage. Each watcher needs a store of its own.
 */
export interface Store {
    /** Returns the texts that are kept, the newest first. */
    load(): Promise<readonly Stored[]>;
    /** Keeps a text. After a fault, or a crash at any point, the one before is still there. */
    save(text: string): Promise<void>;
    /** Sets a text aside that was refused, so that it is not read again. */
    setAside(name: string): Promise<void>;
}

/**
 * Gives the follower the newest good text. A bad one is set aside, one that cannot be read stays; both are counted, and
 * the one before is tried. Nothing here is fatal: without a good text, the watcher begins with nothing.
 */
export async function restore(store: Store, follower: Follower): Promise<void> {
    let stored: readonly Stored[];
    try {
        stored = await store.load();
    } catch (error) {
        follower.fileFailed(`cannot read the file: ${words(error)}`);
        return;
    }
    for (const one of stored) {
        const { name } = one;
        if ("problem" in one) {
            follower.fileFailed(`cannot read ${name}: ${one.problem}`);
            continue;
        }
        const why = await refusal(one.text, follower);
        if (why === undefined) return;
        follower.fileFailed(`set aside ${name}: ${why}`);
        await store.setAside(name).catch((error: unknown) => {
            follower.fileFailed(`cannot rename ${name}: ${words(error)}`);
        });
    }
}

async function refusal(text: string, follower: Follower): Promise<string | undefined> {
    try {
        return await follower.restore(readFile(text));
    } catch (error) {
        return words(error);
    }
}

/** How much younger a confirmation is that is worth another file, in milliseconds. */
const CONFIRMED = 600_000;

/** The pause after a failure, in pauses between two writes. */
const AFTER_FAILURE = 10;

/** Writes the newest state of a watcher, at most once in a while. */
export class Saver {
    #newest: Saved | undefined;
    #written: Saved | undefined;
    #isRunning = false;
    #done: Promise<void> = Promise.resolve();

    constructor(
        private readonly store: Store,
        private readonly every: number,
        private readonly clock: Clock,
        private readonly signal: AbortSignal,
        private readonly failed: (what: string) => void,
        present: Saved | undefined,
    ) {
        this.#written = present;
    }

    /** Has a state written, unless it is the one that was written last. */
    offer(saved: Saved): void {
        this.#newest = saved;
        if (!this.#isRunning && !isSame(saved, this.#written)) {
            this.#isRunning = true;
            this.#done = this.#run();
        }
    }

    /** Resolves when no write is under way. */
    get done(): Promise<void> {
        return this.#done;
    }

    async #run(): Promise<void> {
        try {
            while (!this.signal.aborted && this.#newest && !isSame(this.#newest, this.#written)) {
                await this.clock.sleep(
                    (await this.#write(this.#newest)) ? this.every : this.every * AFTER_FAILURE,
                    this.signal,
                );
            }
        } catch {
            // The watcher was stopped while it waited.
        } finally {
            this.#isRunning = false;
        }
    }

    async #write(saved: Saved): Promise<boolean> {
        try {
            await this.store.save(writeFile(saved));
            this.#written = saved;
            return true;
        } catch (error) {
            this.failed(`cannot write the file: ${words(error)}`);
            return false;
        }
    }
}

/** Whether a file tells the same: when the data were confirmed may be a little older there. */
function isSame(saved: Saved, written: Saved | undefined): boolean {
    if (written?.snapshot !== saved.snapshot || written.signature !== saved.signature) return false;
    return written.left.join() === saved.left.join() && saved.confirmed - written.confirmed < CONFIRMED;
}

function words(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
