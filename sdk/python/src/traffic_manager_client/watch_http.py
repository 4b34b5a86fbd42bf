"""The requests of a watcher, and what their answers mean to it. Everything that an answer has is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx

from .backoff import retry_after
from .report import Node
from .settings import WatcherSettings, tls_context
from .tag import VersionTag
from .token import TokenSource, base_url
from .version import USER_AGENT

T = TypeVar("T")


class Late(Exception):
    """Something did not come in time."""


async def within(seconds: float, work: Awaitable[T]) -> T:
    """Wait for some work, at most for some time; then cancel it and raise `Late`."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=max(0.0, seconds))
    except BaseException:
        await cancel(task)
        raise
    if not done:
        await cancel(task)
        raise Late
    return task.result()


_AGAIN = 0.25
"""The time after which a cancellation is repeated, in seconds."""


async def cancel(task: asyncio.Future[Any]) -> None:
    """Cancel a task, and wait for its end, also while the caller is cancelled itself.

    One cancellation may be lost: when a connection is made, anyio cancels its own task to end the other attempts.
    Before Python 3.11 a cancellation from outside in the same turn of the loop becomes one with that, and anyio takes
    it for its own (anyio issue 1214). The task then goes on, and waits for an answer that may never come.
    """
    interrupted: asyncio.CancelledError | None = None
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait({task}, timeout=_AGAIN)
        except asyncio.CancelledError as error:
            interrupted = error
    if not task.cancelled():
        # Otherwise the loop complains that nobody looked at it.
        task.exception()
    if interrupted:
        raise interrupted


@dataclass(frozen=True)
class Body:
    """200: the body of a snapshot with its signature."""

    content: bytes
    signature: str | None


@dataclass(frozen=True)
class Unchanged:
    """304, with its tag and signature."""

    tag: VersionTag | None
    signature: str | None


@dataclass(frozen=True)
class Missing:
    """404."""


@dataclass(frozen=True)
class Denied:
    """401 or 403. `again`: the token was an older one, and it is worth trying once with a new one."""

    again: bool


@dataclass(frozen=True)
class TagRefused:
    """422 to a request that had a tag."""


@dataclass(frozen=True)
class TooLarge:
    """The body has too many bytes."""


@dataclass(frozen=True)
class Failed:
    """Anything else, in words, with the time of `Retry-After` in seconds."""

    why: str
    retry_after: float | None = None


class OpenStream:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._pieces: AsyncIterator[bytes] = response.aiter_bytes()
        self._reading: asyncio.Task[bytes] | None = None

    async def next(self, seconds: float) -> bytes | None:
        """Wait for the next bytes; None is the end. Raises `Late`, or an error of httpx when the connection breaks.

        A read that was late goes on, and is what the next call waits for.
        """
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        done, _ = await asyncio.wait({self._reading}, timeout=max(0.0, seconds))
        if not done:
            raise Late
        reading, self._reading = self._reading, None
        return reading.result() or None

    async def _read(self) -> bytes:
        async for piece in self._pieces:
            if piece:
                return piece
        return b""

    async def close(self) -> None:
        """Close the connection."""
        if self._reading:
            await cancel(self._reading)
        with suppress(httpx.HTTPError):
            await self._response.aclose()


Answer = Unchanged | Missing | Denied | TagRefused | TooLarge | Failed
"""Any answer without its content."""


class Http:
    """The client of one watcher."""

    def __init__(self, settings: WatcherSettings, node: Node | None) -> None:
        """Raise ValueError if there is no URL, or a wrong one."""
        self._settings = settings
        self._node = node
        urls = [settings.url] if isinstance(settings.url, str) else settings.url
        if not urls:
            raise ValueError("no server is configured")
        plain = {"has_token": settings.token is not None, "allow_plain_http": settings.allow_plain_http}
        self._servers = [base_url(url, **plain) for url in urls]
        self._token = TokenSource(settings.token)
        self._at = 0
        # The token must not go unencrypted to a proxy that the environment names.
        is_https = all(server.scheme == "https" for server in self._servers)
        timeout = httpx.Timeout(None, connect=settings.times.connect)
        verify = tls_context(settings.ca)
        self._client = httpx.AsyncClient(timeout=timeout, verify=verify, trust_env=is_https, follow_redirects=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def next_server(self) -> None:
        """Turn to the next server of the list."""
        self._at = (self._at + 1) % len(self._servers)

    async def snapshot(self, tag: VersionTag | None, *, wait: bool) -> Body | Answer:
        """Ask for a snapshot newer than the tag; with `wait`, the service holds the request until there is one."""
        times = self._settings.times
        limit = times.poll if wait else times.snapshot
        try:
            return await within(limit, self._get_snapshot(tag, max(1, int(times.wait)) if wait else 0))
        except Late:
            return Failed(f"no snapshot within {limit} s")

    async def _get_snapshot(self, tag: VersionTag | None, held_for: int) -> Body | Answer:
        headers = {"accept-encoding": "gzip"}
        if tag:
            headers["if-none-match"] = tag.to_etag()
        response = await self._send(self._url("snapshot", held_for), headers, held_for, has_tag=tag is not None)
        if not isinstance(response, httpx.Response):
            return response
        try:
            content = await self._collect(response)
        finally:
            await response.aclose()
        return Body(content, response.headers.get("tm-signature")) if isinstance(content, bytes) else content

    async def stream(self, after: VersionTag | None) -> OpenStream | Answer:
        """Open the stream of the changes after a place."""
        headers = {"accept": "text/event-stream", "accept-encoding": "identity"}
        if after:
            headers["last-event-id"] = str(after)
        response = await self._send(self._url("stream", 0), headers, 0, has_tag=after is not None)
        if not isinstance(response, httpx.Response):
            return response
        if not response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            await response.aclose()
            return Failed("the stream has another content type")
        return OpenStream(response)

    async def report(self, held: VersionTag | None, headers: dict[str, str]) -> Answer | None:
        """Tell what the node runs, with the tag that it holds; None if the service answers with a snapshot's head."""
        if held:
            headers = {**headers, "if-none-match": held.to_etag()}
        response = await self._send(self._url("snapshot", 0), headers, 0, has_tag=held is not None, method="HEAD")
        if not isinstance(response, httpx.Response):
            return response
        await response.aclose()
        return None

    def _url(self, what: str, wait: int) -> str:
        scope = self._settings.scope
        query = {"service": scope.service, "env": scope.env, "wait": f"{wait}s" if wait else None}
        text = urlencode({name: value for name, value in query.items() if value is not None})
        path = f"{self._servers[self._at]}/api/v1/tenants/{quote(self._settings.tenant, safe='')}/{what}"
        return f"{path}?{text}" if text else path

    async def _send(
        self, url: str, headers: dict[str, str], held_for: float, *, has_tag: bool, method: str = "GET"
    ) -> httpx.Response | Answer:
        """Send a request, and wait for the head of its answer. `held_for` is the time that the service may hold it."""
        was_kept, limit = self._token.is_kept, self._settings.times.silence + held_for
        try:
            await within(self._settings.times.silence, self._token.ask_async())
            headers |= self._token.headers()
        except Late:
            return Failed(f"no token within {self._settings.times.silence} s")
        except Exception as error:  # noqa: BLE001 - the function is the caller's, and may raise anything
            return Failed(f"no token: {error}")
        headers["user-agent"] = USER_AGENT
        if self._node:
            headers |= self._node.headers()
        try:
            request = self._client.build_request(method, url, headers=headers)
            response = await within(limit, self._client.send(request, stream=True))
        except Late:
            return Failed(f"no answer within {limit} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failed(f"{type(error).__name__}: {error}")
        if response.status_code == 200:
            return response
        await response.aclose()
        return self._meaning(response, was_kept=was_kept, has_tag=has_tag)

    def _meaning(self, response: httpx.Response, *, was_kept: bool, has_tag: bool) -> Answer:
        status, headers = response.status_code, response.headers
        if status == 304:
            return Unchanged(VersionTag.parse(headers.get("etag")), headers.get("tm-signature"))
        if status == 404:
            return Missing()
        if status in (401, 403):
            return Denied(self._token.refused(was_kept=was_kept))
        if status == 422 and has_tag:
            return TagRefused()
        asked = retry_after(headers.get("retry-after"), self._settings.clock.now())
        most = self._settings.times.longest_retry_after
        return Failed(f"the service answered {status}", None if asked is None else min(asked, most))

    async def _collect(self, response: httpx.Response) -> bytes | TooLarge | Failed:
        """Collect the body of an answer."""
        content, pieces = bytearray(), response.aiter_bytes(65536)
        try:
            while True:
                piece = await within(self._settings.times.silence, _next(pieces))
                if piece is None:
                    return bytes(content)
                content += piece
                if len(content) > self._settings.max_bytes:
                    return TooLarge()
        except Late:
            return Failed("the answer fell silent")
        except (httpx.HTTPError, httpx.StreamError) as error:
            return Failed(f"{type(error).__name__}: {error}")


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    async for piece in pieces:
        return piece
    return None
