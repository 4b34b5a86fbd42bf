// The filter of lists: words that must all be there, and `service:`, `env:`, `version:`, `label:`, `is:`.

import type { RouteRow } from "./route";

type Test = (row: RouteRow) => boolean;

/** Returns whether a route matches a filter. A word in quotes may have spaces; `-` before a word negates it. */
export function routeFilter(text: string): Test {
    const tests = words(text).map(test);
    return (row) => tests.every((one) => one(row));
}

function words(text: string): string[] {
    return [...text.matchAll(/-?(?:[a-z]+:)?"[^"]*"|\S+/g)].map(([word]) => word.replaceAll('"', ""));
}

function test(word: string): Test {
    if (word.startsWith("-") && word.length > 1) {
        const inner = test(word.slice(1));
        return (row) => !inner(row);
    }
    const [, name, value = ""] = /^([a-z]+):(.*)$/.exec(word) ?? [];
    switch (name) {
        case "service":
        case "env":
        case "version":
            return (row) => row[name] === value;
        case "label":
            return label(value);
        case "is":
            return (row) => value === (row.isActive ? "active" : "inactive");
        default:
            return anywhere(word.toLowerCase());
    }
}

function label(text: string): Test {
    const [name = "", ...rest] = text.split("=");
    const value = rest.join("=");
    return ({ labels }) => (rest.length === 0 ? name in labels : labels[name] === value);
}

function anywhere(word: string): Test {
    return (row) =>
        row.service.includes(word) ||
        row.env.includes(word) ||
        row.version.toLowerCase().includes(word) ||
        row.url.toLowerCase().includes(word) ||
        Object.entries(row.labels).some(([name, value]) => `${name}=${value}`.toLowerCase().includes(word));
}
