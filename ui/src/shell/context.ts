// Who uses the page, and what it may do.

import { createContext, useContext } from "react";

import type { Session } from "../api/session";
import type { Rights } from "../model/rights";

export interface Who {
    readonly session: Session;
    readonly rights: Rights;
}

export const WhoContext = createContext<Who | undefined>(undefined);

/** Returns the caller and its rights. */
export function useWho(): Who {
    const who = useContext(WhoContext);
    if (!who) throw new Error("nobody has signed in");
    return who;
}
