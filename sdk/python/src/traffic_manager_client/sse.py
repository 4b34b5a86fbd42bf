"""Server-sent events (WHATWG HTML §9.2.6), from bytes that arrive in any pieces.

Other than in browsers, the id of an event is only the one that it has itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_END = re.compile(rb"[\r\n]")


@dataclass(frozen=True)
class SseEvent:
    """An event of a stream."""

    id: str | None
    """The event's own id; None if it has no line `id`."""
    name: str
    """The event's type; empty means `message`."""
    data: str
    """The lines of data, joined by line feeds."""


class EventTooLarge(ValueError):
    """An event has more bytes than the limit."""


class SseParser:
    """A parser of one stream, which raises `EventTooLarge` for events of more than `max_bytes` bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._line = bytearray()
        self._after_return = False
        self._is_first_line = True
        self._id: str | None = None
        self._name = ""
        self._data: list[str] = []
        self._kept = 0

    def read(self, piece: bytes) -> list[SseEvent]:
        """Read a piece of the stream, and return the events that it completes."""
        events = []
        if piece and self._after_return:
            self._after_return = False
            piece = piece.removeprefix(b"\n")
        at = 0
        while found := _END.search(piece, at):
            self._extend(piece[at : found.start()])
            at = found.end()
            if found[0] == b"\r":
                self._after_return = at == len(piece)
                at += piece[at : at + 1] == b"\n"
            event = self._end_of_line()
            if event:
                events.append(event)
        self._extend(piece[at:])
        return events

    def _extend(self, data: bytes) -> None:
        if len(self._line) + self._kept + len(data) > self._max_bytes:
            raise EventTooLarge(f"an event has more than {self._max_bytes} bytes")
        self._line += data

    def _end_of_line(self) -> SseEvent | None:
        size, line = len(self._line), self._line.decode(errors="replace")
        self._line.clear()
        if self._is_first_line:
            line = line.removeprefix("\ufeff")
        self._is_first_line = False
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id" and "\0" not in value:
            self._id = value
        else:
            return None
        self._kept += size
        return None

    def _dispatch(self) -> SseEvent | None:
        event = SseEvent(self._id, self._name, "\n".join(self._data)) if self._data else None
        self._id, self._name, self._data, self._kept = None, "", [], 0
        return event
