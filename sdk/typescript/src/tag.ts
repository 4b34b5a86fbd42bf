// Version tags, `<epoch>.<revision>`.

const TAG = /^([0-9a-f]{16})\.(0|[1-9][0-9]{0,18})$/;

/**
 * The version of a tenant or of an object: an epoch (history) and a revision in it. Revisions of different epochs
 * cannot be compared. Revisions are exact up to 2^53; a tenant with a thousand writes a second gets there after
 * 285,000 years.
 */
export class VersionTag {
    private constructor(
        /** 16 lower-case hex digits. */
        readonly epoch: string,
        /** The number of the change within the epoch. */
        readonly revision: number,
    ) {}

    /** Returns the tag of an epoch and a revision, or undefined if there is no such tag. */
    static of(epoch: string, revision: number): VersionTag | undefined {
        return VersionTag.parse(`${epoch}.${String(revision)}`);
    }

    /**
     * Reads a tag as headers and ids have it: with or without quotes, and with or without `W/`. The service answers a
     * weak tag when it compresses. Returns undefined for any other text.
     */
    static parse(text: string): VersionTag | undefined {
        const bare = text
            .trim()
            .replace(/^W\//, "")
            .replace(/^"(.*)"$/, "$1");
        const found = TAG.exec(bare);
        const revision = Number(found?.[2]);
        if (found?.[1] === undefined || !Number.isSafeInteger(revision)) return undefined;
        return new VersionTag(found[1], revision);
    }

    /** Returns true for the same epoch and a revision that is at least as new. */
    covers(other: VersionTag): boolean {
        return this.epoch === other.epoch && this.revision >= other.revision;
    }

    /** Returns true for the same epoch and the same revision. */
    equals(other: VersionTag | undefined): boolean {
        return this.epoch === other?.epoch && this.revision === other.revision;
    }

    /** Returns the text in quotes, as `ETag`, `If-Match` and `If-None-Match` have it. */
    toEtag(): string {
        return `"${this.toString()}"`;
    }

    /** Returns `<epoch>.<revision>`. */
    toString(): string {
        return `${this.epoch}.${String(this.revision)}`;
    }

    /** Returns the same text as `toString`. */
    toJSON(): string {
        return this.toString();
    }
}
