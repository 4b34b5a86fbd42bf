"""Writes the newest state of a watcher, at most once in a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .clock import Clock
from .disk import Disk
from .follow import Saved

_CONFIRMED = 600.0
"""How much younger a confirmation is that is worth another file, in seconds."""

_AFTER_FAILURE = 10
"""The pause after a failure, in pauses between two writes."""


class Saver:
    """Writes in a task of its own, which ends when it is cancelled."""

    def __init__(self, disk: Disk, every: float, clock: Clock, failed: Callable[[str], None]) -> None:
        self._disk = disk
        self._every = every
        self._clock = clock
        self._failed = failed
        self._newest: Saved | None = None
        self._written: Saved | None = None
        self._offered = asyncio.Event()

    def has_written(self, saved: Saved | None) -> None:
        """Say what the file has already."""
        self._written = saved

    def offer(self, saved: Saved | None) -> None:
        """Have a state written, unless it is the one that was written last."""
        self._newest = saved
        if saved and not _is_same(saved, self._written):
            self._offered.set()

    async def run(self) -> None:
        """Write what is offered until the task is cancelled."""
        while True:
            await self._offered.wait()
            self._offered.clear()
            saved = self._newest
            if saved is None:
                continue
            # A write that has begun is not left half done.
            writing = asyncio.ensure_future(asyncio.to_thread(self._disk.save, saved))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait({writing})
                raise
            except OSError as error:
                self._failed(f"cannot write the file: {error}")
                self._offered.set()
                await self._clock.sleep_async(self._every * _AFTER_FAILURE)
                continue
            self._written = saved
            await self._clock.sleep_async(self._every)


def _is_same(saved: Saved, written: Saved | None) -> bool:
    """Whether a file tells the same: when the data were confirmed may be a little older there."""
    return (
        written is not None
        and written.held.snapshot is saved.held.snapshot
        and written.held.signature == saved.held.signature
        and written.left == saved.left
        and saved.confirmed - written.confirmed < _CONFIRMED
    )
