// All views, each in one line. The order is that of the navigation.

import { Home } from "./home/home";
import { Import } from "./import/import";
import { Keys } from "./keys/keys";
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
];
