// Events in words.

import type { Event } from "@client";

import { policyPath, routePath } from "./route";

/** Returns what an event is about: the names of a route or a policy, or the tenant. */
export function subjectOf(event: Event): string {
    if ("route" in event) return `${event.route.service} / ${event.route.env} / ${event.route.version}`;
    if ("policy" in event) return `${event.policy.service} / ${event.policy.env}`;
    return event.tenant;
}

/** Returns the path of what an event is about. */
export function pathOf(event: Event): string {
    if ("route" in event) return routePath(event.tenant, event.route);
    if ("policy" in event) return policyPath(event.tenant, event.policy);
    return `/t/${event.tenant}`;
}

/** Returns the actor of an event. */
export function actorOf({ actor }: Event): string {
    return actor.kind === "key" ? `key ${actor.id}` : actor.id;
}
