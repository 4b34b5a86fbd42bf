// The frame of all views: navigation, the state of the data, the palette, and the view of the present address.

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useMemo, useState } from "react";
import { Link, Route, Switch, useLocation, useRoute } from "wouter";

import { api } from "../api/client";
import { Button, Empty, Loading } from "../components/basic";
import { Dialog } from "../components/dialog";
import { TenantContext, useFollowed } from "../live/hooks";
import type { TenantView } from "../live/tenant";
import { en } from "../messages/en";
import { byName } from "../model/natural";
import { VIEWS } from "../views/table";
import type { Section, ViewEntry } from "../views/view";
import { Loaded } from "./loaded";
import { ConditionBadge, ConditionBand } from "./condition";
import { useWho } from "./context";
import { Palette, type Place } from "./palette";
import { useShortcuts } from "./shortcuts";
import { useTheme } from "./theme";

const SECTIONS: readonly Section[] = ["traffic", "change", "history", "fleet", "admin"];

/** The page of somebody who has signed in. */
export function Shell({ onSignOut, onSignIn }: { onSignOut: () => void; onSignIn: () => void }): ReactNode {
    const [inTenant, params] = useRoute("/t/:tenant/*?");
    if (inTenant)
        return <InTenant key={params.tenant} tenant={params.tenant} onSignOut={onSignOut} onSignIn={onSignIn} />;
    return <Frame onSignOut={onSignOut} onSignIn={onSignIn} />;
}

function InTenant({ tenant, ...rest }: { tenant: string; onSignOut: () => void; onSignIn: () => void }): ReactNode {
    const view = useFollowed(tenant);
    return (
        <TenantContext value={view}>
            <Frame view={view} {...rest} />
        </TenantContext>
    );
}

interface FrameProps {
    view?: TenantView;
    onSignOut: () => void;
    onSignIn: () => void;
}

function Frame({ view, onSignOut, onSignIn }: FrameProps): ReactNode {
    const { rights, session } = useWho();
    const [theme, turnTheme] = useTheme();
    const [open, setOpen] = useState<"palette" | "help">();
    const [path, go] = useLocation();
    const tenant = view?.tenant;
    const entries = useMemo(() => VIEWS.filter(({ isFor }) => isFor?.(rights) ?? true), [rights]);
    const shortcuts = useMemo(
        () => ({
            palette: () => setOpen("palette"),
            help: () => setOpen("help"),
            go(letter: string) {
                const entry = entries.find((one) => one.letter === letter);
                const to = entry && pathIn(entry, tenant);
                if (to !== undefined) go(to);
                return to !== undefined;
            },
        }),
        [entries, tenant, go],
    );
    useShortcuts(shortcuts);
    useTitle(path, tenant);
    return (
        <div className="shell">
            <a className="skip" href="#content">
                {en.nav.skip}
            </a>
            <aside>
                <Link href="/" className="brand">
                    <Mark />
                    {en.product}
                </Link>
                <Navigation entries={entries} tenant={tenant} path={path} />
                <div className="aside-foot">
                    <span className="who" title={rights.caller.roles.join(", ")}>
                        {rights.caller.actor.id}
                        <span className="quiet"> {rights.caller.roles.join(", ")}</span>
                    </span>
                    <Button kind="quiet" onClick={turnTheme}>
                        {en.theme[theme]}
                    </Button>
                    {session.mode === "required" && (
                        <Button kind="quiet" onClick={onSignOut}>
                            {en.signOut}
                        </Button>
                    )}
                    <span className="quiet">{session.version}</span>
                </div>
            </aside>
            <div className="main">
                <div className="top">
                    {tenant !== undefined && (
                        <Link href={`/t/${tenant}`} className="tenant">
                            {tenant}
                        </Link>
                    )}
                    {view && <ConditionBadge view={view} />}
                    <span className="grow" />
                    <Button kind="quiet" onClick={shortcuts.help} aria-label={en.keys.title}>
                        ?
                    </Button>
                    <Button onClick={shortcuts.palette}>
                        {en.palette.open} <kbd>Ctrl K</kbd>
                    </Button>
                </div>
                {view && <ConditionBand view={view} onSignIn={onSignIn} />}
                <main id="content" tabIndex={-1}>
                    <Content entries={entries} view={view} />
                </main>
            </div>
            {open === "palette" && <Anywhere entries={entries} view={view} onClose={() => setOpen(undefined)} />}
            {open === "help" && <Help entries={entries} onClose={() => setOpen(undefined)} />}
        </div>
    );
}

/** The view of the address; nothing of a tenant is drawn before its first data are there. */
function Content({ entries, view }: { entries: readonly ViewEntry[]; view: TenantView | undefined }): ReactNode {
    if (view && !view.tag) {
        if (view.condition === "loading") return <Loading lines={12} />;
        const text = en.conditionLong[view.condition];
        return <Empty title={typeof text === "string" ? text : text(0)} />;
    }
    return (
        <Switch>
            {entries.map(({ path, View }) => (
                <Route key={path} path={path}>
                    <Loaded>
                        <View />
                    </Loaded>
                </Route>
            ))}
            <Route>
                <Empty title="There is no such view.">
                    <Link href="/">{en.nav.allTenants}</Link>
                </Empty>
            </Route>
        </Switch>
    );
}

function pathIn({ path }: ViewEntry, tenant: string | undefined): string | undefined {
    if (!path.startsWith("/t/:tenant")) return path;
    return tenant === undefined ? undefined : path.replace(":tenant", tenant);
}

interface NavigationProps {
    entries: readonly ViewEntry[];
    tenant: string | undefined;
    path: string;
}

function Navigation({ entries, tenant, path }: NavigationProps): ReactNode {
    return (
        <nav aria-label={en.nav.label}>
            <Link href="/" className="all" aria-current={path === "/" ? "page" : undefined}>
                {en.nav.allTenants}
            </Link>
            {SECTIONS.map((section) => {
                const shown = entries.filter((one) => one.section === section && pathIn(one, tenant) !== undefined);
                if (shown.length === 0) return null;
                return (
                    <div key={section}>
                        <h2>{en.nav[section]}</h2>
                        <ul>
                            {shown.map((entry) => {
                                const to = pathIn(entry, tenant) ?? "/";
                                const isHere =
                                    path === to || (to !== `/t/${tenant ?? ""}` && path.startsWith(`${to}/`));
                                return (
                                    <li key={entry.path}>
                                        <Link href={to} aria-current={isHere ? "page" : undefined}>
                                            {entry.title}
                                        </Link>
                                    </li>
                                );
                            })}
                        </ul>
                    </div>
                );
            })}
        </nav>
    );
}

function Mark(): ReactNode {
    return (
        <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
            <path
                d="M2 10h5c4 0 3-6 7-6h4M7 10h11M7 10c4 0 3 6 7 6h4"
                fill="none"
                stroke="currentColor"
                strokeWidth="2"
            />
        </svg>
    );
}

function useTitle(path: string, tenant: string | undefined): void {
    useEffect(() => {
        const title = document.querySelector("h1")?.textContent ?? "";
        document.title = [title, tenant, en.product].filter((part) => part !== undefined && part !== "").join(" · ");
    }, [path, tenant]);
}

/** The palette with all views, tenants, and the services of the present tenant. */
function Anywhere({
    entries,
    view,
    onClose,
}: {
    entries: readonly ViewEntry[];
    view: TenantView | undefined;
    onClose: () => void;
}): ReactNode {
    const tenant = view?.tenant;
    const tenants = useQuery({
        queryKey: ["tenants", "first"],
        queryFn: ({ signal }) => api.listTenants({ limit: 200 }, { signal }),
    });
    const places = useMemo<Place[]>(() => {
        const views = entries.flatMap((entry) => {
            const path = pathIn(entry, tenant);
            return path === undefined || path.includes(":") ? [] : [{ title: entry.title, kind: "view", path }];
        });
        const services = [...new Set(view?.routes.map(({ service }) => service))].sort(byName);
        return [
            ...views,
            ...services.map((title) => ({ title, kind: "service", path: `/t/${tenant ?? ""}/services/${title}` })),
            ...(tenants.data?.value.items ?? []).map(({ name }) => ({
                title: name,
                kind: "tenant",
                path: `/t/${name}`,
            })),
        ];
    }, [entries, tenant, view?.routes, tenants.data]);
    const close = useCallback(() => onClose(), [onClose]);
    return <Palette places={places} onClose={close} />;
}

function Help({ entries, onClose }: { entries: readonly ViewEntry[]; onClose: () => void }): ReactNode {
    const letters = entries.flatMap(({ letter, title }) => (letter ? [[en.keys.go(letter), title] as const] : []));
    return (
        <Dialog title={en.keys.title} onClose={onClose} footer={<Button onClick={onClose}>{en.close}</Button>}>
            <dl className="pairs">
                {[...en.keys.list, ...letters].map(([key, what]) => (
                    <div key={key}>
                        <dt>
                            <kbd>{key}</kbd>
                        </dt>
                        <dd>{what}</dd>
                    </div>
                ))}
            </dl>
        </Dialog>
    );
}
