"""The options of calls, and what they answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Literal, TypeVar

import httpx

from . import models
from .problem import NoAnswer
from .settings import MAX_BYTES
from .sse import SseEvent, SseParser
from .tag import VersionTag

T = TypeVar("T")


@dataclass(frozen=True)
class Wait:
    """Holds the answer to a write until a share of the tenant's nodes runs the change. The change is made before."""

    percent: float
    """The share of the nodes: more than 0, at most 100; four decimals count."""
    seconds: float = 10.0
    """The longest time of the wait; at most 60."""

    def __post_init__(self) -> None:
        """Raise ValueError for a share or a time that the service does not know."""
        if not 0.0001 <= self.percent <= 100:
            raise ValueError("percent must be more than 0, and at most 100")
        if not 0 <= self.seconds <= 60:
            raise ValueError("seconds must be from 0 to 60")

    def __str__(self) -> str:
        """Return the value of the parameter, such as `95%,10000ms`."""
        share = f"{self.percent:.4f}".rstrip("0").removesuffix(".")
        return f"{share}%,{round(self.seconds * 1000)}ms"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a call is made. An option that an operation does not take is a TypeError, so that nothing is lost."""

    if_match: VersionTag | Literal["*"] | None = None
    """Writes: 412 unless the object has this tag."""
    create_only: bool = False
    """Writes: 412 if the object exists."""
    idempotency_key: str | None = None
    """Writes: repeats with the same key are safe. The client makes a key if none is given."""
    reason: str | None = None
    """Writes: the reason, kept in the audit trail. At most 512 bytes of UTF-8."""
    min_revision: VersionTag | Literal[False] | None = None
    """Reads: the answer is at least this new, or an error.

    By default the newest tag that this client got from a write to the tenant; `False` asks for none.
    """
    if_none_match: VersionTag | None = None
    """Reads: the answer has `not_modified` if it has this tag."""
    last_event_id: VersionTag | None = None
    """`stream_changes`: continues after this place."""
    correlation_id: str | None = None
    """The id of the request: 1 to 128 visible ASCII characters."""
    traceparent: str | None = None
    """W3C Trace Context: the parent of the request's span."""
    timeout: float | None = None
    """The longest time of the call with all its tries, in seconds; of a stream, until it begins.

    Longer than the time of `wait`.
    """


@dataclass(frozen=True)
class Answered:
    """What every answer tells beside its value."""

    status: int
    """The HTTP status."""
    tag: VersionTag | None
    """The version tag of what was answered, from `ETag`."""
    request_id: str | None
    """The id of the request, to find it in the logs and in the audit trail."""
    headers: httpx.Headers = field(repr=False)
    """All headers of the answer."""


@dataclass(frozen=True)
class Read(Answered, Generic[T]):
    """The answer of a read."""

    not_modified: bool
    """True if nothing has changed since `if_none_match` (304). There is no value then."""
    stale_seconds: int | None
    """The seconds since the primary database confirmed the data; None while it can be reached."""
    _value: T | None

    @property
    def value(self) -> T:
        """The value. Raises LookupError if nothing has changed."""
        if self.not_modified:
            raise LookupError("nothing has changed: the answer has no value")
        return self._value  # type: ignore[return-value]


@dataclass(frozen=True)
class Written(Answered, Generic[T]):
    """The answer of a write."""

    value: T
    unchanged: bool
    """True if there was nothing to change: no revision and no event were made."""
    replayed: bool
    """True if this is the stored answer of an earlier request with the same idempotency key."""
    convergence: models.Convergence | None
    """How a `wait` for nodes ended; None without one, and if the answer has no body, as of a removal.

    Only the state `converged` is a success: `failed`, `timeout`, `partial`, `no_nodes` and `warming` are none.
    """
    converged_share: float | None
    """The share of the nodes that runs the change, from 0 to 1, also of a removal; None if there are no nodes."""


class Stream:
    """A body that is read as it comes. Close it, or use it in a `with` statement."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        """Return the bytes. Raises `NoAnswer` when the connection breaks: a body that was cut off is noticed."""
        try:
            yield from self._response.iter_bytes()
        except httpx.HTTPError as error:
            raise NoAnswer(f"the stream broke off: {type(error).__name__}: {error}") from error
        finally:
            self.close()

    def lines(self) -> Iterator[str]:
        """Return the lines that are not empty, such as those of NDJSON, without their ends."""
        cutter = _Lines()
        for piece in self:
            yield from cutter.read(piece)
        yield from cutter.end()

    def events(self, max_bytes: int = MAX_BYTES) -> Iterator[SseEvent]:
        """Return the events of a stream of events. Raises `EventTooLarge`."""
        parser = SseParser(max_bytes)
        for piece in self:
            yield from parser.read(piece)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncStream:
    """A body that is read as it comes. Close it, or use it in an `async with` statement."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the bytes. Raises `NoAnswer` when the connection breaks: a body that was cut off is noticed."""
        try:
            async for piece in self._response.aiter_bytes():
                yield piece
        except httpx.HTTPError as error:
            raise NoAnswer(f"the stream broke off: {type(error).__name__}: {error}") from error
        finally:
            await self.close()

    async def lines(self) -> AsyncIterator[str]:
        """Return the lines that are not empty, such as those of NDJSON, without their ends."""
        cutter = _Lines()
        async for piece in self:
            for line in cutter.read(piece):
                yield line
        for line in cutter.end():
            yield line

    async def events(self, max_bytes: int = MAX_BYTES) -> AsyncIterator[SseEvent]:
        """Return the events of a stream of events. Raises `EventTooLarge`."""
        parser = SseParser(max_bytes)
        async for piece in self:
            for event in parser.read(piece):
                yield event

    async def close(self) -> None:
        """Close the connection."""
        await self._response.aclose()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Lines:
    """Cuts bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, piece: bytes) -> list[str]:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        return [line.decode() for line in lines if line.strip()]

    def end(self) -> list[str]:
        return [self._rest.decode()] if self._rest.strip() else []
