// The state of the live data: always in sight.

import { type ReactNode, useEffect, useState } from "react";

import { Badge, type Tone } from "../components/basic";
import type { Condition, TenantView } from "../live/tenant";
import { en } from "../messages/en";

const TONES: Record<Condition, Tone> = {
    loading: "plain",
    live: "good",
    stale: "warn",
    reconnecting: "warn",
    gone: "bad",
    signed_out: "bad",
};

/** Returns how old the data are, in seconds; counts on while nothing comes. */
export function useAge(view: TenantView): number {
    const [now, setNow] = useState(() => Date.now());
    const isCounting = view.condition !== "live" && view.confirmed !== undefined;
    useEffect(() => {
        if (!isCounting) return;
        const timer = setInterval(() => setNow(Date.now()), 1000);
        return () => clearInterval(timer);
    }, [isCounting]);
    return view.confirmed === undefined ? 0 : Math.max(0, Math.round((now - view.confirmed) / 1000));
}

/** A word for the state, with its age when it is not live. */
export function ConditionBadge({ view }: { view: TenantView }): ReactNode {
    const { condition, tag } = view;
    const age = useAge(view);
    const hasAge = condition === "stale" || condition === "reconnecting";
    return (
        <span className="condition" data-condition={condition}>
            <Badge tone={TONES[condition]}>
                {en.condition[condition]}
                {hasAge && ` ${String(age)} s`}
            </Badge>
            {tag && (
                <span className="quiet" title={tag.toString()} data-revision={tag.revision}>
                    {en.revision(tag.revision)}
                </span>
            )}
        </span>
    );
}

/** What the state means, when it is not the good one. */
export function ConditionBand({ view, onSignIn }: { view: TenantView; onSignIn: () => void }): ReactNode {
    const age = useAge(view);
    const { condition } = view;
    if (condition === "live" || condition === "loading") return null;
    const text = en.conditionLong[condition];
    return (
        <div className={`band ${TONES[condition]}`} role="status">
            {typeof text === "string" ? text : text(age)}
            {condition === "signed_out" && (
                <button type="button" className="button plain" onClick={onSignIn}>
                    {en.signIn}
                </button>
            )}
        </div>
    );
}
