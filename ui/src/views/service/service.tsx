// A service: environments × versions, with shares and states; two environments compared, and a policy copied.

import type { SnapshotPolicy } from "@client";
import { type ReactNode, useState } from "react";
import { Link, useParams } from "wouter";

import { api } from "../../api/client";
import { Badge, Button, Empty, Failed, Field, Head, Panel } from "../../components/basic";
import { Changes } from "../../components/changes";
import { useReview } from "../../components/review";
import { isFresh, useTenant } from "../../live/hooks";
import { en } from "../../messages/en";
import { fieldChanges } from "../../model/diff";
import { byName } from "../../model/natural";
import { type RouteRow, policyPath, routePath } from "../../model/route";
import { byVersion, percent } from "../../model/shares";
import { useWho } from "../../shell/context";
import { text } from "./text";

export function Service(): ReactNode {
    const { service } = useParams<{ service: string }>();
    const { tenant, routes, policies } = useTenant();
    const own = routes.filter((row) => row.service === service);
    const ownPolicies = policies.filter((policy) => policy.service === service);
    const envs = [...new Set([...own, ...ownPolicies].map(({ env }) => env))].sort(byName);
    const versions = [...new Set(own.map(({ version }) => version))].sort(byName);
    if (own.length === 0) {
        return (
            <>
                <Head title={service} />
                <Empty title={text.none} />
            </>
        );
    }
    return (
        <>
            <Head title={service} about={text.about} />
            <div className="panel scroll-x">
                <table className="plain-table matrix">
                    <thead>
                        <tr>
                            <th>{text.version}</th>
                            {envs.map((env) => (
                                <th key={env}>{env}</th>
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {versions.map((version) => (
                            <tr key={version}>
                                <th scope="row">{version}</th>
                                {envs.map((env) => (
                                    <td key={env}>
                                        <Cell
                                            tenant={tenant}
                                            row={own.find((one) => one.env === env && one.version === version)}
                                            policy={ownPolicies.find((one) => one.env === env)}
                                        />
                                    </td>
                                ))}
                            </tr>
                        ))}
                        <tr>
                            <th scope="row">{text.policy}</th>
                            {envs.map((env) => (
                                <td key={env}>
                                    <Link href={policyPath(tenant, { service, env })}>
                                        {ownPolicies.some((one) => one.env === env) ? text.open : text.noPolicy}
                                    </Link>
                                </td>
                            ))}
                        </tr>
                    </tbody>
                </table>
            </div>
            <Compare service={service} envs={envs} policies={ownPolicies} />
        </>
    );
}

interface CellProps {
    tenant: string;
    row: RouteRow | undefined;
    policy: SnapshotPolicy | undefined;
}

function Cell({ tenant, row, policy }: CellProps): ReactNode {
    if (!row) return <span className="quiet">{text.missing}</span>;
    const share = policy && byVersion(policy.split).get(row.version);
    const spare = policy?.failover.indexOf(row.version) ?? -1;
    return (
        <Link href={routePath(tenant, row)} title={row.url} className={`matrix-cell ${row.isActive ? "" : "off"}`}>
            {share !== undefined && <strong>{percent(share)}</strong>}{" "}
            <Badge tone={row.isActive ? "good" : "plain"}>{row.isActive ? en.active : en.inactive}</Badge>{" "}
            {spare >= 0 && <span className="quiet">failover {spare + 1}</span>}
            {share === undefined && spare < 0 && <span className="quiet">{text.byName}</span>}
        </Link>
    );
}

interface CompareProps {
    service: string;
    envs: readonly string[];
    policies: readonly SnapshotPolicy[];
}

/** Returns what a document says of a policy: without what the service writes itself. */
function content(policy: SnapshotPolicy): object {
    const hasList = policy.path_prefixes !== undefined;
    const left = ["revision", hasList ? "path_prefix" : "path_prefixes"];
    return Object.fromEntries(Object.entries(policy).filter(([name]) => !left.includes(name)));
}

function Compare({ service, envs, policies }: CompareProps): ReactNode {
    const view = useTenant();
    const { tenant } = view;
    const review = useReview();
    const { rights } = useWho();
    const [from, setFrom] = useState(policies.at(-1)?.env ?? "");
    const [to, setTo] = useState(envs.find((env) => env !== policies.at(-1)?.env) ?? "");
    const [error, setError] = useState<unknown>();
    const source = policies.find(({ env }) => env === from);
    const target = policies.find(({ env }) => env === to);
    if (!source || envs.length < 2) return <p className="quiet">{text.pick}</p>;
    // A host belongs to one policy: it does not go along.
    const copy = { ...content(source), env: to, hosts: target?.hosts ?? [] };
    const changes = fieldChanges(target && content(target), copy);
    const blocked = !rights.mayEdit
        ? en.notAllowed(rights.caller.roles.join(", "))
        : isFresh(view)
          ? undefined
          : en.notFresh;
    const plan = async (): Promise<void> => {
        setError(undefined);
        try {
            const body = { scope: { service, env: to }, policies: [copy as never] };
            const { value } = await api.createPlan({ tenant, body });
            if ("id" in value) review.plan(value);
        } catch (failure) {
            setError(failure);
        }
    };
    return (
        <Panel
            title={text.compare}
            aside={
                <Button blocked={blocked} disabled={changes.length === 0 || from === to} onClick={() => void plan()}>
                    {text.copy}
                </Button>
            }
        >
            <div className="actions">
                <Choice label={text.from} value={from} options={policies.map(({ env }) => env)} onChange={setFrom} />
                <Choice label={text.to} value={to} options={envs.filter((env) => env !== from)} onChange={setTo} />
            </div>
            {changes.length === 0 ? <p className="quiet">{text.same}</p> : <Changes changes={changes} />}
            {error !== undefined && <Failed error={error} />}
        </Panel>
    );
}

interface ChoiceProps {
    label: string;
    value: string;
    options: readonly string[];
    onChange: (value: string) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps): ReactNode {
    return (
        <Field label={label}>
            {(control) => (
                <select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
                    {options.map((option) => (
                        <option key={option}>{option}</option>
                    ))}
                </select>
            )}
        </Field>
    );
}
