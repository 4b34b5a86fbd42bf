// Topology: service → environment → versions. First chosen, then drawn: at most sixty versions.

import { type ReactNode, useMemo } from "react";
import { useLocation, useSearchParams } from "wouter";

import { Empty, Head } from "../../components/basic";
import { useTenant } from "../../live/hooks";
import type { TenantView } from "../../live/tenant";
import { routeFilter } from "../../model/filter";
import { byName } from "../../model/natural";
import { type RouteRow, policyPath, routePath } from "../../model/route";
import { byVersion, percent } from "../../model/shares";
import { text } from "./text";
import "./topology.css";

/** The most versions that are drawn. */
const LEAVES = 60;
const ROW = 22;

interface Leaf {
    readonly row: RouteRow;
    /** Undefined without a policy. */
    readonly share: number | undefined;
    /** The place in the split, which gives the colour; -1 if it is not in it. */
    readonly place: number;
}

interface Env {
    readonly service: string;
    readonly env: string;
    readonly hosts: string;
    readonly leaves: readonly Leaf[];
}

export function Topology(): ReactNode {
    const view = useTenant();
    const [search, setSearch] = useSearchParams();
    const filter = search.get("filter") ?? "";
    const { envs, shown, all } = useMemo(() => choose(view, filter), [view, filter]);
    return (
        <>
            <Head title={text.title} about={text.about}>
                <input
                    type="search"
                    aria-label={text.filter}
                    placeholder={text.filter}
                    size={36}
                    value={filter}
                    onChange={(event) =>
                        setSearch(event.target.value === "" ? {} : { filter: event.target.value }, { replace: true })
                    }
                />
            </Head>
            {shown < all && <p className="quiet">{text.cut(shown, all)}</p>}
            {envs.length === 0 ? (
                <Empty title={text.none} />
            ) : (
                <div className="panel scroll-x">
                    <Picture tenant={view.tenant} envs={envs} />
                </div>
            )}
        </>
    );
}

function choose({ routes, policies }: TenantView, filter: string): { envs: Env[]; shown: number; all: number } {
    const found = routes.filter(routeFilter(filter));
    const services = [...new Set(found.map(({ service }) => service))].sort(byName);
    const envs: Env[] = [];
    let leaves = 0;
    let shown = 0;
    for (const service of services) {
        const own = found.filter((row) => row.service === service);
        if (shown > 0 && leaves + own.length > LEAVES) break;
        leaves += own.length;
        shown++;
        for (const env of [...new Set(own.map((row) => row.env))].sort(byName)) {
            const policy = policies.find((one) => one.service === service && one.env === env);
            const shares = policy && byVersion(policy.split);
            const rows = own.filter((row) => row.env === env).sort((a, b) => byName(a.version, b.version));
            envs.push({
                service,
                env,
                hosts: policy?.hosts.join(", ") ?? "",
                leaves: rows.map((row) => ({
                    row,
                    share: shares && (shares.get(row.version) ?? 0),
                    place: policy?.split.findIndex(({ version }) => version === row.version) ?? -1,
                })),
            });
        }
    }
    return { envs, shown, all: services.length };
}

function Picture({ tenant, envs }: { tenant: string; envs: readonly Env[] }): ReactNode {
    const [, go] = useLocation();
    const starts: number[] = [];
    let rows = 0;
    for (const { leaves } of envs) {
        starts.push(rows);
        rows += leaves.length + 0.4;
    }
    const height = rows * ROW + 12;
    const middle = (at: number): number => ((starts[at] ?? 0) + (envs[at]?.leaves.length ?? 0) / 2) * ROW + 6;
    const services = [...new Set(envs.map(({ service }) => service))];
    const serviceY = (service: string): number => {
        const own = envs.flatMap((one, at) => (one.service === service ? [middle(at)] : []));
        return ((own[0] ?? 0) + (own.at(-1) ?? 0)) / 2;
    };
    return (
        <svg className="topology" viewBox={`0 0 960 ${height}`} aria-label={text.label} role="group">
            {envs.map(({ service, env, hosts, leaves }, at) => (
                <g key={`${service}/${env}`}>
                    <path className="thin" d={curve(170, serviceY(service), 250, middle(at))} />
                    {leaves.map(({ row, share, place }, index) => {
                        const y = ((starts[at] ?? 0) + index + 0.5) * ROW + 6;
                        const width = share === undefined || share === 0 ? 1 : Math.max(1.5, share * 18);
                        return (
                            <g key={row.version}>
                                <path
                                    className={share ? `share s${String(place % 5)}` : "thin dashed"}
                                    strokeWidth={width}
                                    d={curve(540, middle(at), 660, y)}
                                />
                                <Name x={666} y={y} to={routePath(tenant, row)} go={go} isOff={!row.isActive}>
                                    {`${row.version}  ${share === undefined ? text.byName : percent(share)}${row.isActive ? "" : "  inactive"}`}
                                </Name>
                            </g>
                        );
                    })}
                    <Name x={256} y={middle(at)} to={policyPath(tenant, { service, env })} go={go}>
                        {hosts === "" ? env : `${env}  ${hosts}`}
                    </Name>
                </g>
            ))}
            {services.map((service) => (
                <Name key={service} x={0} y={serviceY(service)} to={`/t/${tenant}/services/${service}`} go={go} isBold>
                    {service}
                </Name>
            ))}
        </svg>
    );
}

function curve(x1: number, y1: number, x2: number, y2: number): string {
    const middle = (x1 + x2) / 2;
    return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}

interface NameProps {
    x: number;
    y: number;
    to: string;
    go: (path: string) => void;
    isOff?: boolean;
    isBold?: boolean;
    children: string;
}

/** The letters of a name that are drawn. */
const LETTERS = 40;

function Name({ x, y, to, go, isOff = false, isBold = false, children }: NameProps): ReactNode {
    return (
        <a
            href={`/ui${to}`}
            onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                event.preventDefault();
                go(to);
            }}
        >
            <text x={x} y={y + 4} className={`${isOff ? "off" : ""} ${isBold ? "bold" : ""}`}>
                {children.length > LETTERS ? `${children.slice(0, LETTERS - 1)}…` : children}
            </text>
        </a>
    );
}
