// Compares what came with what a step wants.

import type { View } from "../../src/index.js";
import type { Holds, Step } from "./case.js";
import { tag } from "./content.js";
import type { Request } from "./server.js";

/** Returns how a request differs from what a step expects. `since` is the time since the last answer. */
export function request(step: Step, kind: string, got: Request, since: number): string[] {
    const wrong: string[] = [];
    const check = (what: string, found: unknown, wanted: unknown): void => {
        if (found !== wanted) wrong.push(`${what} is ${String(found)}, not ${String(wanted)}`);
    };
    const last = got.path.split("/").at(-1) ?? "";
    check("the request", last === "snapshot" && got.query.includes("wait=") ? "poll" : last, kind);
    if (step.if_none_match !== undefined) {
        const wanted = step.if_none_match === null ? undefined : `"${tag(step.if_none_match)}"`;
        check("if-none-match", got.headers.get("if-none-match"), wanted);
    }
    if (step.last_event_id !== undefined) {
        const wanted = step.last_event_id === null ? undefined : tag(step.last_event_id);
        check("last-event-id", got.headers.get("last-event-id"), wanted);
    }
    if (step.token !== undefined) check("authorization", got.headers.get("authorization"), `Bearer ${step.token}`);
    if (step.query !== undefined) check("the query", got.query, step.query);
    if (step.server !== undefined) check("the server", got.server, step.server);
    check("the user agent", /^tm-typescript\/\d+\.\d+\.\d+$/.test(got.headers.get("user-agent") ?? ""), true);
    if (step.not_before_ms !== undefined) check("too early", since < step.not_before_ms, false);
    return wrong;
}

/** Returns how a view differs from what is wanted. */
export function view(got: View, wanted: Holds): string[] {
    const wrong: string[] = [];
    const check = (what: string, found: unknown, want: unknown): void => {
        const [a, b] = [JSON.stringify(found), JSON.stringify(want)];
        if (want !== undefined && a !== b) wrong.push(`${what} is ${a}, not ${b}`);
    };
    const sorted = <T>(object: Record<string, T> | undefined): [string, T][] | undefined =>
        object && Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
    const { snapshot, counters } = got;
    const wantedTag = wanted.tag === undefined || wanted.tag === null ? wanted.tag : tag(wanted.tag);
    check("state", got.state, wanted.state);
    check("tag", snapshot?.tag.toString() ?? null, wantedTag);
    const routes = [...(snapshot?.routes() ?? [])].map((route): [string, string] => [
        `${route.service}/${route.env}/${route.version}`,
        route.url,
    ]);
    check("count", routes.length, wanted.count);
    check("the number of routes", snapshot?.routeCount ?? 0, wanted.count);
    if (wanted.routes) check("routes", sorted(Object.fromEntries(routes)), sorted(wanted.routes));
    const policies = [...(snapshot?.policies() ?? [])].map((policy) => `${policy.service}/${policy.env}`);
    check("policies", policies, wanted.policies);
    check("applied", counters.applied, wanted.applied);
    check("dropped", counters.dropped, wanted.dropped);
    check("diverged", counters.diverged, wanted.diverged);
    check("file_errors", counters.fileErrors, wanted.file_errors);
    const refused = Object.fromEntries(Object.entries(counters.refused).filter(([, count]) => count > 0));
    check("refused", sorted(refused), sorted(wanted.refused));
    return wrong;
}
