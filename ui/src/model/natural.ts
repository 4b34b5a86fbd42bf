// The order of names for people: v2 before v10. The API sorts by bytes.

const keys = new Map<string, string>();
/** The most names that are remembered; then the memory begins anew. */
const MAX_KEYS = 50_000;

/** Returns a text that sorts like the name, with each number of it as a number. */
export function naturalKey(name: string): string {
    let key = keys.get(name);
    if (key === undefined) {
        if (keys.size >= MAX_KEYS) keys.clear();
        key = name.replace(/\d+/g, (digits) => digits.padStart(12, "0"));
        keys.set(name, key);
    }
    return key;
}

/** Compares two names naturally; equal ones by their bytes. */
export function byName(a: string, b: string): number {
    const [left, right] = [naturalKey(a), naturalKey(b)];
    if (left !== right) return left < right ? -1 : 1;
    return a < b ? -1 : a > b ? 1 : 0;
}
