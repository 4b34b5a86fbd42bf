export const text = {
    title: "Topology",
    about: "Services, environments and versions; widths are shares of traffic.",
    filter: "Filter: words, service: env:",
    label: "Services, their environments and versions",
    cut: (shown: number, all: number) => `${String(shown)} of ${String(all)} services are drawn: use the filter.`,
    none: "Nothing matches the filter.",
    byName: "by name",
} as const;
