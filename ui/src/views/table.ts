// All views, each in one line. The order is that of the navigation.

import { Audit } from "./audit/audit";
import { Changes } from "./changes/changes";
import { Fleet } from "./fleet/fleet";
import { NodeDetails } from "./fleet/node";
import { Home } from "./home/home";
import { Routes } from "./routes/routes";
import { Start } from "./start/start";
import type { ViewEntry } from "./view";

export const VIEWS: readonly ViewEntry[] = [
    { path: "/", title: "Tenants", View: Start },
    { path: "/t/:tenant", title: "Overview", section: "traffic", letter: "h", View: Home },
    { path: "/t/:tenant/routes", title: "Routes", section: "traffic", letter: "r", View: Routes },
    {
        path: "/t/:tenant/fleet",
        title: "Fleet",
        section: "fleet",
        letter: "f",
        isFor: ({ mayRead }) => mayRead,
        View: Fleet,
    },
    { path: "/t/:tenant/fleet/:node", title: "Node", isFor: ({ mayRead }) => mayRead, View: NodeDetails },
    {
        path: "/changes",
        title: "Changes",
        section: "history",
        letter: "c",
        isFor: ({ mayRead }) => mayRead,
        View: Changes,
    },
    {
        path: "/t/:tenant/audit",
        title: "Audit trail",
        section: "history",
        letter: "a",
        isFor: ({ mayAudit }) => mayAudit,
        View: Audit,
    },
];
