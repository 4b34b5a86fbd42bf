"""What a watcher tells of itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from .snapshot import Snapshot
from .tag import VersionTag

State = Literal["starting", "disk", "live", "stale", "gone", "denied"]
"""How the watcher's data relate to the service.

- `starting`: there are no data yet, and the service has not answered.
- `disk`: the data are from the file; the service has not confirmed them yet.
- `live`: the service has confirmed the data, and answers.
- `stale`: the service confirmed the data once, and does not answer now.
- `gone`: the service says 404: the tenant was removed, or the caller lost its right. The data stay.
- `denied`: the service says 401 or 403: the token is wrong or expired. The data stay.
"""

Refusal = Literal["malformed", "foreign", "digest", "signature", "unsigned", "left_epoch", "not_accepted", "too_large"]
"""Why an answer, an event or a file was not taken.

- `malformed`: it is not what it should be, or of a kind that this version does not know.
- `foreign`: it belongs to another tenant, or to another scope.
- `digest`: the digest is not that of the objects.
- `signature`: a signature of a trusted key is wrong.
- `unsigned`: keys are configured, and no signature of one of them came.
- `left_epoch`: it belongs to an epoch that the watcher left.
- `not_accepted`: the hook `accept` said no.
- `too_large`: it has more bytes than `max_bytes`.
"""


@dataclass
class Counters:
    """Counts since the start of the watcher."""

    applied: int = 0
    """Snapshots and revisions that were taken."""
    dropped: int = 0
    """Snapshots and events that were not newer than the data."""
    diverged: int = 0
    """Snapshots of the tag that is held, but with another digest: a fault to report."""
    reconnects: int = 0
    """Connections that ended before their time, and requests that failed."""
    file_errors: int = 0
    """Files that could not be read, were refused, or could not be written."""
    refused: dict[Refusal, int] = field(default_factory=dict)
    """How often something was refused, by reason."""

    def copy(self) -> Counters:
        """Return the same counts in an object of their own."""
        return replace(self, refused=dict(self.refused))


@dataclass(frozen=True)
class View:
    """The watcher's data and state at one moment."""

    state: State
    snapshot: Snapshot | None
    """The data; None until the first are there."""
    counters: Counters
    problem: str | None
    """The newest refusal or failure, for people. It stays after the watcher has recovered."""
    confirmed: float | None
    """The last moment at which the service confirmed the data: seconds since 1970."""

    @property
    def tag(self) -> VersionTag | None:
        """The tag of the data."""
        return self.snapshot.tag if self.snapshot else None

    def differs(self, other: View) -> bool:
        """Return True if waiting readers want to know of the difference."""
        return (
            self.snapshot is not other.snapshot
            or self.state != other.state
            or self.problem != other.problem
            or self.counters != other.counters
        )
