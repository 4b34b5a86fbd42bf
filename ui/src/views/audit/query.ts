// The search of the audit trail, as the address and as the API have it.

import type { Event } from "@client";

/** The parameters of a search that the address holds. */
export const NAMES = ["action", "actor", "service", "env", "version", "from", "to"] as const;

export const ACTIONS: readonly Event["action"][] = [
    "created",
    "updated",
    "activated",
    "deactivated",
    "deleted",
    "policy_set",
    "policy_deleted",
    "tenant_created",
    "tenant_updated",
    "tenant_deleted",
];

export interface AuditQuery {
    action?: Event["action"];
    actor?: string;
    service?: string;
    env?: string;
    version?: string;
    from?: string;
    to?: string;
}

/** Reads a search from the address. Local times become UTC; what is no action or no time is left out. */
export function auditQuery(read: (name: string) => string): AuditQuery {
    const query: AuditQuery = {};
    const action = ACTIONS.find((one) => one === read("action"));
    if (action) query.action = action;
    for (const name of ["actor", "service", "env", "version"] as const) {
        const value = read(name).trim();
        if (value !== "") query[name] = value;
    }
    for (const name of ["from", "to"] as const) {
        const time = new Date(read(name));
        if (!Number.isNaN(time.getTime())) query[name] = time.toISOString();
    }
    return query;
}

/** Returns a time of the address as a field for local times has it; empty if it is no time. */
export function localField(text: string): string {
    const time = new Date(text);
    if (Number.isNaN(time.getTime())) return "";
    const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
    return local.toISOString().slice(0, 16);
}

/** Returns the address of an export of a search. */
export function exportUrl(tenant: string, query: AuditQuery, format: "ndjson" | "csv"): string {
    const search = new URLSearchParams({ tenant, ...query, format });
    return `/api/v1/audit/export?${search.toString()}`;
}
