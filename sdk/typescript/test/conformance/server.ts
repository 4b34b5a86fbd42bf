// A small server that hands each request to the player, with the connection to answer on.

import { type AddressInfo, type Server, type Socket, createServer } from "node:net";

export interface Request {
    /** The place of the server in the watcher's list. */
    server: number;
    method: string;
    path: string;
    query: string;
    /** By name in lower case. */
    headers: Map<string, string>;
    connection: Socket;
}

/** The requests that no step has taken yet. */
export class Requests {
    #waiting: Request[] = [];
    #wanted: ((request: Request) => void) | undefined;

    push(request: Request): void {
        if (this.#wanted) this.#wanted(request);
        else this.#waiting.push(request);
        this.#wanted = undefined;
    }

    /** Waits for the next request; undefined after `ms` milliseconds. */
    next(ms: number): Promise<Request | undefined> {
        const first = this.#waiting.shift();
        if (first) return Promise.resolve(first);
        return new Promise((resolve) => {
            const timer = setTimeout(() => {
                this.#wanted = undefined;
                resolve(undefined);
            }, ms);
            this.#wanted = (request) => {
                clearTimeout(timer);
                resolve(request);
            };
        });
    }
}

/** Starts a server, and returns it with its base URL. */
export async function start(
    server: number,
    requests: Requests,
    sockets: Set<Socket>,
): Promise<{ url: string; listener: Server }> {
    const listener = createServer((connection) => {
        sockets.add(connection);
        connection.on("error", () => undefined);
        connection.on("close", () => sockets.delete(connection));
        let head = "";
        connection.on("data", (bytes) => {
            if (head.includes("\r\n\r\n")) return;
            head += bytes.toString("latin1");
            if (head.includes("\r\n\r\n")) requests.push(read(server, head, connection));
        });
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    return { url: `http://127.0.0.1:${String((listener.address() as AddressInfo).port)}`, listener };
}

function read(server: number, head: string, connection: Socket): Request {
    const [first = "", ...lines] = head.split("\r\n");
    const [method = "", target = ""] = first.split(" ");
    const [path = "", query = ""] = target.split("?");
    const headers = new Map<string, string>();
    for (const line of lines) {
        const [, name, value = ""] = /^([^:]+): (.*)$/.exec(line) ?? [];
        if (name) headers.set(name.toLowerCase(), value);
    }
    return { server, method, path, query, headers, connection };
}

/** Writes bytes at once, or one by one. */
export async function write(connection: Socket, bytes: Buffer, slow: boolean): Promise<void> {
    const send = (part: Buffer): Promise<void> =>
        new Promise((resolve) => {
            if (connection.destroyed) resolve();
            else connection.write(part, () => resolve());
        });
    if (!slow) return send(bytes);
    connection.setNoDelay(true);
    for (const byte of bytes) await send(Buffer.of(byte));
}
