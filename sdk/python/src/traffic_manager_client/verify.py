"""Verifies a tenant's chain of hashes, independently of the service's code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .canonical import Json, Malformed, canonical_bytes, is_count
from .client import AsyncClient, Client

_GENESIS = "0" * 64
"""The hash before the first event of an epoch."""


class NotEvents(ValueError):
    """The text is not events."""


@dataclass(frozen=True)
class Checkpoint:
    """The last revision of a chain that was removed, and its hash: what is not after it was proven before."""

    tenant: str
    epoch: str
    revision: int
    hash: str


@dataclass(frozen=True)
class ChainResult:
    """The result for one tenant and epoch."""

    tenant: str
    epoch: str
    events: int
    """The number of events that were looked at."""
    head: str | None
    """The hash of the last event. Compare it with one that was kept elsewhere: a missing end does not show."""
    fault: str | None
    """What is wrong with the chain; None if it is whole."""


@dataclass(frozen=True)
class _Link:
    """What is kept of an event."""

    revision: int
    item: int
    items: int
    prev_hash: str
    hash: str
    fault: str | None


class Verifier:
    """Verifies the chains of events that are given one after the other, in any order.

    Every event must hash to its member `hash`, name the hash of the event before it, and revisions and items must each
    be there once. Keeps about 500 bytes of each event.
    """

    def __init__(self, *, from_middle: bool = False, checkpoint: Checkpoint | None = None) -> None:
        """Accept with `from_middle` that a chain begins in the middle."""
        self._from_middle = from_middle
        self._checkpoint = checkpoint
        self._chains: dict[tuple[str, str], list[_Link]] = {}
        if checkpoint:
            self._chains[checkpoint.tenant, checkpoint.epoch] = []

    def add(self, value: Any) -> None:
        """Take an event, an archived document, or a page or list of them, as parsed JSON. Raises `NotEvents`."""
        for event, document in _events_in(value):
            name = (event["tenant"], event["epoch"])
            known = self._of(name)
            if not known or event["revision"] > known.revision:
                self._chains.setdefault(name, []).append(_link(event, document))

    def add_line(self, line: str) -> None:
        """Take a line of NDJSON. Raises `NotEvents`."""
        try:
            self.add(json.loads(line))
        except (json.JSONDecodeError, RecursionError):
            raise NotEvents("a line is no JSON") from None

    def results(self) -> list[ChainResult]:
        """Return the result of each chain."""
        return [self._result(name, chain) for name, chain in sorted(self._chains.items())]

    def _of(self, name: tuple[str, str]) -> Checkpoint | None:
        own = self._checkpoint
        return own if own and (own.tenant, own.epoch) == name else None

    def _result(self, name: tuple[str, str], chain: list[_Link]) -> ChainResult:
        known = self._of(name)
        ordered = sorted(chain, key=lambda link: (link.revision, link.item))
        head = ordered[-1].hash if ordered else known.hash if known else None
        return ChainResult(*name, len(chain), head, _fault(ordered, known, from_middle=self._from_middle))


def verify(
    events: Iterable[Any], *, from_middle: bool = False, checkpoint: Checkpoint | None = None
) -> list[ChainResult]:
    """Verify the chains of events, as `Verifier` does."""
    verifier = Verifier(from_middle=from_middle, checkpoint=checkpoint)
    for event in events:
        verifier.add(event)
    return verifier.results()


def verify_tenant(client: Client, tenant: str) -> list[ChainResult]:
    """Verify a tenant's chain from the export of its audit trail. Raises like a call, and if the export breaks off."""
    verifier = Verifier()
    with client.export_audit_events(tenant=tenant, format="ndjson").value as export:
        for line in export.lines():
            verifier.add_line(line)
    return verifier.results()


async def verify_tenant_async(client: AsyncClient, tenant: str) -> list[ChainResult]:
    """Verify a tenant's chain like `verify_tenant`, for asyncio."""
    verifier = Verifier()
    async with (await client.export_audit_events(tenant=tenant, format="ndjson")).value as export:
        async for line in export.lines():
            verifier.add_line(line)
    return verifier.results()


def _fault(chain: list[_Link], known: Checkpoint | None, *, from_middle: bool) -> str | None:
    previous = known.hash if known else None
    revision, item, items = known.revision if known else 0, 0, 1
    for link in chain:
        where = f"revision {link.revision} item {link.item}"
        if link.fault:
            return f"{where}: {link.fault}"
        if previous is not None and (link.revision, link.item) == (revision, item):
            return f"{where}: doubled: {'the same' if link.hash == previous else 'another'} event stands there, too"
        place = (link.revision, link.item, link.items)
        expected = (revision, item + 1, items) if item + 1 < items else (revision + 1, 0, link.items)
        is_in_range = link.revision >= 1 and 0 <= link.item < link.items
        if not is_in_range or (place != expected and not (previous is None and from_middle)):
            return f"{where}: missing: revision {expected[0]} item {expected[1]} should come here"
        before = _GENESIS if place[:2] == (1, 0) else previous
        if before is not None and link.prev_hash != before:
            return f"{where}: broken: it names {link.prev_hash} as the event before it, which is {before}"
        previous, (revision, item, items) = link.hash, place
    if item + 1 < items:
        return f"revision {revision}: missing: only {item + 1} of its {items} items are here"
    return None


def _events_in(value: Any) -> Iterator[tuple[Json, Json | None]]:
    """Return the events in a value, each with the archived document around it, if there is one."""
    if isinstance(value, list):
        for item in value:
            yield from _events_in(item)
    elif isinstance(value, dict) and isinstance(value.get("event"), dict):
        yield _checked(value["event"]), value
    elif isinstance(value, dict) and "prev_hash" in value:
        yield _checked(value), None
    elif isinstance(value, dict) and ("items" in value or "events" in value):
        yield from _events_in(value.get("items", value.get("events")))
    else:
        raise NotEvents("neither an event, nor an archived document, nor a page of them")


def _checked(event: Json) -> Json:
    texts = all(isinstance(event.get(name), str) for name in ("tenant", "epoch", "prev_hash", "hash"))
    if not texts or not all(is_count(event.get(name)) for name in ("revision", "item", "items")):
        raise NotEvents("an event has no proper place in its chain")
    return event


def _link(event: Json, document: Json | None) -> _Link:
    said = event["hash"]
    content = {name: value for name, value in event.items() if name != "hash"}
    fault: str | None = None
    try:
        _check_numbers(content)
        computed = hashlib.sha256(canonical_bytes(content)).hexdigest()
        if computed != said:
            fault = f"edited: its content hashes to {computed}, and it says {said}"
    except Malformed as error:
        fault = str(error)
    if fault is None and document is not None:
        fault = _repeated_fault(event, document)
    return _Link(event["revision"], event["item"], event["items"], event["prev_hash"], said, fault)


def _check_numbers(value: Any) -> None:
    """Raise `Malformed` for fractions, and for integers that JSON parsers do not agree on: events have neither."""
    if isinstance(value, float) or (isinstance(value, int) and abs(value) >= 2**53):
        raise Malformed(f"{value} is not exact")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check_numbers(part)


def _repeated_fault(event: Json, document: Json) -> str | None:
    """Return how an archived document differs from its event: the hash does not cover what the document repeats."""
    for name, value in _repeated(event).items():
        if name in document and _said(name, document) != value and not _is_opened(name, value, document):
            return f"edited: the document's {name} is {document[name]!r}, its event says {value!r}"
    return None


def _said(name: str, document: Json) -> object:
    """Return a member of an archived document. The type is without its version, which an event does not have."""
    value = document[name]
    is_type = name == "event_type" and isinstance(value, str)
    return re.sub(r"\.v[1-9][0-9]*\Z", "", value) if is_type else value


def _repeated(event: Json) -> Json:
    before, after, actor = (event.get(name) or {} for name in ("before", "after", "actor"))
    state = {True: "active", False: "inactive", None: None}
    same = "action tenant epoch revision item reason source_ip trace_id occurred_at prev_hash hash".split()
    return {
        **{name: event.get(name) for name in same},
        "_id": event.get("id"),
        "event_id": event.get("id"),
        "event_type": f"trafficmanager.route.{event.get('action')}",
        "route": {"tenant": event.get("tenant"), **(event.get("route") or event.get("policy") or {})},
        "url": after.get("url"),
        "previous_url": before.get("url"),
        "state": state[after.get("is_active")],
        "previous_state": state[before.get("is_active")],
        "changed_by": actor.get("id"),
        "correlation_id": event.get("request_id"),
    }


def _is_opened(name: str, value: object, document: Json) -> bool:
    """Return True if a member of an answer shows opened what the event has sealed."""
    is_sealed = isinstance(value, str) and value.startswith("enc:v1:")
    return is_sealed and name in ("changed_by", "reason", "source_ip") and "_id" not in document
