export const text = {
    title: "Changes",
    about: (live: boolean, shown: string) => `${live ? "live" : "not connected"} · ${shown} changes`,
    filter: "Filter: words, tenant: action:",
    pause: "Pause",
    go: (waiting: number) => (waiting === 0 ? "Go on" : `Go on (${String(waiting)} new)`),
    paused: "paused",
    empty: "Nothing has changed since this page was opened.",
    emptyHint: "Changes appear here as they are made.",
    noMatch: "No change matches the filter.",
    gaps: (count: number) =>
        `The stream broke ${count === 1 ? "once" : `${String(count)} times`}: changes of that time are not here. The audit trail has them.`,
    by: "by",
    list: "Changes, the newest first",
} as const;
