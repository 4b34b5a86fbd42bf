// A route: its fields, who set each, the policies that name it, its history, and what can be done with it.

import { Problem, type Route as RouteBody, type VersionTag } from "@client";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useLocation, useParams } from "wouter";

import { api } from "../../api/client";
import { Badge, Button, Failed, Head, Loading, Panel, Time } from "../../components/basic";
import { History } from "../../components/history";
import { type Consent, useReview } from "../../components/review";
import { isFresh, useTenant } from "../../live/hooks";
import { en } from "../../messages/en";
import { type FieldChange, brief, fieldChanges } from "../../model/diff";
import { reaches } from "../../model/rights";
import { type RouteName, policyPath } from "../../model/route";
import { useWho } from "../../shell/context";
import { type RouteDraft, RouteFields, labelLines, readLabels } from "./form";
import { text } from "./text";

export function Route(): ReactNode {
    const { service, env, version } = useParams<{ service: string; env: string; version: string }>();
    const { tenant, tag, policies } = useTenant();
    const name = { service, env, version };
    const revision = tag?.revision;
    const route = useQuery({
        queryKey: ["route", tenant, name, revision],
        queryFn: ({ signal }) => api.getRoute({ tenant, ...name }, { signal }),
        placeholderData: (old) => old,
    });
    const uses = policies.filter(
        (policy) => policy.service === service && policy.env === env && names(policy, version),
    );
    const isGone = route.error instanceof Problem && route.error.status === 404;
    if (route.isPending) return <Loading />;
    return (
        <>
            {route.data && !isGone ? (
                <Present
                    key={`${service}/${env}/${version}`}
                    name={name}
                    route={route.data.value}
                    tag={route.data.tag}
                />
            ) : (
                <Head title={`${service} / ${env} / ${version}`} />
            )}
            {isGone && <p className="notice warn">{text.gone}</p>}
            {route.isError && !isGone && <Failed error={route.error} retry={() => void route.refetch()} />}
            <div className="columns">
                <Past name={name} />
                <Panel title={text.usedBy}>
                    {uses.length === 0 && <p className="quiet">{text.unused}</p>}
                    <ul>
                        {uses.map((policy) => (
                            <li key={policy.env}>
                                <Link href={policyPath(tenant, policy)}>
                                    {policy.service} / {policy.env}
                                </Link>
                            </li>
                        ))}
                    </ul>
                </Panel>
            </div>
        </>
    );
}

function names(
    policy: { split: { version: string }[]; failover: string[]; rules: object[] },
    version: string,
): boolean {
    return (
        policy.split.some((entry) => entry.version === version) ||
        policy.failover.includes(version) ||
        JSON.stringify(policy.rules).includes(JSON.stringify(version))
    );
}

interface PresentProps {
    name: RouteName;
    route: RouteBody;
    tag: VersionTag | undefined;
}

function Present({ name, route, tag }: PresentProps): ReactNode {
    const view = useTenant();
    const { tenant } = view;
    const { rights } = useWho();
    const review = useReview();
    const [, go] = useLocation();
    const [draft, setDraft] = useState<RouteDraft>();
    const title = Object.values(name).join(" / ");
    const isAllowed = rights.mayEdit && reaches(rights, name.service, name.env);
    const blocked = isAllowed
        ? isFresh(view)
            ? undefined
            : en.notFresh
        : en.notAllowed(rights.caller.roles.join(", "));
    type Send = (options: object, consent: Consent) => Promise<{ tag: VersionTag | undefined; unchanged: boolean }>;
    const open = (about: string, changes: FieldChange[], isDangerous: boolean, send: Send, done?: () => void): void => {
        review.open({
            title: about,
            objects: [{ name: title, changes }],
            tenant,
            isDangerous,
            ...(done ? { done } : {}),
            send: (consent) => {
                const { reason, idempotencyKey } = consent;
                const ifMatch = tag ? { ifMatch: tag } : {};
                return send({ idempotencyKey, ...ifMatch, ...(reason === undefined ? {} : { reason }) }, consent);
            },
        });
    };
    const inUse = ({ confirmInUse }: Consent): { confirm_in_use?: boolean } =>
        confirmInUse ? { confirm_in_use: true } : {};
    const state = (to: string | undefined): FieldChange[] => [
        { path: "state", before: route.is_active ? en.active : en.inactive, after: to },
    ];
    const save = (): void => {
        if (!draft) return;
        const labels = readLabels(draft.labels);
        if (!labels) return;
        const next = { url: draft.url, description: draft.description === "" ? null : draft.description, labels };
        // A merge patch removes a label by null.
        const gone = Object.keys(route.labels).filter((label) => !(label in labels));
        const body = { ...next, labels: { ...labels, ...Object.fromEntries(gone.map((label) => [label, null])) } };
        const { url, description, labels: old } = route;
        open(
            text.editTitle(title),
            fieldChanges({ url, description, labels: old }, next),
            false,
            (options) => api.patchRoute({ tenant, ...name, body }, options),
            () => setDraft(undefined),
        );
    };
    return (
        <>
            <Head
                title={
                    <>
                        <Link href={`/t/${tenant}/services/${name.service}`}>{name.service}</Link> / {name.env} /{" "}
                        {name.version}
                    </>
                }
                about={
                    <>
                        <Badge tone={route.is_active ? "good" : "plain"}>
                            {route.is_active ? en.active : en.inactive}
                        </Badge>{" "}
                        {en.revision(route.revision)} · <Time at={route.updated_at} relative />
                    </>
                }
            >
                {!draft && (
                    <Button
                        blocked={blocked}
                        onClick={() =>
                            setDraft({
                                url: route.url,
                                description: route.description ?? "",
                                labels: labelLines(route.labels),
                            })
                        }
                    >
                        {text.edit}
                    </Button>
                )}
                {route.is_active ? (
                    <Button
                        blocked={blocked}
                        onClick={() =>
                            open(text.deactivateTitle(title), state(en.inactive), true, (options, consent) =>
                                api.deactivateRoute({ tenant, ...name, ...inUse(consent) }, options),
                            )
                        }
                    >
                        {text.deactivate}
                    </Button>
                ) : (
                    <Button
                        blocked={blocked}
                        onClick={() =>
                            open(text.activateTitle(title), state(en.active), false, (options) =>
                                api.activateRoute({ tenant, ...name }, options),
                            )
                        }
                    >
                        {text.activate}
                    </Button>
                )}
                <Button
                    kind="danger"
                    blocked={blocked}
                    onClick={() =>
                        open(
                            text.removeTitle(title),
                            fieldChanges({ url: route.url, labels: route.labels, state: en.active }, undefined),
                            true,
                            (options, consent) => api.deleteRoute({ tenant, ...name, ...inUse(consent) }, options),
                            () => go(`/t/${tenant}/routes`),
                        )
                    }
                >
                    {text.remove}
                </Button>
            </Head>
            {draft ? (
                <form
                    className="panel form"
                    onSubmit={(event) => {
                        event.preventDefault();
                        save();
                    }}
                >
                    <RouteFields draft={draft} onChange={(part) => setDraft({ ...draft, ...part })} />
                    <span className="actions">
                        <Button type="submit" kind="main" blocked={blocked} disabled={!readLabels(draft.labels)}>
                            {text.save}
                        </Button>
                        <Button onClick={() => setDraft(undefined)}>{en.cancel}</Button>
                    </span>
                </form>
            ) : (
                <Fields name={name} route={route} />
            )}
        </>
    );
}

/** The members with the event that gave each its present value. */
function Fields({ name, route }: { name: RouteName; route: RouteBody }): ReactNode {
    const { tenant } = useTenant();
    const blame = useQuery({
        queryKey: ["blame", tenant, name, route.revision],
        queryFn: ({ signal }) => api.getRouteBlame({ tenant, ...name }, { signal }),
        placeholderData: (old) => old,
    });
    return (
        <Panel title={text.fields}>
            {blame.isError && <Failed error={blame.error} />}
            <div className="scroll-x">
                <table className="plain-table">
                    <tbody>
                        {Object.entries(blame.data?.value.members ?? { url: undefined }).map(([member, by]) => (
                            <tr key={member}>
                                <th scope="row">{member}</th>
                                <td>{by ? brief(by.value) : route.url}</td>
                                <td className="quiet">
                                    {by && (
                                        <>
                                            {text.setBy(by.actor.id, by.revision)}, <Time at={by.occurred_at} />
                                            {by.reason !== null && <span className="reason"> “{by.reason}”</span>}
                                        </>
                                    )}
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
            <p>
                <a href={route.url} target="_blank" rel="noopener noreferrer">
                    {text.open}
                </a>
            </p>
        </Panel>
    );
}

function Past({ name }: { name: RouteName }): ReactNode {
    const { tenant, tag } = useTenant();
    const history = useInfiniteQuery({
        queryKey: ["route-history", tenant, name, tag?.revision],
        queryFn: ({ pageParam, signal }) =>
            api.getRouteHistory(
                { tenant, ...name, limit: 20, ...(pageParam === "" ? {} : { cursor: pageParam }) },
                { signal },
            ),
        initialPageParam: "",
        getNextPageParam: (page) => page.value.next_cursor ?? undefined,
        placeholderData: (old) => old,
    });
    return (
        <Panel title={text.history}>
            {history.isPending && <Loading lines={3} />}
            {history.isError && <Failed error={history.error} retry={() => void history.refetch()} />}
            <History
                events={history.data?.pages.flatMap((page) => page.value.items) ?? []}
                more={history.hasNextPage ? () => void history.fetchNextPage() : undefined}
            />
        </Panel>
    );
}
