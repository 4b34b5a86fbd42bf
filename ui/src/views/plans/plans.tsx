// Plans that wait, and one plan with its changes.

import { Problem } from "@client";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useLocation, useParams } from "wouter";

import { api } from "../../api/client";
import { Badge, Button, ButtonLink, Empty, Failed, Head, Loading, Panel, Time } from "../../components/basic";
import { Objects, planObjects, useReview } from "../../components/review";
import { useToasts } from "../../components/toast";
import { isFresh, useTenant } from "../../live/hooks";
import { queries } from "../../live/query";
import { en } from "../../messages/en";
import { useWho } from "../../shell/context";
import { text } from "./text";

export function Plans(): ReactNode {
    const { tenant, tag } = useTenant();
    const plans = useQuery({
        queryKey: ["plans", tenant, tag?.revision],
        queryFn: ({ signal }) => api.listPlans({ tenant, limit: 200 }, { signal }),
        placeholderData: (old) => old,
    });
    const items = plans.data?.value.items;
    return (
        <>
            <Head title={text.title} about={text.about}>
                <ButtonLink to={`/t/${tenant}/import`}>{text.import}</ButtonLink>
            </Head>
            {plans.isError && <Failed error={plans.error} retry={() => void plans.refetch()} />}
            {!items && !plans.isError && <Loading />}
            {items?.length === 0 && <Empty title={text.empty}>{text.emptyHint}</Empty>}
            <ul className="cards">
                {items?.map((plan) => (
                    <li key={plan.id}>
                        <Link href={`/t/${tenant}/plans/${plan.id}`} className="card">
                            <strong>{plan.reason ?? text.plan(plan.id)}</strong>
                            <span>{text.summary(plan.summary)}</span>
                            <span className="quiet">
                                {plan.created_by} · <Time at={plan.created_at} relative />
                            </span>
                            {plan.warnings.length > 0 && <Badge tone="warn">{plan.warnings.length} warnings</Badge>}
                        </Link>
                    </li>
                ))}
            </ul>
        </>
    );
}

export function Plan(): ReactNode {
    const { id } = useParams<{ id: string }>();
    const view = useTenant();
    const { tenant, tag } = view;
    const review = useReview();
    const toasts = useToasts();
    const { rights } = useWho();
    const [, go] = useLocation();
    const [error, setError] = useState<unknown>();
    const found = useQuery({
        queryKey: ["plan", tenant, id],
        queryFn: ({ signal }) => api.getPlan({ tenant, id }, { signal }),
    });
    if (found.isPending) return <Loading />;
    if (found.isError) {
        const isGone = found.error instanceof Problem && found.error.status === 404;
        return isGone ? <Empty title={text.gone} /> : <Failed error={found.error} retry={() => void found.refetch()} />;
    }
    const plan = found.data.value;
    const blocked = !rights.mayEdit
        ? en.notAllowed(rights.caller.roles.join(", "))
        : isFresh(view)
          ? undefined
          : en.notFresh;
    const back = (): void => go(`/t/${tenant}/plans`);
    const discard = async (): Promise<void> => {
        try {
            await api.deletePlan({ tenant, id });
            toasts.show({ text: text.discarded, tone: "good" });
            await queries.invalidateQueries({ queryKey: ["plans"] });
            back();
        } catch (failure) {
            setError(failure);
        }
    };
    const { service, env } = plan.scope;
    return (
        <>
            <Head title={plan.reason ?? text.plan(plan.id)} about={text.summary(plan.summary)}>
                <Button blocked={rights.mayEdit ? undefined : blocked} onClick={() => void discard()}>
                    {text.discard}
                </Button>
                <Button kind="main" blocked={blocked} onClick={() => review.plan(plan, back)}>
                    {text.apply}
                </Button>
            </Head>
            {error !== undefined && <Failed error={error} />}
            {tag && plan.base !== tag.toString() && <p className="notice warn">{text.moved}</p>}
            <div className="columns">
                <Panel title={text.changes}>
                    <Objects objects={planObjects(plan)} />
                </Panel>
                <Panel title={text.plan(plan.id)}>
                    <dl className="pairs">
                        <Pair name={text.scope}>
                            {[service, env].filter((part) => part !== null).join(" / ") || text.whole}
                            {plan.prune && <> · {text.prune}</>}
                        </Pair>
                        <Pair name={text.by}>
                            {plan.created_by}, <Time at={plan.created_at} />
                        </Pair>
                        <Pair name={text.expires}>
                            <Time at={plan.expires_at} relative />
                        </Pair>
                        <Pair name={text.base}>{en.revision(Number(plan.base.split(".")[1]))}</Pair>
                    </dl>
                    {plan.warnings.length > 0 && (
                        <div className="notice warn">
                            {plan.warnings.map(({ detail }) => (
                                <p key={detail}>{detail}</p>
                            ))}
                        </div>
                    )}
                </Panel>
            </div>
        </>
    );
}

function Pair({ name, children }: { name: string; children: ReactNode }): ReactNode {
    return (
        <div>
            <dt>{name}</dt>
            <dd>{children}</dd>
        </div>
    );
}
