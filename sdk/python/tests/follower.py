"""A watcher as a process, for the tests of faults (tests/faults/watchers.rs).

It prints each state that it holds, as a line of JSON. A line `read` on standard input reads a route a thousand times,
and prints how long the slowest took.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

from traffic_manager_client import AsyncWatcher, Times, View, WatcherSettings

READS = 1_000
TOKEN_FILE = os.environ.get("TM_TOKEN_FILE")
CA = os.environ.get("TM_CA")


def token() -> str:
    return Path(TOKEN_FILE or "").read_text().strip()


Shown = tuple[str, str | None, str | None]


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


def shown(view: View) -> Shown:
    snapshot = view.snapshot
    return view.state, str(snapshot.tag) if snapshot else None, snapshot.digest if snapshot else None


def differs(last: Shown, view: View) -> bool:
    return shown(view) != last


async def tell(watcher: AsyncWatcher) -> None:
    last = shown(watcher.view())
    while True:
        say(dict(zip(("state", "tag", "digest"), last, strict=True)))
        last = shown(await watcher.until(partial(differs, last)))


def read(watcher: AsyncWatcher) -> None:
    slowest, routes = 0.0, 0
    for _ in range(READS):
        began = time.perf_counter()
        snapshot = watcher.current()
        if snapshot:
            snapshot.route(service="web", env="prod", version="v0")
            routes = snapshot.route_count
        slowest = max(slowest, time.perf_counter() - began)
    say({"routes": routes, "slowest_us": int(slowest * 1_000_000) + 1, "pid": os.getpid()})


async def main() -> None:
    settings = WatcherSettings(
        url=os.environ["TM_URL"].split(","),
        tenant=os.environ["TM_TENANT"],
        token=token if TOKEN_FILE else None,
        ca=Path(CA).read_text() if CA else None,
        file=os.environ.get("TM_FILE"),
        times=Times(reopen=0.05, first_retry=0.05, last_retry=0.5, ask_again=0.5, confirm=2, save=0.05),
    )
    async with AsyncWatcher(settings) as watcher:
        telling = asyncio.create_task(tell(watcher))
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip() == "read":
                read(watcher)
        telling.cancel()


if __name__ == "__main__":
    asyncio.run(main())
