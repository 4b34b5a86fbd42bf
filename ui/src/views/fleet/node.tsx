// One node: what it was sent, what it runs, its error, and what keeps it from the newest change.

import { type Node, Problem } from "@client";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "wouter";

import { api } from "../../api/client";
import { Badge, ButtonLink, Failed, Head, Loading, Panel, Time } from "../../components/basic";
import { useTenant } from "../../live/hooks";
import { TONES } from "./fleet";
import { causeOf, nodeKey, revisionOf } from "./nodes";
import { text } from "./text";

/** How often the node is asked for, in milliseconds. */
const LOOKS = 3000;

export function NodeDetails(): ReactNode {
    const { tenant } = useTenant();
    const { node } = useParams<{ node: string }>();
    const name = decodeURIComponent(node);
    const found = useQuery({
        queryKey: ["node", tenant, name],
        queryFn: ({ signal }) => api.getNode({ tenant, node: name }, { signal }),
        refetchInterval: ({ state }) => (state.error instanceof Problem ? false : LOOKS),
    });
    if (found.isPending) return <Loading />;
    return (
        <>
            <Head title={name}>
                <ButtonLink to={`/t/${tenant}/fleet`}>{text.node.back}</ButtonLink>
            </Head>
            {found.isError && <Failed error={found.error} retry={() => void found.refetch()} />}
            {found.data?.value.scopes.map((scope) => (
                <Scope key={nodeKey(scope)} tenant={tenant} node={scope} />
            ))}
        </>
    );
}

function Scope({ tenant, node }: { tenant: string; node: Node }): ReactNode {
    const { state, error, env, service, dialect, since } = node;
    const runs = revisionOf(node.applied);
    const cause = causeOf(node);
    const pairs: [string, ReactNode][] = [
        [text.column.dialect, dialect ?? "–"],
        [text.column.served, <Tag key="served" tag={node.served} />],
        [text.column.applied, <Tag key="applied" tag={node.applied} />],
        [text.column.lag, state === "unknown" ? "–" : node.lag_revisions],
        [text.node.since, since === null ? "–" : <Time at={since} />],
        [text.column.seen, <Time key="seen" at={node.seen} relative />],
        [text.node.interval, text.seconds(node.interval_seconds)],
        [text.node.instance, <code key="instance">{node.instance}</code>],
    ];
    return (
        <Panel title={text.node.scope(env, service)} aside={<Badge tone={TONES[state]}>{text.state[state]}</Badge>}>
            <p>{text.cause[cause]}</p>
            {error && (
                <div className="notice bad">
                    <strong>
                        {error.code.replaceAll("_", " ")}
                        {error.tag !== null && ` · ${text.node.tag} ${error.tag}`}
                    </strong>
                    <code className="lines">{error.text}</code>
                </div>
            )}
            <dl className="pairs">
                {pairs.map(([name, value]) => (
                    <div key={name}>
                        <dt>{name}</dt>
                        <dd>{value}</dd>
                    </div>
                ))}
            </dl>
            {cause !== "none" && runs !== undefined && (
                <p>
                    {text.node.missing}:{" "}
                    <ButtonLink to={`/t/${tenant}/time?at=${String(runs)}&show=difference`}>
                        {text.node.compare}
                    </ButtonLink>
                </p>
            )}
        </Panel>
    );
}

function Tag({ tag }: { tag: string | null }): ReactNode {
    if (tag === null) return "–";
    return (
        <>
            {revisionOf(tag)} <code className="quiet">{tag}</code>
        </>
    );
}
