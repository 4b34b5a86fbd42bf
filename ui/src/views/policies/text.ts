export const text = {
    title: "Policies",
    count: (shown: string, all: string) => (shown === all ? `${all} policies` : `${shown} of ${all} policies`),
    filter: "Filter by service, environment, host",
    empty: "This tenant has no policies.",
    emptyHint: "Without one, every request must name its version.",
    service: "Service",
    env: "Environment",
    shares: "Shares",
    rules: "Rules",
    hosts: "Hosts",
    revision: "Revision",
    more: (count: number) => `${String(count)} more: use the filter.`,
} as const;
