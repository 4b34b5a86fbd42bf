// Verifies a tenant's chain of hashes, independently of the service's code.

import type { Client } from "./client.js";
import { type JsonObject, canonical, isCount, isObject } from "./json.js";
import { hex, sha256Text } from "./sha256.js";
import { lines } from "./sse.js";

/** The hash before the first event of an epoch. */
const GENESIS = "0".repeat(64);

/** The text is not events. */
export class NotEvents extends Error {}

/** How chains are verified. */
export interface VerifyOptions {
    /** Accepts that a chain begins in the middle. */
    fromMiddle?: boolean;
    /** The last revision of a chain that was removed, and its hash: what is not after it was proven before. */
    checkpoint?: { tenant: string; epoch: string; revision: number; hash: string };
}

/** The result for one tenant and epoch. */
export interface ChainResult {
    readonly tenant: string;
    readonly epoch: string;
    /** The number of events that were looked at. */
    readonly events: number;
    /** The hash of the last event. Compare it with one that was kept elsewhere: missing events at the end do not show. */
    readonly head: string | undefined;
    /** What is wrong with the chain; undefined if it is whole. */
    readonly fault: string | undefined;
}

/** What is kept of an event. */
interface Link {
    readonly revision: number;
    readonly item: number;
    readonly items: number;
    readonly prevHash: string;
    readonly hash: string;
    readonly fault: string | undefined;
}

/**
 * Verifies the chains of events: those of an export (NDJSON), of archived documents or of pages of the audit API, as
 * parsed JSON, in any order. Every event must hash to its member `hash`, name the hash of the event before it, and
 * revisions and items must each be there once. Keeps about 200 bytes of each event. Throws {@link NotEvents} for
 * anything that is no event.
 */
export async function verify(
    events: AsyncIterable<unknown> | Iterable<unknown>,
    options: VerifyOptions = {},
): Promise<ChainResult[]> {
    const { checkpoint } = options;
    const chains = new Map<string, Link[]>();
    const name = (tenant: string, epoch: string): string => `${tenant} ${epoch}`;
    if (checkpoint) chains.set(name(checkpoint.tenant, checkpoint.epoch), []);
    const isProven = (of: string, revision: number): boolean =>
        checkpoint !== undefined && of === name(checkpoint.tenant, checkpoint.epoch) && revision <= checkpoint.revision;
    for await (const value of events) {
        for (const { event, document } of eventsIn(value)) {
            const of = name(event.tenant as string, event.epoch as string);
            if (isProven(of, event.revision as number)) continue;
            const chain = chains.get(of) ?? [];
            chain.push(link(event, document));
            chains.set(of, chain);
        }
    }
    return [...chains].sort(([a], [b]) => (a < b ? -1 : 1)).map(([of, chain]) => result(of, chain, options));
}

/** Verifies a tenant's chain from the export of its audit trail. Rejects like a call, and if the export breaks off. */
export async function verifyTenant(client: Client, tenant: string, options?: VerifyOptions): Promise<ChainResult[]> {
    const { value } = await client.exportAuditEvents({ tenant, format: "ndjson" });
    return verify(parsedLines(value), options);
}

async function* parsedLines(body: ReadableStream<Uint8Array>): AsyncGenerator {
    for await (const line of lines(body)) yield JSON.parse(line) as unknown;
}

function result(of: string, chain: Link[], options: VerifyOptions): ChainResult {
    const [tenant = "", epoch = ""] = of.split(" ");
    const { checkpoint } = options;
    const own = checkpoint?.tenant === tenant && checkpoint.epoch === epoch ? checkpoint : undefined;
    chain.sort((a, b) => a.revision - b.revision || a.item - b.item);
    const about = { tenant, epoch, events: chain.length, head: chain.at(-1)?.hash ?? own?.hash };
    return { ...about, fault: fault(chain, options.fromMiddle ?? false, own) };
}

function fault(
    chain: readonly Link[],
    fromMiddle: boolean,
    checkpoint: { revision: number; hash: string } | undefined,
): string | undefined {
    let previous = checkpoint?.hash;
    let [revision, item, items] = [checkpoint?.revision ?? 0, 0, 1];
    for (const link of chain) {
        const where = `revision ${String(link.revision)} item ${String(link.item)}`;
        if (link.fault !== undefined) return `${where}: ${link.fault}`;
        if (previous !== undefined && link.revision === revision && link.item === item) {
            return `${where}: doubled: ${link.hash === previous ? "the same event" : "another event"} stands there, too`;
        }
        const isFirst = previous === undefined && fromMiddle;
        const expected = item + 1 < items ? [revision, item + 1, items] : [revision + 1, 0, link.items];
        const place = [link.revision, link.item, link.items];
        const isInRange = link.revision >= 1 && link.item >= 0 && link.item < link.items;
        if (!isInRange || (!isFirst && place.join() !== expected.join())) {
            return `${where}: missing: revision ${String(expected[0])} item ${String(expected[1])} should come here`;
        }
        const before = link.revision === 1 && link.item === 0 ? GENESIS : previous;
        if (before !== undefined && link.prevHash !== before) {
            return `${where}: broken: it names ${link.prevHash} as the event before it, which is ${before}`;
        }
        previous = link.hash;
        [revision, item, items] = [link.revision, link.item, link.items];
    }
    if (item + 1 < items) {
        return `revision ${String(revision)}: missing: only ${String(item + 1)} of its ${String(items)} items are here`;
    }
    return undefined;
}

interface Found {
    readonly event: JsonObject;
    readonly document: JsonObject | undefined;
}

/** Returns the events in a value: an event, an archived document around one, a page or a list of them. */
function* eventsIn(value: unknown): Generator<Found> {
    if (Array.isArray(value)) {
        for (const item of value) yield* eventsIn(item);
    } else if (isObject(value) && isObject(value.event)) {
        yield { event: checked(value.event), document: value };
    } else if (isObject(value) && "prev_hash" in value) {
        yield { event: checked(value), document: undefined };
    } else if (isObject(value) && ("items" in value || "events" in value)) {
        yield* eventsIn(value.items ?? value.events);
    } else {
        throw new NotEvents("neither an event, nor an archived document, nor a page of them");
    }
}

function checked(event: JsonObject): JsonObject {
    for (const name of ["tenant", "epoch", "prev_hash", "hash"]) {
        if (typeof event[name] !== "string") throw new NotEvents(`an event has no proper member ${name}`);
    }
    for (const name of ["revision", "item", "items"]) {
        if (!isCount(event[name])) throw new NotEvents(`an event has no proper member ${name}`);
    }
    return event;
}

function link(event: JsonObject, document: JsonObject | undefined): Link {
    const { hash: said, ...content } = event;
    let found: string | undefined;
    try {
        const hash = hex(sha256Text(exact(content)));
        if (hash !== said) found = `edited: its content hashes to ${hash}, and it says ${String(said)}`;
    } catch (error) {
        found = (error as Error).message;
    }
    return {
        revision: event.revision as number,
        item: event.item as number,
        items: event.items as number,
        prevHash: event.prev_hash as string,
        hash: said as string,
        fault: found ?? (document && repeatedFault(event, document)),
    };
}

/** Returns the RFC 8785 text of an event, which has no fractions and no integers that parsers do not agree on. */
function exact(value: unknown): string {
    const check = (part: unknown): void => {
        if (typeof part === "number" && !Number.isSafeInteger(part))
            throw new TypeError(`${String(part)} is not exact`);
        if (typeof part === "object" && part !== null) Object.values(part).forEach(check);
    };
    check(value);
    return canonical(value);
}

/** The members of an archived document that repeat the event must say the same: the hash does not cover them. */
function repeatedFault(event: JsonObject, document: JsonObject): string | undefined {
    for (const [name, value] of Object.entries(repeated(event))) {
        if (!(name in document) || isOpened(name, value, document)) continue;
        const [found, wanted] = [canonical(said(name, document)), canonical(value ?? null)];
        if (found !== wanted) return `edited: the document's ${name} is ${found}, its event says ${wanted}`;
    }
    return undefined;
}

/** Returns a member of an archived document. The type is without its version, which an event does not have. */
function said(name: string, document: JsonObject): unknown {
    const value = document[name] ?? null;
    return name === "event_type" && typeof value === "string" ? value.replace(/\.v[1-9][0-9]*$/, "") : value;
}

function repeated(event: JsonObject): JsonObject {
    const object = (value: unknown): JsonObject => (isObject(value) ? value : {});
    const [before, after, actor] = [object(event.before), object(event.after), object(event.actor)];
    const state = (spec: JsonObject): string | null =>
        typeof spec.is_active === "boolean" ? (spec.is_active ? "active" : "inactive") : null;
    const same = "action tenant epoch revision item reason source_ip trace_id occurred_at prev_hash hash".split(" ");
    return {
        ...Object.fromEntries(same.map((name) => [name, event[name]])),
        _id: event.id,
        event_id: event.id,
        event_type: `trafficmanager.route.${String(event.action)}`,
        route: { tenant: event.tenant, ...object(event.route ?? event.policy) },
        url: after.url,
        previous_url: before.url,
        state: state(after),
        previous_state: state(before),
        changed_by: actor.id,
        correlation_id: event.request_id,
    };
}

/** Whether a member of an answer shows opened what the event has sealed. */
function isOpened(name: string, value: unknown, document: JsonObject): boolean {
    const mayBeSealed = name === "changed_by" || name === "reason" || name === "source_ip";
    return mayBeSealed && typeof value === "string" && value.startsWith("enc:v1:") && !("_id" in document);
}
