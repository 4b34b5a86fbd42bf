// The live state in components.

import { createContext, useContext, useSyncExternalStore } from "react";

import { type TenantView, tenantStore } from "./tenant";

/** The tenant of the present address. */
export const TenantContext = createContext<TenantView | undefined>(undefined);

/** Follows a tenant while the component is there. */
export function useFollowed(tenant: string): TenantView {
    const store = tenantStore(tenant);
    return useSyncExternalStore(store.subscribe, store.view);
}

/** Returns the live state of the present tenant. */
export function useTenant(): TenantView {
    const view = useContext(TenantContext);
    if (!view) throw new Error("there is no tenant in this part of the page");
    return view;
}

/** Returns whether writing makes sense: what is shown is what the service has. */
export function isFresh(view: TenantView): boolean {
    return view.condition === "live";
}
