// The service's own check of the chain, which goes on until it is complete.

import { type ReactNode, useState } from "react";

import { api } from "../../api/client";
import { Badge, Button, Failed, Panel, Time } from "../../components/basic";
import { count } from "../../model/time";
import { useWho } from "../../shell/context";
import { text } from "./text";

/** What the parts of the check have said together. */
interface Found {
    readonly from: number;
    readonly to: number;
    readonly events: number;
    readonly missing: number;
    readonly some: readonly number[];
    readonly bad: { readonly revision: number; readonly reason: string } | undefined;
    readonly checkpoint: number | undefined;
    readonly at: string;
}

/** Verifies the chain part by part, and tells after each part what was found so far. */
async function verifyOnService(tenant: string, tell: (found: Found) => void): Promise<void> {
    let found: Found | undefined;
    for (;;) {
        const args = found ? { tenant, from: found.to + 1 } : { tenant };
        const { value } = await api.verifyAuditChain(args);
        found = {
            from: found?.from ?? value.from,
            to: value.to,
            events: (found?.events ?? 0) + value.events,
            missing: (found?.missing ?? 0) + value.missing_count,
            some: [...(found?.some ?? []), ...value.missing].slice(0, 20),
            bad: found?.bad ?? value.first_bad ?? undefined,
            checkpoint: found?.checkpoint ?? value.checkpoint?.revision,
            at: new Date().toISOString(),
        };
        tell(found);
        if (value.complete || value.to < value.from) return;
    }
}

export function ServerCheck({ tenant }: { tenant: string }): ReactNode {
    const { rights } = useWho();
    const [found, setFound] = useState<Found>();
    const [isRunning, setRunning] = useState(false);
    const [error, setError] = useState<unknown>();
    const ask = (): void => {
        setRunning(true);
        setError(undefined);
        setFound(undefined);
        verifyOnService(tenant, setFound)
            .catch(setError)
            .finally(() => setRunning(false));
    };
    const isBad = found !== undefined && (found.bad !== undefined || found.missing > 0);
    const tone = isBad ? "bad" : found && !isRunning ? "good" : "plain";
    return (
        <Panel
            title={text.server}
            aside={<Badge tone={tone}>{isBad ? text.bad : tone === "good" ? text.whole : text.unchecked}</Badge>}
        >
            <p className="quiet">{text.serverWhy}</p>
            {found && <Said found={found} isRunning={isRunning} />}
            {error !== undefined && <Failed error={error} />}
            <div className="actions">
                <Button blocked={rights.mayAudit ? undefined : text.notAuditor} disabled={isRunning} onClick={ask}>
                    {text.serverAsk}
                </Button>
                {found && (
                    <span className="quiet">
                        <Time at={found.at} />
                    </span>
                )}
            </div>
        </Panel>
    );
}

function Said({ found, isRunning }: { found: Found; isRunning: boolean }): ReactNode {
    const { from, to, events, missing, some, bad, checkpoint } = found;
    return (
        <>
            {isRunning && <p>{text.serverRunning(to)}</p>}
            {bad && <p className="notice bad">{text.serverBad(bad.revision, bad.reason)}</p>}
            {missing > 0 && <p className="notice bad">{text.serverMissing(count(missing), some.join(", "))}</p>}
            {!isRunning && !bad && missing === 0 && <p>{text.serverGood(from, to, count(events))}</p>}
            {checkpoint !== undefined && <p className="quiet">{text.checkpoint(checkpoint)}</p>}
        </>
    );
}
