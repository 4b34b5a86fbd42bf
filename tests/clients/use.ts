// Compiled, never run: the types that openapi-typescript makes are as precise as a client needs them.
import type { BatchChange, Event, PointInTime, Problem, Route, operations } from "./api";

// Fails to compile if A and B differ, which also finds `any` and `unknown`.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>): void => undefined;

same<PointInTime, string>(true);
same<Route["revision"], number>(true);
same<Problem["code"], string>(true);
same<NonNullable<operations["listRoutes"]["parameters"]["query"]>["limit"], number | undefined>(true);
same<operations["getRoute"]["responses"]["200"]["content"]["application/json"], Route>(true);
same<operations["getRoute"]["responses"]["503"]["content"]["application/problem+json"], Problem>(true);

export const url = (event: Event): string | undefined =>
    "route" in event ? event.after?.url : undefined;

export const changes: BatchChange[] = [
    { action: "put", route: { service: "checkout", env: "prod", version: "v2", url: "https://a.example" } },
    { action: "deactivate", route: { service: "checkout", env: "prod", version: "v1" } },
    { action: "put", policy: { service: "checkout", env: "prod", split: [{ version: "v2", weight: 1 }] } },
    { action: "delete", policy: { service: "checkout", env: "prod" } },
];

// @ts-expect-error: an activation has no URL.
export const wrong: BatchChange = { action: "activate", route: { service: "a", env: "b", version: "c", url: "d" } };
