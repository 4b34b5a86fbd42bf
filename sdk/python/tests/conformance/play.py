"""Plays one case."""

from __future__ import annotations

import asyncio
import gzip
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol

from traffic_manager_client import AsyncWatcher, Scope, Times, View, Watcher, WatcherSettings

from . import compare, content
from .content import Json
from .server import Request, Server, start, write

PATIENCE = 30.0
"""The longest time that a step takes, on a busy machine."""
LONG = 3600.0

# Short pauses, and no deadlines that a busy machine could miss, except those of the case.
_LONG: dict[str, Any] = dict.fromkeys(
    "connect snapshot silence first_byte polling poll signature longest_retry_after confirm".split(), LONG
)
TIMES = Times(**_LONG, reopen=0.01, first_retry=0.01, last_retry=0.05, ask_again=0.02, save=0.01)

KNOWN = {
    "case": "name why scope keys tokens accept_share max_bytes servers times patience_ms steps",
    "step": "begin damage restart expect if_none_match last_event_id token query server not_before_ms answer send end "
    "holds saved",
    "answer": "status snapshot tag weak gzip cut body signed headers stream hang",
    "snapshot": "tag tenant routes policies many route_members members wrong_digest",
    "signed": "of by tenant scope tag broken",
    "piece": "change snapshot signature event data id slow",
    "change": "tag item items route url policy split tenant action inactive members",
    "holds": "state tag routes count policies applied dropped diverged file_errors refused",
}


def check_case(case: Json) -> None:
    """Fails for a member that the player does not know: such a case must not be played without it."""

    def check(kind: str, value: object) -> None:
        if isinstance(value, dict):
            assert value.keys() <= set(KNOWN[kind].split()), f"{case['name']}: {kind} has an unknown member: {value}"

    check("case", case)
    for step in case["steps"]:
        answer = step.get("answer", {})
        check("step", step)
        check("answer", answer)
        check("holds", step.get("holds"))
        check("snapshot", step.get("begin"))
        check("snapshot", answer.get("snapshot"))
        check("signed", answer.get("signed"))
        for piece in [*step.get("send", []), *answer.get("stream", [])]:
            if isinstance(piece, dict):
                check("piece", piece)
                check("change", piece.get("change"))
                check("snapshot", piece.get("snapshot"))
                check("signed", piece.get("signature"))


class Handle(Protocol):
    """A watcher of either kind, as the player uses it."""

    def view(self) -> View: ...
    async def begin(self) -> None: ...
    async def wait(self, is_wanted: Callable[[View], bool], patience: float) -> None: ...
    async def end(self) -> None: ...


class AsyncHandle:
    def __init__(self, settings: WatcherSettings) -> None:
        self._watcher = AsyncWatcher(settings)
        self.view = self._watcher.view
        self.begin = self._watcher.start
        self.end = self._watcher.stop

    async def wait(self, is_wanted: Callable[[View], bool], patience: float) -> None:
        await asyncio.wait_for(self._watcher.until(is_wanted), patience)


class SyncHandle:
    def __init__(self, settings: WatcherSettings) -> None:
        self._watcher = Watcher(settings)
        self.view = self._watcher.view

    async def begin(self) -> None:
        await asyncio.to_thread(self._watcher.start)

    async def wait(self, is_wanted: Callable[[View], bool], patience: float) -> None:
        await asyncio.to_thread(self._watcher.until, is_wanted, patience)

    async def end(self) -> None:
        await asyncio.to_thread(self._watcher.stop)


async def play(case: Json, make: Callable[[WatcherSettings], Handle]) -> None:
    """Plays a case; raises AssertionError with the step that failed."""
    with tempfile.TemporaryDirectory(prefix="tm-conformance-") as folder:
        player = Player(case, make, Path(folder) / "acme.tm")
        try:
            await player.restart({})
            for at, step in enumerate(case["steps"], 1):
                try:
                    await player.step(step)
                except (AssertionError, TimeoutError, asyncio.TimeoutError) as error:
                    raise AssertionError(f"{case['name']}: step {at}: {error}; {player.shown()}") from error
        finally:
            await player.end()


class Player:
    def __init__(self, case: Json, make: Callable[[WatcherSettings], Handle], file: Path) -> None:
        self._case = case
        self._make = make
        self._file = file
        self._patience = case.get("patience_ms", PATIENCE * 1000) / 1000
        self._scope: Json = case.get("scope", {})
        # Each watcher has servers of its own, so that none of its requests is taken for one of the next.
        self._requests: asyncio.Queue[Request] = asyncio.Queue()
        self._servers: list[Server] = []
        self._watcher: Handle | None = None
        self._stream: asyncio.StreamWriter | None = None
        self._answered = time.monotonic()

    async def step(self, step: Json) -> None:
        if "begin" in step:
            by = self._case.get("keys", [])[:1]
            answer = {"snapshot": step["begin"], **({"signed": {"by": by}} if by else {})}
            await self._exchange({"if_none_match": None}, "snapshot", answer)
        if "damage" in step:
            await self._damage(**step["damage"])
        if "restart" in step:
            await self.restart(step["restart"])
        if "expect" in step:
            await self._exchange(step, step["expect"], step.get("answer"))
        await self._send(step.get("send", []))
        if step.get("end") and self._stream:
            self._stream.close()
        if "holds" in step:
            await self._holds(step["holds"])
        if "saved" in step:
            await self._saved(content.tag(step["saved"]))

    def shown(self) -> str:
        return f"the watcher has {self._watcher.view() if self._watcher else None}"

    async def end(self) -> None:
        """Ends the watcher, its servers and their connections."""
        if self._watcher:
            await self._watcher.end()
        for server in self._servers:
            await server.close()
        self._watcher, self._stream, self._servers = None, None, []

    async def restart(self, restart: Json) -> None:
        """Starts a watcher with the case's settings, and ends the one before."""
        await self.end()
        case = self._case
        self._requests = asyncio.Queue()
        self._servers = [await start(at, self._requests) for at in range(case.get("servers", 1))]
        names = restart["keys"] if "keys" in restart else case.get("keys", [])
        tokens, share = list(case.get("tokens", [])), case.get("accept_share")
        settings = WatcherSettings(
            url=[server.url for server in self._servers],
            tenant=restart.get("tenant", content.TENANT),
            scope=Scope(**restart.get("scope", self._scope)),
            token=(lambda: tokens.pop(0) if len(tokens) > 1 else tokens[0]) if tokens else None,
            trusted_keys=[content.public_key(name) for name in names],
            file=self._file,
            max_bytes=case.get("max_bytes", WatcherSettings.max_bytes),
            accept=None if share is None else lambda old, new: new.route_count >= share * old.route_count,
            times=times(case.get("times", {})),
        )
        self._watcher = self._make(settings)
        await self._watcher.begin()

    async def _exchange(self, step: Json, kind: str, answer: Json | None) -> None:
        request = await asyncio.wait_for(self._requests.get(), self._patience)
        wrong = compare.request(step, kind, request, time.monotonic() - self._answered)
        assert not wrong, ", ".join(wrong)
        if answer is None or answer.get("hang"):
            return
        head, body = self._answer(answer)
        await write(request.connection, head + body)
        self._answered = time.monotonic()
        if "stream" in answer:
            self._stream = request.connection
            await self._send(answer["stream"])
        else:
            request.connection.close()

    def _answer(self, answer: Json) -> tuple[bytes, bytes]:
        headers, body, short = dict(answer.get("headers", {})), answer.get("body", "").encode(), answer.get("tag")
        if "snapshot" in answer:
            full = content.full(answer["snapshot"])
            body, short = content.body(full), full["tag"]
        if answer.get("gzip"):
            body = gzip.compress(body)
            headers["content-encoding"] = "gzip"
        if short:
            headers["etag"] = f'{"W/" if answer.get("weak") else ""}"{content.tag(short)}"'
        if "signed" in answer:
            headers["tm-signature"] = content.signatures(answer["signed"], answer.get("snapshot"), self._scope)
        status = answer.get("status", 200)
        if "stream" in answer:
            headers.setdefault("content-type", "text/event-stream")
        elif status != 304:
            headers["content-length"] = str(len(body) + answer.get("cut", 0))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {status} X\r\nconnection: close\r\n{lines}\r\n".encode(), body

    async def _send(self, pieces: list[str | Json]) -> None:
        for piece in pieces:
            slow = isinstance(piece, dict) and piece.get("slow", False)
            if self._stream:
                await write(self._stream, content.piece(piece, self._scope), slow=slow)

    async def _holds(self, wanted: Json) -> None:
        """Waits until the watcher has what is wanted."""
        assert self._watcher
        try:
            await self._watcher.wait(lambda view: not compare.view(view, wanted), self._patience)
        except (TimeoutError, asyncio.TimeoutError):
            wrong = compare.view(self._watcher.view(), wanted)
            raise AssertionError(", ".join(wrong)) from None

    async def _saved(self, tag: str) -> None:
        until = time.monotonic() + self._patience
        while f'"tag":"{tag}"'.encode() not in read_if_there(self._file):
            assert time.monotonic() < until, f"no file with {tag}"
            await asyncio.sleep(0.005)

    async def _damage(self, how: str, *, previous: bool = False) -> None:
        """Damages the file while no watcher runs."""
        await self.end()
        file = self._file.with_name(self._file.name + ".previous") if previous else self._file
        if how == "remove":
            file.unlink()
            return
        data = bytearray(file.read_bytes())
        middle = len(data) // 2
        if how == "cut":
            del data[middle:]
        elif how == "empty":
            data.clear()
        else:
            data[middle] ^= 1
        file.write_bytes(data)


def read_if_there(file: Path) -> bytes:
    """The bytes of a file, which is away for a moment between two renames."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def times(wanted: dict[str, int]) -> Times:
    assert wanted.keys() <= {field.name for field in fields(Times)}
    changes: dict[str, Any] = {name: ms / 1000 for name, ms in wanted.items()}
    return replace(TIMES, **changes)
