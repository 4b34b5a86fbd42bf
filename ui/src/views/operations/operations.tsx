// The state of the service: readiness, breakers, pools, what waits, dead letters and replays.

import { type Readiness, Problem } from "@client";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { api, sessionFetch } from "../../api/client";
import { Badge, Failed, Head, Loading, Panel, type Tone } from "../../components/basic";
import { Facts } from "../../components/facts";
import { count } from "../../model/time";
import { Dependencies, Pools } from "./parts";
import { DeadLetters, Replays, useDeadLetters, useReplays } from "./records";
import { text } from "./text";

/** How often the state is asked for, in milliseconds. */
const LOOKS = 5000;

const TONES: Record<Readiness["status"], Tone> = { healthy: "good", degraded: "warn", unhealthy: "bad" };

/** Reads the readiness; the answer of an instance that is not ready (503) has the same members. */
async function readReadiness(signal: AbortSignal): Promise<Readiness> {
    const response = await sessionFetch("/health/ready", { signal });
    const body: unknown = await response.json().catch(() => undefined);
    const isReadiness = typeof body === "object" && body !== null && "checks" in body;
    if (!isReadiness) throw new Problem(response.status, body, response.headers, Date.now());
    return body as Readiness;
}

export function Operations(): ReactNode {
    const readiness = useQuery({
        queryKey: ["readiness"],
        queryFn: ({ signal }) => readReadiness(signal),
        refetchInterval: LOOKS,
    });
    const resilience = useQuery({
        queryKey: ["resilience"],
        queryFn: ({ signal }) => api.getResilience({}, { signal }),
        refetchInterval: LOOKS,
    });
    return (
        <>
            <Head title={text.title} about={text.about}>
                {readiness.data && (
                    <>
                        <span className="quiet">{text.phase(readiness.data.phase)}</span>
                        <Badge tone={readiness.data.ready ? TONES[readiness.data.status] : "bad"}>
                            {readiness.data.ready ? text.ready : text.notReady}
                        </Badge>
                    </>
                )}
            </Head>
            <Figures />
            <div className="columns turned">
                <Panel title={text.readiness}>
                    {readiness.isPending && <Loading lines={4} />}
                    {readiness.isError && <Failed error={readiness.error} />}
                    {readiness.data && <Checks readiness={readiness.data} />}
                </Panel>
                <Panel title={text.dependencies}>
                    {resilience.isPending && <Loading lines={4} />}
                    {resilience.isError && <Failed error={resilience.error} />}
                    {resilience.data && <Dependencies dependencies={resilience.data.value.dependencies} />}
                </Panel>
            </div>
            {resilience.data && <Pools pools={resilience.data.value.pools} />}
            <DeadLetters />
            <Replays />
        </>
    );
}

function Checks({ readiness }: { readiness: Readiness }): ReactNode {
    return (
        <ul className="checks">
            {Object.entries(readiness.checks).map(([name, { status, detail }]) => (
                <li key={name}>
                    <span>{name.replaceAll("_", " ")}</span>
                    <Badge tone={TONES[status]}>{status}</Badge>
                    {detail !== null && detail !== undefined && <p className="quiet">{detail}</p>}
                </li>
            ))}
        </ul>
    );
}

/** What waits, in figures. */
function Figures(): ReactNode {
    const status = useQuery({
        queryKey: ["audit-status"],
        queryFn: ({ signal }) => api.getAuditStatus({}, { signal }),
        refetchInterval: LOOKS,
    });
    const letters = useDeadLetters("waiting");
    const replays = useReplays();
    if (status.isError) return <Failed error={status.error} />;
    const found = status.data?.value;
    const figure = (
        name: string,
        value: string | undefined,
        isBad: boolean,
    ): { name: string; value: string; tone: Tone } => ({
        name,
        value: value ?? "…",
        tone: isBad ? "warn" : "plain",
    });
    const waiting = letters.data?.value;
    const running = replays.data?.value.items.filter(({ state }) => state === "running").length;
    const letterCount =
        waiting && (waiting.next_cursor ? text.atLeast(count(waiting.items.length)) : count(waiting.items.length));
    return (
        <Facts
            facts={[
                figure(
                    text.figures.outbox,
                    found && count(found.outbox.events),
                    (found?.outbox.oldest_seconds ?? 0) > 30,
                ),
                figure(
                    text.figures.oldest,
                    found && text.seconds(found.outbox.oldest_seconds),
                    (found?.outbox.oldest_seconds ?? 0) > 30,
                ),
                figure(text.figures.behind, found && count(found.events_behind), (found?.seconds_behind ?? 0) > 60),
                figure(
                    text.figures.archive,
                    found && text.seconds(found.seconds_behind),
                    (found?.seconds_behind ?? 0) > 60,
                ),
                figure(text.figures.letters, letterCount, (waiting?.items.length ?? 0) > 0),
                figure(text.figures.replays, running === undefined ? undefined : count(running), false),
            ]}
        />
    );
}
