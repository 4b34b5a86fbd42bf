// Sign in: with a key, or by the identity provider.

import { type ReactNode, useState } from "react";

import { type Session, loginUrl, signIn } from "../../api/session";
import { Button, Field } from "../../components/basic";
import { words } from "../../live/query";
import { text } from "./text";

interface SignInProps {
    session: Session;
    /** True if there was a session, and it has ended. */
    hasEnded: boolean;
    onSignedIn: () => void;
}

export function SignIn({ session, hasEnded, onSignedIn }: SignInProps): ReactNode {
    const [token, setToken] = useState("");
    const [error, setError] = useState<string>();
    const [isSending, setSending] = useState(false);
    const send = async (): Promise<void> => {
        setSending(true);
        try {
            await signIn(token.trim());
            onSignedIn();
        } catch (failure) {
            setError(words(failure));
            setSending(false);
        }
    };
    return (
        <main className="alone">
            <h1>{text.title}</h1>
            <p className="quiet">{text.where(location.host, session.version)}</p>
            {hasEnded && <p className="notice warn">{text.ended}</p>}
            {session.ways.includes("key") && (
                <form
                    onSubmit={(event) => {
                        event.preventDefault();
                        void send();
                    }}
                >
                    <Field label={text.key} hint={text.keyHint} error={error}>
                        {(control) => (
                            <input
                                {...control}
                                type="password"
                                autoComplete="off"
                                autoFocus
                                required
                                value={token}
                                onChange={(event) => setToken(event.target.value)}
                            />
                        )}
                    </Field>
                    <Button type="submit" kind="main" disabled={isSending || token.trim() === ""}>
                        {text.signIn}
                    </Button>
                </form>
            )}
            {session.ways.includes("oidc") && (
                <a className="button plain" href={loginUrl(location.pathname + location.search)}>
                    {text.oidc}
                </a>
            )}
        </main>
    );
}
