// Routes: all of them, filtered and sorted in the browser; what is selected is changed as one batch.

import { type ReactNode, useMemo, useState } from "react";
import { Link, useLocation, useSearchParams } from "wouter";

import { Badge, Button, ButtonLink, Empty, Head } from "../../components/basic";
import { type Column, Table } from "../../components/table";
import { useTenant } from "../../live/hooks";
import { routeFilter } from "../../model/filter";
import { type RouteRow, type SortBy, keyOf, routePath, sorted } from "../../model/route";
import { count } from "../../model/time";
import { SelectionBar } from "./selection";
import { text } from "./text";

const { column } = text;

function columns(tenant: string): Column<RouteRow>[] {
    return [
        {
            id: "service",
            title: column.service,
            width: "minmax(8rem, 1.2fr)",
            isSortable: true,
            cell: (row) => row.service,
        },
        { id: "env", title: column.env, width: "minmax(5rem, .7fr)", isSortable: true, cell: (row) => row.env },
        {
            id: "version",
            title: column.version,
            width: "minmax(6rem, .8fr)",
            isSortable: true,
            cell: (row) => (
                <Link href={routePath(tenant, row)} tabIndex={-1}>
                    {row.version}
                </Link>
            ),
        },
        {
            id: "url",
            title: column.url,
            width: "minmax(12rem, 3fr)",
            isSortable: true,
            cell: (row) => <Cut text={row.url} />,
        },
        {
            id: "state",
            title: column.state,
            width: "6rem",
            isSortable: true,
            cell: ({ isActive }) => (
                <Badge tone={isActive ? "good" : "plain"}>{isActive ? "active" : "inactive"}</Badge>
            ),
        },
        {
            id: "labels",
            title: column.labels,
            width: "minmax(6rem, 1.5fr)",
            cell: ({ labels }) => (
                <Cut
                    text={Object.entries(labels)
                        .map(([name, value]) => `${name}=${value}`)
                        .join(" ")}
                />
            ),
        },
        {
            id: "revision",
            title: column.revision,
            width: "6rem",
            isSortable: true,
            isNumber: true,
            cell: (row) => row.revision,
        },
    ];
}

function Cut({ text: full }: { text: string }): ReactNode {
    return <span title={full}>{full}</span>;
}

const SORTS: readonly string[] = ["service", "env", "version", "url", "state", "revision"];

export function Routes(): ReactNode {
    const view = useTenant();
    const { tenant, routes, changed } = view;
    const [search, setSearch] = useSearchParams();
    const [, go] = useLocation();
    const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
    const filter = search.get("filter") ?? "";
    const order = search.get("sort") ?? "service";
    const by = order.replace(/^-/, "");
    const sort = { by: SORTS.includes(by) ? by : "service", isDescending: order.startsWith("-") };
    const all = useMemo(
        () => sorted(routes, sort.by as SortBy, sort.isDescending),
        [routes, sort.by, sort.isDescending],
    );
    const shown = useMemo(() => (filter === "" ? all : all.filter(routeFilter(filter))), [all, filter]);
    const table = useMemo(() => columns(tenant), [tenant]);
    const set = (name: string, value: string): void => {
        setSearch(
            (old) => {
                const next = new URLSearchParams(old);
                if (value === "") next.delete(name);
                else next.set(name, value);
                return next;
            },
            { replace: true },
        );
    };
    const toggle = (key: string): void => {
        setSelected((old) => {
            const next = new Set(old);
            if (!next.delete(key)) next.add(key);
            return next;
        });
    };
    const chosen = all.filter((row) => selected.has(keyOf(row)));
    const now = Date.now();
    return (
        <div className="fill">
            <Head
                title={text.title}
                about={`${text.count(count(shown.length), count(all.length))}${view.isComplete ? "" : ` · ${text.incomplete}`}`}
            >
                <input
                    type="search"
                    aria-label={text.filter}
                    placeholder={text.filter}
                    size={42}
                    value={filter}
                    onChange={(event) => set("filter", event.target.value)}
                />
                <ButtonLink to={`/t/${tenant}/new-route`}>{text.create}</ButtonLink>
            </Head>
            <SelectionBar
                chosen={chosen}
                onAll={() => setSelected(new Set(shown.map(keyOf)))}
                onClear={() => setSelected(new Set())}
            />
            {all.length === 0 && view.isComplete && <Empty title={text.empty}>{text.emptyHint}</Empty>}
            {all.length > 0 && shown.length === 0 && (
                <Empty title={text.noMatch}>
                    <Button onClick={() => set("filter", "")}>{text.clear}</Button>
                </Empty>
            )}
            {shown.length > 0 && (
                <Table
                    label={text.title}
                    columns={table}
                    rows={shown}
                    keyOf={keyOf}
                    sort={sort}
                    onSort={(id) => set("sort", sort.by === id && !sort.isDescending ? `-${id}` : id)}
                    onOpen={(row) => go(routePath(tenant, row))}
                    selected={selected}
                    onSelect={toggle}
                    rowClass={(row) =>
                        `${row.isActive ? "" : "off"} ${now - (changed.get(keyOf(row)) ?? 0) < 8000 ? "fresh" : ""}`
                    }
                />
            )}
        </div>
    );
}
