// Errors of calls.

import { retryAfter } from "./backoff.js";
import type { FieldError, Plan, Problem as ProblemBody } from "./generated/api.js";
import type { PROBLEM_CODES } from "./generated/operations.js";
import { isObject } from "./json.js";
import { VersionTag } from "./tag.js";

/** The code of a problem. Later versions of the service may have more. `unexpected_answer` is the client's own. */
export type ProblemCode = (typeof PROBLEM_CODES)[number] | "unexpected_answer" | (string & {});

/** The service answered with an error (RFC 9457). */
export class Problem extends Error {
    /** The HTTP status. */
    readonly status: number;
    /** The stable code, for programs. `unexpected_answer` if the answer is no problem, such as that of a proxy. */
    readonly code: ProblemCode;
    /** The title of the code. */
    readonly title: string;
    /** A text about this occurrence, for people. */
    readonly detail: string;
    /** The id of the request, to find it in the logs and in the audit trail. */
    readonly requestId: string | undefined;
    /** The fields that are wrong. */
    readonly errors: readonly FieldError[];
    /** The time of `Retry-After` in milliseconds. */
    readonly retryAfter: number | undefined;
    /** The body of the answer, with the members that only this code has. */
    readonly body: Partial<ProblemBody>;

    /** The version tag that the answer names, if any: `revision_not_reached` names the newest that is available. */
    readonly tag: VersionTag | undefined;

    constructor(status: number, body: unknown, headers: Headers, now: number) {
        const members: Partial<ProblemBody> = isObject(body) && typeof body.code === "string" ? body : {};
        const code = members.code ?? "unexpected_answer";
        const detail = members.detail ?? `the service answered ${String(status)}`;
        const id = members.request_id ?? headers.get("x-correlation-id") ?? undefined;
        const fields = (members.errors ?? []).map(({ pointer, detail: why }) => `; ${pointer}: ${why}`).join("");
        super(`${String(status)} ${code}: ${detail}${fields}${id === undefined ? "" : ` (request ${id})`}`);
        this.name = "Problem";
        this.status = status;
        this.code = code;
        this.title = members.title ?? code;
        this.detail = detail;
        this.requestId = id;
        this.errors = members.errors ?? [];
        this.retryAfter = retryAfter(headers.get("retry-after"), now);
        this.tag = VersionTag.parse(headers.get("etag") ?? "");
        this.body = members;
    }

    /** `plan_stale`: the new plan of the same document. It may lack changes; `PlanApply` reads it whole. */
    get stalePlan(): Plan | undefined {
        return this.code === "plan_stale" ? (this.body.plan ?? undefined) : undefined;
    }

    /** `shrink_not_confirmed`: the hash with which the change is confirmed, and how much it removes. */
    get shrink(): { confirm: string; activeRoutes: number; removedRoutes: number } | undefined {
        const {
            confirm_shrink: confirm,
            active_routes: activeRoutes = 0,
            removed_routes: removedRoutes = 0,
        } = this.body;
        return confirm === undefined ? undefined : { confirm, activeRoutes, removedRoutes };
    }

    /** `version_in_use`: whether the change can be confirmed with `confirm_in_use`. */
    get mayConfirmInUse(): boolean {
        return this.body.may_confirm === true;
    }
}

/** The service did not answer, or its answer broke off. `cause` says why. */
export class NoAnswer extends Error {
    override readonly name = "NoAnswer";
}
