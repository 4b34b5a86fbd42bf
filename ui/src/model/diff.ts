// The difference of two objects, member by member, as Review and the history show it.

export type Json = string | number | boolean | null | undefined | Json[] | { [name: string]: Json };

/** A member that differs. `path` is like `labels.team`. */
export interface FieldChange {
    readonly path: string;
    readonly before: string | undefined;
    readonly after: string | undefined;
}

/** Members that the service writes itself: they are no change that somebody made. */
const OWN = new Set(["revision", "created_at", "created_by", "updated_at", "updated_by", "tenant", "convergence"]);

/** Returns the members that differ, in the order of their names. Lists and texts are compared as a whole. */
export function fieldChanges(before: unknown, after: unknown): FieldChange[] {
    const old = flat(before);
    const now = flat(after);
    const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
    return paths
        .filter((path) => old.get(path) !== now.get(path))
        .map((path) => ({ path, before: old.get(path), after: now.get(path) }));
}

function flat(value: unknown): Map<string, string> {
    const found = new Map<string, string>();
    const walk = (path: string, at: unknown): void => {
        if (at === undefined || at === null) return;
        if (typeof at === "object" && !Array.isArray(at)) {
            for (const [name, inner] of Object.entries(at)) {
                if (path === "" && OWN.has(name)) continue;
                walk(path === "" ? name : `${path}.${name}`, inner);
            }
        } else if (!(Array.isArray(at) && at.length === 0)) {
            found.set(path, typeof at === "string" ? at : brief(at));
        }
    };
    walk("", value);
    return found;
}

/** Returns a value as a short text: splits as `v1 90, v2 10`, lists of texts by commas, anything else as JSON. */
export function brief(value: unknown): string {
    if (value === null) return "–";
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(", ");
    if (Array.isArray(value) && value.every(isWeighted)) {
        return value.map(({ version, weight }) => `${version} ${String(weight)}`).join(", ");
    }
    return typeof value === "string" ? value : JSON.stringify(value);
}

function isWeighted(value: unknown): value is { version: string; weight: number } {
    return (
        typeof value === "object" && value !== null && "version" in value && "weight" in value && !("match" in value)
    );
}
