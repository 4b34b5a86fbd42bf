// The access log of a tenant: who was refused, who changed keys, and who read what is sensitive.

import type { AccessRecord } from "@client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";

import { api } from "../../api/client";
import { Badge, Button, Empty, Failed, Head, Loading, Time, type Tone } from "../../components/basic";
import { type Column, Table } from "../../components/table";
import { useTenant } from "../../live/hooks";
import { count } from "../../model/time";
import { useSearch } from "../../shell/search";
import { text } from "./text";

type Kind = AccessRecord["kind"];

const PAGE = 100;
const KINDS: readonly Kind[] = ["denied", "key_changed", "operated", "read"];
const TONES: Record<Kind, Tone> = { denied: "bad", key_changed: "warn", operated: "info", read: "plain" };

export function Access(): ReactNode {
    const { tenant } = useTenant();
    const [read, set] = useSearch();
    const kind = KINDS.find((one) => one === read("kind"));
    const actor = read("actor").trim();
    const query = { tenant, ...(kind ? { kind } : {}), ...(actor === "" ? {} : { actor }) };
    const found = useInfiniteQuery({
        queryKey: ["access", query],
        queryFn: ({ pageParam, signal }) =>
            api.listAccessRecords(
                { ...query, limit: PAGE, ...(pageParam === "" ? {} : { cursor: pageParam }) },
                { signal },
            ),
        initialPageParam: "",
        getNextPageParam: ({ value }) => value.next_cursor ?? undefined,
    });
    const records = useMemo(() => found.data?.pages.flatMap(({ value }) => value.items) ?? [], [found.data]);
    return (
        <div className="fill">
            <Head title={text.title} about={text.about} />
            <div className="filters" role="search">
                <label>
                    <span>{text.kind}</span>
                    <select value={kind ?? ""} onChange={(event) => set({ kind: event.target.value })}>
                        <option value="">{text.any}</option>
                        {KINDS.map((one) => (
                            <option key={one} value={one}>
                                {text.kinds[one]}
                            </option>
                        ))}
                    </select>
                </label>
                <label>
                    <span>{text.actor}</span>
                    <input
                        key={actor}
                        size={18}
                        defaultValue={actor}
                        onBlur={(event) => set({ actor: event.target.value })}
                        onKeyDown={(event) => {
                            if (event.key === "Enter") set({ actor: event.currentTarget.value });
                        }}
                    />
                </label>
            </div>
            {found.isPending && <Loading lines={10} />}
            {found.isError && <Failed error={found.error} retry={() => void found.refetch()} />}
            {found.isSuccess && records.length === 0 && <Empty title={text.empty} />}
            {records.length > 0 && (
                <Table label={text.title} columns={COLUMNS} rows={records} keyOf={({ event_id: id }) => id} />
            )}
            {found.hasNextPage && (
                <div className="actions">
                    <Button disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                        {text.more}
                    </Button>
                </div>
            )}
        </div>
    );
}

const COLUMNS: readonly Column<AccessRecord>[] = [
    {
        id: "time",
        title: text.column.time,
        width: "7rem",
        cell: ({ occurred_at: at }) => <Time at={at} relative />,
    },
    {
        id: "kind",
        title: text.column.kind,
        width: "7.5rem",
        cell: ({ kind }) => <Badge tone={TONES[kind]}>{text.kinds[kind]}</Badge>,
    },
    {
        id: "status",
        title: text.column.status,
        width: "3.5rem",
        isNumber: true,
        cell: ({ status }) => status ?? "",
    },
    {
        id: "action",
        title: text.column.action,
        width: "minmax(10rem, 3fr)",
        cell: ({ action, suppressed }) => (
            <span className="apart" title={action} tabIndex={-1}>
                {action}
                {suppressed > 0 && <span className="quiet"> {text.suppressed(count(suppressed))}</span>}
            </span>
        ),
    },
    {
        id: "actor",
        title: text.column.actor,
        width: "minmax(6rem, 1fr)",
        cell: ({ actor, key }) => actor?.id ?? key ?? <span className="quiet">{text.nobody}</span>,
    },
    { id: "address", title: text.column.address, width: "8rem", cell: ({ source_ip: ip }) => ip ?? "" },
    {
        id: "object",
        title: text.column.object,
        width: "minmax(5rem, 1fr)",
        cell: ({ object }) => <span title={object ?? ""}>{object ?? ""}</span>,
    },
    {
        id: "reason",
        title: text.column.reason,
        width: "minmax(5rem, 1fr)",
        cell: ({ reason }) => <span title={reason ?? ""}>{reason ?? ""}</span>,
    },
];
