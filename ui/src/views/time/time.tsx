// Time travel: the tenant as it was at a revision, its difference to now, and a plan back.

import type { Value, VersionTag } from "@client";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";

import { api } from "../../api/client";
import { Button, Failed, Head, Loading } from "../../components/basic";
import { Objects, planObjects, useReview } from "../../components/review";
import { useToasts } from "../../components/toast";
import { isFresh, useTenant } from "../../live/hooks";
import { words } from "../../live/query";
import { en } from "../../messages/en";
import { count } from "../../model/time";
import { useWho } from "../../shell/context";
import { useSearch } from "../../shell/search";
import { History } from "./history";
import { chosenRevision } from "./marks";
import { PastPolicies, PastRoutes } from "./past";
import { text } from "./text";

/** The body of a snapshot. */
export type Past = Value<"getSnapshot">;

/** How long the slider must rest before the past is asked for, in milliseconds. */
const RESTS = 200;
const SHOWS = ["routes", "policies", "difference"] as const;
type Show = (typeof SHOWS)[number];

export function TimeTravel(): ReactNode {
    const { tag } = useTenant();
    return tag ? <At tag={tag} /> : <Loading />;
}

function At({ tag }: { tag: VersionTag }): ReactNode {
    const { tenant } = useTenant();
    const [read, set] = useSearch();
    const newest = Math.max(1, tag.revision);
    const chosen = chosenRevision(read("at"), newest);
    const [dragged, setDragged] = useState<number>();
    const at = dragged ?? chosen;
    useEffect(() => {
        if (dragged === undefined) return;
        const timer = setTimeout(() => {
            set({ at: dragged === newest ? "" : String(dragged) });
            setDragged(undefined);
        }, RESTS);
        return () => clearTimeout(timer);
    }, [dragged, newest, set]);
    const show = SHOWS.find((one) => one === read("show")) ?? "routes";
    return (
        <>
            <Head title={text.title}>
                <Back revision={chosen} isPast={chosen < newest} />
            </Head>
            <Slider at={at} newest={newest} onChange={setDragged} />
            <div className={`band past ${chosen < newest ? "warn" : ""}`} role="status">
                {chosen < newest ? text.band(chosen) : text.present}
            </div>
            <div className="columns">
                <Content tenant={tenant} tag={tag} revision={chosen} show={show} onShow={(one) => set({ show: one })} />
                <History tenant={tenant} tag={tag} chosen={chosen} onChoose={setDragged} />
            </div>
        </>
    );
}

interface SliderProps {
    at: number;
    newest: number;
    onChange: (revision: number) => void;
}

function Slider({ at, newest, onChange }: SliderProps): ReactNode {
    return (
        <div className="slider">
            <Button disabled={at <= 1} onClick={() => onChange(at - 1)}>
                ← {text.earlier}
            </Button>
            <input
                type="range"
                aria-label={text.slider}
                aria-valuetext={en.revision(at)}
                min={1}
                max={newest}
                value={at}
                onChange={(event) => onChange(event.target.valueAsNumber)}
            />
            <input
                type="number"
                aria-label={text.number}
                min={1}
                max={newest}
                value={at}
                onChange={(event) => {
                    const revision = event.target.valueAsNumber;
                    if (revision >= 1 && revision <= newest) onChange(revision);
                }}
            />
            <Button disabled={at >= newest} onClick={() => onChange(at + 1)}>
                {text.later} →
            </Button>
            <Button kind="quiet" disabled={at >= newest} onClick={() => onChange(newest)}>
                {text.now}
            </Button>
        </div>
    );
}

/** Plans the way back to the revision, and opens its review. */
function Back({ revision, isPast }: { revision: number; isPast: boolean }): ReactNode {
    const view = useTenant();
    const { rights } = useWho();
    const review = useReview();
    const toasts = useToasts();
    if (!rights.mayEdit || !isPast) return null;
    const plan = async (): Promise<void> => {
        try {
            const body = { to: revision };
            const { value } = await api.createRollbackPlan(
                { tenant: view.tenant, body },
                { reason: text.backReason(revision) },
            );
            review.plan(value);
        } catch (error) {
            toasts.show({ text: words(error), tone: "bad" });
        }
    };
    return (
        <Button kind="main" blocked={isFresh(view) ? undefined : en.notFresh} onClick={() => void plan()}>
            {text.back}
        </Button>
    );
}

interface ContentProps {
    tenant: string;
    tag: VersionTag;
    revision: number;
    show: Show;
    onShow: (show: Show) => void;
}

function Content({ tenant, tag, revision, show, onShow }: ContentProps): ReactNode {
    const at = `${tag.epoch}.${String(revision)}`;
    const past = useQuery({
        queryKey: ["past", tenant, at],
        queryFn: ({ signal }) => api.getSnapshot({ tenant, at }, { signal, minRevision: false }),
        staleTime: Infinity,
        placeholderData: (old) => old,
    });
    const difference = useQuery({
        queryKey: ["difference", tenant, at, tag.toString()],
        queryFn: ({ signal }) => api.diffTenant({ tenant, from: at, to: tag.toString() }, { signal }),
        placeholderData: (old) => old,
    });
    if (past.isError) return <Failed error={past.error} retry={() => void past.refetch()} />;
    if (past.isPending) return <Loading lines={8} />;
    const { routes, policies } = past.data.value;
    const titles: Record<Show, string> = {
        routes: text.routes(count(routes.length)),
        policies: text.policies(count(policies.length)),
        difference: `${text.difference}: ${text.differenceCount(difference.data ? count(difference.data.value.changes.length) : "…")}`,
    };
    return (
        <section className={`panel ${past.isPlaceholderData ? "waiting" : ""}`} aria-busy={past.isPlaceholderData}>
            <div className="tabs" role="group" aria-label={text.tabs}>
                {SHOWS.map((one) => (
                    <button key={one} type="button" aria-pressed={one === show} onClick={() => onShow(one)}>
                        {titles[one]}
                    </button>
                ))}
            </div>
            {show === "routes" && <PastRoutes routes={routes} />}
            {show === "policies" && <PastPolicies policies={policies} />}
            {show === "difference" && difference.isError && <Failed error={difference.error} />}
            {show === "difference" && difference.data && <Objects objects={planObjects(difference.data.value)} />}
        </section>
    );
}
