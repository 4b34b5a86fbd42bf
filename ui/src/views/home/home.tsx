// The overview of a tenant: what it has, what is under way, and what changed last.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { api } from "../../api/client";
import { Badge, Head, Panel, Time } from "../../components/basic";
import { ShareBar } from "../../components/sharebar";
import { useTenant } from "../../live/hooks";
import { actorOf, pathOf, subjectOf } from "../../model/event";
import { policyPath } from "../../model/route";
import { count } from "../../model/time";
import { useWho } from "../../shell/context";
import { text } from "./text";

/** The number of changes that are shown. */
const SHOWN = 20;
/** The most waiting plans that are counted. */
const PLANS = 200;

export function Home(): ReactNode {
    const view = useTenant();
    const { tenant, routes, policies, tag } = view;
    const active = routes.filter(({ isActive }) => isActive).length;
    const services = new Set(routes.map(({ service }) => service)).size;
    return (
        <>
            <Head title={tenant} />
            <ul className="figures">
                <Figure to={`/t/${tenant}/routes?filter=is:active`} value={count(active)} name={text.active} />
                <Figure
                    to={`/t/${tenant}/routes?filter=is:inactive`}
                    value={view.isComplete ? count(routes.length - active) : "…"}
                    name={text.inactive}
                />
                <Figure to={`/t/${tenant}/topology`} value={count(services)} name={text.services} />
                <Figure to={`/t/${tenant}/policies`} value={count(policies.length)} name={text.policies} />
                <Plans tenant={tenant} revision={tag?.revision ?? 0} />
                <Archive tenant={tenant} revision={tag?.revision ?? 0} />
            </ul>
            <div className="columns">
                <Recent />
                <Canaries />
            </div>
        </>
    );
}

function Figure({ to, value, name, tone }: { to: string; value: string; name: string; tone?: string }): ReactNode {
    return (
        <li>
            <Link href={to} className={`figure ${tone ?? ""}`}>
                <strong>{value}</strong>
                <span>{name}</span>
            </Link>
        </li>
    );
}

function Plans({ tenant, revision }: { tenant: string; revision: number }): ReactNode {
    const plans = useQuery({
        queryKey: ["plans", tenant, revision],
        queryFn: ({ signal }) => api.listPlans({ tenant, limit: PLANS }, { signal }),
    });
    const found = plans.data?.value.items.length;
    return (
        <Figure
            to={`/t/${tenant}/plans`}
            value={found === undefined ? "…" : count(found)}
            name={text.plans}
            tone={found ? "attention" : ""}
        />
    );
}

function Archive({ tenant, revision }: { tenant: string; revision: number }): ReactNode {
    const { rights } = useWho();
    const status = useQuery({
        queryKey: ["audit-status", tenant, revision],
        queryFn: ({ signal }) => api.getAuditStatus({ tenant }, { signal }),
        enabled: rights.mayAudit,
        refetchInterval: 15_000,
    });
    if (!rights.mayAudit) return null;
    const seconds = status.data?.value.tenants[0]?.seconds_behind;
    return (
        <Figure
            to={`/t/${tenant}/audit`}
            value={status.isError ? "?" : seconds === undefined ? "…" : text.seconds(Math.round(seconds))}
            name={text.archive}
            tone={(seconds ?? 0) > 60 || status.isError ? "attention" : ""}
        />
    );
}

function Recent(): ReactNode {
    const { recent } = useTenant();
    return (
        <Panel title={text.recent}>
            {recent.length === 0 && <p className="quiet">{text.noRecent}</p>}
            <ol className="feed">
                {recent.slice(0, SHOWN).map(({ event, at }) => (
                    <li key={event.id} className={at === undefined ? "" : "fresh"}>
                        <span className="number quiet">{event.revision}</span>
                        <span>
                            <Badge>{event.action.replaceAll("_", " ")}</Badge>{" "}
                            <Link href={pathOf(event)}>{subjectOf(event)}</Link>
                            {event.reason !== null && <span className="reason"> “{event.reason}”</span>}
                            <span className="quiet">
                                {" "}
                                {text.by} {actorOf(event)}
                            </span>
                        </span>
                        <span className="quiet">
                            <Time at={event.occurred_at} relative />
                        </span>
                    </li>
                ))}
            </ol>
        </Panel>
    );
}

function Canaries(): ReactNode {
    const { tenant, policies } = useTenant();
    const split = policies.filter((policy) => policy.split.filter(({ weight }) => weight > 0).length > 1);
    return (
        <Panel title={text.canaries}>
            {split.length === 0 && <p className="quiet">{text.noCanaries}</p>}
            <ul className="canaries">
                {split.slice(0, SHOWN).map((policy) => (
                    <li key={`${policy.service}/${policy.env}`}>
                        <Link href={policyPath(tenant, policy)}>
                            {policy.service} <span className="quiet">{policy.env}</span>
                        </Link>
                        <ShareBar split={policy.split} />
                    </li>
                ))}
            </ul>
        </Panel>
    );
}
