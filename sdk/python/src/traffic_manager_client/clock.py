"""Time and chance, in a form that tests can replace."""

from __future__ import annotations

import asyncio
import random
import time


class Clock:
    """The clock of the machine. All times are in seconds."""

    def now(self) -> float:
        """Return the time of day: seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Return a time that never goes back."""
        return time.monotonic()

    def chance(self) -> float:
        """Return a random number from 0 to 1."""
        return random.random()  # noqa: S311 - it spreads load, and hides nothing

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait, and let others work."""
        await asyncio.sleep(seconds)
