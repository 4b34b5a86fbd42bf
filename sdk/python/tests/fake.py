"""Answers from a script, for both clients, and a clock that does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from traffic_manager_client import AsyncClient, Client
from traffic_manager_client.clock import Clock

Json = dict[str, Any]
URL = "http://127.0.0.1:1"


def answer(status: int = 200, body: Any = None, **headers: str) -> httpx.Response:
    """An answer; an object becomes JSON, a text stays."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, str):
        return httpx.Response(status, text=body, headers=names)
    return (
        httpx.Response(status, json=body, headers=names) if body is not None else httpx.Response(status, headers=names)
    )


def problem(status: int, code: str, members: Json | None = None, **headers: str) -> httpx.Response:
    return answer(status, {"code": code, "status": status, "detail": "why", **(members or {})}, **headers)


class FakeClock(Clock):
    """Its sleeps end at once, and are counted."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 1_800_000_000.0

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def chance(self) -> float:
        return 1.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class Made:
    """A client of either kind whose answers are scripted."""

    def __init__(self, *, is_async: bool, answers: list[httpx.Response | Exception], **settings: Any) -> None:
        self.sent: list[httpx.Request] = []
        self.clock = FakeClock()
        self._left = list(answers)
        settings = {"clock": self.clock, **settings}
        transport = httpx.MockTransport(self._answer)
        self.is_async = is_async
        self.client: Any = (
            AsyncClient(URL, transport=transport, **settings)
            if is_async
            else Client(URL, transport=transport, **settings)
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.sent.append(request)
        next_one = self._left.pop(0)
        if isinstance(next_one, Exception):
            raise next_one
        return next_one

    def call(self, name: str, **args: Any) -> Any:
        """Calls a method, and waits for its answer."""
        return self.run(lambda: getattr(self.client, name)(**args))

    def run(self, work: Callable[[], Any]) -> Any:
        return asyncio.run(_awaited(work)) if self.is_async else work()

    def listed(self, method: str, **args: Any) -> list[Any]:
        """All items of a list."""
        items = self.client.items(getattr(self.client, method), **args)
        return asyncio.run(_collected(items)) if self.is_async else list(items)


async def _awaited(work: Callable[[], Any]) -> Any:
    return await work()


async def _collected(items: Any) -> list[Any]:
    return [item async for item in items]
