// Dead letters and replays: the newest ones.

import type { DeadLetter, Replay } from "@client";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { api } from "../../api/client";
import { Badge, Failed, Loading, Panel, Time, type Tone } from "../../components/basic";
import { count } from "../../model/time";
import { text } from "./text";

const SHOWN = 50;
/** How often they are asked for, in milliseconds. */
const LOOKS = 15_000;

const LETTERS: Record<DeadLetter["state"], Tone> = {
    waiting: "warn",
    redriving: "info",
    redriven: "good",
    discarded: "plain",
};
const REPLAYS: Record<Replay["state"], Tone> = { running: "info", done: "good", cancelled: "plain" };

export function useDeadLetters(state?: DeadLetter["state"]) {
    return useQuery({
        queryKey: ["dead-letters", state ?? ""],
        queryFn: ({ signal }) => api.listDeadLetters({ limit: SHOWN, ...(state ? { state } : {}) }, { signal }),
        refetchInterval: LOOKS,
    });
}

export function useReplays() {
    return useQuery({
        queryKey: ["replays"],
        queryFn: ({ signal }) => api.listReplays({ limit: SHOWN }, { signal }),
        refetchInterval: LOOKS,
    });
}

export function DeadLetters(): ReactNode {
    const letters = useDeadLetters();
    const found = letters.data?.value;
    const { letter } = text;
    return (
        <Panel title={text.letters}>
            {letters.isPending && <Loading lines={3} />}
            {letters.isError && <Failed error={letters.error} retry={() => void letters.refetch()} />}
            {found?.items.length === 0 && <p className="quiet">{text.noLetters}</p>}
            {found && found.items.length > 0 && (
                <Rows
                    label={text.letters}
                    heads={[
                        letter.id,
                        letter.state,
                        letter.reason,
                        letter.tenant,
                        letter.attempts,
                        letter.at,
                        letter.by,
                    ]}
                    rows={found.items.map(({ id, state, reason, tenant, attempts, at, decision }) => [
                        <code key="id">{id}</code>,
                        <Badge key="state" tone={LETTERS[state]}>
                            {state}
                        </Badge>,
                        reason.replaceAll("_", " "),
                        tenant ?? "",
                        count(attempts),
                        <Time key="at" at={at} relative />,
                        decision
                            ? `${decision.decided_by}${decision.reason === null ? "" : `: ${decision.reason}`}`
                            : "",
                    ])}
                />
            )}
            {found?.next_cursor && <p className="quiet">{text.more}</p>}
            <p className="quiet">{text.howTo}</p>
        </Panel>
    );
}

export function Replays(): ReactNode {
    const replays = useReplays();
    const found = replays.data?.value;
    const { replay } = text;
    return (
        <Panel title={text.replays}>
            {replays.isPending && <Loading lines={3} />}
            {replays.isError && <Failed error={replays.error} retry={() => void replays.refetch()} />}
            {found?.items.length === 0 && <p className="quiet">{text.noReplays}</p>}
            {found && found.items.length > 0 && (
                <Rows
                    label={text.replays}
                    heads={[
                        replay.id,
                        replay.state,
                        replay.tenant,
                        replay.range,
                        replay.progress,
                        replay.reason,
                        replay.at,
                    ]}
                    rows={found.items.map((one) => [
                        <code key="id">{one.id}</code>,
                        <Badge key="state" tone={REPLAYS[one.state]}>
                            {one.state}
                        </Badge>,
                        one.tenant ?? text.allTenants,
                        text.range(one.from, one.to),
                        `${count(one.events_queued)}${one.events_total === null ? "" : ` / ${count(one.events_total)}`}`,
                        one.reason,
                        <Time key="at" at={one.created_at} relative />,
                    ])}
                />
            )}
            {found?.next_cursor && <p className="quiet">{text.more}</p>}
        </Panel>
    );
}

/** A table of records whose first cell is their id. */
function Rows({
    label,
    heads,
    rows,
}: {
    label: string;
    heads: readonly string[];
    rows: readonly ReactNode[][];
}): ReactNode {
    return (
        <div className="scroll-x" tabIndex={0} role="region" aria-label={label}>
            <table className="plain-table">
                <thead>
                    <tr>
                        {heads.map((head) => (
                            <th key={head} scope="col">
                                {head}
                            </th>
                        ))}
                    </tr>
                </thead>
                <tbody>
                    {rows.map((cells, at) => (
                        <tr key={at}>
                            {cells.map((cell, column) => (
                                <td key={heads[column]}>{cell}</td>
                            ))}
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}
