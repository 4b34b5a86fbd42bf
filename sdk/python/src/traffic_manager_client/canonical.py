"""JSON: strict reading, and the canonical form of RFC 8785."""

from __future__ import annotations

import json
import math
from typing import Any

Json = dict[str, Any]

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_TABLE = {code: _ESCAPES.get(chr(code), f"\\u{code:04x}") for code in [*range(32), ord('"'), ord("\\")]}


class Malformed(ValueError):
    """A text is not what it should be."""


def _no_number(name: str) -> Any:
    raise Malformed(f"{name} is no JSON")


def read_object(text: str | bytes) -> Json:
    """Return the object of a JSON text; raise `Malformed` for any other text."""
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Malformed("it is no JSON") from None
    if not isinstance(value, dict):
        raise Malformed("it is no JSON object")
    return value


def is_count(value: object) -> bool:
    """Return True for an integer from 0 to 2^63 - 1."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def canonical(value: Any) -> str:
    """Return the RFC 8785 text of a JSON value; raise `Malformed` for what JSON cannot have."""
    if isinstance(value, str):
        return f'"{value.translate(_TABLE)}"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return "[" + ",".join([canonical(item) for item in value]) + "]"
    if not isinstance(value, dict):
        raise Malformed(f"{type(value).__name__} is no JSON value")
    names = sorted(value) if all(map(str.isascii, value)) else sorted(value, key=_utf16)
    return "{" + ",".join([f"{canonical(name)}:{canonical(value[name])}" for name in names]) + "}"


def canonical_bytes(value: Any) -> bytes:
    """Return the UTF-8 bytes of `canonical`; raise `Malformed` for half of a surrogate pair, too."""
    try:
        return canonical(value).encode()
    except UnicodeEncodeError:
        raise Malformed("half of a surrogate pair is no text") from None


def _utf16(name: str) -> bytes:
    """The order of RFC 8785, by UTF-16 code units, is not that of code points."""
    return name.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> str:
    """Return a number as ECMAScript writes it."""
    if not math.isfinite(value):
        raise Malformed(f"{value} is no JSON number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, exponent = f"{abs(value)!r}e0".split("e")[:2]
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"
