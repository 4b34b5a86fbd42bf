export const text = {
    active: "active routes",
    inactive: "inactive",
    services: "services",
    policies: "policies",
    plans: "waiting plans",
    archive: "archive behind",
    recent: "Last changes",
    noRecent: "Nothing has changed in this epoch yet.",
    canaries: "Traffic that is split",
    noCanaries: "Every policy sends all its traffic to one version.",
    seconds: (value: number) => `${String(value)} s`,
    by: "by",
} as const;
