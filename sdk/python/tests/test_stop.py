"""A watcher can be stopped at any moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from traffic_manager_client import AsyncWatcher, Times, WatcherSettings
from traffic_manager_client.disk import Disk
from traffic_manager_client.watch_http import cancel

from .conformance import content
from .conformance.server import Request, start, write

BOUND = 10.0
"""The longest time that a stop may take, on a busy machine."""


async def loses(cancellations: int) -> None:
    """Work that goes on after so many cancellations."""
    for _ in range(cancellations):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue
    await asyncio.sleep(3600)


def test_cancellation_that_a_library_loses_is_repeated() -> None:
    async def walk() -> None:
        task = asyncio.ensure_future(loses(2))
        await asyncio.sleep(0)
        await asyncio.wait_for(cancel(task), BOUND)
        assert task.cancelled()

    asyncio.run(walk())


def test_task_is_ended_also_if_its_canceller_is_cancelled_meanwhile() -> None:
    async def walk() -> None:
        task = asyncio.ensure_future(loses(2))
        await asyncio.sleep(0)
        canceller = asyncio.ensure_future(cancel(task))
        await asyncio.sleep(0.05)
        canceller.cancel()
        await asyncio.wait({canceller}, timeout=BOUND)
        assert canceller.cancelled()
        assert task.cancelled()

    asyncio.run(walk())


# Between two turns of the loop a connection is made: the cancellation of the stop meets that of the library.
@pytest.mark.parametrize("turns", range(24))
def test_watcher_stops_while_it_connects_to_a_service_that_never_answers(turns: int) -> None:
    async def walk() -> None:
        server = await start(0, asyncio.Queue())
        watcher = AsyncWatcher(WatcherSettings(url=server.url, tenant="acme", node="edge-1"))
        await watcher.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.wait_for(watcher.stop(), BOUND)
        assert [task for task in asyncio.all_tasks() if "traffic_manager_client" in repr(task)] == []
        await server.close()

    asyncio.run(walk())


def test_stop_waits_for_a_file_that_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save: Callable[..., None] = Disk.save
    written: list[float] = []

    def slow(*args: object) -> None:
        written.append(0)
        time.sleep(0.8)
        save(*args)
        written.append(time.monotonic())

    monkeypatch.setattr(Disk, "save", slow)

    async def walk() -> None:
        requests: asyncio.Queue[Request] = asyncio.Queue()
        server = await start(0, requests)
        settings = WatcherSettings(url=server.url, tenant="acme", file=tmp_path / "acme.tm", times=Times(save=0.01))
        watcher = AsyncWatcher(settings)
        await watcher.start()
        request = await requests.get()
        body = content.body(content.full("a.5"))
        head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        await write(request.connection, head.encode() + body)
        while not written:
            await asyncio.sleep(0.01)
        await watcher.stop()
        assert len(written) == 2
        await server.close()

    asyncio.run(walk())
    assert (tmp_path / "acme.tm").exists()
