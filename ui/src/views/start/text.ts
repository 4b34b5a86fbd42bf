export const text = {
    title: "Tenants",
    about: "Choose the tenant whose traffic you want to see.",
    empty: "There is no tenant yet.",
    emptyHint: "The first route, or an import, makes one.",
    routes: (routes: number, policies: number) => `${String(routes)} routes · ${String(policies)} policies`,
    filter: "Filter tenants",
    more: "Show more",
} as const;
