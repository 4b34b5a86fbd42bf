// The small parts: buttons, badges, fields, times, and the pictures of "loading", "empty" and "failed".

import { type ButtonHTMLAttributes, type ReactNode, useId } from "react";
import { Link } from "wouter";

import { words } from "../live/query";
import { en } from "../messages/en";
import { ago, localTime } from "../model/time";

export type Tone = "plain" | "good" | "warn" | "bad" | "info";

/** A short word with a colour; the colour never says anything that the word does not. */
export function Badge({ tone = "plain", children }: { tone?: Tone; children: ReactNode }): ReactNode {
    return <span className={`badge ${tone}`}>{children}</span>;
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
    kind?: "plain" | "main" | "danger" | "quiet";
    /** Why the button cannot be used now; then it is disabled, and says so. */
    blocked?: string | undefined;
}

/** A button that says why it cannot be used. */
export function Button({ kind = "plain", blocked, className, ...rest }: ButtonProps): ReactNode {
    const state = blocked === undefined ? {} : { disabled: true, title: blocked };
    return <button type="button" {...rest} {...state} className={`button ${kind} ${className ?? ""}`} />;
}

/** A link that looks like a button. */
export function ButtonLink({ to, children }: { to: string; children: ReactNode }): ReactNode {
    return (
        <Link href={to} className="button plain">
            {children}
        </Link>
    );
}

interface FieldProps {
    label: string;
    hint?: ReactNode;
    error?: string | undefined;
    /** Gets the attributes that tie the control to its label, hint and error. */
    children: (control: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

/** A control with its label, a hint, and what is wrong with it. */
export function Field({ label, hint, error, children }: FieldProps): ReactNode {
    const id = useId();
    const about = hint !== undefined || error !== undefined ? { "aria-describedby": `${id}-about` } : {};
    return (
        <div className="field">
            <label htmlFor={id}>{label}</label>
            {children({ id, ...about, ...(error === undefined ? {} : { "aria-invalid": true }) })}
            {(hint !== undefined || error !== undefined) && (
                <div id={`${id}-about`} className={error === undefined ? "hint" : "hint wrong"}>
                    {error ?? hint}
                </div>
            )}
        </div>
    );
}

/** A time in the viewer's zone, or how long ago it was; the other one and UTC as its title. */
export function Time({ at, relative = false }: { at: string; relative?: boolean }): ReactNode {
    const title = `${localTime(at)} · ${at}`;
    return (
        <time dateTime={at} title={title}>
            {relative ? ago(at, Date.now()) : localTime(at)}
        </time>
    );
}

/** The picture of what is still on its way: never the one of nothing. */
export function Loading({ lines = 6 }: { lines?: number }): ReactNode {
    return (
        <div className="loading" role="status">
            <span className="unseen">{en.loading}</span>
            {Array.from({ length: lines }, (_, at) => (
                <div key={at} className="bar" style={{ inlineSize: `${String(90 - ((at * 17) % 50))}%` }} />
            ))}
        </div>
    );
}

/** The picture of nothing, with what can be done about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactNode {
    return (
        <div className="empty">
            <p className="empty-title">{title}</p>
            {children}
        </div>
    );
}

/** The picture of a request that failed. */
export function Failed({ error, retry }: { error: unknown; retry?: () => void }): ReactNode {
    return (
        <div className="notice bad" role="alert">
            <p className="lines">{words(error)}</p>
            {retry && <Button onClick={retry}>{en.retry}</Button>}
        </div>
    );
}

/** The head of a view: its name, what it is about, and what can be done. */
export function Head({
    title,
    about,
    children,
}: {
    title: ReactNode;
    about?: ReactNode;
    children?: ReactNode;
}): ReactNode {
    return (
        <header className="head">
            <div>
                <h1 tabIndex={-1}>{title}</h1>
                {about !== undefined && <p className="about">{about}</p>}
            </div>
            {children !== undefined && <div className="actions">{children}</div>}
        </header>
    );
}

/** A part of a view with a title. */
export function Panel({
    title,
    aside,
    children,
}: {
    title: ReactNode;
    aside?: ReactNode;
    children: ReactNode;
}): ReactNode {
    return (
        <section className="panel">
            <div className="panel-head">
                <h2>{title}</h2>
                {aside}
            </div>
            {children}
        </section>
    );
}
