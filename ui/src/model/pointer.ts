// The line of a JSON pointer in a JSON text, to show an error where it is.

/** Returns the line (from 1) of the value that a pointer names, or of its nearest parent; undefined if it is no JSON. */
export function lineOf(json: string, pointer: string): number | undefined {
    const wanted = pointer
        .replace(/^#/, "")
        .split("/")
        .slice(1)
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    const places = positions(json);
    if (!places) return undefined;
    for (let length = wanted.length; length >= 0; length--) {
        const at = places.get(JSON.stringify(wanted.slice(0, length)));
        if (at !== undefined) return json.slice(0, at).split("\n").length;
    }
    return 1;
}

/** Returns where each value begins, by its path as JSON. */
function positions(json: string): Map<string, number> | undefined {
    try {
        JSON.parse(json);
    } catch {
        return undefined;
    }
    const places = new Map<string, number>();
    const token = /\s*(?:([{[])|([}\]])|(,)|("(?:[^"\\]|\\.)*")(\s*:)?|([^\s,{}[\]:]+))/y;
    const path: string[] = [];
    const isList: boolean[] = [];
    let key: string | undefined;
    const here = (): string[] => (key === undefined ? path : [...path, key]);
    for (let match = token.exec(json); match; match = token.exec(json)) {
        const [whole, open, close, comma, text, colon] = match;
        const at = token.lastIndex - whole.trimStart().length;
        if (text !== undefined && colon !== undefined) {
            key = JSON.parse(text) as string;
            continue;
        }
        if (close !== undefined) {
            isList.pop();
            key = path.pop();
        } else if (comma !== undefined) {
            if (isList.at(-1)) key = String(Number(key) + 1);
        } else {
            places.set(JSON.stringify(here()), at);
            if (open !== undefined) {
                if (isList.length > 0) path.push(key ?? "");
                isList.push(open === "[");
                key = open === "[" ? "0" : undefined;
            }
        }
    }
    return places;
}
