// Tenants and their quotas, for who manages the installation.

import type { QuotasIn, Tenant, VersionTag } from "@client";
import { VersionTag as Tag } from "@client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "wouter";

import { api } from "../../api/client";
import { Button, Failed, Field, Head, Loading } from "../../components/basic";
import { Dialog } from "../../components/dialog";
import { useReview } from "../../components/review";
import { en } from "../../messages/en";
import { fieldChanges } from "../../model/diff";
import { count } from "../../model/time";
import { text } from "./text";

type QuotaName = keyof typeof text.quota;
const QUOTAS = Object.keys(text.quota) as QuotaName[];

export function Tenants(): ReactNode {
    const review = useReview();
    const [edited, setEdited] = useState<Tenant | "new">();
    const [words, setWords] = useState("");
    const tenants = useInfiniteQuery({
        queryKey: ["tenants"],
        queryFn: ({ pageParam, signal }) =>
            api.listTenants({ limit: 200, ...(pageParam === "" ? {} : { cursor: pageParam }) }, { signal }),
        initialPageParam: "",
        getNextPageParam: (page) => page.value.next_cursor ?? undefined,
    });
    const items = tenants.data?.pages.flatMap((page) => page.value.items).filter(({ name }) => name.includes(words));
    const remove = (tenant: Tenant): void => {
        const { name, routes, policies } = tenant;
        review.open({
            title: text.removeTitle(name),
            objects: [{ name, changes: fieldChanges({ routes: count(routes), policies: count(policies) }, undefined) }],
            warnings: [text.removeWarning],
            typeName: name,
            isDangerous: true,
            send: async ({ reason, idempotencyKey }) => {
                const options = { idempotencyKey, ...ifMatch(tenant), ...(reason === undefined ? {} : { reason }) };
                await api.deleteTenant({ tenant: name, confirm: name }, options);
                return { tag: undefined };
            },
        });
    };
    return (
        <>
            <Head title={text.title} about={text.about}>
                <input
                    type="search"
                    aria-label={text.filter}
                    placeholder={text.filter}
                    value={words}
                    onChange={(event) => setWords(event.target.value)}
                />
                <Button kind="main" onClick={() => setEdited("new")}>
                    {text.create}
                </Button>
            </Head>
            {tenants.isPending && <Loading />}
            {tenants.isError && <Failed error={tenants.error} retry={() => void tenants.refetch()} />}
            <div className="panel scroll-x">
                <table className="plain-table">
                    <thead>
                        <tr>
                            <th>{text.name}</th>
                            {QUOTAS.map((name) => (
                                <th key={name}>{text.quota[name]}</th>
                            ))}
                            <th>
                                <span className="unseen">{text.edit}</span>
                            </th>
                        </tr>
                    </thead>
                    <tbody>
                        {items?.map((tenant) => (
                            <tr key={tenant.name}>
                                <td>
                                    <Link href={`/t/${tenant.name}`}>{tenant.name}</Link>
                                </td>
                                {QUOTAS.map((name) => (
                                    <td key={name}>
                                        <Use tenant={tenant} name={name} />
                                    </td>
                                ))}
                                <td>
                                    <span className="actions">
                                        <Button className="small" onClick={() => setEdited(tenant)}>
                                            {text.edit}
                                        </Button>
                                        <Button className="small" kind="danger" onClick={() => remove(tenant)}>
                                            {text.remove}
                                        </Button>
                                    </span>
                                </td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
            {tenants.hasNextPage && <Button onClick={() => void tenants.fetchNextPage()}>{text.more}</Button>}
            {edited !== undefined && <Edit tenant={edited} onClose={() => setEdited(undefined)} />}
        </>
    );
}

function ifMatch({ epoch, revision }: Tenant): { ifMatch?: VersionTag } {
    const tag = Tag.of(epoch, revision);
    return tag ? { ifMatch: tag } : {};
}

function Use({ tenant, name }: { tenant: Tenant; name: QuotaName }): ReactNode {
    const quota = tenant.quotas[name];
    const limit = quota === null ? text.standard : count(quota);
    if (name !== "routes" && name !== "policies") return <span className={quota === null ? "quiet" : ""}>{limit}</span>;
    const used = tenant[name];
    return (
        <>
            {text.of(count(used), limit)}
            {quota !== null && quota > 0 && (
                <meter min={0} max={quota} high={quota * 0.9} value={used} aria-label={text.quota[name]} />
            )}
        </>
    );
}

function Edit({ tenant, onClose }: { tenant: Tenant | "new"; onClose: () => void }): ReactNode {
    const review = useReview();
    const old = tenant === "new" ? undefined : tenant.quotas;
    const [name, setName] = useState(tenant === "new" ? "" : tenant.name);
    const [typed, setTyped] = useState<Record<string, string>>(() =>
        Object.fromEntries(QUOTAS.map((quota) => [quota, old?.[quota]?.toString() ?? ""])),
    );
    const next = (): void => {
        const entries = QUOTAS.map((quota) => [quota, typed[quota] === "" ? null : Number(typed[quota])]);
        const quotas = Object.fromEntries(entries) as QuotasIn;
        onClose();
        review.open({
            title: tenant === "new" ? text.createTitle(name) : text.editTitle(name),
            objects: [
                {
                    name,
                    changes: fieldChanges(tenant === "new" ? undefined : { quotas: old }, {
                        name: tenant === "new" ? name : undefined,
                        quotas,
                    }),
                },
            ],
            send: async ({ reason, idempotencyKey }) => {
                const options = { idempotencyKey, ...(reason === undefined ? {} : { reason }) };
                if (tenant === "new")
                    await api.createTenant({ body: { name, quotas } }, { ...options, createOnly: true });
                else await api.patchTenant({ tenant: name, body: { quotas } }, { ...options, ...ifMatch(tenant) });
                return { tag: undefined };
            },
        });
    };
    const footer = (
        <>
            <Button onClick={onClose}>{en.cancel}</Button>
            <Button type="submit" kind="main" disabled={name === ""}>
                {text.next}
            </Button>
        </>
    );
    return (
        <Dialog
            title={tenant === "new" ? text.createDialog : text.editTitle(name)}
            onClose={onClose}
            onSubmit={next}
            footer={footer}
        >
            {tenant === "new" && (
                <Field label={text.name}>
                    {(control) => (
                        <input {...control} required value={name} onChange={(event) => setName(event.target.value)} />
                    )}
                </Field>
            )}
            {QUOTAS.map((quota) => (
                <Field key={quota} label={text.quota[quota]}>
                    {(control) => (
                        <input
                            {...control}
                            type="number"
                            min={0}
                            max={10_000_000}
                            placeholder={text.standard}
                            value={typed[quota]}
                            onChange={(event) => setTyped({ ...typed, [quota]: event.target.value })}
                        />
                    )}
                </Field>
            ))}
        </Dialog>
    );
}
