"""The bearer token, and where it may be sent."""

from __future__ import annotations

import inspect
import ipaddress
import re
from collections.abc import Awaitable, Callable

import httpx

Token = str | Callable[[], str]
"""A bearer token, or a function that gives one. It is asked again after the service refused the last one."""

AsyncToken = str | Callable[[], str | Awaitable[str]]
"""The same; the function may be asynchronous."""


class TokenSource:
    """The token in use, kept until the service refuses it. It is in no error and no text of an object."""

    __slots__ = ("_present", "_token")

    def __init__(self, token: AsyncToken | None) -> None:
        self._token = token
        self._present: str | None = token if isinstance(token, str) else None

    @property
    def is_kept(self) -> bool:
        """Whether a token is kept from an earlier request."""
        return self._present is not None

    @property
    def is_missing(self) -> bool:
        """Whether a function is to be asked for a token."""
        return self._token is not None and self._present is None

    def ask(self) -> str | Awaitable[str]:
        """Return the token, or what the function gives. Raises what the function raises."""
        return self._token() if callable(self._token) else str(self._token)

    def keep(self, token: str) -> None:
        """Take the token that the function gave."""
        self._present = token

    async def ask_async(self) -> None:
        """Ask the function for a token if none is kept."""
        if self.is_missing:
            given = self.ask()
            self.keep(await given if inspect.isawaitable(given) else str(given))

    def headers(self) -> dict[str, str]:
        """Return the header `Authorization`, if there is a token. Raises ValueError if no header can have it."""
        if self._present is None:
            return {}
        if not re.fullmatch(r"[!-~]+", self._present):
            self._present = None
            raise ValueError("the token has characters that no header can have")
        return {"authorization": f"Bearer {self._present}"}

    def refused(self, *, was_kept: bool) -> bool:
        """Take the service's word that the token is wrong.

        Returns True if it is worth asking once more: it was of an earlier request, and a function may give another one.
        """
        if not callable(self._token):
            return False
        self._present = None
        return was_kept


def base_url(text: str, *, has_token: bool, allow_plain_http: bool) -> httpx.URL:
    """Read a base URL.

    Raises ValueError if it is neither http nor https or has a password, and if a token would be sent over plain http to
    another machine.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"a service's URL is wrong: {error}") from None
    if url.scheme not in ("http", "https") or url.userinfo or not url.host:
        raise ValueError("a service's URL must be http or https, without a user name and a password")
    if url.scheme == "http" and has_token and not allow_plain_http and not _is_loopback(url.host):
        raise ValueError(f"the token would be sent over plain http to {url.host}; use https, or set allow_plain_http")
    return url.copy_with(raw_path=url.raw_path.split(b"?")[0].rstrip(b"/"), fragment=None)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
