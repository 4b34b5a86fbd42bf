// The session of the browser: whether somebody has signed in, and how. The cookie itself is out of reach of scripts.

import { Problem } from "@client";

/** What the server tells of the session. */
export interface Session {
    readonly mode: "none" | "required";
    readonly signed_in: boolean;
    readonly ways: readonly ("key" | "oidc")[];
    readonly ends_at: string | null;
    readonly idle_seconds: number | null;
    readonly version: string;
}

const URL = "/ui/session";

async function checked(response: Response): Promise<Response> {
    if (response.ok) return response;
    const body: unknown = await response.json().catch(() => undefined);
    throw new Problem(response.status, body, response.headers, Date.now());
}

/** Returns the session; it is answered without credentials too. */
export async function readSession(): Promise<Session> {
    const response = await checked(await fetch(URL, { cache: "no-store" }));
    return (await response.json()) as Session;
}

/** Begins a session with a key. The key is sent once and kept nowhere. Rejects with {@link Problem}. */
export async function signIn(token: string): Promise<void> {
    const headers = { "content-type": "application/json", "tm-csrf": "1" };
    await checked(await fetch(URL, { method: "POST", headers, body: JSON.stringify({ token }) }));
}

/** Ends the session. */
export async function signOut(): Promise<void> {
    await checked(await fetch(URL, { method: "DELETE", headers: { "tm-csrf": "1" } }));
}

/** The address where signing in by the identity provider begins. */
export function loginUrl(returnTo: string): string {
    return `/ui/login?return=${encodeURIComponent(returnTo)}`;
}
