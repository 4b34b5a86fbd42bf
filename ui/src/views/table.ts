// All views, each in one line. The order is that of the navigation.

import { Home } from "./home/home";
import { Import } from "./import/import";
import { Keys } from "./keys/keys";
import { later } from "./later";
import { Plan, Plans } from "./plans/plans";
import { Policies } from "./policies/policies";
import { Policy } from "./policy/policy";
import { CreateRoute } from "./route/create";
import { Route } from "./route/route";
import { Routes } from "./routes/routes";
import { Service } from "./service/service";
import { Shares } from "./shares/shares";
import { Start } from "./start/start";
import { Tenants } from "./tenants/tenants";
import { Topology } from "./topology/topology";
import type { ViewEntry } from "./view";

// What few people open is loaded when it is opened.
const Access = later(async () => (await import("./access/access")).Access);
const Audit = later(async () => (await import("./audit/audit")).Audit);
const Chain = later(async () => (await import("./chain/chain")).Chain);
const Changes = later(async () => (await import("./changes/changes")).Changes);
const Fleet = later(async () => (await import("./fleet/fleet")).Fleet);
const NodeDetails = later(async () => (await import("./fleet/node")).NodeDetails);
const Operations = later(async () => (await import("./operations/operations")).Operations);
const Proxies = later(async () => (await import("./proxies/proxies")).Proxies);
const TimeTravel = later(async () => (await import("./time/time")).TimeTravel);

// One line for each view, so that views can be added side by side.
// prettier-ignore
export const VIEWS: readonly ViewEntry[] = [
    { path: "/", title: "Tenants", View: Start },
    { path: "/t/:tenant", title: "Overview", section: "traffic", letter: "h", View: Home },
    { path: "/t/:tenant/routes", title: "Routes", section: "traffic", letter: "r", View: Routes },
    { path: "/t/:tenant/routes/:service/:env/:version", title: "Route", View: Route },
    { path: "/t/:tenant/new-route", title: "New route", View: CreateRoute },
    { path: "/t/:tenant/policies", title: "Policies", section: "traffic", letter: "p", View: Policies },
    { path: "/t/:tenant/policies/:service/:env", title: "Policy", View: Policy },
    { path: "/t/:tenant/policies/:service/:env/shares", title: "Shares over time", View: Shares },
    { path: "/t/:tenant/services/:service", title: "Service", View: Service },
    { path: "/t/:tenant/topology", title: "Topology", section: "traffic", letter: "t", View: Topology },
    { path: "/t/:tenant/plans", title: "Plans", section: "change", letter: "l", View: Plans },
    { path: "/t/:tenant/plans/:id", title: "Plan", View: Plan },
    { path: "/t/:tenant/import", title: "Import", section: "change", letter: "i", View: Import },
    { path: "/t/:tenant/keys", title: "API keys", section: "admin", letter: "k", isFor: ({ mayManageKeys }) => mayManageKeys, View: Keys },
    { path: "/tenants", title: "Tenants and quotas", section: "admin", isFor: ({ mayManageTenants }) => mayManageTenants, View: Tenants },
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
