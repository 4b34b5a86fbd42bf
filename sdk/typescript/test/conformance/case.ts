// The format of cases; sdk/conformance/README.md describes it.

export interface Cases {
    format: number;
    cases: Case[];
}

export interface CaseScope {
    service?: string;
    env?: string;
}

export interface Case {
    name: string;
    why?: string;
    scope?: CaseScope;
    keys?: string[];
    tokens?: string[];
    accept_share?: number;
    max_bytes?: number;
    servers?: number;
    times?: Record<string, number>;
    patience_ms?: number;
    steps: Step[];
}

export interface Step {
    begin?: SnapshotOf;
    damage?: { previous?: boolean; how: "cut" | "flip" | "empty" | "remove" };
    restart?: { tenant?: string; scope?: CaseScope; keys?: string[] };
    expect?: "snapshot" | "poll" | "stream";
    if_none_match?: string | null;
    last_event_id?: string | null;
    token?: string;
    query?: string;
    server?: number;
    not_before_ms?: number;
    answer?: Answer;
    send?: Piece[];
    end?: boolean;
    holds?: Holds;
    saved?: string;
}

export interface Answer {
    status?: number;
    snapshot?: SnapshotOf;
    tag?: string;
    weak?: boolean;
    gzip?: boolean;
    cut?: boolean;
    body?: string;
    signed?: Signed;
    headers?: Record<string, string>;
    stream?: Piece[];
    hang?: boolean;
}

export type SnapshotOf = string | FullSnapshot;

export interface FullSnapshot {
    tag: string;
    tenant?: string;
    routes?: [string, string, number][];
    policies?: [string, Record<string, number>, number][];
    many?: number;
    route_members?: Record<string, unknown>;
    members?: Record<string, unknown>;
    wrong_digest?: boolean;
}

export interface Signed {
    of?: SnapshotOf;
    by: string[];
    tenant?: string;
    scope?: CaseScope;
    tag?: string;
    broken?: boolean;
}

export type Piece = string | StreamEvent;

export interface StreamEvent {
    change?: string | FullChange;
    snapshot?: SnapshotOf;
    signature?: Signed;
    event?: string;
    data?: string;
    id?: string | null;
    slow?: boolean;
}

export interface FullChange {
    tag: string;
    item?: number;
    items?: number;
    route?: string;
    url?: string;
    policy?: string;
    split?: Record<string, number>;
    tenant?: string;
    action?: string;
    inactive?: boolean;
    members?: Record<string, unknown>;
}

export interface Holds {
    state?: string;
    tag?: string | null;
    routes?: Record<string, string>;
    count?: number;
    policies?: string[];
    applied?: number;
    dropped?: number;
    diverged?: number;
    file_errors?: number;
    refused?: Record<string, number>;
}

/** All members that the player knows. A case with another one must fail, and not be played without it. */
const KNOWN: Record<string, string> = {
    case: "name why scope keys tokens accept_share max_bytes servers times patience_ms steps",
    step: "begin damage restart expect if_none_match last_event_id token query server not_before_ms answer send end holds saved",
    answer: "status snapshot tag weak gzip cut body signed headers stream hang",
    snapshot: "tag tenant routes policies many route_members members wrong_digest",
    signed: "of by tenant scope tag broken",
    piece: "change snapshot signature event data id slow",
    change: "tag item items route url policy split tenant action inactive members",
    holds: "state tag routes count policies applied dropped diverged file_errors refused",
};

function check(kind: string, value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    const known = (KNOWN[kind] ?? "").split(" ");
    const strange = Object.keys(value).filter((name) => !known.includes(name));
    if (strange.length > 0) throw new Error(`${kind} has the unknown members ${strange.join(", ")}`);
}

function checkPiece(piece: Piece): void {
    check("piece", piece);
    if (typeof piece === "string") return;
    check("change", piece.change);
    check("snapshot", piece.snapshot);
    check("signed", piece.signature);
}

/** Throws if a case has a member that the player does not know. */
export function checkCase(one: Case): void {
    check("case", one);
    for (const step of one.steps) {
        check("step", step);
        check("snapshot", step.begin);
        check("answer", step.answer);
        check("snapshot", step.answer?.snapshot);
        check("signed", step.answer?.signed);
        check("holds", step.holds);
        [...(step.send ?? []), ...(step.answer?.stream ?? [])].forEach(checkPiece);
    }
}
