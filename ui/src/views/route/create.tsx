// A new route.

import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";

import { api } from "../../api/client";
import { Button, Field, Head } from "../../components/basic";
import { useReview } from "../../components/review";
import { isFresh, useTenant } from "../../live/hooks";
import { en } from "../../messages/en";
import { fieldChanges } from "../../model/diff";
import { routePath } from "../../model/route";
import { useWho } from "../../shell/context";
import { type RouteDraft, RouteFields, readLabels } from "./form";
import { text } from "./text";

export function CreateRoute(): ReactNode {
    const view = useTenant();
    const { tenant } = view;
    const review = useReview();
    const { rights } = useWho();
    const [, go] = useLocation();
    const [name, setName] = useState({ service: "", env: "", version: "" });
    const [draft, setDraft] = useState<RouteDraft>({ url: "", description: "", labels: "" });
    const labels = readLabels(draft.labels);
    const isReady = Object.values(name).every((part) => part !== "") && draft.url !== "" && labels !== undefined;
    const blocked = !rights.mayEdit
        ? en.notAllowed(rights.caller.roles.join(", "))
        : isFresh(view)
          ? undefined
          : en.notFresh;
    const create = (): void => {
        if (!isReady || blocked !== undefined) return;
        const body = {
            url: draft.url,
            labels,
            ...(draft.description === "" ? {} : { description: draft.description }),
        };
        review.open({
            title: text.createTitle(Object.values(name).join(" / ")),
            objects: [{ name: Object.values(name).join(" / "), changes: fieldChanges(undefined, body) }],
            tenant,
            done: () => go(routePath(tenant, name)),
            send: ({ reason, idempotencyKey }) =>
                api.putRoute(
                    { tenant, ...name, body },
                    { createOnly: true, idempotencyKey, ...(reason === undefined ? {} : { reason }) },
                ),
        });
    };
    return (
        <>
            <Head title={text.newTitle} about={text.newAbout} />
            <form
                className="panel form"
                onSubmit={(event) => {
                    event.preventDefault();
                    create();
                }}
            >
                {(["service", "env", "version"] as const).map((part) => (
                    <Field key={part} label={text[part]}>
                        {(control) => (
                            <input
                                {...control}
                                required
                                value={name[part]}
                                onChange={(event) => setName({ ...name, [part]: event.target.value })}
                            />
                        )}
                    </Field>
                ))}
                <RouteFields draft={draft} onChange={(part) => setDraft({ ...draft, ...part })} />
                <span>
                    <Button type="submit" kind="main" blocked={blocked} disabled={!isReady}>
                        {text.create}
                    </Button>
                </span>
            </form>
        </>
    );
}
