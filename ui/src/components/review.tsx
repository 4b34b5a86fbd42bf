// Review: everything that writes shows first what changes, and takes the reason.

import { type PlanPreview, Problem, type VersionTag } from "@client";
import { type ReactNode, createContext, useCallback, useContext, useMemo, useState } from "react";

import { api } from "../api/client";
import { queries, words } from "../live/query";
import { tenantStore } from "../live/tenant";
import { en } from "../messages/en";
import { type FieldChange, fieldChanges } from "../model/diff";
import type { PlanBody } from "../model/plan";
import { Button, Field } from "./basic";
import { Changes } from "./changes";
import { Dialog } from "./dialog";
import { useToasts } from "./toast";

/** The changes of one object. */
export interface ObjectChange {
    readonly name: string;
    readonly changes: readonly FieldChange[];
}

/** What the person has said in the dialog. */
export interface Consent {
    readonly reason: string | undefined;
    readonly idempotencyKey: string;
    readonly confirmShrink: string | undefined;
    readonly confirmInUse: boolean;
}

/** A write that waits for its review. */
export interface Write {
    readonly title: string;
    readonly objects: readonly ObjectChange[];
    readonly warnings?: readonly string[];
    /** A name that has to be typed, for what cannot be taken back. */
    readonly typeName?: string;
    /** The tenant whose stream shows the change; without it there is no revision and no undo. */
    readonly tenant?: string;
    readonly isDangerous?: boolean;
    readonly send: (consent: Consent) => Promise<{ tag: VersionTag | undefined; unchanged?: boolean }>;
    readonly done?: () => void;
}

export interface Review {
    open(write: Write): void;
    /** Reviews a plan that waits. */
    plan(plan: PlanBody, done?: () => void): void;
}

const ReviewContext = createContext<Review>({ open: () => undefined, plan: () => undefined });

export const useReview = (): Review => useContext(ReviewContext);

/** Returns the changes of a plan, one object after the other. */
export function planObjects(plan: Pick<PlanPreview, "changes">): ObjectChange[] {
    return plan.changes.map(({ action, key, before, after }) => ({
        name: `${action} ${[key.service, key.env, key.version].filter((part) => part !== undefined).join(" / ")}`,
        changes: fieldChanges(before, after),
    }));
}

function planWrite(plan: PlanBody, done: (() => void) | undefined): Write {
    const { tenant, id, hash } = plan;
    return {
        title: en.review.title,
        objects: planObjects(plan),
        warnings: plan.warnings.map(({ detail }) => detail),
        tenant,
        ...(done ? { done } : {}),
        send: ({ reason, idempotencyKey, confirmShrink, confirmInUse }) =>
            api.applyPlan(
                {
                    tenant,
                    id,
                    body: {
                        hash,
                        ...(confirmShrink === undefined ? {} : { confirm_shrink: confirmShrink }),
                        ...(confirmInUse ? { confirm_in_use: true } : {}),
                    },
                },
                { idempotencyKey, ...(reason === undefined ? {} : { reason }) },
            ),
    };
}

/** Resolves when the stream has shown a revision. */
function seen(tenant: string, tag: VersionTag): Promise<void> {
    const store = tenantStore(tenant);
    return new Promise((resolve) => {
        const look = (): void => {
            if (!store.view().tag?.covers(tag)) return;
            resolve();
            forget();
        };
        const forget = store.subscribe(look);
        queueMicrotask(look);
    });
}

/** Holds the dialog, and says afterwards how far the change has come. */
export function ReviewArea({ children }: { children: ReactNode }): ReactNode {
    const [write, setWrite] = useState<Write>();
    const toasts = useToasts();
    const review = useMemo<Review>(
        () => ({ open: setWrite, plan: (plan, done) => setWrite(planWrite(plan, done)) }),
        [],
    );
    const undo = useCallback(
        async (tenant: string, revision: number) => {
            try {
                const reason = en.written.undoReason(revision);
                const { value } = await api.createRollbackPlan({ tenant, body: { to: revision - 1 } }, { reason });
                review.plan(value);
            } catch (error) {
                toasts.show({ text: words(error), tone: "bad" });
            }
        },
        [review, toasts],
    );
    const written = (done: Write, tag: VersionTag | undefined, unchanged: boolean): void => {
        setWrite(undefined);
        done.done?.();
        void queries.invalidateQueries();
        const { tenant } = done;
        if (unchanged || !tag || tenant === undefined) {
            toasts.show({ text: unchanged ? en.written.unchanged : done.title, tone: "good" });
            return;
        }
        const { revision } = tag;
        const action = { title: en.written.undo, run: () => void undo(tenant, revision) };
        const id = toasts.show({ text: en.written.committed(revision), tone: "good", action });
        void seen(tenant, tag).then(() => toasts.replace(id, en.written.seen(revision)));
    };
    return (
        <ReviewContext value={review}>
            {children}
            {write && <ReviewDialog write={write} onClose={() => setWrite(undefined)} onWritten={written} />}
        </ReviewContext>
    );
}

interface ReviewDialogProps {
    write: Write;
    onClose: () => void;
    onWritten: (write: Write, tag: VersionTag | undefined, unchanged: boolean) => void;
}

function ReviewDialog({ write, onClose, onWritten }: ReviewDialogProps): ReactNode {
    const [reason, setReason] = useState("");
    const [typed, setTyped] = useState("");
    const [isInUseConfirmed, setInUseConfirmed] = useState(false);
    const [isSending, setSending] = useState(false);
    const [error, setError] = useState<unknown>();
    // One key for all tries: a change whose outcome is not known is not made twice.
    const [idempotencyKey] = useState(() => crypto.randomUUID());
    const problem = error instanceof Problem ? error : undefined;
    const shrink = problem?.shrink;
    const mustType = shrink ? String(shrink.removedRoutes) : write.typeName;
    const isReady = (mustType === undefined || typed === mustType) && (!problem?.mayConfirmInUse || isInUseConfirmed);
    const send = async (): Promise<void> => {
        if (!isReady || isSending) return;
        setSending(true);
        try {
            const answer = await write.send({
                reason: reason.trim() === "" ? undefined : reason.trim(),
                // A confirmation makes another request: it needs another key.
                idempotencyKey: problem?.code === "commit_unknown" || !problem ? idempotencyKey : crypto.randomUUID(),
                confirmShrink: shrink?.confirm,
                confirmInUse: isInUseConfirmed,
            });
            onWritten(write, answer.tag, answer.unchanged ?? false);
        } catch (failure) {
            setTyped("");
            setError(failure);
            setSending(false);
        }
    };
    const footer = (
        <>
            <Button onClick={onClose}>{en.cancel}</Button>
            <Button type="submit" kind={write.isDangerous ? "danger" : "main"} disabled={!isReady || isSending}>
                {isSending
                    ? en.review.applying
                    : problem?.code === "commit_unknown"
                      ? en.review.askAgain
                      : en.review.apply}
            </Button>
        </>
    );
    return (
        <Dialog title={write.title} onClose={onClose} footer={footer} onSubmit={() => void send()} wide>
            <Objects objects={write.objects} />
            {write.warnings && write.warnings.length > 0 && (
                <div className="notice warn">
                    <strong>{en.review.warnings}</strong>
                    <ul>
                        {write.warnings.map((text) => (
                            <li key={text}>{text}</li>
                        ))}
                    </ul>
                </div>
            )}
            {error !== undefined && <Trouble error={error} />}
            {problem?.mayConfirmInUse && (
                <label className="check">
                    <input
                        type="checkbox"
                        checked={isInUseConfirmed}
                        onChange={(event) => setInUseConfirmed(event.target.checked)}
                    />
                    {en.review.confirmInUse}
                </label>
            )}
            {mustType !== undefined && (
                <Field label={shrink ? en.review.typeNumber(shrink.removedRoutes) : en.review.typeName(mustType)}>
                    {(control) => (
                        <input
                            {...control}
                            autoComplete="off"
                            value={typed}
                            onChange={(event) => setTyped(event.target.value)}
                        />
                    )}
                </Field>
            )}
            <Field label={en.review.reason} hint={en.review.reasonHint}>
                {(control) => (
                    <input
                        {...control}
                        data-focus
                        maxLength={500}
                        value={reason}
                        onChange={(event) => setReason(event.target.value)}
                    />
                )}
            </Field>
        </Dialog>
    );
}

/** The most objects that are shown at once. */
const MAX_OBJECTS = 200;

/** The changes of all objects; a long list is cut, and says so. */
export function Objects({ objects }: { objects: readonly ObjectChange[] }): ReactNode {
    if (objects.length === 0) return <p className="quiet">{en.review.nothing}</p>;
    return (
        <div className="objects" tabIndex={0} role="region" aria-label={en.review.what}>
            {objects.slice(0, MAX_OBJECTS).map(({ name, changes }) => (
                <div key={name} className="object">
                    <h3>{name}</h3>
                    <Changes changes={changes} />
                </div>
            ))}
            {objects.length > MAX_OBJECTS && <p className="quiet">… and {objects.length - MAX_OBJECTS} more</p>}
        </div>
    );
}

function Trouble({ error }: { error: unknown }): ReactNode {
    const problem = error instanceof Problem ? error : undefined;
    const special =
        problem?.code === "precondition_failed"
            ? en.review.conflict
            : problem?.code === "commit_unknown"
              ? en.review.unknown
              : undefined;
    const policies = problem?.code === "version_in_use" ? (problem.body.policies ?? []) : [];
    return (
        <div className="notice bad" role="alert">
            <p className="lines">{special ?? words(error)}</p>
            {policies.length > 0 && (
                <p>
                    {en.review.inUse} {policies.map(({ service, env }) => `${service} / ${env}`).join(", ")}
                </p>
            )}
            {problem?.requestId !== undefined && <p className="quiet">{en.review.request(problem.requestId)}</p>}
        </div>
    );
}
