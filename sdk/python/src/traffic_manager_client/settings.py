"""The settings of a watcher."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from .clock import Clock
from .follow import Accept
from .snapshot import Scope
from .token import AsyncToken

MAX_BYTES = 256 * 1024 * 1024
"""The default limit of bodies, events, revisions and files."""


@dataclass(frozen=True)
class Times:
    """All times of a watcher, in seconds."""

    connect: float = 10.0
    """The longest time that a connection takes to be made."""
    snapshot: float = 600.0
    """The longest time that a snapshot takes to arrive."""
    silence: float = 40.0
    """The longest time without a byte of an open connection. The service sends a comment every 15 s."""
    first_byte: float = 10.0
    """The longest time until a stream's first byte."""
    mute_streams: int = 3
    """The streams in a row without a byte in that time after which the watcher polls instead. A number, no time."""
    polling: float = 600.0
    """The time that it polls, before it tries streams again."""
    wait: float = 50.0
    """The time that the service holds a long poll. The service knows whole seconds, 60 at most."""
    poll: float = 65.0
    """The longest time of a long poll."""
    signature: float = 2.0
    """The time that data wait for their signature, before the watcher asks for a snapshot."""
    reopen: float = 1.0
    """The upper limit of the random time before a stream that ended is opened again."""
    first_retry: float = 0.25
    """The upper limit of the random time after a first failure. It doubles with each further failure."""
    last_retry: float = 30.0
    """The upper limit of the random time after any failure."""
    longest_retry_after: float = 600.0
    """The most that the service's `Retry-After` can ask for."""
    confirm: float = 600.0
    """The time between snapshots that confirm the data, up to a tenth less."""
    ask_again: float = 60.0
    """The time between requests while the service says 401, 403 or 404, or the hook refuses."""
    save: float = 1.0
    """The shortest time between two writes of the file."""
    report: float = 20.0
    """The time after which a node reports the same again, up to a tenth less."""
    report_pause: float = 0.1
    """The shortest time between two reports."""


@dataclass(frozen=True, kw_only=True)
class WatcherSettings:
    """What a watcher follows, and how."""

    url: str | Sequence[str]
    """The base URL of the service, or those of several instances: after a failure the next one is tried."""
    tenant: str
    """The tenant to follow."""
    scope: Scope = Scope()
    """The part of the tenant to follow; the whole tenant by default."""
    token: AsyncToken | None = field(default=None, repr=False)
    """The bearer token of the requests, or a function that gives one."""
    allow_plain_http: bool = False
    """Allows to send the token over plain http to other machines. Whoever is on the way can read it then."""
    ca: str | None = field(default=None, repr=False)
    """Certificates of authorities that are trusted beside those of the system, as PEM."""
    trusted_keys: Sequence[str] = ()
    """The public keys (Ed25519), each 64 hex digits, whose signatures are required. Without any, they are ignored."""
    node: str | None = None
    """The name of this node in the service's list of nodes: a DNS label. With a name, each request carries it, and
    reports go to the service. Without reports of the program, the node counts as running what the watcher holds."""
    dialect: str | None = None
    """The kind of proxy that the program feeds, such as `haproxy`: only reports say what the node runs then."""
    file: str | os.PathLike[str] | None = None
    """The file that keeps the data over a restart. Each watcher needs a file of its own.

    Beside it, the watcher writes `<file>.new`, `<file>.previous` and `<file>.bad`.
    """
    max_bytes: int = MAX_BYTES
    """The most bytes of a body, an event, a revision and a file."""
    accept: Accept | None = None
    """A hook that is asked with the old and the new data. If it returns False, the old ones stay."""
    times: Times = Times()
    """All times."""
    clock: Clock = field(default_factory=Clock)
    """Time and chance."""


def tls_context(ca: str | None) -> ssl.SSLContext:
    """Return a context that trusts the authorities of the system and these."""
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(cadata=ca)
    return context
