"""The pure part of the watcher: what it holds, and how each thing that it hears changes that.

There is no I/O and no clock here; times are arguments, in seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from .canonical import Malformed
from .changes import Change, read_change, read_signed
from .signatures import MAX_TEXT, TrustedKey, check
from .snapshot import Scope, Snapshot, WrongDigest
from .status import Counters, Refusal, State, View
from .tag import VersionTag

MAX_LEFT = 8
"""The most epochs that are remembered as left."""

Accept = Callable[[Snapshot, Snapshot], bool]


class Refused(NamedTuple):
    """A verdict that something was refused; a snapshot is needed."""

    reason: Refusal


Verdict = Literal["taken", "more", "dropped", "unsigned", "gap"] | Refused
"""What came of something that the watcher heard.

`more`: a part, the rest is still to come. `dropped`: not newer than the data. `unsigned`: it waits for its signature.
`gap`: it does not follow the data.
"""


@dataclass(frozen=True)
class Held:
    """A snapshot with its signatures, as the header `TM-Signature` has them."""

    snapshot: Snapshot
    signature: str | None


@dataclass(frozen=True)
class Saved:
    """The state of a watcher as its file has it."""

    held: Held
    scope: Scope
    left: tuple[str, ...]
    confirmed: float


@dataclass(frozen=True)
class _Candidate:
    held: Held
    cursor: VersionTag


class Follower:
    """The state of a watcher."""

    def __init__(
        self,
        tenant: str,
        scope: Scope,
        keys: Iterable[TrustedKey] = (),
        *,
        max_bytes: int,
        accept: Accept | None = None,
    ) -> None:
        self._tenant = tenant
        self._scope = scope
        self._keys = tuple(keys)
        self._max_bytes = max_bytes
        self._accept = accept
        self._held: Held | None = None
        # What waits for its signature. Only with keys.
        self._pending: _Candidate | None = None
        # The place in the stream after the data. In a stream of a part, it may be further than the tag of the data.
        self._cursor: VersionTag | None = None
        # The last epochs that were left, the oldest first.
        self._left: tuple[str, ...] = ()
        # True after the service refused the tag of the data, until it confirms a snapshot.
        self._is_tag_refused = False
        self._needs_snapshot = True
        # The events so far of a revision that is not whole yet, and the bytes of their JSON.
        self._partial: list[Change] = []
        self._partial_bytes = 0
        self._state: State = "starting"
        self._confirmed: float | None = None
        self._counters = Counters()
        self._problem: str | None = None

    def view(self) -> View:
        """Return what the watcher shows."""
        snapshot = self._held.snapshot if self._held else None
        return View(self._state, snapshot, self._counters.copy(), self._problem, self._confirmed)

    @property
    def known_tag(self) -> VersionTag | None:
        """The tag to ask for a snapshot with: that of the data.

        It is not that of data that wait for their signature: an answer 304 has none.
        """
        return None if self._is_tag_refused or not self._held else self._held.snapshot.tag

    @property
    def cursor(self) -> VersionTag | None:
        """The place to continue the stream from."""
        return None if self._is_tag_refused else self._cursor

    @property
    def needs_snapshot(self) -> bool:
        """Whether a snapshot is needed before a stream can continue."""
        return self._needs_snapshot or self._held is None or self._pending is not None

    @property
    def is_exact(self) -> bool:
        """Whether the data can be moved on by events."""
        return self._held is None or self._held.snapshot.is_exact

    @property
    def is_pending(self) -> bool:
        """Whether something waits for its signature."""
        return self._pending is not None

    @property
    def applied(self) -> int:
        """The number of snapshots and revisions that were taken."""
        return self._counters.applied

    def snapshot(self, text: str | bytes, signature: str | None, event_id: VersionTag | None, now: float) -> Verdict:
        """Take a snapshot, from an answer 200 or from the stream, where `event_id` is the event's."""
        self._drop_partial()
        try:
            snapshot = Snapshot.read(text)
        except (Malformed, WrongDigest) as error:
            return self.refuse("digest" if isinstance(error, WrongDigest) else "malformed", f"snapshot: {error}")
        tag = snapshot.tag
        if snapshot.tenant != self._tenant or not snapshot.is_within(self._scope):
            return self.refuse("foreign", "snapshot of another tenant or scope")
        if tag.epoch in self._left:
            return self.refuse("left_epoch", f"snapshot {tag} of an epoch that was left")
        cursor = event_id if event_id and event_id.covers(tag) else tag
        mine = self._held.snapshot if self._held else None
        if mine and mine.tag == tag:
            if mine.digest == snapshot.digest:
                return self._confirm(signature, cursor, now)
            self._counters.diverged += 1
            self._tell(f"snapshot {tag} has another digest than the data")
        elif mine and mine.tag.covers(tag):
            self._counters.dropped += 1
            return "dropped"
        return self._settle(_Candidate(Held(snapshot, signature), cursor), now)

    def unchanged(self, tag: VersionTag | None, signature: str | None, now: float) -> Verdict:
        """Take an answer 304 to a request with `known_tag`. `tag` is the tag of the answer."""
        self._drop_partial()
        if self.known_tag is None or tag not in (None, self.known_tag):
            return self.refuse("malformed", "304 for a tag that was not sent")
        return self._confirm(signature, None, now)

    def change(self, text: str, event_id: VersionTag | None, now: float) -> Verdict:
        """Take an event `change`. A revision is whole with the event whose id is the revision's own tag."""
        try:
            change = read_change(text)
        except Malformed as error:
            return self.refuse("malformed", f"change: {error}")
        is_mine = self._scope.has(*change.place) if change.place else self._scope.is_whole
        if change.tenant != self._tenant or not is_mine:
            return self.refuse("foreign", "change of another tenant or scope")
        base = self._base
        if base and base.tag.covers(change.tag):
            self._counters.dropped += 1
            return "dropped"
        if not base or base.tag.epoch != change.tag.epoch or not base.is_exact:
            return self._gap()
        if self._partial and self._partial[0].tag != change.tag:
            return self._gap()
        self._partial_bytes += len(text.encode(errors="surrogatepass"))
        if self._partial_bytes > self._max_bytes:
            return self.refuse("too_large", f"revision {change.tag} is too large")
        self._partial.append(change)
        return self._revision(base, change.tag, now) if event_id == change.tag else "more"

    def signature(self, text: str, now: float) -> Verdict:
        """Take an event `signature`, which says tag, digest and signature of what came before it."""
        signed = read_signed(text)
        if not signed:
            return self.refuse("malformed", "an event signature that is none") if self._keys else "more"
        candidate = self._pending
        held = candidate.held if candidate else self._held
        if not held or held.snapshot.tag != signed.tag:
            return "unsigned" if candidate else "more"
        is_same = held.snapshot.digest == signed.digest
        if not candidate:
            return self._signature_of(held, signed.signature) if is_same else "more"
        if not is_same:
            return self.refuse("digest", f"revision {signed.tag} has another digest here")
        self._pending = None
        return self._settle(replace(candidate, held=replace(held, signature=signed.signature)), now)

    def refuse_unsigned(self) -> Verdict:
        """Count what still waits for its signature, although the service was asked for it, as refused."""
        return self.refuse("unsigned", "snapshot without a signature")

    def gone(self) -> None:
        """Take an answer 404."""
        self._state = "gone"
        self._needs_snapshot = True
        self._drop_unfinished()

    def denied(self) -> None:
        """Take an answer 401 or 403."""
        self._state = "denied"
        self._needs_snapshot = True
        self._drop_unfinished()

    def tag_refused(self) -> None:
        """Take an answer 422 to a request with a tag: forget the tag, and not the data."""
        self._is_tag_refused = True
        self._needs_snapshot = True
        self._drop_unfinished()
        self._tell("422 for the tag of the data")

    def failed(self, what: str) -> None:
        """Take the failure of a request, or of a stream before its time."""
        self._counters.reconnects += 1
        self._drop_partial()
        self._stale()
        self._tell(what)

    def stream_ended(self) -> None:
        """Take the end of a stream: the events of a revision that is not whole are sent again."""
        self._drop_partial()

    def alive(self, now: float) -> None:
        """Take a sign of life of an open stream: the data are as new as the stream."""
        if self.needs_snapshot:
            return
        self._confirmed = now
        if self._state == "stale":
            self._state = "live"

    def file_failed(self, what: str) -> None:
        """Count a fault of the file."""
        self._counters.file_errors += 1
        self._tell(what)

    def refuse(self, reason: Refusal, what: str) -> Refused:
        """Count a refusal. The data stay, and a snapshot is needed."""
        self._counters.refused[reason] = self._counters.refused.get(reason, 0) + 1
        self._tell(f"refused ({reason}): {what}")
        self._needs_snapshot = True
        self._drop_partial()
        if reason != "unsigned":
            self._pending = None
        self._stale()
        return Refused(reason)

    def saved(self) -> Saved | None:
        """Return the state to keep over a restart; None without data."""
        if not self._held:
            return None
        held = self._held
        if held.signature and len(held.signature) > MAX_TEXT:
            held = replace(held, signature=None)
        return Saved(held, self._scope, self._left, self._confirmed or 0.0)

    def restore(self, saved: Saved) -> Refusal | None:
        """Take the state of a file, as the watcher's first data; return why it is refused, or None.

        It is the floor: the watcher never goes behind it, and never back to an epoch that it left.
        """
        snapshot = saved.held.snapshot
        is_mine = snapshot.tenant == self._tenant and saved.scope == self._scope
        if not is_mine or not snapshot.is_within(self._scope):
            return "foreign"
        checked = check(self._keys, snapshot, self._scope, saved.held.signature)
        if checked != "good":
            return "unsigned" if checked == "missing" else "signature"
        self._left = saved.left[-MAX_LEFT:]
        self._cursor = snapshot.tag
        self._held = saved.held
        self._confirmed = saved.confirmed
        self._state = "disk"
        return None

    @property
    def _base(self) -> Snapshot | None:
        """The newest state, signed or not: the next revision follows it."""
        held = self._pending.held if self._pending else self._held
        return held.snapshot if held else None

    def _revision(self, base: Snapshot, tag: VersionTag, now: float) -> Verdict:
        events = self._partial
        self._drop_partial()
        is_whole = all(event.item == at and event.items == len(events) for at, event in enumerate(events))
        # A stream of a part has only the part's items, and no revisions without any.
        if self._scope.is_whole and not (is_whole and tag.revision == base.tag.revision + 1):
            return self._gap()
        # The tenant was removed. The data stay until the service says so itself.
        if any(event.ends_tenant for event in events):
            return self._gap()
        snapshot = base.after(tag, [event.touch for event in events if event.touch])
        return self._settle(_Candidate(Held(snapshot, None), tag), now)

    def _signature_of(self, held: Held, signature: str) -> Verdict:
        checked = check(self._keys, held.snapshot, self._scope, signature)
        if checked == "bad":
            return self.refuse("signature", "a wrong signature of the data")
        if checked == "missing":
            return "more"
        self._held = replace(held, signature=signature)
        return "taken"

    def _confirm(self, signature: str | None, cursor: VersionTag | None, now: float) -> Verdict:
        """Take the service's word that the data are its newest state."""
        if not self._held:
            return self.refuse("malformed", "nothing is held that could be confirmed")
        checked = check(self._keys, self._held.snapshot, self._scope, signature)
        if checked == "bad":
            return self.refuse("signature", "a wrong signature of the data")
        if signature is not None and checked == "good" and signature != self._held.signature:
            self._held = replace(self._held, signature=signature)
        self._cursor = cursor or self._cursor
        self._pending = None
        self._is_confirmed(now)
        return "taken"

    def _settle(self, candidate: _Candidate, now: float) -> Verdict:
        """Take a candidate if its signature and the hook `accept` allow it."""
        snapshot = candidate.held.snapshot
        checked = check(self._keys, snapshot, self._scope, candidate.held.signature)
        if checked == "missing":
            self._pending = candidate
            return "unsigned"
        if checked == "bad":
            return self.refuse("signature", f"a wrong signature of {snapshot.tag}")
        self._pending = None
        old = self._held.snapshot if self._held else None
        if old and self._accept and not self._accept(old, snapshot):
            return self.refuse("not_accepted", f"{snapshot.tag} is not accepted")
        if old and old.tag.epoch != snapshot.tag.epoch:
            self._left = (*self._left, old.tag.epoch)[-MAX_LEFT:]
        self._held = candidate.held
        self._cursor = candidate.cursor
        self._counters.applied += 1
        self._is_confirmed(now)
        return "taken"

    def _is_confirmed(self, now: float) -> None:
        self._state = "live"
        self._confirmed = now
        self._is_tag_refused = False
        self._needs_snapshot = False

    def _gap(self) -> Verdict:
        self._drop_partial()
        self._needs_snapshot = True
        return "gap"

    def _tell(self, what: str) -> None:
        self._problem = f"tenant {self._tenant}: {what}"

    def _stale(self) -> None:
        if self._state == "live":
            self._state = "stale"

    def _drop_partial(self) -> None:
        self._partial, self._partial_bytes = [], 0

    def _drop_unfinished(self) -> None:
        self._drop_partial()
        self._pending = None
