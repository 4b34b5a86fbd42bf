// Server-sent events (WHATWG HTML §9.2.6), from bytes that arrive in any pieces. Other than in browsers, the id of an
// event is only the one that it has itself.

/** An event of a stream. */
export interface SseEvent {
    /** The event's own id; undefined if it has no line `id`. */
    readonly id: string | undefined;
    /** The event's type; empty means `message`. */
    readonly name: string;
    /** The lines of data, joined by line feeds. */
    readonly data: string;
}

/** An event has more bytes than the limit. */
export class EventTooLarge extends Error {}

const LF = 10;
const CR = 13;

/** A parser of one stream. */
export class SseParser {
    #pieces: Uint8Array[] = [];
    #lineBytes = 0;
    /** True after a carriage return: a line feed then belongs to the same end of line. */
    #afterReturn = false;
    #isFirstLine = true;
    #id: string | undefined;
    #name = "";
    #data: string[] = [];
    #kept = 0;

    /** A parser that throws {@link EventTooLarge} for events of more than `maxBytes` bytes. */
    constructor(private readonly maxBytes: number) {}

    /** Reads a piece of the stream, and returns the events that it completes. */
    read(piece: Uint8Array): SseEvent[] {
        const events: SseEvent[] = [];
        let from = 0;
        if (this.#afterReturn && piece.length > 0) {
            this.#afterReturn = false;
            if (piece[0] === LF) from = 1;
        }
        for (let at = from; at < piece.length; at++) {
            const byte = piece[at];
            if (byte !== LF && byte !== CR) continue;
            this.#extend(piece.subarray(from, at));
            if (byte === CR && piece[at + 1] === LF) at++;
            else if (byte === CR && at + 1 === piece.length) this.#afterReturn = true;
            from = at + 1;
            const event = this.#endOfLine();
            if (event) events.push(event);
        }
        this.#extend(piece.subarray(from));
        return events;
    }

    #extend(bytes: Uint8Array): void {
        if (bytes.length === 0) return;
        this.#lineBytes += bytes.length;
        if (this.#lineBytes + this.#kept > this.maxBytes) {
            throw new EventTooLarge(`an event has more than ${String(this.maxBytes)} bytes`);
        }
        this.#pieces.push(bytes.slice());
    }

    #endOfLine(): SseEvent | undefined {
        const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
        const pieces = this.#pieces.map((piece) => decoder.decode(piece, { stream: true }));
        let line = pieces.join("") + decoder.decode();
        const bytes = this.#lineBytes;
        this.#pieces = [];
        this.#lineBytes = 0;
        if (this.#isFirstLine) line = line.replace(/^\ufeff/, "");
        this.#isFirstLine = false;
        if (line === "") return this.#dispatch();
        const [, field = line, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
        if (field === "data") {
            this.#data.push(value);
            this.#kept += bytes;
        } else if (field === "event") {
            this.#name = value;
            this.#kept += bytes;
        } else if (field === "id" && !value.includes("\0")) {
            this.#id = value;
            this.#kept += bytes;
        }
        return undefined;
    }

    #dispatch(): SseEvent | undefined {
        const event = { id: this.#id, name: this.#name, data: this.#data.join("\n") };
        const hasData = this.#data.length > 0;
        this.#id = undefined;
        this.#name = "";
        this.#data = [];
        this.#kept = 0;
        return hasData ? event : undefined;
    }
}

/** The default limit of an event: 256 MiB. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Reads the events of a stream's body, such as that of `client.streamChanges`. Throws {@link EventTooLarge}, and what
 * the body throws when the connection breaks. Whoever leaves the loop closes the stream.
 */
export async function* sseEvents(
    body: ReadableStream<Uint8Array>,
    maxBytes: number = MAX_BYTES,
): AsyncGenerator<SseEvent> {
    const parser = new SseParser(maxBytes);
    const reader = body.getReader();
    try {
        for (;;) {
            const { done, value } = await reader.read();
            if (done) return;
            yield* parser.read(value);
        }
    } finally {
        await reader.cancel().catch(() => undefined);
    }
}

/**
 * Reads the lines of a body, such as the NDJSON of `client.exportAuditEvents`, without their ends. Throws what the body
 * throws when the connection breaks: an export that was cut off is noticed.
 */
export async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const reader = body.getReader();
    let rest = "";
    try {
        for (;;) {
            const { done, value } = await reader.read();
            const found = (rest + decoder.decode(value, { stream: !done })).split("\n");
            rest = done ? "" : (found.pop() ?? "");
            yield* found.filter((line) => line.trim() !== "");
            if (done) return;
        }
    } finally {
        await reader.cancel().catch(() => undefined);
    }
}
