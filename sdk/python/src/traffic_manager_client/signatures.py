"""Signatures of snapshots (Ed25519). They need the extra `signatures`, which installs `cryptography`."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from .snapshot import Scope, Snapshot

Checked = Literal["good", "missing", "bad"]
"""The result of a check. `missing`: none of the signatures is by a trusted key."""

MAX_TEXT = 2048
"""The longest text of signatures, in bytes: there is room for eight."""
_MAX_SIGNATURES = 8


@dataclass(frozen=True)
class TrustedKey:
    """A public key whose signatures are trusted."""

    id: str
    """The first 8 bytes of the key's SHA-256, in hex."""
    is_valid: Callable[[bytes, bytes], bool] = field(repr=False)
    """Whether a signature is of a text."""


def read_key(text: str) -> TrustedKey:
    """Read a public key (Ed25519), 64 hex digits.

    Raises ValueError for other texts, and ImportError without the extra `signatures`.
    """
    raw = _unhex(text, 32)
    if raw is None:
        raise ValueError("a public key is written as 64 hex digits")
    try:
        ed25519 = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ed25519")
        invalid = importlib.import_module("cryptography.exceptions").InvalidSignature
    except ImportError as error:
        raise ImportError("trusted keys need traffic-manager-client[signatures]") from error
    public = ed25519.Ed25519PublicKey.from_public_bytes(raw)

    def is_valid(signature: bytes, signed: bytes) -> bool:
        try:
            public.verify(signature, signed)
        except invalid:
            return False
        return True

    return TrustedKey(hashlib.sha256(raw).hexdigest()[:16], is_valid)


def statement(snapshot: Snapshot, scope: Scope) -> bytes:
    """Return the text that is signed."""
    lines = (
        "tm-snapshot/v1",
        snapshot.tenant,
        f"service={scope.service or '*'}",
        f"env={scope.env or '*'}",
        str(snapshot.tag),
        snapshot.digest,
    )
    return "".join(f"{line}\n" for line in lines).encode()


def check(keys: Iterable[TrustedKey], snapshot: Snapshot, scope: Scope, text: str | None) -> Checked:
    """Check the signatures of a snapshot.

    A wrong signature of a trusted key spoils all; those of other keys are ignored. Without keys everything is good.
    """
    trusted = {key.id: key for key in keys}
    if not trusted:
        return "good"
    if text is None:
        return "missing"
    signatures = _read(text)
    if signatures is None:
        return "bad"
    signed = statement(snapshot, scope)
    checked: Checked = "missing"
    for key_id, signature in signatures:
        if key_id not in trusted:
            continue
        if not trusted[key_id].is_valid(signature, signed):
            return "bad"
        checked = "good"
    return checked


def _read(text: str) -> list[tuple[str, bytes]] | None:
    items = text.split(",")
    if len(text) > MAX_TEXT or len(items) > _MAX_SIGNATURES:
        return None
    found = []
    for item in items:
        key_id, _, digits = item.strip().partition("=")
        signature = _unhex(digits, 64)
        if signature is None or _unhex(key_id, 8) is None:
            return None
        found.append((key_id.lower(), signature))
    return found


def _unhex(text: str, size: int) -> bytes | None:
    if len(text) != 2 * size or not text.isascii() or not text.isalnum():
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
