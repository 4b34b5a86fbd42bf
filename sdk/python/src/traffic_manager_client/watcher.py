"""The handles of watchers: one for asyncio, and one that works in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from .disk import Disk
from .driver import Driver
from .follow import Follower
from .report import Fault, Node, Report, Reported
from .reporter import Reporter
from .saver import Saver
from .settings import WatcherSettings
from .signatures import read_key
from .snapshot import Snapshot
from .status import View
from .tag import VersionTag
from .watch_http import Http, cancel


class Stopped(RuntimeError):
    """The watcher was stopped while somebody waited for it."""


class _Reads:
    """What both watchers show. Reading never waits and never fails."""

    _settings: WatcherSettings

    def view(self) -> View:
        """Return data, state and counters of one moment."""
        raise NotImplementedError

    def current(self) -> Snapshot | None:
        """Return the data; None until the first are there."""
        return self.view().snapshot

    @property
    def reported(self) -> Reported:
        """The reports since the start."""
        raise NotImplementedError

    @property
    def tag(self) -> VersionTag | None:
        """The tag of the data."""
        return self.view().tag

    @property
    def age(self) -> float | None:
        """The seconds since the service confirmed the data last, also if that was before a restart.

        Zero if the clock went back; None without data.
        """
        confirmed = self.view().confirmed
        return None if confirmed is None else max(0.0, self._settings.clock.now() - confirmed)


class AsyncWatcher(_Reads):
    """Follows a tenant, or a part of it, until it is stopped.

    It never goes backwards, and never gives up what it holds: when the service is away, refuses it, or sends something
    wrong, the last good state stays.

        async with AsyncWatcher(WatcherSettings(url=…, tenant="acme")) as watcher:
            snapshot = await watcher.ready()
    """

    def __init__(self, settings: WatcherSettings) -> None:
        """Raise ValueError for wrong settings, and ImportError for trusted keys without the extra `signatures`."""
        self._settings = settings
        keys = [read_key(text) for text in settings.trusted_keys]
        limits: dict[str, Any] = {"max_bytes": settings.max_bytes, "accept": settings.accept}
        self._follower = Follower(settings.tenant, settings.scope, keys, **limits)
        self._view = self._follower.view()
        node = None if settings.node is None else Node(settings.node, settings.dialect)
        self._http = Http(settings, node)
        self._tasks: list[asyncio.Task[None]] = []
        self._saver: Saver | None = None
        self._saving: asyncio.Task[None] | None = None
        # Its requests are on connections, and with a token, of their own.
        self._report_http = Http(settings, node) if node else None
        self._reporter: Reporter | None = None
        if node and self._report_http:
            self._reporter = Reporter(settings, node, self._report_http, lambda: self._view.tag)
        self._waiting: set[asyncio.Future[None]] = set()
        self._is_stopped = False

    def view(self) -> View:
        """Return data, state and counters of one moment."""
        return self._view

    @property
    def reported(self) -> Reported:
        """The reports since the start."""
        return self._reporter.reported if self._reporter else Reported()

    def report(self, *, applied: VersionTag | None = None, error: Fault | None = None) -> None:
        """Tell the service what the node runs, and why it does not run what the watcher holds.

        Never waits. The newest report is sent soon, at most ten a second, and again until the service has taken it.
        Without `WatcherSettings.node` nothing is sent. From the first report on, only reports count.
        """
        if self._take_report(Report(applied, error)):
            self._wake_reporter()

    def _take_report(self, report: Report) -> bool:
        return self._reporter is not None and self._reporter.take(report)

    def _wake_reporter(self) -> None:
        if self._reporter:
            self._reporter.wake()

    async def start(self) -> None:
        """Read the file, if there is one, and start to follow. Does not wait for the service."""
        if self._settings.file is not None:
            disk = Disk(Path(self._settings.file), self._settings.max_bytes)
            await asyncio.to_thread(disk.restore, self._follower)
            self._saver = Saver(disk, self._settings.times.save, self._settings.clock, self._file_failed)
            self._saver.has_written(self._follower.saved())
            self._saving = asyncio.create_task(self._saver.run())
        self._show()
        driver = Driver(self._settings, self._follower, self._http, self._publish)
        self._tasks.append(asyncio.create_task(self._run(driver)))
        if self._reporter:
            self._tasks.append(asyncio.create_task(self._reporter.run()))

    async def stop(self) -> None:
        """Stop to follow, and close the connection. What is held stays readable."""
        self._is_stopped = True
        if self._saving:
            self._saving.cancel()
        for task in self._tasks:
            await cancel(task)
        if self._saving:
            # Once: a write that has begun comes to its end.
            await asyncio.wait({self._saving})
        for http in (self._http, self._report_http):
            if http:
                await http.close()
        self._wake()

    async def __aenter__(self) -> AsyncWatcher:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def ready(self) -> Snapshot:
        """Wait for data, from the service or from the file. Does not wait for a connection. Raises `Stopped`."""
        view = await self.until(lambda view: view.snapshot is not None)
        if view.snapshot is None:
            raise Stopped
        return view.snapshot

    async def until(self, is_wanted: Callable[[View], bool]) -> View:
        """Wait until a view is as wanted, and return that view. Raises `Stopped`."""
        while not is_wanted(self._view):
            if self._is_stopped:
                raise Stopped("the watcher was stopped")
            changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(changed)
            try:
                await changed
            finally:
                self._waiting.discard(changed)
        return self._view

    async def _run(self, driver: Driver) -> None:
        try:
            await driver.run()
        except Exception as error:  # noqa: BLE001 - a fault of the watcher itself: whoever waits hears of it
            self._follower.failed(f"the watcher's task has ended: {error!r}")
            self._is_stopped = True
            self._show()
            self._wake()

    def _file_failed(self, what: str) -> None:
        self._follower.file_failed(what)
        self._show()

    def _publish(self) -> None:
        if self._saver:
            self._saver.offer(self._follower.saved())
        self._show()

    def _show(self) -> None:
        old, self._view = self._view, self._follower.view()
        if self._reporter:
            self._reporter.holds(self._view.tag)
        if self._view.differs(old):
            self._wake()

    def _wake(self) -> None:
        for changed in self._waiting:
            if not changed.done():
                changed.set_result(None)


class Watcher(_Reads):
    """The same as `AsyncWatcher`, for programs without asyncio: it works in a thread of its own.

    with Watcher(WatcherSettings(url=…, tenant="acme")) as watcher:
        snapshot = watcher.ready(timeout=5)
    """

    def __init__(self, settings: WatcherSettings) -> None:
        """Raise ValueError for wrong settings, and ImportError for trusted keys without the extra `signatures`."""
        self._settings = settings
        self._watcher = AsyncWatcher(settings)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def view(self) -> View:
        """Return data, state and counters of one moment."""
        return self._watcher.view()

    @property
    def reported(self) -> Reported:
        """The reports since the start."""
        return self._watcher.reported

    def report(self, *, applied: VersionTag | None = None, error: Fault | None = None) -> None:
        """Tell the service what the node runs, like `AsyncWatcher.report`; in any thread."""
        if self._watcher._take_report(Report(applied, error)) and (loop := self._loop):
            # The loop is closed if the watcher was stopped meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._watcher._wake_reporter)

    def start(self) -> None:
        """Read the file, if there is one, and start to follow. Does not wait for the service."""
        self._loop = asyncio.new_event_loop()
        name = f"tm-watch-{self._settings.tenant}"
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()
        self._do(self._watcher.start()).result()

    def stop(self) -> None:
        """Stop to follow, and end the thread. What is held stays readable."""
        if self._loop is None or self._thread is None:
            return
        self._do(self._watcher.stop()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def ready(self, timeout: float | None = None) -> Snapshot:
        """Wait for data, from the service or the file. Raises TimeoutError after `timeout` seconds, or `Stopped`."""
        snapshot = self.until(lambda view: view.snapshot is not None, timeout).snapshot
        if snapshot is None:
            raise Stopped
        return snapshot

    def until(self, is_wanted: Callable[[View], bool], timeout: float | None = None) -> View:
        """Wait until a view is as wanted, and return that view. Raises TimeoutError or `Stopped`.

        The function is called in the watcher's thread.
        """
        waiting = self._do(self._watcher.until(is_wanted))
        try:
            view: View = waiting.result(timeout)
        except FutureTimeoutError:
            # Before Python 3.11 this is an error of its own.
            raise TimeoutError(f"not within {timeout} s") from None
        finally:
            waiting.cancel()
        return view

    def _do(self, work: Any) -> Future[Any]:
        if self._loop is None:
            work.close()
            raise Stopped("the watcher was not started, or was stopped")
        return asyncio.run_coroutine_threadsafe(work, self._loop)
