"""The live walk: twelve steps against a real service, the same in each language.

TM_URL is its base URL, TM_TOKEN a token that may make tenants, TM_CA a file with the authorities of its certificate.
Without TM_URL it is skipped.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from traffic_manager_client import (
    AsyncClient,
    AsyncPlanApply,
    AsyncWatcher,
    Client,
    Options,
    PlanApply,
    Problem,
    View,
    Wait,
    Watcher,
    WatcherSettings,
    verify_tenant,
    verify_tenant_async,
)

URL = os.environ.get("TM_URL", "")
TOKEN = os.environ.get("TM_TOKEN")
CA = Path(os.environ["TM_CA"]).read_text() if "TM_CA" in os.environ else None
PATIENCE = 60.0

pytestmark = pytest.mark.skipif(not URL, reason="TM_URL is not set: no service to walk through")


class Walk:
    """Either client, with calls that are awaited."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async
        self.tenant = f"walk-py-{time.time_ns():x}"
        self.name = {"tenant": self.tenant, "service": "web", "env": "prod", "version": "v1"}
        self.client: Any
        self.plans: Any
        if is_async:
            self.client = AsyncClient(URL, token=TOKEN, ca=CA)
            self.plans = AsyncPlanApply(self.client, self.tenant)
        else:
            self.client = Client(URL, token=TOKEN, ca=CA)
            self.plans = PlanApply(self.client, self.tenant)
        settings = WatcherSettings(url=URL, tenant=self.tenant, token=TOKEN, ca=CA, node="walk")
        self.watcher: Any = AsyncWatcher(settings) if is_async else Watcher(settings)

    async def do(self, method: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if self.is_async:
            result: Awaitable[Any] = method(*args, **named)
            return await result
        return await asyncio.to_thread(method, *args, **named)

    async def seen(self, is_wanted: Callable[[View], bool]) -> None:
        if self.is_async:
            await asyncio.wait_for(self.watcher.until(is_wanted), PATIENCE)
        else:
            await asyncio.to_thread(self.watcher.until, is_wanted, PATIENCE)

    async def exported(self) -> list[str]:
        stream = (await self.do(self.client.export_audit_events, tenant=self.tenant)).value
        if self.is_async:
            async with stream:
                return [line async for line in stream.lines()]
        with stream:
            return await asyncio.to_thread(lambda: list(stream.lines()))

    def has_url(self, url: str) -> Callable[[View], bool]:
        name = {part: value for part, value in self.name.items() if part != "tenant"}
        return lambda view: bool(view.snapshot and (view.snapshot.route(**name) or {}).get("url") == url)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_live_walk_of_twelve_steps(is_async: bool) -> None:
    asyncio.run(walk_through(Walk(is_async=is_async)))


async def walk_through(walk: Walk) -> None:
    await walk.do(walk.client.create_tenant, body={"name": walk.tenant})
    await walk.do(walk.watcher.start)
    try:
        await calls(walk)
        await plans(walk)
        await audit(walk)
    finally:
        await walk.do(walk.watcher.stop)
        await walk.do(walk.client.delete_tenant, tenant=walk.tenant, confirm=walk.tenant)
        await walk.do(walk.client.close)


async def calls(walk: Walk) -> None:
    client, name, do = walk.client, walk.name, walk.do
    # 1 create
    first = Options(create_only=True, reason="walk")
    written = await do(client.put_route, **name, body={"url": "https://one.example/"}, options=first)
    assert written.status == 201
    assert (await do(client.get_route, **name)).tag == written.tag
    # 2 412, 3 422
    with pytest.raises(Problem, match="412 precondition_failed"):
        await do(client.put_route, **name, body={"url": "https://x.example/"}, options=first)
    with pytest.raises(Problem) as wrong:
        await do(client.put_route, **name, body={"url": "nonsense"})
    assert (wrong.value.status, wrong.value.errors[0].pointer) == (422, "/url")
    # 4 long-poll 304
    tag = (await do(client.get_snapshot, tenant=walk.tenant)).tag
    same = await do(client.get_snapshot, tenant=walk.tenant, wait="1s", options=Options(if_none_match=tag))
    assert same.not_modified
    # 5 change
    changed = await do(client.patch_route, **name, body={"url": "https://two.example/"})
    assert changed.value.url == "https://two.example/"
    assert (await do(client.patch_route, **name, body={"url": "https://two.example/"})).unchanged
    # 6 stream
    await walk.seen(walk.has_url("https://two.example/"))
    waited = await do(client.put_route, **name, body={"url": "https://three.example/"}, wait=Wait(100, 10))
    # Not all nodes are known to a service without Kafka, or to one that has just started.
    assert waited.convergence.state in ("converged", "partial", "warming")
    assert (waited.convergence.live, waited.convergence.converged) == (1, 1)
    await walk.seen(walk.has_url("https://three.example/"))
    # What the watcher made of events is what the service has.
    policy = {"split": [{"version": "v1", "weight": 1}], "sticky_by": {"header": "x-user"}, "timeout_ms": 900}
    await do(client.put_policy, tenant=walk.tenant, service="web", env="prod", body=policy)
    digest = (await do(client.get_snapshot, tenant=walk.tenant)).value.digest
    await walk.seen(lambda view: bool(view.snapshot and view.snapshot.digest == digest))


async def plans(walk: Walk) -> None:
    # 7 plan, 8 apply
    route = {"service": "web", "env": "prod", "version": "v2", "url": "https://v2.example/"}
    plan = await walk.do(walk.plans.plan, {"routes": [route]}, reason="walk")
    assert plan.body.summary.create == 1
    assert (await walk.do(plan.apply)).value.summary.create == 1
    await walk.seen(lambda view: bool(view.snapshot and view.snapshot.route_count == 2))
    # 9 rollback
    revision = (await walk.do(walk.client.get_tenant, tenant=walk.tenant)).value.revision
    back = await walk.do(walk.plans.rollback, revision - 1, reason="walk")
    assert back.body.summary.delete == 1
    await walk.do(back.apply)
    await walk.seen(lambda view: bool(view.snapshot and view.snapshot.route_count == 1))


async def audit(walk: Walk) -> None:
    # 10 export
    document = (await walk.do(walk.client.export_tenant, tenant=walk.tenant, format="json")).value
    assert len(document.routes) == 1
    # 11 audit
    revision = (await walk.do(walk.client.get_tenant, tenant=walk.tenant)).value.revision
    until = time.monotonic() + PATIENCE
    archived = -1
    while archived < revision:
        assert time.monotonic() < until, f"only revision {archived} of {revision} is in the archive"
        status = (await walk.do(walk.client.get_audit_status, tenant=walk.tenant)).value
        archived = max([each.archived_revision for each in status.tenants], default=-1)
    page = (await walk.do(walk.client.list_audit_events, tenant=walk.tenant, limit=1)).value
    assert [(event.revision, event.action) for event in page.items] == [(revision, "deleted")]
    exported = await walk.exported()
    assert len(exported) >= revision
    # 12 verify
    verify: Callable[..., Any] = verify_tenant_async if walk.is_async else verify_tenant
    [chain] = await walk.do(verify, walk.client, walk.tenant)
    assert chain.fault is None
    assert chain.events == len(exported)
    assert (await walk.do(walk.client.verify_audit_chain, tenant=walk.tenant)).value.verified
