"""Version tags, `<epoch>.<revision>`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r"([0-9a-f]{16})\.(0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True)
class VersionTag:
    """The version of a tenant or of an object. Revisions of different epochs cannot be compared."""

    epoch: str
    """The id of the history: 16 lower-case hex digits."""
    revision: int
    """The number of the change within the epoch."""

    @staticmethod
    def parse(text: str | None) -> VersionTag | None:
        """Read a tag with or without quotes and `W/`, as headers and ids have it; None for any other text.

        The service answers a weak tag when it compresses.
        """
        bare = (text or "").strip().removeprefix("W/")
        if len(bare) > 1 and bare[0] == bare[-1] == '"':
            bare = bare[1:-1]
        found = _TAG.fullmatch(bare)
        return VersionTag(found[1], int(found[2])) if found and int(found[2]) < 2**63 else None

    def covers(self, other: VersionTag) -> bool:
        """Return True for the same epoch and a revision that is at least as new."""
        return self.epoch == other.epoch and self.revision >= other.revision

    def to_etag(self) -> str:
        """Return the text in quotes, as `ETag`, `If-Match` and `If-None-Match` have it."""
        return f'"{self}"'

    def __str__(self) -> str:
        return f"{self.epoch}.{self.revision}"
