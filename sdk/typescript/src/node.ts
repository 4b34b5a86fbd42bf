// What needs Node: files.

import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import path from "node:path";

import type { Store, Stored } from "./store.js";

/** The default limit of a file: 256 MiB. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Keeps a watcher's data in a file of mode 0600, in two generations: each is written beside, synced, and moved into
 * place. If the newer one is damaged or cannot be read, the older one is taken. Beside the file there are `<file>.new`, `<file>.previous` and `<file>.bad`. A file of more than `maxBytes`
 * bytes is read up to the limit, and so it is damaged.
 */
export function fileStore(file: string, maxBytes: number = MAX_BYTES): Store {
    const previous = `${file}.previous`;
    return {
        async load() {
            const stored: Stored[] = [];
            for (const name of [file, previous]) {
                try {
                    const text = await readIfThere(name, maxBytes);
                    if (text !== undefined) stored.push({ name, text });
                } catch (error) {
                    stored.push({ name, problem: error instanceof Error ? error.message : String(error) });
                }
            }
            return stored;
        },
        async save(text) {
            const fresh = `${file}.new`;
            try {
                await rm(fresh, { force: true });
                await written(fresh, text);
            } catch (error) {
                // A file that is not whole helps nobody, and takes room on a disk that may be full.
                await rm(fresh, { force: true });
                throw error;
            }
            await rename(file, previous).catch(unlessMissing);
            await rename(fresh, file);
            await synced(path.dirname(file));
        },
        async setAside(name) {
            await rename(name, `${file}.bad`);
        },
    };
}

async function readIfThere(name: string, maxBytes: number): Promise<string | undefined> {
    let handle: FileHandle | undefined;
    try {
        handle = await open(name, "r");
        const { size } = await handle.stat();
        const buffer = Buffer.alloc(Math.min(size, maxBytes));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
        return buffer.toString("utf8", 0, bytesRead);
    } catch (error) {
        unlessMissing(error);
        return undefined;
    } finally {
        await handle?.close();
    }
}

async function written(name: string, text: string): Promise<void> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    const handle = await open(name, flags, 0o600);
    try {
        await handle.writeFile(text);
        await handle.sync();
    } finally {
        await handle.close();
    }
}

async function synced(folder: string): Promise<void> {
    // Windows cannot open folders, and needs no sync of them.
    if (process.platform === "win32") return;
    const handle = await open(folder, "r");
    try {
        await handle.sync();
    } finally {
        await handle.close();
    }
}

function unlessMissing(error: unknown): void {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
