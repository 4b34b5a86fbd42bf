// Policies: every service and environment that shares its traffic, with the shares in sight.

import { type ReactNode, useMemo } from "react";
import { Link, useSearchParams } from "wouter";

import { Empty, Head } from "../../components/basic";
import { ShareBar } from "../../components/sharebar";
import { useTenant } from "../../live/hooks";
import { byName } from "../../model/natural";
import { policyPath } from "../../model/route";
import { count } from "../../model/time";
import { text } from "./text";

/** The most policies that are drawn; the filter finds the others. */
const SHOWN = 100;

export function Policies(): ReactNode {
    const { tenant, policies } = useTenant();
    const [search, setSearch] = useSearchParams();
    const filter = search.get("filter") ?? "";
    const found = useMemo(() => {
        const words = filter.toLowerCase().split(/\s+/);
        const all = policies.filter(({ service, env, hosts }) =>
            words.every((word) => `${service} ${env} ${hosts.join(" ")}`.includes(word)),
        );
        return all.sort((a, b) => byName(a.service, b.service) || byName(a.env, b.env));
    }, [policies, filter]);
    return (
        <>
            <Head title={text.title} about={text.count(count(found.length), count(policies.length))}>
                <input
                    type="search"
                    aria-label={text.filter}
                    placeholder={text.filter}
                    size={32}
                    value={filter}
                    onChange={(event) =>
                        setSearch(event.target.value === "" ? {} : { filter: event.target.value }, { replace: true })
                    }
                />
            </Head>
            {policies.length === 0 && <Empty title={text.empty}>{text.emptyHint}</Empty>}
            {found.length > 0 && (
                <div className="panel scroll-x">
                    <table className="plain-table">
                        <thead>
                            <tr>
                                <th>{text.service}</th>
                                <th>{text.env}</th>
                                <th>{text.shares}</th>
                                <th>{text.rules}</th>
                                <th>{text.hosts}</th>
                                <th className="number">{text.revision}</th>
                            </tr>
                        </thead>
                        <tbody>
                            {found.slice(0, SHOWN).map((policy) => (
                                <tr key={`${policy.service}/${policy.env}`}>
                                    <td>
                                        <Link href={policyPath(tenant, policy)}>{policy.service}</Link>
                                    </td>
                                    <td>{policy.env}</td>
                                    <td>
                                        <ShareBar split={policy.split} />
                                    </td>
                                    <td>
                                        {policy.rules.length === 0
                                            ? ""
                                            : policy.rules.map(({ name }) => name).join(", ")}
                                    </td>
                                    <td>{policy.hosts.join(", ")}</td>
                                    <td className="number">{policy.revision}</td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </div>
            )}
            {found.length > SHOWN && <p className="quiet">{text.more(found.length - SHOWN)}</p>}
        </>
    );
}
