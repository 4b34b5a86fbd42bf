// Making and rotating a key, and the one look at its token.

import type { ApiKey, CreateKey as CreateKeyBody } from "@client";
import { type ReactNode, useState } from "react";

import { api } from "../../api/client";
import { Button, Failed, Field } from "../../components/basic";
import { Dialog } from "../../components/dialog";
import { en } from "../../messages/en";
import { text } from "./text";

type Role = CreateKeyBody["roles"][number];
const ROLES: readonly Role[] = ["viewer", "editor", "auditor", "node", "tenant_admin"];
/** How long an old token works on unless somebody says otherwise, in seconds. */
const OVERLAP = 3600;

function names(typed: string): string[] {
    return typed.split(/[\s,]+/).filter((name) => name !== "");
}

interface CreateKeyProps {
    tenant: string;
    onClose: () => void;
    onMade: (token: string | null | undefined) => void;
}

export function CreateKey({ tenant, onClose, onMade }: CreateKeyProps): ReactNode {
    const [roles, setRoles] = useState<ReadonlySet<Role>>(new Set(["viewer"]));
    const [fields, setFields] = useState({ description: "", services: "", envs: "", expires: "" });
    const [error, setError] = useState<unknown>();
    const send = async (): Promise<void> => {
        const [services, envs] = [names(fields.services), names(fields.envs)];
        try {
            const { value } = await api.createKey({
                body: {
                    tenant,
                    roles: [...roles],
                    ...(services.length > 0 ? { services } : {}),
                    ...(envs.length > 0 ? { envs } : {}),
                    ...(fields.description === "" ? {} : { description: fields.description }),
                    ...(fields.expires === "" ? {} : { expires_at: new Date(fields.expires).toISOString() }),
                },
            });
            onMade(value.token);
        } catch (failure) {
            setError(failure);
        }
    };
    const footer = (
        <>
            <Button onClick={onClose}>{en.cancel}</Button>
            <Button type="submit" kind="main" disabled={roles.size === 0}>
                {text.createDo}
            </Button>
        </>
    );
    const input = (name: keyof typeof fields, label: string, type = "text"): ReactNode => (
        <Field label={label}>
            {(control) => (
                <input
                    {...control}
                    type={type}
                    value={fields[name]}
                    onChange={(event) => setFields({ ...fields, [name]: event.target.value })}
                />
            )}
        </Field>
    );
    return (
        <Dialog title={text.createTitle} onClose={onClose} onSubmit={() => void send()} footer={footer}>
            {error !== undefined && <Failed error={error} />}
            {input("description", text.description)}
            <fieldset>
                <legend>{text.role}</legend>
                {ROLES.map((role) => (
                    <label key={role} className="check">
                        <input
                            type="checkbox"
                            checked={roles.has(role)}
                            onChange={() => {
                                const next = new Set(roles);
                                if (!next.delete(role)) next.add(role);
                                setRoles(next);
                            }}
                        />
                        {role}
                    </label>
                ))}
            </fieldset>
            {input("services", text.services)}
            {input("envs", text.envs)}
            {input("expires", text.expires, "datetime-local")}
        </Dialog>
    );
}

interface RotateKeyProps {
    apiKey: ApiKey;
    onClose: () => void;
    onMade: (token: string | null | undefined) => void;
}

export function RotateKey({ apiKey, onClose, onMade }: RotateKeyProps): ReactNode {
    const [overlap, setOverlap] = useState(String(OVERLAP));
    const [error, setError] = useState<unknown>();
    const send = async (): Promise<void> => {
        try {
            const body = { overlap_seconds: Number(overlap) };
            const { value } = await api.rotateKey({ key_id: apiKey.id, body });
            onMade(value.token);
        } catch (failure) {
            setError(failure);
        }
    };
    const footer = (
        <>
            <Button onClick={onClose}>{en.cancel}</Button>
            <Button type="submit" kind="main">
                {text.rotate}
            </Button>
        </>
    );
    return (
        <Dialog title={text.rotateTitle(apiKey.id)} onClose={onClose} onSubmit={() => void send()} footer={footer}>
            {error !== undefined && <Failed error={error} />}
            <Field label={text.overlap}>
                {(control) => (
                    <input
                        {...control}
                        type="number"
                        min={0}
                        required
                        value={overlap}
                        onChange={(event) => setOverlap(event.target.value)}
                    />
                )}
            </Field>
        </Dialog>
    );
}

/** Shows a token once. It is in the memory of the page only, until the dialog closes. */
export function Token({ token, onClose }: { token: string; onClose: () => void }): ReactNode {
    const [isCopied, setCopied] = useState(false);
    const copy = (): void => {
        void navigator.clipboard.writeText(token).then(() => setCopied(true));
    };
    return (
        <Dialog title={text.tokenTitle} onClose={onClose} footer={<Button onClick={onClose}>{en.close}</Button>}>
            <p className="notice warn">{text.tokenHint}</p>
            <p className="token">
                <code>{token}</code>
            </p>
            <span>
                <Button kind="main" onClick={copy}>
                    {isCopied ? text.copied : text.copy}
                </Button>
            </span>
        </Dialog>
    );
}
