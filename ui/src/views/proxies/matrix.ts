// What the kinds of proxies can do of a tenant's policies, as a matrix of policies and kinds.

import type { ProxyReport } from "@client";

import { byName } from "../../model/natural";

export const DIALECTS = ["envoy", "haproxy", "nginx", "traefik", "caddy"] as const;
export type Dialect = (typeof DIALECTS)[number];
export type Reported = ProxyReport["policies"][number];

/** One policy with what each kind of proxy does of it. */
export interface PolicyRow {
    readonly key: string;
    readonly service: string;
    readonly env: string;
    readonly by: Readonly<Partial<Record<Dialect, Reported>>>;
}

const RANK: Record<Reported["state"], number> = { quarantined: 3, refused: 2, degraded: 1, native: 0 };

/** Joins the reports, the policies with the worst state first. */
export function matrix(reports: readonly ProxyReport[]): PolicyRow[] {
    const rows = new Map<string, PolicyRow>();
    for (const { dialect, policies } of reports) {
        const name = DIALECTS.find((one) => one === dialect);
        if (!name) continue;
        for (const policy of policies) {
            const { service, env } = policy;
            const key = `${service}/${env}`;
            const row = rows.get(key) ?? { key, service, env, by: {} };
            rows.set(key, { ...row, by: { ...row.by, [name]: policy } });
        }
    }
    return [...rows.values()].sort(
        (a, b) => worst(b) - worst(a) || byName(a.service, b.service) || byName(a.env, b.env),
    );
}

/** Returns the rank of the worst state of a row; 0 if all kinds do all of it. */
export function worst({ by }: PolicyRow): number {
    return Math.max(0, ...Object.values(by).map(({ state }) => RANK[state]));
}
