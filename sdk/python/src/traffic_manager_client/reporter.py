"""The task that sends reports: one at a time, the newest, so that the service never hears them in another order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from .backoff import Backoff
from .report import Node, Report, Reported
from .settings import WatcherSettings
from .tag import VersionTag
from .watch_http import Denied, Failed, Http, Late, Missing, Unchanged, within


class Reporter:
    """Sends each change, and the same again from time to time."""

    def __init__(
        self, settings: WatcherSettings, node: Node, http: Http, held: Callable[[], VersionTag | None]
    ) -> None:
        self._times = settings.times
        self._clock = settings.clock
        self._node = node
        self._http = http
        self._held = held
        self._backoff = Backoff(self._times.first_retry, self._times.last_retry)
        self._changed = asyncio.Event()
        self._is_new = False
        self._shown: VersionTag | None = None
        self.reported = Reported()
        """The reports since the start."""

    def take(self, report: Report) -> bool:
        """Take a report, in any thread. Returns True if the task must be woken."""
        if report == self._node.own:
            return False
        # In this order: the task takes the mark back before it reads the report.
        self._node.own = report
        was_new, self._is_new = self._is_new, True
        return not was_new

    def wake(self) -> None:
        """Have a report sent soon."""
        self._changed.set()

    def holds(self, tag: VersionTag | None) -> None:
        """Hear that the watcher holds data of this tag, which counts as a report if the program makes none."""
        if tag != self._shown:
            self._shown = tag
            if self._node.runs_what_it_holds:
                self._changed.set()

    async def run(self) -> None:
        """Send reports until the task is cancelled."""
        clock, due, fails = self._clock, self._regular(), False
        if self._is_new:
            # The report came before the start.
            self._changed.set()
        while True:
            if fails:
                # A report that comes meanwhile is sent with the next try.
                await clock.sleep_async(max(0.0, due - clock.monotonic()))
            else:
                with suppress(Late):
                    await within(due - clock.monotonic(), self._changed.wait())
            rests_until = clock.monotonic() + self._times.report_pause
            again = await self._send()
            fails = again is not None
            due = self._regular() if again is None else max(clock.monotonic() + again, rests_until)
            await clock.sleep_async(max(0.0, rests_until - clock.monotonic()))

    def _regular(self) -> float:
        """Return the time of the next report if nothing changes."""
        return self._clock.monotonic() + self._times.report * (1 - 0.1 * self._clock.chance())

    async def _send(self) -> float | None:
        """Send a report; return the seconds until it must be sent again, or None if the service has taken it."""
        self._changed.clear()
        self._is_new = False
        held = self._held()
        answer = await self._http.report(held, self._node.report(held))
        if answer is None or isinstance(answer, Unchanged):
            self._backoff.reset()
            self.reported = replace(self.reported, sent=self.reported.sent + 1)
            return None
        self.reported = replace(self.reported, failed=self.reported.failed + 1)
        if isinstance(answer, Denied) and answer.again:
            return 0.0
        self._http.next_server()
        if isinstance(answer, Missing | Denied):
            return self._times.ask_again * (1 - 0.1 * self._clock.chance())
        asked = answer.retry_after if isinstance(answer, Failed) else None
        mine = self._backoff.next(self._clock.chance())
        return mine if asked is None else max(mine, asked)
