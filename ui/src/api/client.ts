// The client of the API: the one of the TypeScript SDK, with the browser's session in place of a token.

import { Client } from "@client";

const listeners = new Set<() => void>();

/** Calls a function when the service answers 401: the session has ended. Returns a function that ends this. */
export function onUnauthenticated(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
}

/**
 * Sends a request with the session's cookie. Unsafe methods carry the header that a page of another site cannot send.
 * In the past, or signed out, nothing is lost: the caller gets the answer as it is.
 */
export const sessionFetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    if (request.method !== "GET" && request.method !== "HEAD") request.headers.set("tm-csrf", "1");
    const response = await fetch(request);
    if (response.status === 401) for (const listener of [...listeners]) listener();
    return response;
};

/** All calls of the page. */
export const api = new Client({ url: location.origin, fetch: sessionFetch });
