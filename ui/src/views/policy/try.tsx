// Try a request: which version does it get, and why.

import { Problem, type Value } from "@client";
import { type ReactNode, useState } from "react";

import { api } from "../../api/client";
import { Badge, Button, Failed, Field, Panel } from "../../components/basic";
import { lines } from "../../model/policy";
import { percent } from "../../model/shares";
import { text } from "./text";

type Explanation = NonNullable<Value<"resolveRoute">["explanation"]>;

interface Outcome {
    readonly version: string | undefined;
    readonly explanation: Explanation | undefined;
    readonly error: unknown;
}

interface TryProps {
    tenant: string;
    service: string;
    env: string;
}

export function Try({ tenant, service, env }: TryProps): ReactNode {
    const [key, setKey] = useState("");
    const [path, setPath] = useState("/");
    const [method, setMethod] = useState("GET");
    const [headers, setHeaders] = useState("");
    const [outcome, setOutcome] = useState<Outcome>();
    const run = async (): Promise<void> => {
        const named = lines(headers).flatMap((line) => {
            const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
            return name === undefined || value === undefined ? [] : [[`header.${name.trim()}`, value] as const];
        });
        try {
            const { value } = await api.resolveRoute({
                tenant,
                service,
                env,
                path,
                method,
                explain: true,
                ...(key === "" ? {} : { key }),
                request_headers: Object.fromEntries(named),
            });
            setOutcome({ version: value.version, explanation: value.explanation, error: undefined });
        } catch (error) {
            const explanation = error instanceof Problem ? error.body.explanation : undefined;
            setOutcome({ version: undefined, explanation, error });
        }
    };
    return (
        <Panel title={text.tryTitle} aside={<span className="quiet">{text.tryHint}</span>}>
            <form
                className="try"
                onSubmit={(event) => {
                    event.preventDefault();
                    void run();
                }}
            >
                <Field label={text.tryMethod}>
                    {(control) => (
                        <input
                            {...control}
                            size={7}
                            value={method}
                            onChange={(event) => setMethod(event.target.value)}
                        />
                    )}
                </Field>
                <Field label={text.tryPath}>
                    {(control) => <input {...control} value={path} onChange={(event) => setPath(event.target.value)} />}
                </Field>
                <Field label={text.tryKey}>
                    {(control) => <input {...control} value={key} onChange={(event) => setKey(event.target.value)} />}
                </Field>
                <Field label={text.tryHeaders}>
                    {(control) => (
                        <textarea
                            {...control}
                            rows={1}
                            spellCheck={false}
                            value={headers}
                            onChange={(event) => setHeaders(event.target.value)}
                        />
                    )}
                </Field>
                <Button type="submit">{text.tryRun}</Button>
            </form>
            {outcome && <Shown outcome={outcome} />}
        </Panel>
    );
}

function Shown({ outcome: { version, explanation, error } }: { outcome: Outcome }): ReactNode {
    return (
        <div role="status" className="outcome">
            {version !== undefined && <Badge tone="good">{version}</Badge>}
            {explanation && (
                <span>
                    {text.because[explanation.reason] ?? explanation.reason}
                    {explanation.rule !== null && <strong> {explanation.rule}</strong>}
                    {explanation.instead_of !== null && (
                        <span className="quiet"> instead of {explanation.instead_of}</span>
                    )}
                    <span className="quiet">
                        {" · "}
                        {explanation.split.map((one) => `${one.version} ${percent(one.share)}`).join(", ")}
                    </span>
                </span>
            )}
            {error !== undefined && !explanation && <Failed error={error} />}
            <p className="quiet">{text.tryNote}</p>
        </div>
    );
}
