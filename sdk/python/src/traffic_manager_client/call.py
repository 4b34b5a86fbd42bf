"""One call, from its arguments to its result, without I/O.

`call` is a generator. It yields what is to be done (`AskToken`, `Send`, `Sleep`) and is sent what came of it. The two
clients differ only in how they do it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from . import models
from .clock import Clock
from .operation import Operation
from .operations import OPERATIONS
from .problem import NoAnswer, Problem
from .result import Answered, Options, Read, Wait, Written
from .retry import Retries, RetryBudget
from .tag import VersionTag
from .token import TokenSource
from .version import USER_AGENT

_TIMEOUT = 30.0
"""The longest time of a call by default, in seconds."""
_WAIT = 60.0
"""The time that a service holds a request with `wait` at most."""
_HEADERS = {
    "if_match": "if-match",
    "create_only": "if-none-match",
    "idempotency_key": "idempotency-key",
    "reason": "x-reason",
    "min_revision": "tm-min-revision",
    "if_none_match": "if-none-match",
    "last_event_id": "last-event-id",
}


class AskToken:
    """The token is to be asked for."""


@dataclass(frozen=True)
class Sleep:
    """Some seconds are to be waited."""

    seconds: float


@dataclass(frozen=True)
class Send:
    """A request is to be sent. `until` is the end of the call, by the clock's `monotonic`."""

    method: str
    url: str
    params: httpx.QueryParams
    headers: Mapping[str, bytes] = field(repr=False)
    content: bytes | None
    until: float
    stream: bool


@dataclass(frozen=True)
class Reply:
    """An answer. `content` are the bytes of the body, or a stream if one was wanted and the status is 200."""

    status: int
    headers: httpx.Headers
    content: Any


Flow = Generator[AskToken | Sleep | Send, Any, Answered]


class Shared:
    """What all calls of a client share."""

    def __init__(self, url: str, token: TokenSource, clock: Clock, timeout: float | None) -> None:
        self.url = url
        self.token = token
        self.clock = clock
        self.timeout = timeout
        self.budget = RetryBudget()
        # The newest tag that a write answered, by tenant.
        self.written: dict[str, VersionTag] = {}


class _Call:
    """A request that is ready to be sent, as often as needed."""

    def __init__(self, shared: Shared, name: str, args: Mapping[str, Any], body: Any, options: Options) -> None:
        self.shared = shared
        self.operation: Operation = OPERATIONS[name]
        self.content, self.headers = _body(self.operation, body)
        self.headers |= _option_headers(self.operation, options)
        in_body = body.get("tenant") if isinstance(body, Mapping) else getattr(body, "tenant", None)
        tenant = args.get("tenant") or in_body
        self.tenant: str | None = tenant if isinstance(tenant, str) else None
        names = self.operation.path_parameters
        path = self.operation.path.format_map({each: quote(str(args[each]), safe="") for each in names})
        self.url = shared.url + path
        self.params = _query(self.operation, args)
        takes = self.operation.takes
        is_present = args.get("at") is None
        self.reads_own_writes = "min_revision" in takes and options.min_revision is None and is_present
        self.may_retry = self.operation.method == "GET" or "idempotency-key" in self.headers
        held_for = _held_for(args.get("wait"))
        if self.operation.method != "GET" and options.timeout is not None and 0 < options.timeout <= held_for:
            raise ValueError(f"the timeout must be longer than the wait of {held_for} s")
        limit = options.timeout or (shared.timeout or _TIMEOUT) + held_for
        self.until = shared.clock.monotonic() + limit

    def send(self) -> Send:
        """Return the request, with the token and the tag of the moment."""
        headers: dict[str, bytes] = {**self.headers, "user-agent": USER_AGENT.encode()}
        headers |= {name: value.encode() for name, value in self.shared.token.headers().items()}
        newest = self.shared.written.get(self.tenant or "")
        if newest and self.reads_own_writes:
            headers["tm-min-revision"] = str(newest).encode()
        method, stream = self.operation.method, self.operation.stream
        return Send(method, self.url, self.params, headers, self.content, self.until, stream)

    def may_repeat(self, failure: Problem | NoAnswer) -> bool:
        """Return True if the request may be sent once more after this failure."""
        return self.may_retry and (isinstance(failure, NoAnswer) or failure.status in (429, 503))

    def forget_lost_epoch(self, failure: Problem | NoAnswer) -> None:
        """Forget a tag whose epoch is over: it is never reached again, and the next read does without it."""
        if not isinstance(failure, Problem) or failure.code != "revision_not_reached" or failure.tag is None:
            return
        newest = self.shared.written.get(self.tenant or "")
        if newest and newest.epoch != failure.tag.epoch:
            self.shared.written.pop(self.tenant or "", None)

    def remember(self, tag: VersionTag | None) -> None:
        """Remember the tag that a write answered."""
        if self.tenant is None:
            return
        if self.operation.name == "delete_tenant":
            self.shared.written.pop(self.tenant, None)
            return
        newest = self.shared.written.get(self.tenant)
        if tag and not (newest and newest.covers(tag)):
            self.shared.written[self.tenant] = tag

    def result(self, reply: Reply) -> Answered:
        """Return the result of an answer that is no error."""
        headers = reply.headers
        tag = VersionTag.parse(headers.get("etag"))
        about = (reply.status, tag, headers.get("x-correlation-id"), headers)
        stale = headers.get("tm-stale")
        stale_seconds = int(stale) if stale is not None else None
        if reply.status == 304:
            return Read(*about, True, stale_seconds, None)
        value = reply.content if self.operation.stream else self._value(reply)
        if self.operation.method == "GET":
            return Read(*about, False, stale_seconds, value)
        self.remember(tag)
        unchanged = headers.get("tm-unchanged") == "true"
        replayed = headers.get("idempotency-replayed") == "true"
        found = getattr(value, "convergence", None)
        convergence = found if isinstance(found, models.Convergence) else None
        share = headers.get("tm-convergence")
        return Written(*about, value, unchanged, replayed, convergence, float(share) if share else None)

    def _value(self, reply: Reply) -> Any:
        if not reply.content:
            return None
        if "json" not in reply.headers.get("content-type", ""):
            return reply.content.decode()
        model = self.operation.models.get(reply.status)
        return model.model_validate_json(reply.content) if model else json.loads(reply.content)


def call(shared: Shared, name: str, args: Mapping[str, Any], body: Any, options: Options | None) -> Flow:
    """Make a call. Raises `Problem`, `NoAnswer`, or TypeError and ValueError for a wrong call."""
    made = _Call(shared, name, args, body, options or Options())
    retries = Retries(shared.budget)
    may_ask_for_token = True
    while True:
        was_kept = shared.token.is_kept
        failure: Problem | NoAnswer
        if shared.token.is_missing:
            yield AskToken()
        try:
            reply: Reply = yield made.send()
        except NoAnswer as error:
            failure = error
        else:
            if 200 <= reply.status < 300 or reply.status == 304:
                return made.result(reply)
            failure = Problem(reply.status, reply.content, reply.headers, shared.clock.now())
        if isinstance(failure, Problem) and failure.status == 401:
            again = shared.token.refused(was_kept=was_kept) and may_ask_for_token
            may_ask_for_token = False
            if again:
                continue
        made.forget_lost_epoch(failure)
        asked = failure.retry_after if isinstance(failure, Problem) else None
        pause = retries.next(asked, shared.clock.chance) if made.may_repeat(failure) else None
        if pause is None or shared.clock.monotonic() + pause >= made.until:
            raise failure
        yield Sleep(pause)


def _held_for(wait: Any) -> float:
    """Return the longest time that the service holds a request, in seconds."""
    if wait is None:
        return 0.0
    if isinstance(wait, Wait):
        return wait.seconds
    if re.fullmatch(r"[\d.]+%", str(wait)):
        return Wait.seconds
    given = re.search(r"(\d{1,9})(s|ms)?$", str(wait), re.ASCII)
    return min(_WAIT, int(given[1]) / (1000 if given[2] == "ms" else 1)) if given else _WAIT


def _option_headers(operation: Operation, options: Options) -> dict[str, bytes]:
    headers: dict[str, bytes] = {}
    for name, header in _HEADERS.items():
        value = getattr(options, name)
        if value is None or value is False:
            continue
        if name not in operation.takes:
            raise TypeError(f"{operation.name} does not take {name}")
        headers[header] = _header(name, value)
    if "idempotency_key" in operation.takes:
        headers.setdefault("idempotency-key", str(uuid.uuid4()).encode())
    if options.correlation_id is not None:
        headers["x-correlation-id"] = options.correlation_id.encode()
    if options.traceparent is not None:
        headers["traceparent"] = options.traceparent.encode()
    return headers


def _header(name: str, value: Any) -> bytes:
    if name == "create_only":
        return b"*"
    if isinstance(value, VersionTag):
        return (str(value) if name in ("min_revision", "last_event_id") else value.to_etag()).encode()
    return str(value).encode()


def _body(operation: Operation, body: Any) -> tuple[bytes | None, dict[str, bytes]]:
    if body is None:
        return None, {}
    if isinstance(body, str):
        if not operation.yaml:
            raise TypeError(f"{operation.name} does not take a text")
        return body.encode(), {"content-type": b"application/yaml"}
    value = body.model_dump(mode="json", by_alias=True, exclude_unset=True) if isinstance(body, BaseModel) else body
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode(), {"content-type": b"application/json"}


def _query(operation: Operation, args: Mapping[str, Any]) -> httpx.QueryParams:
    found: dict[str, Any] = {}
    for name, value in args.items():
        if name in operation.path_parameters or value is None:
            continue
        if name not in operation.query:
            raise TypeError(f"{operation.name} has no parameter {name}")
        # `request_headers` and `request_query` of resolve_route: each member is a parameter of its own.
        if isinstance(value, Mapping):
            found |= value
        else:
            found[name] = value
    return httpx.QueryParams(found)
