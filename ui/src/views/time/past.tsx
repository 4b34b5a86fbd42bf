// Routes and policies of the past; nothing of them can be changed.

import type { ReactNode } from "react";

import { type Column, Table } from "../../components/table";
import { ShareBar } from "../../components/sharebar";
import { keyOf } from "../../model/route";
import { text } from "./text";
import type { Past } from "./time";

type PastRoute = Past["routes"][number];

const COLUMNS: readonly Column<PastRoute>[] = [
    { id: "service", title: text.column.service, width: "minmax(6rem, 1fr)", cell: ({ service }) => service },
    { id: "env", title: text.column.env, width: "minmax(4rem, .7fr)", cell: ({ env }) => env },
    {
        id: "version",
        title: text.column.version,
        width: "minmax(4rem, .7fr)",
        cell: ({ version }) => (
            <span tabIndex={-1} title={version}>
                {version}
            </span>
        ),
    },
    {
        id: "url",
        title: text.column.url,
        width: "minmax(8rem, 3fr)",
        cell: ({ url }) => <span title={url}>{url}</span>,
    },
    {
        id: "revision",
        title: text.column.revision,
        width: "4.5rem",
        isNumber: true,
        cell: ({ revision }) => revision,
    },
];

export function PastRoutes({ routes }: { routes: readonly PastRoute[] }): ReactNode {
    if (routes.length === 0) return <p className="quiet">{text.noRoutes}</p>;
    return (
        <div className="past-routes">
            <Table label={text.title} columns={COLUMNS} rows={routes} keyOf={keyOf} />
        </div>
    );
}

export function PastPolicies({ policies }: { policies: Past["policies"] }): ReactNode {
    if (policies.length === 0) return <p className="quiet">{text.noPolicies}</p>;
    return (
        <ul className="canaries">
            {policies.map(({ service, env, hosts, split }) => (
                <li key={`${service}/${env}`}>
                    {service} <span className="quiet">{env}</span>{" "}
                    <span className="quiet mono">{hosts.join(", ")}</span>
                    <ShareBar split={split} />
                </li>
            ))}
        </ul>
    );
}
