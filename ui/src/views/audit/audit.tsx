// The audit trail: a search by time, actor, action and object, and one event with what it changed.

import type { ArchivedEvent } from "@client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";

import { api } from "../../api/client";
import { Button, Empty, Failed, Head, Loading, Time } from "../../components/basic";
import { type Column, Table } from "../../components/table";
import { useTenant } from "../../live/hooks";
import { actorOf, subjectOf } from "../../model/event";
import { count } from "../../model/time";
import { useSearch } from "../../shell/search";
import { ActionBadge } from "../changes/changes";
import { EventDetails } from "./event";
import { ACTIONS, NAMES, auditQuery, exportUrl, localField } from "./query";
import { text } from "./text";

const PAGE = 100;

export function Audit(): ReactNode {
    const { tenant } = useTenant();
    const [read, set] = useSearch();
    const query = auditQuery(read);
    const found = useInfiniteQuery({
        queryKey: ["audit", tenant, query],
        queryFn: ({ pageParam, signal }) =>
            api.listAuditEvents(
                { tenant, ...query, limit: PAGE, ...(pageParam === "" ? {} : { cursor: pageParam }) },
                { signal },
            ),
        initialPageParam: "",
        getNextPageParam: ({ value }) => value.next_cursor ?? undefined,
    });
    const events = useMemo(() => found.data?.pages.flatMap(({ value }) => value.items) ?? [], [found.data]);
    const table = useMemo(() => columns((id) => set({ event: id })), [set]);
    const chosen = events.find(({ event_id: id }) => id === read("event"));
    return (
        <div className="fill">
            <Head
                title={text.title}
                about={found.isPending ? undefined : text.about(count(events.length), found.hasNextPage)}
            >
                <a className="button plain" href={exportUrl(tenant, query, "csv")} title={text.exportHint} download>
                    {text.csv}
                </a>
                <a className="button plain" href={exportUrl(tenant, query, "ndjson")} title={text.exportHint} download>
                    {text.ndjson}
                </a>
            </Head>
            <Filters read={read} set={set} />
            {found.isPending && <Loading lines={10} />}
            {found.isError && <Failed error={found.error} retry={() => void found.refetch()} />}
            {found.isSuccess && events.length === 0 && <Empty title={text.empty} />}
            {events.length > 0 && (
                <div className="list-and-detail">
                    <div className="fill">
                        <Table
                            label={text.title}
                            columns={table}
                            rows={events}
                            keyOf={({ event_id: id }) => id}
                            onOpen={({ event_id: id }) => set({ event: id })}
                            rowClass={(row) => (row === chosen ? "chosen" : "")}
                        />
                        {found.hasNextPage && (
                            <Button disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
                                {text.more}
                            </Button>
                        )}
                    </div>
                    {chosen ? (
                        <EventDetails key={chosen.event_id} archived={chosen} onClose={() => set({ event: "" })} />
                    ) : (
                        <p className="panel quiet">{text.choose}</p>
                    )}
                </div>
            )}
        </div>
    );
}

interface FiltersProps {
    read: (name: string) => string;
    set: (values: Readonly<Record<string, string>>) => void;
}

/** Applies a text field when it is left or Enter is pressed: each change asks the archive. */
function Filters({ read, set }: FiltersProps): ReactNode {
    const isSet = NAMES.some((name) => read(name) !== "");
    return (
        <div className="filters" role="search">
            {NAMES.map((name) => (
                <label key={name}>
                    <span>{text.field[name]}</span>
                    {name === "action" ? (
                        <select value={read(name)} onChange={(event) => set({ action: event.target.value, event: "" })}>
                            <option value="">{text.any}</option>
                            {ACTIONS.map((action) => (
                                <option key={action} value={action}>
                                    {action.replaceAll("_", " ")}
                                </option>
                            ))}
                        </select>
                    ) : (
                        <input
                            key={read(name)}
                            type={name === "from" || name === "to" ? "datetime-local" : "text"}
                            size={14}
                            defaultValue={name === "from" || name === "to" ? localField(read(name)) : read(name)}
                            onBlur={(event) => set({ [name]: event.target.value })}
                            onKeyDown={(event) => {
                                if (event.key === "Enter") set({ [name]: event.currentTarget.value, event: "" });
                            }}
                        />
                    )}
                </label>
            ))}
            {isSet && (
                <Button kind="quiet" onClick={() => set(Object.fromEntries(NAMES.map((name) => [name, ""])))}>
                    {text.clear}
                </Button>
            )}
        </div>
    );
}

function columns(open: (id: string) => void): Column<ArchivedEvent>[] {
    return [
        {
            id: "revision",
            title: text.column.revision,
            width: "3.5rem",
            isNumber: true,
            cell: ({ revision }) => revision,
        },
        {
            id: "action",
            title: text.column.action,
            width: "7.5rem",
            cell: ({ action }) => <ActionBadge action={action} />,
        },
        {
            id: "subject",
            title: text.column.subject,
            width: "minmax(9rem, 2fr)",
            cell: ({ event }) => (
                <button
                    type="button"
                    className="link"
                    tabIndex={-1}
                    title={subjectOf(event)}
                    onClick={() => open(event.id)}
                >
                    {subjectOf(event)}
                </button>
            ),
        },
        { id: "reason", title: text.column.reason, width: "minmax(6rem, 2fr)", cell: ({ reason }) => reason ?? "" },
        { id: "actor", title: text.column.actor, width: "minmax(5rem, 1fr)", cell: ({ event }) => actorOf(event) },
        {
            id: "time",
            title: text.column.time,
            width: "7rem",
            cell: ({ occurred_at: at }) => <Time at={at} relative />,
        },
    ];
}
