// What the fleet's views ask: the convergence, and the worst nodes.

import type { Convergence, Node } from "@client";
import { type UseQueryResult, skipToken, useQuery } from "@tanstack/react-query";

import { api } from "../../api/client";
import { queries } from "../../live/query";
import { type Look, withLook } from "./trail";
import { STATES, revisionOf, worstFirst } from "./nodes";

/** The most nodes that are listed: the worst ones. */
export const MOST = 1000;
const PAGE = 200;
/** How often the convergence and the list are asked for, in milliseconds. A hidden page does not ask. */
const LOOKS = 2000;
const LISTS = 5000;

/** Returns the worst nodes: one page if all are on it, else state by state. */
async function worstNodes(tenant: string, signal: AbortSignal): Promise<Node[]> {
    const { value } = await api.listNodes({ tenant, limit: PAGE }, { signal });
    if (value.next_cursor === null) return worstFirst(value.items);
    const nodes: Node[] = [];
    for (const state of STATES) {
        for await (const node of api.items("listNodes", { tenant, state, limit: PAGE }, { signal })) {
            nodes.push(node);
            if (nodes.length >= MOST) return worstFirst(nodes);
        }
    }
    return worstFirst(nodes);
}

export function useNodes(tenant: string): UseQueryResult<Node[]> {
    return useQuery({
        queryKey: ["nodes", tenant],
        queryFn: ({ signal }) => worstNodes(tenant, signal),
        refetchInterval: LISTS,
    });
}

const NONE: readonly Look[] = [];

function trailKey(tenant: string): readonly string[] {
    return ["trail", tenant];
}

function note(tenant: string, found: Convergence): void {
    const share = found.live === 0 ? undefined : found.converged / found.live;
    const look = { at: Date.now(), revision: revisionOf(found.revision) ?? 0, share };
    queries.setQueryData<readonly Look[]>(trailKey(tenant), (looks) => withLook(looks ?? NONE, look));
}

/** Returns the looks at the fleet of a tenant. They are in the cache of what was asked, which signing out clears. */
export function useTrail(tenant: string): readonly Look[] {
    const trail = useQuery<readonly Look[]>({ queryKey: trailKey(tenant), queryFn: skipToken });
    return trail.data ?? NONE;
}

export function useConvergence(tenant: string): UseQueryResult<Convergence> {
    return useQuery({
        queryKey: ["convergence", tenant],
        queryFn: async ({ signal }) => {
            const { value } = await api.getConvergence({ tenant }, { signal });
            note(tenant, value);
            return value;
        },
        refetchInterval: LOOKS,
    });
}
