"""When a call is sent once more."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .backoff import Backoff, stretched

_TRIES = 5
"""The tries of one call, the first one among them."""
_FIRST, _LAST = 0.25, 10.0
_SHARE = 0.1
"""The share of calls that may be sent once more."""
_MOST = 10.0
"""The most retries that are saved up."""


class RetryBudget:
    """The retries that all calls of a client may make together: a tenth of the calls, and ten at the beginning.

    When a service is down, its clients then do not multiply the load.
    """

    def __init__(self) -> None:
        self._left = _MOST
        self._lock = threading.Lock()

    def call(self) -> None:
        """Count a call."""
        with self._lock:
            self._left = min(_MOST, self._left + _SHARE)

    def take(self) -> bool:
        """Take a retry; return False if there is none left."""
        with self._lock:
            has_one = self._left >= 1
            self._left -= has_one
            return has_one


class Retries:
    """The tries of one call."""

    def __init__(self, budget: RetryBudget) -> None:
        self._budget = budget
        self._tries = 1
        self._backoff = Backoff(_FIRST, _LAST)
        budget.call()

    def next(self, asked: float | None, chance: Callable[[], float]) -> float | None:
        """Return the time before the next try in seconds; None if there is to be none.

        `asked` is the time of `Retry-After`.
        """
        if self._tries >= _TRIES or not self._budget.take():
            return None
        self._tries += 1
        mine = self._backoff.next(chance())
        return mine if asked is None else max(mine, stretched(asked, chance()))
