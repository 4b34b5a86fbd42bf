// JSON in its canonical form (RFC 8785), and checks of values that came as JSON.

/** A JSON object whose members are not known. */
export type JsonObject = Record<string, unknown>;

/** Returns true if a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns true if a value is an integer from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
    return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Returns the RFC 8785 text of a JSON value. Throws a TypeError for texts and numbers that JSON cannot have. */
export function canonical(value: unknown): string {
    if (typeof value === "string") return text(value);
    if (typeof value === "number") {
        if (!Number.isFinite(value)) throw new TypeError(`${String(value)} is no JSON number`);
        return JSON.stringify(value);
    }
    if (value === null || typeof value === "boolean") return String(value);
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (!isObject(value)) throw new TypeError(`${typeof value} is no JSON value`);
    // The default order of `sort` is by UTF-16 code units, which RFC 8785 asks for.
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${text(name)}:${canonical(value[name])}`).join(",")}}`;
}

function text(value: string): string {
    // With the flag `u`, only a surrogate without its other half is found.
    if (/[\ud800-\udfff]/u.test(value)) throw new TypeError("half of a surrogate pair is no text");
    return JSON.stringify(value);
}
