// The fields of a route that people set.

import type { ReactNode } from "react";

import { Field } from "../../components/basic";
import { lines } from "../../model/policy";
import { text } from "./text";

/** What somebody types. */
export interface RouteDraft {
    readonly url: string;
    readonly description: string;
    readonly labels: string;
}

/** Returns labels as lines. */
export function labelLines(labels: Readonly<Record<string, string>>): string {
    return Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join("\n");
}

/** Returns the labels of lines, or undefined if a line is none. */
export function readLabels(typed: string): Record<string, string> | undefined {
    const pairs = lines(typed).map((line) => /^([^=]+)=(.*)$/.exec(line));
    if (pairs.some((pair) => pair === null)) return undefined;
    return Object.fromEntries(pairs.map((pair) => [pair?.[1]?.trim() ?? "", pair?.[2]?.trim() ?? ""]));
}

interface RouteFieldsProps {
    draft: RouteDraft;
    onChange: (part: Partial<RouteDraft>) => void;
}

export function RouteFields({ draft, onChange }: RouteFieldsProps): ReactNode {
    return (
        <>
            <Field label={text.url}>
                {(control) => (
                    <input
                        {...control}
                        required
                        type="url"
                        value={draft.url}
                        onChange={(event) => onChange({ url: event.target.value })}
                    />
                )}
            </Field>
            <Field label={text.description}>
                {(control) => (
                    <input
                        {...control}
                        maxLength={1024}
                        value={draft.description}
                        onChange={(event) => onChange({ description: event.target.value })}
                    />
                )}
            </Field>
            <Field label={text.labels} error={readLabels(draft.labels) ? undefined : text.labelsBad}>
                {(control) => (
                    <textarea
                        {...control}
                        rows={3}
                        spellCheck={false}
                        value={draft.labels}
                        onChange={(event) => onChange({ labels: event.target.value })}
                    />
                )}
            </Field>
        </>
    );
}
