"""Compares what came with what a step wants."""

from __future__ import annotations

import re

from traffic_manager_client import View

from .content import Json, tag
from .server import Request


def request(step: Json, kind: str, got: Request, since: float) -> list[str]:
    """How a request differs from what a step expects. `since` is the time since the last answer, in seconds."""
    wrong = []

    def check(what: str, found: object, wanted: object) -> None:
        if found != wanted:
            wrong.append(f"{what} is {found!r}, not {wanted!r}")

    check("the request", got.kind, kind)
    if "if_none_match" in step:
        short = step["if_none_match"]
        check("if-none-match", got.headers.get("if-none-match"), short and f'"{tag(short)}"')
    if "last_event_id" in step:
        short = step["last_event_id"]
        check("last-event-id", got.headers.get("last-event-id"), short and tag(short))
    if "token" in step:
        check("authorization", got.headers.get("authorization"), f"Bearer {step['token']}")
    if "query" in step:
        check("the query", got.query, step["query"])
    if "server" in step:
        check("the server", got.server, step["server"])
    agent = got.headers.get("user-agent", "")
    check("the user agent", bool(re.fullmatch(r"tm-python/\d+\.\d+\.\d+", agent)), True)
    check("too early", since < step.get("not_before_ms", 0) / 1000, False)
    return wrong


def view(got: View, wanted: Json) -> list[str]:
    """How a view differs from what is wanted."""
    snapshot, counters = got.snapshot, got.counters
    routes = {f"{r['service']}/{r['env']}/{r['version']}": r["url"] for r in (snapshot.routes() if snapshot else ())}
    assert len(routes) == (snapshot.route_count if snapshot else 0)
    found = {
        "state": got.state,
        "tag": str(got.tag) if got.tag else None,
        "routes": routes,
        "count": len(routes),
        "policies": [f"{p['service']}/{p['env']}" for p in (snapshot.policies() if snapshot else ())],
        "applied": counters.applied,
        "dropped": counters.dropped,
        "diverged": counters.diverged,
        "file_errors": counters.file_errors,
        "refused": counters.refused,
    }
    wanted = {**wanted, **({"tag": wanted["tag"] and tag(wanted["tag"])} if "tag" in wanted else {})}
    return [f"{name} is {found[name]!r}, not {value!r}" for name, value in wanted.items() if found[name] != value]
