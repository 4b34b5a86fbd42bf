"""The times between tries."""

from __future__ import annotations

import email.utils
import re


class Backoff:
    """A random time between zero and a limit that doubles with each failure, from `first` to `last` seconds."""

    def __init__(self, first: float, last: float) -> None:
        self._first = first
        self._last = last
        self._failures = 0

    def next(self, chance: float) -> float:
        """Return the time after one more failure, in seconds; `chance` is from 0 to 1."""
        limit = self._first * 2 ** min(self._failures, 20)
        self._failures += 1
        return float(min(limit, self._last) * chance)

    def reset(self) -> None:
        """Begin again: the service has answered."""
        self._failures = 0


def retry_after(text: str | None, now: float) -> float | None:
    """Read `Retry-After` (RFC 9110 §10.2.3), seconds or a date, as seconds from `now`; None without one."""
    bare = (text or "").strip()
    if re.fullmatch(r"\d{1,18}", bare, re.ASCII):
        return float(bare)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(bare).timestamp() - now)
    except ValueError:
        return None


def stretched(seconds: float, chance: float) -> float:
    """Return the time that a service asked for, plus up to a fifth: clients that were sent away come apart."""
    return seconds * (1 + 0.2 * chance)
