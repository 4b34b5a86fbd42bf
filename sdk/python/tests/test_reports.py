"""What a node tells the service of itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from traffic_manager_client import AsyncWatcher, Fault, Scope, Times, VersionTag, Watcher, WatcherSettings

from .conformance import content
from .conformance.server import Request, Server, start, write

PATIENCE = 30.0


def tag(short: str) -> VersionTag:
    found = VersionTag.parse(content.tag(short))
    assert found
    return found


class Service:
    """The service: the test gets each report, and all else is answered."""

    def __init__(self, server: Server, requests: asyncio.Queue[Request]) -> None:
        self._requests = requests
        self.server = server
        self.reads: list[Request] = []
        self.streams: list[Request] = []

    def settings(self, **changes: Any) -> WatcherSettings:
        wanted = {"node": "edge-1", "times": Times(first_retry=0.001, last_retry=0.005), **changes}
        return WatcherSettings(url=self.server.url, tenant="acme", **wanted)

    async def report(self) -> Request:
        """Return the next report."""
        while True:
            request = await asyncio.wait_for(self._requests.get(), PATIENCE)
            if request.method == "HEAD":
                return request
            if request.kind == "stream":
                await write(request.connection, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n:\n\n")
                self.streams.append(request)
                continue
            self.reads.append(request)
            body = content.body(content.full("a.5"))
            head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
            await write(request.connection, head.encode() + body)
            request.connection.close()

    async def no_report(self, seconds: float) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(self.report(), seconds)

    async def change(self, short: str) -> None:
        """Sends a change on the newest stream."""
        await write(self.streams[-1].connection, content.piece({"change": short}, {}))


async def answer(request: Request, status: str = "304 Not Modified") -> None:
    head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    await write(request.connection, head.encode())
    request.connection.close()


def with_service(test: Callable[[Service], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def walk() -> None:
            requests: asyncio.Queue[Request] = asyncio.Queue()
            service = Service(await start(0, requests), requests)
            try:
                await test(service)
            finally:
                await service.server.close()

        asyncio.run(walk())

    run.__name__ = test.__name__
    return run


async def until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


@with_service
async def test_report_is_a_head_request_with_all_that_the_node_tells(service: Service) -> None:
    settings = service.settings(dialect="haproxy", scope=Scope(env="prod"))
    async with AsyncWatcher(settings) as watcher:
        waiting = asyncio.ensure_future(service.report())
        await watcher.ready()
        watcher.report(applied=tag("a.4"), error=Fault("held_back", "drops\n9 ä", tag("a.7")))
        request = await waiting
        assert (request.path, request.query) == ("/api/v1/tenants/acme/snapshot", "env=prod")
        found = {name: value for name, value in request.headers.items() if name.startswith(("tm-", "if-"))}
        assert found == {
            "tm-node": "edge-1",
            "tm-dialect": "haproxy",
            "if-none-match": f'"{content.tag("a.5")}"',
            "tm-applied": content.tag("a.4"),
            "tm-refused": content.tag("a.7"),
            "tm-error": "held_back drops%0A9 %C3%A4",
        }


@with_service
async def test_every_request_says_who_the_node_is_and_none_but_reports_what_it_runs(service: Service) -> None:
    settings = service.settings(dialect="haproxy", times=Times(report=0.1))
    async with AsyncWatcher(settings) as watcher:
        watcher.report(applied=tag("a.5"))
        while not service.streams:
            await answer(await service.report())
    for request in [*service.reads, *service.streams]:
        assert (request.headers["tm-node"], request.headers["tm-dialect"]) == ("edge-1", "haproxy")
        assert "tm-applied" not in request.headers


@with_service
async def test_node_without_reports_runs_what_it_holds(service: Service) -> None:
    async with AsyncWatcher(service.settings()):
        first = await service.report()
        assert first.headers["tm-applied"] == content.tag("a.5")
        assert "tm-dialect" not in first.headers
        await answer(first)
        second = asyncio.ensure_future(service.report())
        await until(lambda: bool(service.streams))
        await service.change("a.6")
        assert (await second).headers["tm-applied"] == content.tag("a.6")


@with_service
async def test_node_that_feeds_a_proxy_runs_nothing_until_it_says_so(service: Service) -> None:
    async with AsyncWatcher(service.settings(dialect="haproxy", times=Times(report=0.3))):
        request = await service.report()
        assert request.headers["if-none-match"] == f'"{content.tag("a.5")}"'
        assert "tm-applied" not in request.headers


@with_service
async def test_own_reports_without_a_dialect_are_not_mixed_with_what_polls_say(service: Service) -> None:
    async with AsyncWatcher(service.settings()) as watcher:
        watcher.report(error=Fault("refused", "no", tag("a.5")))
        request = await service.report()
        await answer(request)
        await service.no_report(0.3)
    for each in (request, *service.streams):
        assert each.headers["tm-dialect"] == "program"
        assert "tm-applied" not in each.headers


@with_service
async def test_reports_in_one_moment_are_one_and_the_next_comes_after_a_pause(service: Service) -> None:
    assert Times().report_pause == 0.1
    pause = 0.5
    async with AsyncWatcher(service.settings(dialect="haproxy", times=Times(report_pause=pause))) as watcher:
        watcher.report(applied=tag("a.1"))
        first = await service.report()
        began = time.monotonic()
        for revision in range(2, 51):
            watcher.report(applied=tag(f"a.{revision}"))
        await answer(first)
        second = await service.report()
        assert second.headers["tm-applied"] == content.tag("a.50")
        # The first was sent a moment before it was read.
        assert time.monotonic() - began > pause / 2
        await answer(second, "200 OK")
        await until(lambda: watcher.reported.sent == 2)
        assert watcher.reported.failed == 0


@with_service
async def test_report_that_fails_is_sent_again_in_its_newest_form(service: Service) -> None:
    async with AsyncWatcher(service.settings(dialect="haproxy")) as watcher:
        watcher.report(applied=tag("a.1"))
        first = await service.report()
        watcher.report(applied=tag("a.2"))
        await answer(first, "503 Service Unavailable")
        second = await service.report()
        assert second.headers["tm-applied"] == content.tag("a.2")
        await answer(second)
        await until(lambda: watcher.reported.sent == 1)
        assert watcher.reported.failed == 1


@with_service
async def test_same_report_is_sent_again_regularly_and_without_a_name_none(service: Service) -> None:
    assert Times().report == 20.0
    settings = service.settings(dialect="haproxy", times=Times(report=0.12))
    async with AsyncWatcher(settings) as watcher:
        watcher.report(applied=tag("a.1"))
        for _ in range(3):
            request = await service.report()
            assert request.headers["tm-applied"] == content.tag("a.1")
            await answer(request)
    async with AsyncWatcher(replace(settings, node=None)) as watcher:
        watcher.report(applied=tag("a.1"))
        service.reads.clear()
        await service.no_report(0.4)
        assert "tm-node" not in service.reads[0].headers


@with_service
async def test_service_that_hangs_holds_up_no_caller_of_either_watcher(service: Service) -> None:
    watcher = Watcher(service.settings(dialect="haproxy"))
    watcher.report(applied=tag("a.1"))
    await asyncio.to_thread(watcher.start)
    try:
        request = await service.report()
        assert request.headers["tm-applied"] == content.tag("a.1")
        tags = [tag(f"a.{revision}") for revision in range(20)]
        began = time.monotonic()
        for turn in range(20_000):
            watcher.report(applied=tags[turn % 20])
        assert time.monotonic() - began < 5
        await answer(request)
        assert (await service.report()).headers["tm-applied"] == content.tag("a.19")
    finally:
        await asyncio.to_thread(watcher.stop)
    watcher.report(applied=tag("a.3"))


def test_text_of_a_fault_is_printable_ascii_and_cut_between_characters() -> None:
    assert Fault("refused", "a b~").header() == "refused a b~"
    assert Fault("refused", "50 %\nnäh\x7f").header() == "refused 50 %25%0An%C3%A4h%7F"
    assert Fault("refused", " \n").header() == "refused"
    assert len(Fault("refused", "x" * 5000).header()) == 1024
    for before in range(6):
        value = Fault("refused", "x" * before + "ä" * 1000).header()
        assert 1018 < len(value) <= 1024
        assert value.endswith("%C3%A4")


@pytest.mark.parametrize("label", ["", "-a", "a-", "A", "a.b", "a b", "ä", "a" * 64, "a\n"])
def test_labels_and_codes_that_the_service_refuses_are_refused_at_once(label: str) -> None:
    with pytest.raises(ValueError, match="node must have"):
        AsyncWatcher(WatcherSettings(url="http://localhost", tenant="acme", node=label))
    with pytest.raises(ValueError, match="dialect must have"):
        AsyncWatcher(WatcherSettings(url="http://localhost", tenant="acme", node="a", dialect=label))
    if label not in ("a-", "A", "a.b"):
        with pytest.raises(ValueError, match="code of a fault"):
            Fault(label)
