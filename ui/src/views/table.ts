// All views, each in one line. The order is that of the navigation.

import { Access } from "./access/access";
import { Audit } from "./audit/audit";
import { Chain } from "./chain/chain";
import { Changes } from "./changes/changes";
import { Fleet } from "./fleet/fleet";
import { NodeDetails } from "./fleet/node";
import { Home } from "./home/home";
import { Operations } from "./operations/operations";
import { Proxies } from "./proxies/proxies";
import { Routes } from "./routes/routes";
import { Start } from "./start/start";
import { TimeTravel } from "./time/time";
import type { ViewEntry } from "./view";

// One line for each view, so that views can be added side by side.
// prettier-ignore
export const VIEWS: readonly ViewEntry[] = [
    { path: "/", title: "Tenants", View: Start },
    { path: "/t/:tenant", title: "Overview", section: "traffic", letter: "h", View: Home },
    { path: "/t/:tenant/routes", title: "Routes", section: "traffic", letter: "r", View: Routes },
    { path: "/changes", title: "Changes", section: "history", letter: "c", isFor: ({ mayRead }) => mayRead, View: Changes },
    { path: "/t/:tenant/time", title: "Time travel", section: "history", letter: "m", isFor: ({ mayRead }) => mayRead, View: TimeTravel },
    { path: "/t/:tenant/audit", title: "Audit trail", section: "history", letter: "a", isFor: ({ mayAudit }) => mayAudit, View: Audit },
    { path: "/t/:tenant/chain", title: "Chain", section: "history", letter: "b", isFor: ({ mayRead }) => mayRead, View: Chain },
    { path: "/t/:tenant/access", title: "Access log", section: "history", isFor: ({ mayAudit }) => mayAudit, View: Access },
    { path: "/t/:tenant/fleet", title: "Fleet", section: "fleet", letter: "f", isFor: ({ mayRead }) => mayRead, View: Fleet },
    { path: "/t/:tenant/fleet/:node", title: "Node", isFor: ({ mayRead }) => mayRead, View: NodeDetails },
    { path: "/t/:tenant/proxies", title: "Proxies", section: "fleet", letter: "x", isFor: ({ mayRead }) => mayRead, View: Proxies },
    { path: "/operations", title: "Operations", section: "admin", letter: "o", isFor: ({ caller, mayOperate, mayAudit }) => mayOperate || (mayAudit && caller.tenant === null), View: Operations },
];
