// What a node tells the service of itself: its name, and which state it runs.

import type { VersionTag } from "./tag.js";

/** The most bytes of the header `TM-Error`. */
const MOST = 1024;
/** The dialect of a node that runs what it holds. A service takes a node without a dialect for one. */
const NATIVE = "native";
/** The dialect of a node that has none in its settings and reports what it runs. */
const OWN = "program";

/** Why a node does not run the state that it holds. */
export interface Fault {
    /**
     * The kind of reason. `refused`: the proxy, or its check, refused it. `unreachable`: the proxy cannot be reached.
     * `held_back`: it waits for an operator. Others have at most 63 of the characters A-Z, a-z, 0-9, `.`, `_` and `-`.
     */
    readonly code: "refused" | "unreachable" | "held_back" | (string & {});
    /** The reason for people; 1024 bytes are sent. */
    readonly text?: string;
    /** The tag of the state that does not run. */
    readonly tag?: VersionTag | undefined;
}

/** What a node says; a newer report replaces it. */
export interface Report {
    /** The tag of the state that the node runs; missing if that is not known. */
    readonly applied?: VersionTag | undefined;
    /** Why the node does not run what the watcher holds; missing if it does. */
    readonly error?: Fault | undefined;
}

/** The reports since the start. */
export interface Reported {
    /** Reports that the service has taken. */
    readonly sent: number;
    /** Reports that failed, and were or will be sent again. */
    readonly failed: number;
}

/** Returns the headers of a report. Throws a TypeError for a code that the service refuses. */
export function reportHeaders({ applied, error }: Report): Record<string, string> {
    return {
        ...(applied && { "tm-applied": applied.toString() }),
        ...(error && { "tm-error": faultText(error) }),
        ...(error?.tag && { "tm-refused": error.tag.toString() }),
    };
}

/** Returns `<code> <text>` in printable ASCII. All else, and `%`, is percent-encoded, and no character is cut. */
function faultText({ code, text = "" }: Fault): string {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(code)) {
        throw new TypeError("the code of a fault must have 1 to 63 of A-Z, a-z, 0-9, ., _ and -");
    }
    let value = code;
    const words = text.trim();
    for (const char of words === "" ? "" : ` ${words}`) {
        const encoded = /^[ -~]$/.test(char) && char !== "%" ? char : percentEncoded(char);
        if (value.length + encoded.length > MOST) break;
        value += encoded;
    }
    return value;
}

function percentEncoded(char: string): string {
    const bytes = [...new TextEncoder().encode(char)];
    return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

/** A node of the service's list, and what the program said of it. */
export class Node {
    /** The headers of the program's newest report; undefined if it does not report. */
    own: Record<string, string> | undefined;

    /** Throws a TypeError if one of them is no label. */
    constructor(
        private readonly name: string,
        private readonly dialect: string | undefined,
    ) {
        for (const [what, label] of Object.entries({ node: name, dialect })) {
            if (label !== undefined && !/^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label)) {
                throw new TypeError(`${what} must have 1 to 63 of a-z, 0-9 and -, and neither begin nor end with -`);
            }
        }
    }

    /** Whether the data count as applied: the program does not report, and feeds nothing else with them. */
    get runsWhatItHolds(): boolean {
        return this.own === undefined && (this.dialect ?? NATIVE) === NATIVE;
    }

    /**
     * Returns the headers of each request. The tag that the node runs is not among them: a stream's request may arrive
     * after a newer report. Without a dialect the service would take the tag that a poll has for that.
     */
    headers(): Record<string, string> {
        const dialect = this.dialect ?? (this.own && OWN);
        return { "tm-node": this.name, ...(dialect !== undefined && { "tm-dialect": dialect }) };
    }

    /** Returns the headers of a report while the node holds a tag. */
    report(held: VersionTag | undefined): Record<string, string> {
        return this.runsWhatItHolds ? reportHeaders({ applied: held }) : (this.own ?? {});
    }
}
