// Keys: who holds which right, when it was last used, and when it ends.

import type { ApiKey } from "@client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { api } from "../../api/client";
import { Badge, Button, Empty, Failed, Head, Loading, Time } from "../../components/basic";
import { useReview } from "../../components/review";
import { useTenant } from "../../live/hooks";
import { queries } from "../../live/query";
import { CreateKey, RotateKey, Token } from "./dialogs";
import { text } from "./text";

/** After this time without use a key is marked, in milliseconds. */
const UNUSED = 30 * 86_400_000;

type Open =
    | { readonly is: "create" }
    | { readonly is: "rotate"; readonly key: ApiKey }
    | { readonly is: "token"; readonly token: string };

export function Keys(): ReactNode {
    const { tenant } = useTenant();
    const review = useReview();
    const [open, setOpen] = useState<Open>();
    const keys = useInfiniteQuery({
        queryKey: ["keys", tenant],
        queryFn: ({ pageParam, signal }) =>
            api.listKeys({ tenant, limit: 100, ...(pageParam === "" ? {} : { cursor: pageParam }) }, { signal }),
        initialPageParam: "",
        getNextPageParam: (page) => page.value.next_cursor ?? undefined,
    });
    const items = keys.data?.pages.flatMap((page) => page.value.items);
    const made = (token: string | null | undefined): void => {
        void queries.invalidateQueries({ queryKey: ["keys"] });
        setOpen(token ? { is: "token", token } : undefined);
    };
    const revoke = (key: ApiKey): void => {
        review.open({
            title: text.revokeTitle(key.id),
            objects: [
                {
                    name: key.description || key.id,
                    changes: [{ path: "roles", before: key.roles.join(", "), after: undefined }],
                },
            ],
            isDangerous: true,
            typeName: key.id,
            send: async ({ reason }) => {
                await api.revokeKey({ key_id: key.id }, reason === undefined ? {} : { reason });
                return { tag: undefined };
            },
        });
    };
    return (
        <>
            <Head title={text.title} about={text.about}>
                <Button kind="main" onClick={() => setOpen({ is: "create" })}>
                    {text.create}
                </Button>
            </Head>
            {keys.isPending && <Loading />}
            {keys.isError && <Failed error={keys.error} retry={() => void keys.refetch()} />}
            {items?.length === 0 && <Empty title={text.empty} />}
            {items && items.length > 0 && (
                <div className="panel scroll-x">
                    <table className="plain-table">
                        <thead>
                            <tr>
                                <th>{text.description}</th>
                                <th>{text.role}</th>
                                <th>{text.narrowed}</th>
                                <th>{text.used}</th>
                                <th>{text.ends}</th>
                                <th>
                                    <span className="unseen">{text.rotate}</span>
                                </th>
                            </tr>
                        </thead>
                        <tbody>
                            {items.map((key) => (
                                <Row
                                    key={key.id}
                                    apiKey={key}
                                    onRotate={() => setOpen({ is: "rotate", key })}
                                    onRevoke={() => revoke(key)}
                                />
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
            {keys.hasNextPage && <Button onClick={() => void keys.fetchNextPage()}>{text.more}</Button>}
            {open?.is === "create" && <CreateKey tenant={tenant} onClose={() => setOpen(undefined)} onMade={made} />}
            {open?.is === "rotate" && <RotateKey apiKey={open.key} onClose={() => setOpen(undefined)} onMade={made} />}
            {open?.is === "token" && <Token token={open.token} onClose={() => setOpen(undefined)} />}
        </>
    );
}

interface RowProps {
    apiKey: ApiKey;
    onRotate: () => void;
    onRevoke: () => void;
}

function Row({ apiKey: key, onRotate, onRevoke }: RowProps): ReactNode {
    const now = Date.now();
    const hasEnded = key.expires_at !== null && new Date(key.expires_at).getTime() < now;
    const isOver = key.revoked_at !== null || hasEnded;
    const isUnused = now - new Date(key.last_used_at ?? key.created_at).getTime() > UNUSED;
    const narrowed = [...key.services, ...key.envs].join(", ");
    return (
        <tr className={isOver ? "quiet" : ""}>
            <td>
                {key.description} <code className="quiet">{key.id}</code>
            </td>
            <td>{key.roles.join(", ")}</td>
            <td>{narrowed || <span className="quiet">{text.everywhere}</span>}</td>
            <td>
                {key.last_used_at === null ? text.never : <Time at={key.last_used_at} relative />}{" "}
                {isUnused && !isOver && <Badge tone="warn">{text.unused}</Badge>}
            </td>
            <td>
                {key.revoked_at !== null && <Badge tone="bad">{text.revoked}</Badge>}
                {key.revoked_at === null && hasEnded && <Badge>{text.ended}</Badge>}
                {!isOver && (key.expires_at === null ? text.never : <Time at={key.expires_at} relative />)}
                {key.previous_until !== null && !isOver && new Date(key.previous_until).getTime() > now && (
                    <Badge tone="info">
                        {text.oldUntil} <Time at={key.previous_until} relative />
                    </Badge>
                )}
            </td>
            <td>
                {!isOver && (
                    <span className="actions">
                        <Button className="small" onClick={onRotate}>
                            {text.rotate}
                        </Button>
                        <Button className="small" kind="danger" onClick={onRevoke}>
                            {text.revoke}
                        </Button>
                    </span>
                )}
            </td>
        </tr>
    );
}
