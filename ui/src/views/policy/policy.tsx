// A policy: where traffic goes, and how that is changed.

import { type SnapshotPolicy, VersionTag } from "@client";
import { type ReactNode, useState } from "react";
import { Link, useParams } from "wouter";

import { api } from "../../api/client";
import { Badge, Button, ButtonLink, Empty, Field, Head, Panel } from "../../components/basic";
import { type Write, useReview } from "../../components/review";
import { isFresh, useTenant } from "../../live/hooks";
import type { TenantView } from "../../live/tenant";
import { en } from "../../messages/en";
import { fieldChanges } from "../../model/diff";
import { byName } from "../../model/natural";
import { type Draft, draftOf, lines, patchOf } from "../../model/policy";
import { reaches } from "../../model/rights";
import { policyPath } from "../../model/route";
import { useWho } from "../../shell/context";
import { Flow } from "./flow";
import "./policy.css";
import { Failover, Rules } from "./rules";
import { Split } from "./split";
import { text } from "./text";
import { Try } from "./try";

export function Policy(): ReactNode {
    const { service, env } = useParams<{ service: string; env: string }>();
    const view = useTenant();
    const policy = view.policies.find((one) => one.service === service && one.env === env);
    const versions = activeVersions(view, service, env);
    const key = `${service}/${env}`;
    if (!policy) return <NoPolicy key={key} view={view} service={service} env={env} versions={versions} />;
    return <Editor key={key} view={view} policy={policy} versions={versions} />;
}

function activeVersions({ routes }: TenantView, service: string, env: string): string[] {
    const found = routes.filter((row) => row.isActive && row.service === service && row.env === env);
    return found.map(({ version }) => version).sort(byName);
}

/** Returns why the caller cannot write now, or undefined. */
function useBlocked(view: TenantView, service: string, env: string): string | undefined {
    const { rights } = useWho();
    if (!rights.mayEdit || !reaches(rights, service, env)) return en.notAllowed(rights.caller.roles.join(", "));
    return isFresh(view) ? undefined : en.notFresh;
}

interface NoPolicyProps {
    view: TenantView;
    service: string;
    env: string;
    versions: readonly string[];
}

function NoPolicy({ view, service, env, versions }: NoPolicyProps): ReactNode {
    const review = useReview();
    const { tenant } = view;
    const blocked = useBlocked(view, service, env);
    const newest = versions.at(-1);
    const create = (version: string): void => {
        const body = { split: [{ version, weight: 10_000 }] };
        review.open({
            title: text.createReview,
            objects: [{ name: `${service} / ${env}`, changes: fieldChanges(undefined, body) }],
            tenant,
            send: ({ reason, idempotencyKey }) =>
                api.putPolicy(
                    { tenant, service, env, body },
                    { createOnly: true, idempotencyKey, ...(reason === undefined ? {} : { reason }) },
                ),
        });
    };
    return (
        <>
            <Head title={`${service} / ${env}`} />
            <Empty title={text.none}>
                <p>{text.noneHint}</p>
                {newest !== undefined && (
                    <Button kind="main" blocked={blocked} onClick={() => create(newest)}>
                        {text.create}
                    </Button>
                )}
            </Empty>
        </>
    );
}

interface EditorProps {
    view: TenantView;
    policy: SnapshotPolicy;
    versions: readonly string[];
}

/** What somebody has begun to change, and the revision that it began from. */
interface Begun {
    readonly draft: Draft;
    readonly from: number;
}

function Editor({ view, policy, versions }: EditorProps): ReactNode {
    const { tenant, tag } = view;
    const { service, env, revision } = policy;
    const review = useReview();
    const [begun, setBegun] = useState<Begun>();
    const blocked = useBlocked(view, service, env);
    const now = draftOf(policy);
    const draft = begun?.draft ?? now;
    const { before, after } = patchOf(now, draft);
    const isChanged = Object.keys(after).length > 0;
    const change = (part: Partial<Draft>): void => {
        setBegun((old) => ({ draft: { ...(old?.draft ?? now), ...part }, from: old?.from ?? revision }));
    };
    const name = `${service} / ${env}`;
    const ifMatch = VersionTag.of(tag?.epoch ?? "", begun?.from ?? revision);
    const write = (part: Pick<Write, "title" | "objects" | "isDangerous" | "send">): void => {
        review.open({ ...part, tenant, done: () => setBegun(undefined) });
    };
    const save = (): void => {
        write({
            title: text.reviewTitle(name),
            objects: [{ name, changes: fieldChanges(before, after) }],
            send: ({ reason, idempotencyKey }) =>
                api.patchPolicy(
                    { tenant, service, env, body: after },
                    { idempotencyKey, ...(ifMatch ? { ifMatch } : {}), ...(reason === undefined ? {} : { reason }) },
                ),
        });
    };
    const remove = (): void => {
        write({
            title: text.deleteTitle(name),
            objects: [{ name, changes: fieldChanges(now, undefined) }],
            isDangerous: true,
            send: ({ reason, idempotencyKey }) =>
                api.deletePolicy(
                    { tenant, service, env },
                    { idempotencyKey, ...(ifMatch ? { ifMatch } : {}), ...(reason === undefined ? {} : { reason }) },
                ),
        });
    };
    const inSplit = draft.split.map(({ version }) => version);
    return (
        <>
            <Head
                title={
                    <>
                        <Link href={`/t/${tenant}/services/${service}`}>{service}</Link> / {env}
                    </>
                }
                about={`${en.revision(revision)} · ${policy.hosts.join(", ")}`}
            >
                <ButtonLink to={`/t/${tenant}/services/${service}`}>{text.matrix}</ButtonLink>
                <ButtonLink to={`${policyPath(tenant, policy)}/shares`}>{text.history}</ButtonLink>
                <Button kind="danger" blocked={blocked} onClick={remove}>
                    {text.remove1}
                </Button>
            </Head>
            {begun && begun.from !== revision && (
                <div className="notice warn" role="alert">
                    {text.newer(revision)}
                    <span className="actions">
                        <Button onClick={() => setBegun({ ...begun, from: revision })}>{text.goOn}</Button>
                        <Button onClick={() => setBegun(undefined)}>{text.discard}</Button>
                    </span>
                </div>
            )}
            <Panel title={text.flow} aside={isChanged ? <Badge tone="info">draft</Badge> : undefined}>
                <Flow draft={draft} />
            </Panel>
            <Panel
                title={text.split}
                aside={
                    <span className="actions">
                        <Button disabled={!isChanged} onClick={() => setBegun(undefined)}>
                            {text.reset}
                        </Button>
                        <Button kind="main" blocked={blocked} disabled={!isChanged} onClick={save}>
                            {text.review}
                        </Button>
                    </span>
                }
            >
                <Split
                    now={now.split}
                    split={draft.split}
                    versions={versions.filter((version) => !inSplit.includes(version))}
                    isSticky={policy.sticky_by !== null}
                    onChange={(split) => change({ split })}
                />
            </Panel>
            <div className="columns even">
                <Panel title={text.rules}>
                    <Rules
                        rules={draft.rules}
                        version={versions.at(-1) ?? inSplit[0] ?? ""}
                        onChange={(rules) => change({ rules })}
                    />
                </Panel>
                <Panel title={text.failover}>
                    <Failover
                        failover={draft.failover}
                        versions={versions}
                        onChange={(failover) => change({ failover })}
                    />
                </Panel>
            </div>
            <Panel title={text.hosts} aside={<span className="quiet">{stickyWords(policy)}</span>}>
                <div className="columns even">
                    <List label={text.hostsField} value={draft.hosts} onChange={(hosts) => change({ hosts })} />
                    <List
                        label={text.prefixField}
                        value={draft.path_prefixes}
                        onChange={(prefixes) => change({ path_prefixes: prefixes })}
                    />
                </div>
            </Panel>
            <Try tenant={tenant} service={service} env={env} />
        </>
    );
}

function stickyWords({ sticky_by: by }: SnapshotPolicy): string {
    const what =
        by?.cookie === undefined
            ? by?.header === undefined
                ? text.notSticky
                : `header ${by.header}`
            : `cookie ${by.cookie}`;
    return `${text.sticky} ${what}`;
}

interface ListProps {
    label: string;
    value: readonly string[];
    onChange: (value: string[]) => void;
}

/** A list as lines of text; what is typed stays as it is until the list differs. */
function List({ label, value, onChange }: ListProps): ReactNode {
    const [typed, setTyped] = useState<string>();
    const isSame = typed !== undefined && lines(typed).join("\n") === value.join("\n");
    return (
        <Field label={label}>
            {(control) => (
                <textarea
                    {...control}
                    rows={Math.min(8, Math.max(2, value.length + 1))}
                    spellCheck={false}
                    value={isSame ? typed : value.join("\n")}
                    onChange={(event) => {
                        setTyped(event.target.value);
                        onChange(lines(event.target.value));
                    }}
                />
            )}
        </Field>
    );
}
