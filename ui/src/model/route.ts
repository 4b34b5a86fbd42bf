// A route as the lists show it: active ones from the snapshot, inactive ones from the list of routes.

import { byName, naturalKey } from "./natural";

/** A route in a list. */
export interface RouteRow {
    readonly service: string;
    readonly env: string;
    readonly version: string;
    readonly url: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly revision: number;
    readonly isActive: boolean;
}

/** The three names of a route within its tenant. */
export interface RouteName {
    readonly service: string;
    readonly env: string;
    readonly version: string;
}

/** Returns the key of a route within its tenant. */
export function keyOf(route: RouteName): string {
    return `${route.service}/${route.env}/${route.version}`;
}

/** Returns the path of a route within the page. */
export function routePath(tenant: string, { service, env, version }: RouteName): string {
    return `/t/${tenant}/routes/${service}/${env}/${encodeURIComponent(version)}`;
}

/** Returns the path of a policy within the page. */
export function policyPath(tenant: string, { service, env }: { service: string; env: string }): string {
    return `/t/${tenant}/policies/${service}/${env}`;
}

export type SortBy = "service" | "env" | "version" | "url" | "state" | "revision";

/** Sorts routes by a column, then by their names. */
export function sorted(rows: readonly RouteRow[], by: SortBy, isDescending: boolean): RouteRow[] {
    const keyed = rows.map((row) => ({ row, key: columnKey(row, by) }));
    const sign = isDescending ? -1 : 1;
    keyed.sort((a, b) => (a.key === b.key ? byNames(a.row, b.row) : (a.key < b.key ? -1 : 1) * sign));
    return keyed.map(({ row }) => row);
}

function columnKey(row: RouteRow, by: SortBy): string | number {
    if (by === "revision") return row.revision;
    if (by === "state") return row.isActive ? 0 : 1;
    return naturalKey(row[by]);
}

function byNames(a: RouteRow, b: RouteRow): number {
    return byName(a.service, b.service) || byName(a.env, b.env) || byName(a.version, b.version);
}
