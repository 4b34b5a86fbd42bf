"""The task of a watcher: it asks, hears, and waits. All decisions about data are in `follow`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import httpx

from .backoff import Backoff, stretched
from .follow import Follower, Refused, Verdict
from .settings import WatcherSettings
from .sse import EventTooLarge, SseEvent, SseParser
from .tag import VersionTag
from .watch_http import (
    Answer,
    Body,
    Denied,
    Failed,
    Http,
    Late,
    Missing,
    OpenStream,
    TagRefused,
    TooLarge,
    Unchanged,
    within,
)


class Retry(NamedTuple):
    """A pause after a failure; at least the time that the service asked for, in seconds."""

    asked: float | None = None


Pause = Literal["none", "reopen", "unfit", "ask_again"] | Retry
"""The time before the next request.

`reopen`: a short random time, nothing has failed. `unfit`: after events of a stream that could not be taken.
`ask_again`: until the next regular try.
"""


@dataclass
class _Moments:
    """The times of an open stream, all of the clock's `monotonic`."""

    opened: float
    heard: float | None = None
    """The time of the newest byte; None before the first."""
    pending: float | None = None
    """The time since which data wait for their signature, without any that were taken since."""


class Driver:
    """The task of a watcher."""

    def __init__(self, settings: WatcherSettings, follower: Follower, http: Http, publish: Callable[[], None]) -> None:
        self._times = settings.times
        self._clock = settings.clock
        self._max_bytes = settings.max_bytes
        self._follower = follower
        self._http = http
        self._publish = publish
        self._backoff = Backoff(self._times.first_retry, self._times.last_retry)
        # After streams whose events could not be taken. A snapshot in between does not reset it.
        self._unfit = Backoff(self._times.first_retry, self._times.last_retry)
        # The streams in a row that gave no byte in time.
        self._mute_streams = 0
        self._polls_until = -math.inf
        # The time of the next snapshot that confirms the data.
        self._confirms_at = -math.inf

    async def run(self) -> None:
        """Follow the tenant until the task is cancelled."""
        while True:
            now = self._clock.monotonic()
            if now >= self._confirms_at or self._follower.needs_snapshot:
                pause = await self._ask(wait=False)
            elif now < self._polls_until:
                pause = await self._ask(wait=True)
            else:
                pause = await self._stream()
            self._publish()
            await self._clock.sleep_async(self._time(pause))

    def _time(self, pause: Pause) -> float:
        times, chance = self._times, self._clock.chance
        if isinstance(pause, Retry):
            mine = self._backoff.next(chance())
            # A service that says 0 is not asked in a loop.
            return mine if pause.asked is None else max(mine, stretched(pause.asked, chance()))
        if pause == "reopen":
            return times.reopen * chance()
        if pause == "ask_again":
            return times.ask_again * (1 - 0.1 * chance())
        return self._unfit.next(chance()) if pause == "unfit" else 0.0

    async def _ask(self, *, wait: bool) -> Pause:
        """Ask for a snapshot, or poll for the next one."""
        follower, clock = self._follower, self._clock
        known = follower.known_tag
        polls, asked = wait and known is not None, clock.monotonic()
        answer = await self._http.snapshot(known, wait=polls)
        if isinstance(answer, Body):
            verdict = follower.snapshot(answer.content, answer.signature, None, clock.now())
            if verdict == "unsigned":
                verdict = follower.refuse_unsigned()
        elif isinstance(answer, Unchanged):
            verdict = follower.unchanged(answer.tag, answer.signature, clock.now())
        else:
            return self._no_content(answer)
        if verdict == "taken":
            self._backoff.reset()
            self._confirms_at = clock.monotonic() + self._times.confirm * (1 - 0.1 * clock.chance())
            # A poll that is answered at once must not become a busy loop.
            return "reopen" if polls and clock.monotonic() - asked < self._times.reopen else "none"
        if verdict == "dropped":
            return self._failed("an older snapshot than the data")
        if verdict == Refused("not_accepted"):
            return "ask_again"
        self._http.next_server()
        return Retry()

    def _no_content(self, answer: Answer) -> Pause:
        """Say what to do about an answer that is neither 200 nor 304."""
        if isinstance(answer, Missing):
            # Another instance may know better: one of them may have wrong settings.
            self._follower.gone()
            self._http.next_server()
            return "ask_again"
        if isinstance(answer, Denied):
            if answer.again:
                return "none"
            self._follower.denied()
            self._http.next_server()
            return "ask_again"
        if isinstance(answer, TagRefused):
            self._follower.tag_refused()
            return "reopen"
        if isinstance(answer, TooLarge):
            return self._too_large(f"an answer of more than {self._max_bytes} bytes")
        if isinstance(answer, Failed):
            return self._failed(answer.why, answer.retry_after)
        return self._failed("an answer that was not asked for")

    def _failed(self, what: str, asked: float | None = None) -> Pause:
        self._follower.failed(what)
        self._http.next_server()
        return Retry(asked)

    def _too_large(self, what: str) -> Pause:
        self._follower.refuse("too_large", what)
        self._http.next_server()
        return Retry()

    async def _stream(self) -> Pause:
        """Open a stream, and follow it to its end."""
        moments = _Moments(self._clock.monotonic())
        try:
            # A proxy that buffers may hold back even the head of the answer.
            answer = await within(self._times.first_byte, self._http.stream(self._follower.cursor))
        except Late:
            return self._mute()
        if isinstance(answer, TagRefused):
            # The snapshot that is asked for next does not mend what else the service may dislike.
            self._follower.tag_refused()
            return "unfit"
        if not isinstance(answer, OpenStream):
            return self._no_content(answer)
        try:
            return await self._follow(answer, moments)
        finally:
            await answer.close()
            self._follower.stream_ended()

    async def _follow(self, stream: OpenStream, moments: _Moments) -> Pause:
        parser = SseParser(self._max_bytes)
        while True:
            pause: Pause | None
            try:
                piece = await stream.next(self._until(moments) - self._clock.monotonic())
            except Late:
                pause = self._late(moments)
            except (httpx.HTTPError, httpx.StreamError) as error:
                return self._failed(f"stream: {type(error).__name__}: {error}")
            else:
                if piece is None:
                    return "reopen" if moments.heard is not None else self._failed("the stream ended without a byte")
                pause = self._piece(piece, parser, moments)
            if pause is not None:
                return pause

    def _piece(self, piece: bytes, parser: SseParser, moments: _Moments) -> Pause | None:
        """Take bytes of a stream; return the time before the next request if the stream must be left."""
        self._heard(moments)
        try:
            events = parser.read(piece)
        except EventTooLarge as error:
            return self._too_large(str(error))
        applied = self._follower.applied
        for event in events:
            pause = self._event(event)
            if pause is not None:
                return pause
            self._publish()
        if not self._follower.is_pending:
            moments.pending = None
        elif moments.pending is None or applied != self._follower.applied:
            moments.pending = self._clock.monotonic()
        self._publish()
        return None

    def _heard(self, moments: _Moments) -> None:
        moments.heard = self._clock.monotonic()
        self._mute_streams = 0
        # Not with its first bytes: a stream may break right after them each time.
        if moments.heard - moments.opened >= self._times.first_byte:
            self._backoff.reset()
        self._follower.alive(self._clock.now())

    def _until(self, moments: _Moments) -> float:
        """Return the next moment at which something is late or due."""
        times = self._times
        silent = moments.opened + times.first_byte if moments.heard is None else moments.heard + times.silence
        unsigned = math.inf if moments.pending is None else moments.pending + times.signature
        return min(silent, self._confirms_at, unsigned)

    def _late(self, moments: _Moments) -> Pause | None:
        """Say what to do about a stream in which something is late, or while the data are to be confirmed."""
        now = self._clock.monotonic()
        # Timers may be a little early.
        if now < self._until(moments):
            return None
        if moments.heard is None:
            return self._mute() if now >= moments.opened + self._times.first_byte else "none"
        if now >= moments.heard + self._times.silence:
            return self._failed(f"no byte of the stream for {self._times.silence} s")
        # The data are due to be confirmed, or their signature is late: a snapshot is asked for.
        return "none"

    def _mute(self) -> Pause:
        """Take a stream that gave no byte in time."""
        self._mute_streams += 1
        if self._mute_streams >= self._times.mute_streams:
            self._mute_streams = 0
            self._polls_until = self._clock.monotonic() + self._times.polling
        return self._failed(f"no byte of a stream within {self._times.first_byte} s")

    def _event(self, event: SseEvent) -> Pause | None:
        """Take an event; return the time before the next request if the stream must be left."""
        verdict = self._verdict(event)
        if verdict == "taken":
            self._unfit.reset()
            self._backoff.reset()
            return None
        if verdict == "gap":
            # With a newer service, each change needs a snapshot, and comes no later for that.
            return "unfit" if self._follower.is_exact else "none"
        if not isinstance(verdict, Refused):
            return None
        if verdict.reason == "not_accepted":
            return "ask_again"
        self._http.next_server()
        return "unfit"

    def _verdict(self, event: SseEvent) -> Verdict:
        now, tag = self._clock.now(), VersionTag.parse(event.id)
        if event.name == "snapshot":
            return self._follower.snapshot(event.data, None, tag, now)
        if event.name == "change":
            return self._follower.change(event.data, tag, now)
        if event.name == "signature":
            return self._follower.signature(event.data, now)
        # Events of later versions.
        return "more"
