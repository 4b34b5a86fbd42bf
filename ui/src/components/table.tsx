// A table of any length: only the rows in sight are in the page. One tab stop; the arrows move.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

export interface Column<T> {
    readonly id: string;
    readonly title: string;
    /** The width, as in `grid-template-columns`. */
    readonly width: string;
    readonly cell: (row: T) => ReactNode;
    readonly isSortable?: boolean;
    readonly isNumber?: boolean;
}

export interface Sort {
    readonly by: string;
    readonly isDescending: boolean;
}

interface TableProps<T> {
    label: string;
    columns: readonly Column<T>[];
    rows: readonly T[];
    keyOf: (row: T) => string;
    sort?: Sort;
    onSort?: (by: string) => void;
    onOpen?: (row: T) => void;
    /** The keys of the selected rows; with it, the space bar and a box select. */
    selected?: ReadonlySet<string>;
    onSelect?: (key: string) => void;
    /** An extra class of a row, such as for one that has just changed. */
    rowClass?: (row: T) => string;
}

const ROW = 30;

/** A grid with sortable columns, the keyboard, and a row that is current. */
export function Table<T>(props: TableProps<T>): ReactNode {
    const { label, columns, rows, keyOf, rowClass, selected, onSelect, onOpen } = props;
    const [current, setCurrent] = useState(0);
    const scroller = useRef<HTMLDivElement>(null);
    const id = useId();
    const virtual = useVirtualizer({
        count: rows.length,
        getScrollElement: () => scroller.current,
        estimateSize: () => ROW,
        overscan: 12,
        initialRect: { width: 1000, height: 900 },
    });
    const at = Math.min(current, Math.max(0, rows.length - 1));
    useEffect(() => {
        if (current !== at) setCurrent(at);
    }, [current, at]);
    const move = (to: number): void => {
        const next = Math.min(rows.length - 1, Math.max(0, to));
        setCurrent(next);
        virtual.scrollToIndex(next);
    };
    const onKeyDown = (event: KeyboardEvent): void => {
        if (event.target !== event.currentTarget) return;
        const row = rows[at];
        const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 300) / ROW) - 1);
        const steps: Record<string, () => void> = {
            ArrowDown: () => move(at + 1),
            ArrowUp: () => move(at - 1),
            PageDown: () => move(at + page),
            PageUp: () => move(at - page),
            Home: () => move(0),
            End: () => move(rows.length - 1),
            Enter: () => row !== undefined && onOpen?.(row),
            " ": () => row !== undefined && onSelect?.(keyOf(row)),
        };
        const step = steps[event.key];
        if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        step();
    };
    const template = `${selected ? "28px " : ""}${columns.map(({ width }) => width).join(" ")}`;
    return (
        <div
            className="table"
            role="grid"
            aria-label={label}
            aria-rowcount={rows.length + 1}
            aria-colcount={columns.length + (selected ? 1 : 0)}
            aria-activedescendant={rows.length > 0 ? `${id}-${String(at)}` : undefined}
            aria-multiselectable={selected ? true : undefined}
            tabIndex={0}
            onKeyDown={onKeyDown}
            style={{ ["--columns" as string]: template }}
        >
            <div role="rowgroup">
                <HeadRow {...props} />
            </div>
            <div role="rowgroup" className="scroller" ref={scroller} tabIndex={-1}>
                <div className="spacer" role="presentation" style={{ blockSize: virtual.getTotalSize() }}>
                    {virtual.getVirtualItems().map(({ index, start }) => {
                        const row = rows[index];
                        if (row === undefined) return null;
                        const key = keyOf(row);
                        const isSelected = selected?.has(key);
                        return (
                            <div
                                key={key}
                                id={`${id}-${String(index)}`}
                                role="row"
                                aria-rowindex={index + 2}
                                aria-selected={isSelected}
                                className={`row ${index === at ? "current" : ""} ${rowClass?.(row) ?? ""}`}
                                style={{ transform: `translateY(${String(start)}px)` }}
                                onClick={() => setCurrent(index)}
                                onDoubleClick={() => onOpen?.(row)}
                            >
                                {selected && (
                                    <div role="gridcell">
                                        <input
                                            type="checkbox"
                                            tabIndex={-1}
                                            aria-label={key}
                                            checked={isSelected ?? false}
                                            onChange={() => onSelect?.(key)}
                                        />
                                    </div>
                                )}
                                {columns.map(({ id: column, cell, isNumber }) => (
                                    <div key={column} role="gridcell" className={isNumber ? "number" : ""}>
                                        {cell(row)}
                                    </div>
                                ))}
                            </div>
                        );
                    })}
                </div>
            </div>
        </div>
    );
}

function HeadRow<T>({ columns, sort, onSort, selected }: TableProps<T>): ReactNode {
    return (
        <div className="row head-row" role="row" aria-rowindex={1}>
            {selected && (
                <div role="columnheader">
                    <span className="unseen">selected</span>
                </div>
            )}
            {columns.map(({ id, title, isSortable, isNumber }) => {
                const isSorted = sort?.by === id;
                const order = sort?.isDescending ? "descending" : "ascending";
                return (
                    <div
                        key={id}
                        role="columnheader"
                        className={isNumber ? "number" : ""}
                        aria-sort={isSortable ? (isSorted ? order : "none") : undefined}
                    >
                        {isSortable && onSort ? (
                            <button type="button" onClick={() => onSort(id)}>
                                {title}
                                <span aria-hidden="true">{isSorted ? (sort.isDescending ? " ↓" : " ↑") : ""}</span>
                            </button>
                        ) : (
                            title
                        )}
                    </div>
                );
            })}
        </div>
    );
}
