// What can be done with the selected routes: all of it as one batch, in one revision.

import type { ReactNode } from "react";

import { api } from "../../api/client";
import { Button } from "../../components/basic";
import { useReview } from "../../components/review";
import { isFresh, useTenant } from "../../live/hooks";
import { en } from "../../messages/en";
import { type RouteRow, keyOf } from "../../model/route";
import { useWho } from "../../shell/context";
import { text } from "./text";

type Action = "activate" | "deactivate" | "delete";

interface SelectionBarProps {
    chosen: readonly RouteRow[];
    onAll: () => void;
    onClear: () => void;
}

export function SelectionBar({ chosen, onAll, onClear }: SelectionBarProps): ReactNode {
    const view = useTenant();
    const review = useReview();
    const { rights } = useWho();
    const { tenant } = view;
    if (!rights.mayEdit) return null;
    const blocked = isFresh(view) ? undefined : en.notFresh;
    const open = (action: Action): void => {
        review.open({
            title: text.review[action](chosen.length),
            objects: chosen.map((row) => ({
                name: keyOf(row).replaceAll("/", " / "),
                changes: [stateChange(row, action)],
            })),
            tenant,
            isDangerous: action !== "activate",
            done: onClear,
            send: ({ reason, idempotencyKey, confirmShrink, confirmInUse }) =>
                api.applyBatch(
                    {
                        tenant,
                        body: {
                            changes: chosen.map(({ service, env, version }) => ({
                                action,
                                route: { service, env, version },
                            })),
                            ...(confirmShrink === undefined ? {} : { confirm_shrink: confirmShrink }),
                            ...(confirmInUse ? { confirm_in_use: true } : {}),
                        },
                    },
                    { idempotencyKey, ...(reason === undefined ? {} : { reason }) },
                ),
        });
    };
    return (
        <div className="bar-of-actions">
            <Button onClick={onAll}>{text.selectShown}</Button>
            {chosen.length > 0 && (
                <>
                    <strong>{text.selected(chosen.length)}</strong>
                    <Button blocked={blocked} onClick={() => open("activate")}>
                        {text.activate}
                    </Button>
                    <Button blocked={blocked} onClick={() => open("deactivate")}>
                        {text.deactivate}
                    </Button>
                    <Button kind="danger" blocked={blocked} onClick={() => open("delete")}>
                        {text.remove}
                    </Button>
                    <Button onClick={() => save(chosen)}>{text.export}</Button>
                    <Button kind="quiet" onClick={onClear}>
                        {text.clearSelection}
                    </Button>
                </>
            )}
        </div>
    );
}

function stateChange(
    { isActive }: RouteRow,
    action: Action,
): { path: string; before: string; after: string | undefined } {
    const before = isActive ? en.active : en.inactive;
    const after = { activate: en.active, deactivate: en.inactive, delete: undefined }[action];
    return { path: "state", before, after };
}

/** Saves routes as a document that an import takes. */
function save(rows: readonly RouteRow[]): void {
    const routes = rows.map(({ service, env, version, url, labels, isActive }) => ({
        service,
        env,
        version,
        url,
        labels,
        is_active: isActive,
    }));
    const file = new Blob([JSON.stringify({ routes }, undefined, 2)], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = text.exportFile;
    link.click();
    URL.revokeObjectURL(link.href);
}
