// Things that are asked once: history, audit, plans. They are asked anew when the tenant's revision moves.

import { NoAnswer, Problem } from "@client";
import { QueryClient } from "@tanstack/react-query";

/** The cache of what was asked. The client of the SDK has its own retries. */
export const queries = new QueryClient({
    defaultOptions: {
        queries: { retry: false, gcTime: 300_000, staleTime: 10_000, refetchOnWindowFocus: false },
    },
});

/** Returns an error in words for people. */
export function words(error: unknown): string {
    if (error instanceof Problem) {
        const fields = error.errors.map(({ pointer, detail }) => `${pointer}: ${detail}`);
        return [error.detail, ...fields].join("\n");
    }
    if (error instanceof NoAnswer) return "The service does not answer.";
    return error instanceof Error ? error.message : String(error);
}
