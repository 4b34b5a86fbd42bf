// What the address holds of a view: its filters and what is selected.

import { useCallback } from "react";
import { useSearchParams } from "wouter";

/** Returns a reader of the parameters of the address, and a function that sets some; an empty text removes one. */
export function useSearch(): [(name: string) => string, (values: Readonly<Record<string, string>>) => void] {
    const [search, setSearch] = useSearchParams();
    const set = useCallback(
        (values: Readonly<Record<string, string>>) => {
            setSearch(
                (old) => {
                    const next = new URLSearchParams(old);
                    for (const [name, value] of Object.entries(values)) {
                        if (value === "") next.delete(name);
                        else next.set(name, value);
                    }
                    return next;
                },
                { replace: true },
            );
        },
        [setSearch],
    );
    return [(name) => search.get(name) ?? "", set];
}
