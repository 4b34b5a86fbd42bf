export const text = {
    title: "Traffic Manager",
    where: (host: string, version: string) => `${host} · version ${version}`,
    ended: "The session has ended. Sign in again; you come back to where you were.",
    key: "API key",
    keyHint: "It is sent once, and kept nowhere in the browser.",
    signIn: "Sign in",
    oidc: "Sign in with your organisation",
} as const;
