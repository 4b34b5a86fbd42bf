// The first view: all tenants that the caller may see.

import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, Redirect } from "wouter";

import { api } from "../../api/client";
import { Button, Empty, Failed, Head, Loading, Time } from "../../components/basic";
import { useWho } from "../../shell/context";
import { text } from "./text";

export function Start(): ReactNode {
    const { rights } = useWho();
    const [words, setWords] = useState("");
    const tenants = useInfiniteQuery({
        queryKey: ["tenants"],
        queryFn: ({ pageParam, signal }) =>
            api.listTenants({ limit: 200, ...(pageParam === "" ? {} : { cursor: pageParam }) }, { signal }),
        initialPageParam: "",
        getNextPageParam: (page) => page.value.next_cursor ?? undefined,
    });
    // Who has one tenant only has nothing to choose.
    if (rights.caller.tenant !== null) return <Redirect to={`/t/${rights.caller.tenant}`} replace />;
    if (tenants.isPending) return <Loading />;
    if (tenants.isError) return <Failed error={tenants.error} retry={() => void tenants.refetch()} />;
    const all = tenants.data.pages.flatMap((page) => page.value.items);
    const shown = all.filter(({ name }) => name.includes(words.trim().toLowerCase()));
    return (
        <>
            <Head title={text.title} about={text.about}>
                <input
                    type="search"
                    aria-label={text.filter}
                    placeholder={text.filter}
                    value={words}
                    onChange={(event) => setWords(event.target.value)}
                />
            </Head>
            {all.length === 0 && <Empty title={text.empty}>{text.emptyHint}</Empty>}
            <ul className="cards">
                {shown.map(({ name, routes, policies, revision, updated_at: at }) => (
                    <li key={name}>
                        <Link href={`/t/${name}`} className="card">
                            <strong>{name}</strong>
                            <span>{text.routes(routes, policies)}</span>
                            <span className="quiet">
                                revision {revision} · <Time at={at} relative />
                            </span>
                        </Link>
                    </li>
                ))}
            </ul>
            {tenants.hasNextPage && <Button onClick={() => void tenants.fetchNextPage()}>{text.more}</Button>}
        </>
    );
}
