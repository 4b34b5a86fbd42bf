// The bearer token, and where it may be sent.

/** A bearer token, or a function that gives one. It is asked again after the service refused the last one. */
export type Token = string | (() => string | Promise<string>);

/** The token in use. It is kept until the service refuses it. It is in no error and no text of an object. */
export class TokenSource {
    readonly #token: Token | undefined;
    #present: string | undefined;

    constructor(token: Token | undefined) {
        this.#token = token;
    }

    /** Returns the header `Authorization`, or undefined without a token. Throws what the function throws. */
    async header(): Promise<string | undefined> {
        if (this.#token === undefined) return undefined;
        this.#present ??= typeof this.#token === "string" ? this.#token : await this.#token();
        if (!/^[!-~]+$/.test(this.#present)) {
            this.#present = undefined;
            throw new TypeError("the token has characters that no header can have");
        }
        return `Bearer ${this.#present}`;
    }

    /**
     * Takes the service's word that the token is wrong. Returns true if it is worth asking once more: `header` was of an
     * earlier request, and a function may give another one.
     */
    refused(wasKept: boolean): boolean {
        this.#present = undefined;
        return wasKept && typeof this.#token === "function";
    }

    /** Whether a token is kept from an earlier request. */
    get isKept(): boolean {
        return this.#present !== undefined;
    }
}

/**
 * Reads a base URL. Throws a TypeError if it is neither http nor https or has a password, and if a token would be sent
 * over plain http to another machine.
 */
export function baseUrl(text: string, hasToken: boolean, allowPlainHttp: boolean): URL {
    const url = new URL(text);
    const isHttp = url.protocol === "http:";
    if ((!isHttp && url.protocol !== "https:") || url.username !== "" || url.password !== "") {
        throw new TypeError("a service's URL must be http or https, without a user name and a password");
    }
    if (isHttp && hasToken && !allowPlainHttp && !isLoopback(url.hostname)) {
        throw new TypeError(
            `the token would be sent over plain http to ${url.hostname}; use https, or set allowPlainHttp`,
        );
    }
    return url;
}

function isLoopback(host: string): boolean {
    return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
