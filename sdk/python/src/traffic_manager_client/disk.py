"""The watcher's file on the disk: two generations, written beside and moved into place.

The format is that of the watchers in other languages:

    tm-watch 1 <SHA-256 of everything after this line, 64 hex digits>
    {"tenant": …, "scope": …, "left": […], "tag": …, "digest": …, "signature": …, "confirmed": …}
    <the snapshot's body, to the end>
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from .canonical import Json, Malformed, read_object
from .follow import Follower, Held, Saved
from .snapshot import Scope, Snapshot

_FORMAT = b"tm-watch 1 "
_HEAD = 64 * 1024
"""What the head of a file may take beside the body."""


def write(saved: Saved) -> bytes:
    """Return the bytes of a file."""
    snapshot = saved.held.snapshot
    head = {
        "tenant": snapshot.tenant,
        "scope": {"service": saved.scope.service, "env": saved.scope.env},
        "left": list(saved.left),
        "tag": str(snapshot.tag),
        "digest": snapshot.digest,
        "signature": saved.held.signature,
        "confirmed": datetime.fromtimestamp(saved.confirmed, timezone.utc).isoformat().replace("+00:00", "Z"),
    }
    rest = f"{json.dumps(head, separators=(',', ':'))}\n{snapshot.body()}".encode()
    return _first_line(rest) + rest


def read(data: bytes) -> Saved:
    """Read the bytes of a file; raise ValueError with the reason why they are refused."""
    first, _, rest = data.partition(b"\n")
    if first + b"\n" != _first_line(rest):
        raise Malformed("the file is damaged, or of another format")
    head_text, _, body = rest.partition(b"\n")
    head, snapshot = read_object(head_text), Snapshot.read(body)
    mine = (str(snapshot.tag), snapshot.digest, snapshot.tenant)
    if (head.get("tag"), head.get("digest"), head.get("tenant")) != mine:
        raise Malformed("the head of the file is of another snapshot")
    left, scope, signature = head.get("left"), head.get("scope"), head.get("signature")
    if not isinstance(left, list) or not isinstance(scope, dict) or not isinstance(signature, str | None):
        raise Malformed("the head of the file is malformed")
    held = Held(snapshot, signature)
    return Saved(held, Scope(scope.get("service"), scope.get("env")), tuple(map(str, left)), _confirmed(head))


def _confirmed(head: Json) -> float:
    text = str(head.get("confirmed")).replace("Z", "+00:00")
    # Other languages write nanoseconds; Python before 3.11 reads three or six digits only.
    whole, _, fraction = text.removesuffix("+00:00").partition(".")
    try:
        return datetime.fromisoformat(f"{whole}.{fraction:0<6.6}+00:00").timestamp()
    except ValueError:
        return 0.0


def _first_line(rest: bytes) -> bytes:
    return _FORMAT + hashlib.sha256(rest).hexdigest().encode() + b"\n"


class Disk:
    """The place of a watcher's file, whose snapshot has at most `max_bytes` bytes."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes

    def _beside(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def restore(self, follower: Follower) -> None:
        """Give the follower the newest good generation.

        A bad one is set aside as `<file>.bad`, counted, and the one before is tried. Nothing here is fatal: without a
        good file, the watcher begins with nothing.
        """
        for path in (self._path, self._beside(".previous")):
            try:
                with path.open("rb") as file:
                    data = file.read(self._max_bytes + _HEAD)
            except FileNotFoundError:
                continue
            except OSError as error:
                follower.file_failed(f"cannot read {path}: {error}")
                continue
            try:
                refused: object = follower.restore(read(data))
            except ValueError as error:
                refused = error
            if refused is None:
                return
            follower.file_failed(f"set aside {path}: {refused}")
            try:
                path.replace(self._beside(".bad"))
            except OSError as error:
                follower.file_failed(f"cannot rename {path}: {error}")

    def save(self, saved: Saved) -> None:
        """Write a new generation with mode 0600; raise OSError.

        After a fault, or a crash at any point, the one before is still there, under one of the two names.
        """
        new = self._beside(".new")
        try:
            new.unlink(missing_ok=True)
            _write_synced(new, write(saved))
        except OSError:
            # A file that is not whole helps nobody, and takes room on a disk that may be full.
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        with suppress(FileNotFoundError):
            self._path.replace(self._beside(".previous"))
        new.replace(self._path)
        # Windows cannot open folders, and needs no sync of them.
        if os.name != "nt":
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
