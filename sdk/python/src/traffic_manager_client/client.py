"""The clients: every operation of the API as a method, with and without asyncio."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

import httpx

from .call import AskToken, Reply, Send, Shared, Sleep, call
from .clock import Clock
from .methods import AsyncMethods, Methods
from .problem import NoAnswer
from .result import AsyncStream, Options, Stream
from .settings import tls_context
from .tag import VersionTag
from .token import AsyncToken, Token, TokenSource, base_url
from .watch_http import Late, within

_SILENCE = 60.0
"""The longest time without a byte of a stream, in seconds. The service sends a comment every 15 s."""


def _shared(
    url: str, token: AsyncToken | None, clock: Clock | None, timeout: float | None, *, allow_plain_http: bool
) -> Shared:
    base = base_url(url, has_token=token is not None, allow_plain_http=allow_plain_http)
    return Shared(str(base).rstrip("/"), TokenSource(token), clock or Clock(), timeout)


def _http_options(url: str, ca: str | None) -> dict[str, Any]:
    # The token must not go unencrypted to a proxy that the environment names.
    return {"verify": tls_context(ca), "trust_env": url.startswith("https:"), "follow_redirects": False}


def _headers(step: Send) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value) for name, value in step.headers.items()]


def _no_answer(error: Exception) -> NoAnswer:
    return NoAnswer(f"no answer: {type(error).__name__}: {error}")


class Client(Methods):
    """A client of the API. Each operation is a method.

    GETs, and writes that take an idempotency key, are sent again after 429, 503 or no answer: at most 5 tries in all,
    and no more retries than a tenth of the client's calls. A read of a tenant is at least as new as this client's own
    last write to it. It may be used by several threads.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token | None = None,
        timeout: float | None = None,
        ca: str | None = None,
        allow_plain_http: bool = False,
        clock: Clock | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Raise ValueError for a wrong URL, and if the token would go over plain http to another machine.

        `timeout` is the longest time of a call with all its tries, in seconds; 30 by default. The time of a `wait`
        is added. `ca` are certificates of authorities, as PEM, that are trusted beside those of the system.
        """
        self._shared = _shared(url, token, clock, timeout, allow_plain_http=allow_plain_http)
        self._http = httpx.Client(transport=transport, **_http_options(url, ca))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def last_write(self, tenant: str) -> VersionTag | None:
        """Return the newest tag that a write of this client to a tenant answered."""
        return self._shared.written.get(tenant)

    def items(self, method: Callable[..., Any], **args: Any) -> Iterator[Any]:
        """Return the items of a list, over all its pages. Only one page is held at a time.

        for route in client.items(client.list_routes, tenant="acme"): …
        """
        while True:
            page = method(**args).value
            yield from page.items
            if not page.next_cursor:
                return
            args["cursor"] = page.next_cursor

    def _call(self, name: str, args: Mapping[str, Any], body: Any, options: Options | None) -> Any:
        flow = call(self._shared, name, args, body, options)
        step = next(flow)
        try:
            while True:
                try:
                    done = self._do(step)
                except NoAnswer as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(done)
        except StopIteration as end:
            return end.value

    def _do(self, step: AskToken | Sleep | Send) -> Reply | None:
        if isinstance(step, AskToken):
            self._shared.token.keep(str(self._shared.token.ask()))
            return None
        if isinstance(step, Sleep):
            self._shared.clock.sleep(step.seconds)
            return None
        left = step.until - self._shared.clock.monotonic()
        if left <= 0:
            raise NoAnswer("no answer in time")
        try:
            request = self._http.build_request(
                step.method,
                step.url,
                params=step.params,
                headers=_headers(step),
                content=step.content,
                timeout=httpx.Timeout(left),
            )
            response = self._http.send(request, stream=True)
            if step.stream and response.status_code == 200:
                # The limit is read anew for the body.
                request.extensions["timeout"]["read"] = _SILENCE
                return Reply(200, response.headers, Stream(response))
            try:
                return Reply(response.status_code, response.headers, self._content(response, step.until))
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise _no_answer(error) from error

    def _content(self, response: httpx.Response, until: float) -> bytes:
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if self._shared.clock.monotonic() > until:
                raise NoAnswer("no whole answer in time")
        return bytes(content)


class AsyncClient(AsyncMethods):
    """The same as `Client`, for asyncio. The function of the token may be asynchronous."""

    def __init__(
        self,
        url: str,
        *,
        token: AsyncToken | None = None,
        timeout: float | None = None,
        ca: str | None = None,
        allow_plain_http: bool = False,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raise ValueError for a wrong URL, and if the token would go over plain http to another machine.

        The arguments are those of `Client`.
        """
        self._shared = _shared(url, token, clock, timeout, allow_plain_http=allow_plain_http)
        self._http = httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(None), **_http_options(url, ca))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def last_write(self, tenant: str) -> VersionTag | None:
        """Return the newest tag that a write of this client to a tenant answered."""
        return self._shared.written.get(tenant)

    async def items(self, method: Callable[..., Any], **args: Any) -> AsyncIterator[Any]:
        """Return the items of a list, over all its pages. Only one page is held at a time.

        async for route in client.items(client.list_routes, tenant="acme"): …
        """
        while True:
            page = (await method(**args)).value
            for item in page.items:
                yield item
            if not page.next_cursor:
                return
            args["cursor"] = page.next_cursor

    async def _call(self, name: str, args: Mapping[str, Any], body: Any, options: Options | None) -> Any:
        flow = call(self._shared, name, args, body, options)
        step = next(flow)
        try:
            while True:
                try:
                    done = await self._do(step)
                except NoAnswer as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(done)
        except StopIteration as end:
            return end.value

    async def _do(self, step: AskToken | Sleep | Send) -> Reply | None:
        if isinstance(step, AskToken):
            given = self._shared.token.ask()
            self._shared.token.keep(await given if inspect.isawaitable(given) else str(given))
            return None
        if isinstance(step, Sleep):
            await self._shared.clock.sleep_async(step.seconds)
            return None
        try:
            return await within(step.until - self._shared.clock.monotonic(), self._send(step))
        except Late:
            raise NoAnswer("no answer in time") from None
        except httpx.HTTPError as error:
            raise _no_answer(error) from error

    async def _send(self, step: Send) -> Reply:
        request = self._http.build_request(
            step.method, step.url, params=step.params, headers=_headers(step), content=step.content
        )
        response = await self._http.send(request, stream=True)
        if step.stream and response.status_code == 200:
            return Reply(200, response.headers, AsyncStream(response))
        try:
            return Reply(response.status_code, response.headers, await response.aread())
        finally:
            await response.aclose()
