// What a view is to the shell.

import type { ComponentType } from "react";

import type { Rights } from "../model/rights";

export type Section = "traffic" | "change" | "history" | "fleet" | "admin";

/** A view, as `views/table.ts` lists it. */
export interface ViewEntry {
    /** The pattern of its address below `/ui`; below `/t/:tenant` the view has the tenant's live state. */
    readonly path: string;
    /** The title of the page, and of the entry in the navigation. */
    readonly title: string;
    /** The section of the navigation; without it the view is reached from others only. */
    readonly section?: Section;
    /** The letter that goes there after `g`. */
    readonly letter?: string;
    /** Who may see it; everybody without it. */
    readonly isFor?: (rights: Rights) => boolean;
    readonly View: ComponentType;
}
