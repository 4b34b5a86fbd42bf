// Import: a document becomes a plan; what is wrong is shown at its line.

import { type FieldError, Problem } from "@client";
import { type ReactNode, useRef, useState } from "react";
import { useLocation } from "wouter";

import { api } from "../../api/client";
import { Button, Failed, Field, Head, Panel } from "../../components/basic";
import { isFresh, useTenant } from "../../live/hooks";
import { en } from "../../messages/en";
import { lineOf } from "../../model/pointer";
import { useWho } from "../../shell/context";
import { text } from "./text";

/** The largest file that is read, in bytes; the service has its own limit. */
const MAX_BYTES = 16_000_000;

export function Import(): ReactNode {
    const view = useTenant();
    const { tenant } = view;
    const { rights } = useWho();
    const [, go] = useLocation();
    const [content, setContent] = useState("");
    const [reason, setReason] = useState("");
    const [error, setError] = useState<unknown>();
    const [isSending, setSending] = useState(false);
    const area = useRef<HTMLTextAreaElement>(null);
    const blocked = !rights.mayEdit
        ? en.notAllowed(rights.caller.roles.join(", "))
        : isFresh(view)
          ? undefined
          : en.notFresh;
    const take = async (file: File | undefined): Promise<void> => {
        if (!file) return;
        if (file.size > MAX_BYTES) setError(new Error(text.tooLarge));
        else setContent(await file.text());
    };
    const send = async (): Promise<void> => {
        setSending(true);
        setError(undefined);
        try {
            const body = asJson(content) ?? content;
            const { value } = await api.createPlan({ tenant, body }, reason === "" ? {} : { reason });
            if ("id" in value) go(`/t/${tenant}/plans/${value.id}`);
        } catch (failure) {
            setError(failure);
            setSending(false);
        }
    };
    const show = (line: number): void => {
        const field = area.current;
        if (!field) return;
        const from =
            content
                .split("\n")
                .slice(0, line - 1)
                .join("\n").length + (line > 1 ? 1 : 0);
        field.focus();
        field.setSelectionRange(from, from + (content.slice(from).split("\n")[0]?.length ?? 0));
    };
    const errors = error instanceof Problem ? error.errors : [];
    return (
        <>
            <Head title={text.title} about={text.about}>
                <Button onClick={() => setContent(text.example)}>{text.template}</Button>
                <label className="button plain">
                    {text.file}
                    <input
                        type="file"
                        className="unseen"
                        accept=".yaml,.yml,.json"
                        onChange={(event) => void take(event.target.files?.[0])}
                    />
                </label>
            </Head>
            <form
                className="panel"
                onDragOver={(event) => event.preventDefault()}
                onDrop={(event) => {
                    event.preventDefault();
                    void take(event.dataTransfer.files[0]);
                }}
                onSubmit={(event) => {
                    event.preventDefault();
                    void send();
                }}
            >
                <Field label={text.document} hint={text.hint}>
                    {(control) => (
                        <textarea
                            {...control}
                            ref={area}
                            rows={20}
                            spellCheck={false}
                            value={content}
                            onChange={(event) => setContent(event.target.value)}
                        />
                    )}
                </Field>
                <Field label={text.reason}>
                    {(control) => (
                        <input
                            {...control}
                            maxLength={500}
                            value={reason}
                            onChange={(event) => setReason(event.target.value)}
                        />
                    )}
                </Field>
                <span>
                    <Button type="submit" kind="main" blocked={blocked} disabled={isSending || content.trim() === ""}>
                        {text.check}
                    </Button>
                </span>
            </form>
            {error !== undefined && (
                <Panel title={text.errors}>
                    {errors.length === 0 && <Failed error={error} />}
                    <ul className="errors">
                        {errors.map((one) => (
                            <Wrong key={`${one.pointer} ${one.code}`} error={one} content={content} onShow={show} />
                        ))}
                    </ul>
                </Panel>
            )}
        </>
    );
}

/** Returns the object of a JSON text; anything else is YAML, which the service reads. */
function asJson(content: string): object | undefined {
    if (!content.trimStart().startsWith("{")) return undefined;
    try {
        return JSON.parse(content) as object;
    } catch {
        return undefined;
    }
}

interface WrongProps {
    error: FieldError;
    content: string;
    onShow: (line: number) => void;
}

function Wrong({ error: { pointer, detail }, content, onShow }: WrongProps): ReactNode {
    const line = lineOf(content, pointer) ?? lineIn(detail);
    return (
        <li role="alert">
            {line !== undefined && (
                <Button className="small" onClick={() => onShow(line)}>
                    {text.line(line)}
                </Button>
            )}{" "}
            <code>{pointer}</code> {detail}
        </li>
    );
}

/** The service names the line of what it cannot read as YAML. */
function lineIn(detail: string): number | undefined {
    const found = /\bline (\d+)/.exec(detail)?.[1];
    return found === undefined ? undefined : Number(found);
}
