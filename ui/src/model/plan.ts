// A plan, as the API answers it.

import type { Value } from "@client";

export type PlanBody = Value<"getPlan">;
