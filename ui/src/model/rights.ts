// What the caller may do. The server decides; the page only does not offer what would be refused.

import type { Caller } from "@client";

export interface Rights {
    readonly caller: Caller;
    /** Routes, policies and plans. */
    readonly mayEdit: boolean;
    readonly mayManageKeys: boolean;
    readonly mayManageTenants: boolean;
    /** The audit trail. */
    readonly mayAudit: boolean;
    /** Dead letters, replays and drills. */
    readonly mayOperate: boolean;
    /** The routes of a tenant. */
    readonly mayRead: boolean;
}

/** Returns the rights that the roles of a caller give. */
export function rightsOf(caller: Caller): Rights {
    const has = (...roles: readonly string[]): boolean => caller.roles.some((role) => roles.includes(role));
    return {
        caller,
        mayEdit: has("platform_admin", "tenant_admin", "editor"),
        mayManageKeys: has("platform_admin", "tenant_admin"),
        mayManageTenants: has("platform_admin"),
        mayAudit: has("platform_admin", "tenant_admin", "auditor"),
        mayOperate: has("platform_admin"),
        mayRead: has("platform_admin", "tenant_admin", "editor", "viewer"),
    };
}

/** Returns whether the caller's key reaches a service in an environment. */
export function reaches({ caller }: Rights, service: string, env: string): boolean {
    return (caller.services?.includes(service) ?? true) && (caller.envs?.includes(env) ?? true);
}
