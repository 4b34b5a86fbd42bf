// Starts the service for all tests, with keys, and the tenants that they look at.

import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { makeAcme, makeLarge } from "./fixture";
import { startService } from "./service";

const FILE = path.join(tmpdir(), `tm-ui-${String(process.ppid)}.json`);

/** Where the service is, and the key of an administrator. */
export interface Place {
    readonly url: string;
    readonly token: string;
}

/** Returns where the service of this run is. */
export function place(): Place {
    return JSON.parse(readFileSync(process.env.TM_UI_PLACE ?? FILE, "utf8")) as Place;
}

export default async function setup(): Promise<() => Promise<void>> {
    const service = await startService();
    process.env.TM_UI_PLACE = FILE;
    writeFileSync(FILE, JSON.stringify({ url: service.url, token: service.token }), { mode: 0o600 });
    const api = { base: service.url, token: service.token };
    try {
        await makeAcme(api);
        await makeLarge(api);
    } catch (error) {
        await service.stop();
        throw error;
    }
    return () => service.stop();
}
