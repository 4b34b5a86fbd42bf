// A view that is loaded when it is opened.

import { type ComponentType, lazy } from "react";

/** Returns a view whose script is loaded when it is first shown. Until then the view suspends. */
export function later(load: () => Promise<ComponentType>): ComponentType {
    return lazy(async () => ({ default: await load() }));
}
