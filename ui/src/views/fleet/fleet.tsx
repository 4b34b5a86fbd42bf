// The fleet: which node runs what, the worst ones first, and how the newest revision reaches them.

import type { Convergence, Node } from "@client";
import { type ReactNode, useMemo } from "react";
import { Link, useLocation } from "wouter";

import { Badge, Button, Empty, Failed, Head, Loading, Time, type Tone } from "../../components/basic";
import { Facts, type Part, Parts } from "../../components/facts";
import { type Column, Table } from "../../components/table";
import { useTenant } from "../../live/hooks";
import { percent } from "../../model/shares";
import { count } from "../../model/time";
import { useSearch } from "../../shell/search";
import { MOST, useConvergence, useNodes } from "./data";
import { type NodeState, causeOf, matches, nodeKey, revisionOf } from "./nodes";
import { text } from "./text";
import { Trail } from "./trail-picture";

export const TONES: Record<NodeState, Tone> = {
    refused: "bad",
    lagging: "warn",
    lost: "warn",
    unknown: "plain",
    converged: "good",
};

/** The path of a node within the page. */
function nodePath(tenant: string, node: string): string {
    return `/t/${tenant}/fleet/${encodeURIComponent(node)}`;
}

export function Fleet(): ReactNode {
    const { tenant } = useTenant();
    const convergence = useConvergence(tenant);
    const nodes = useNodes(tenant);
    if (nodes.isPending || convergence.isPending) return <Loading lines={10} />;
    if (nodes.isError) return <Failed error={nodes.error} retry={() => void nodes.refetch()} />;
    if (convergence.isError) return <Failed error={convergence.error} retry={() => void convergence.refetch()} />;
    return <Shown tenant={tenant} nodes={nodes.data} convergence={convergence.data} />;
}

interface ShownProps {
    tenant: string;
    nodes: readonly Node[];
    convergence: Convergence;
}

function Shown({ tenant, nodes, convergence }: ShownProps): ReactNode {
    const [read, set] = useSearch();
    const [, go] = useLocation();
    const filter = read("filter");
    const shown = useMemo(
        () => (filter.trim() === "" ? nodes : nodes.filter((node) => matches(node, filter))),
        [nodes, filter],
    );
    const table = useMemo(() => columns(tenant), [tenant]);
    const about = text.about(count(shown.length), count(nodes.length));
    return (
        <div className="fill">
            <Head title={text.title} about={nodes.length < MOST ? about : `${about} · ${text.worst(count(MOST))}`}>
                <input
                    type="search"
                    aria-label={text.filter}
                    placeholder={text.filter}
                    size={40}
                    value={filter}
                    onChange={(event) => set({ filter: event.target.value })}
                />
            </Head>
            <Summary tenant={tenant} convergence={convergence} />
            {nodes.length === 0 && <Empty title={text.empty}>{text.emptyHint}</Empty>}
            {nodes.length > 0 && shown.length === 0 && (
                <Empty title={text.noMatch}>
                    <Button onClick={() => set({ filter: "" })}>{text.clear}</Button>
                </Empty>
            )}
            {shown.length > 0 && (
                <Table
                    label={text.title}
                    columns={table}
                    rows={shown}
                    keyOf={nodeKey}
                    onOpen={({ node }) => go(nodePath(tenant, node))}
                />
            )}
        </div>
    );
}

function Summary({ tenant, convergence }: { tenant: string; convergence: Convergence }): ReactNode {
    const { live, converged, refused, lost, unknown, anonymous } = convergence;
    const share = live === 0 ? undefined : converged / live;
    const parts: Part[] = [
        { name: text.state.converged, value: converged, tone: "good" },
        { name: text.state.lagging, value: live - converged - refused, tone: "warn" },
        { name: text.state.refused, value: refused, tone: "bad" },
        { name: text.state.lost, value: lost, tone: "info" },
        { name: text.state.unknown, value: unknown, tone: "plain" },
    ];
    const tone = share === undefined ? "plain" : refused > 0 ? "bad" : share < 0.95 ? "warn" : "good";
    return (
        <section className="panel fleet-summary">
            <div className="fleet-figures">
                <Facts
                    facts={[
                        {
                            name: share === undefined ? text.noShare : text.share,
                            value: share === undefined ? "–" : percent(share),
                            tone,
                        },
                        { name: text.live, value: count(live) },
                        { name: text.anonymous, value: count(anonymous) },
                    ]}
                />
                <Parts label={text.title} parts={parts} />
                {convergence.partial && <p className="quiet">{text.partial}</p>}
                {convergence.warming && <p className="quiet">{text.warming}</p>}
            </div>
            <Trail tenant={tenant} />
        </section>
    );
}

function columns(tenant: string): Column<Node>[] {
    return [
        {
            id: "node",
            title: text.column.node,
            width: "minmax(8rem, 1.2fr)",
            cell: ({ node }) => (
                <Link href={nodePath(tenant, node)} tabIndex={-1}>
                    {node}
                </Link>
            ),
        },
        {
            id: "state",
            title: text.column.state,
            width: "6.5rem",
            cell: ({ state }) => <Badge tone={TONES[state]}>{text.state[state]}</Badge>,
        },
        {
            id: "dialect",
            title: text.column.dialect,
            width: "minmax(4rem, .6fr)",
            cell: ({ dialect }) => dialect ?? "",
        },
        {
            id: "scope",
            title: text.column.scope,
            width: "minmax(6rem, 1fr)",
            cell: ({ env, service }) => text.node.scope(env, service),
        },
        {
            id: "served",
            title: text.column.served,
            width: "4rem",
            isNumber: true,
            cell: ({ served }) => <span title={served ?? ""}>{revisionOf(served) ?? "–"}</span>,
        },
        {
            id: "applied",
            title: text.column.applied,
            width: "4rem",
            isNumber: true,
            cell: ({ applied }) => <span title={applied ?? text.never}>{revisionOf(applied) ?? "–"}</span>,
        },
        {
            id: "lag",
            title: text.column.lag,
            width: "4.5rem",
            isNumber: true,
            cell: ({ lag_revisions: lag, state }) => (lag === 0 || state === "unknown" ? "" : lag),
        },
        {
            id: "seen",
            title: text.column.seen,
            width: "7rem",
            cell: ({ seen }) => (
                <span className="apart">
                    <Time at={seen} relative />
                </span>
            ),
        },
        { id: "error", title: text.column.error, width: "minmax(8rem, 3fr)", cell: (node) => <Trouble node={node} /> },
    ];
}

/** The words of a node, or what its state tells. */
function Trouble({ node }: { node: Node }): ReactNode {
    const cause = causeOf(node);
    if (node.error) return <span title={node.error.text}>{node.error.text}</span>;
    if (cause === "none") return "";
    return (
        <span className="quiet" title={text.cause[cause]}>
            {text.cause[cause]}
        </span>
    );
}
