// The page: asks who is there, then shows the shell or the page to sign in.

import { QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, StrictMode, useCallback, useEffect, useState } from "react";
import { Router } from "wouter";

import { api, onUnauthenticated } from "./api/client";
import { type Session, readSession, signOut } from "./api/session";
import { Failed, Loading } from "./components/basic";
import { ReviewArea } from "./components/review";
import { ToastArea } from "./components/toast";
import { queries } from "./live/query";
import { forgetTenants } from "./live/tenant";
import { rightsOf } from "./model/rights";
import { WhoContext, type Who } from "./shell/context";
import { Shell } from "./shell/shell";
import { SignIn } from "./views/signin/signin";

type State =
    | { readonly is: "asking" }
    | { readonly is: "failed"; readonly error: unknown }
    | { readonly is: "out"; readonly session: Session; readonly hasEnded: boolean }
    | { readonly is: "in"; readonly who: Who };

async function ask(): Promise<State> {
    const session = await readSession();
    if (session.mode === "required" && !session.signed_in) return { is: "out", session, hasEnded: false };
    const { value } = await api.getSelf();
    return { is: "in", who: { session, rights: rightsOf(value) } };
}

function Page(): ReactNode {
    const [state, setState] = useState<State>({ is: "asking" });
    const begin = useCallback(() => {
        ask().then(setState, (error: unknown) => setState({ is: "failed", error }));
    }, []);
    useEffect(begin, [begin]);
    const leave = useCallback((session: Session, hasEnded: boolean) => {
        forgetTenants();
        queries.clear();
        setState({ is: "out", session, hasEnded });
    }, []);
    const session = state.is === "in" ? state.who.session : undefined;
    useEffect(
        () =>
            onUnauthenticated(() => {
                if (session?.mode === "required") leave(session, true);
            }),
        [session, leave],
    );
    switch (state.is) {
        case "asking":
            return <Loading />;
        case "failed":
            return (
                <main className="alone">
                    <Failed error={state.error} retry={begin} />
                </main>
            );
        case "out":
            return <SignIn session={state.session} hasEnded={state.hasEnded} onSignedIn={begin} />;
        case "in": {
            const { who } = state;
            const out = (): void => {
                signOut().then(
                    () => leave(who.session, false),
                    (error: unknown) => setState({ is: "failed", error }),
                );
            };
            return (
                <WhoContext value={who}>
                    <ToastArea>
                        <ReviewArea>
                            <Shell onSignOut={out} onSignIn={() => leave(who.session, true)} />
                        </ReviewArea>
                    </ToastArea>
                </WhoContext>
            );
        }
    }
}

export function App(): ReactNode {
    return (
        <StrictMode>
            <QueryClientProvider client={queries}>
                <Router base="/ui">
                    <Page />
                </Router>
            </QueryClientProvider>
        </StrictMode>
    );
}
