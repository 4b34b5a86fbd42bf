"""What a node tells the service of itself: its name, and which state it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .tag import VersionTag

_MOST = 1024
"""The most bytes of the header `TM-Error`."""

_NATIVE = "native"
"""The dialect of a node that runs what it holds. A service takes a node without a dialect for one."""

_OWN = "program"
"""The dialect of a node that has none in its settings and reports what it runs."""


@dataclass(frozen=True)
class Fault:
    """Why a node does not run the state that it holds."""

    code: str
    """The kind of reason.

    `refused`: the proxy, or its check, refused it. `unreachable`: the proxy cannot be reached. `held_back`: it waits
    for an operator. Others have at most 63 of the characters A-Z, a-z, 0-9, `.`, `_` and `-`.
    """
    text: str = ""
    """The reason for people; 1024 bytes are sent."""
    tag: VersionTag | None = None
    """The tag of the state that does not run."""

    def __post_init__(self) -> None:
        """Raise ValueError for a code that the service refuses."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", self.code, re.ASCII):
            raise ValueError("the code of a fault must have 1 to 63 of A-Z, a-z, 0-9, ., _ and -")

    def header(self) -> str:
        """Return `<code> <text>` in printable ASCII. All else, and `%`, is percent-encoded, and no character is cut."""
        value, text = self.code, self.text.strip()
        for char in f" {text}" if text else "":
            is_plain = " " <= char <= "~" and char != "%"
            encoded = char if is_plain else "".join(f"%{byte:02X}" for byte in char.encode(errors="replace"))
            if len(value) + len(encoded) > _MOST:
                break
            value += encoded
        return value


@dataclass(frozen=True)
class Report:
    """What a node says; a newer one replaces it."""

    applied: VersionTag | None = None
    error: Fault | None = None


@dataclass(frozen=True)
class Reported:
    """The reports since the start."""

    sent: int = 0
    """Reports that the service has taken."""
    failed: int = 0
    """Reports that failed, and were or will be sent again."""


class Node:
    """A node of the service's list, and what the program said of it."""

    def __init__(self, name: str, dialect: str | None) -> None:
        """Raise ValueError if one of them is no label."""
        for what, label in (("node", name), ("dialect", dialect)):
            if label is not None and not re.fullmatch(r"(?!-)[a-z0-9-]{1,63}(?<!-)", label, re.ASCII):
                raise ValueError(f"{what} must have 1 to 63 of a-z, 0-9 and -, and neither begin nor end with -")
        self._name = name
        self._dialect = dialect
        self.own: Report | None = None
        """The program's newest report; None if it does not report."""

    @property
    def runs_what_it_holds(self) -> bool:
        """Whether the data count as applied: the program does not report, and feeds nothing else with them."""
        return self.own is None and self._dialect in (None, _NATIVE)

    def headers(self) -> dict[str, str]:
        """Return the headers of each request.

        The tag that the node runs is not among them: a stream's request may arrive after a newer report. Without a
        dialect the service would take the tag that a poll has for that.
        """
        dialect = self._dialect or (_OWN if self.own else None)
        return {"tm-node": self._name, **({"tm-dialect": dialect} if dialect else {})}

    def report(self, held: VersionTag | None) -> dict[str, str]:
        """Return the headers of a report while the node holds a tag."""
        report = Report(held) if self.runs_what_it_holds else self.own or Report()
        headers = {"tm-applied": str(report.applied)} if report.applied else {}
        if report.error:
            headers["tm-error"] = report.error.header()
            if report.error.tag:
                headers["tm-refused"] = str(report.error.tag)
        return headers
