"""Errors of calls."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import ValidationError

from . import models
from .backoff import retry_after
from .tag import VersionTag


@dataclass(frozen=True)
class Shrink:
    """How much a change removes, and the hash with which it is confirmed."""

    confirm: str
    active_routes: int
    removed_routes: int


class Problem(Exception):
    """The service answered with an error (RFC 9457)."""

    def __init__(self, status: int, content: bytes, headers: httpx.Headers, now: float) -> None:
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        is_problem = isinstance(body, dict) and isinstance(body.get("code"), str)
        self.body: dict[str, Any] = body if is_problem else {}
        """The body of the answer, with the members that only this code has."""
        self.status = status
        """The HTTP status."""
        self.code: str = self.body.get("code", "unexpected_answer")
        """The stable code. `unexpected_answer` if the answer is no problem, such as that of a proxy in between."""
        self.title: str = self.body.get("title", self.code)
        """The title of the code."""
        self.detail: str = self.body.get("detail", f"the service answered {status}")
        """A text about this occurrence, for people."""
        self.request_id: str | None = self.body.get("request_id") or headers.get("x-correlation-id")
        """The id of the request, to find it in the logs and in the audit trail."""
        self.errors: list[models.FieldError] = [models.FieldError(**each) for each in self.body.get("errors", ())]
        """The fields that are wrong."""
        self.retry_after = retry_after(headers.get("retry-after"), now)
        """The time of `Retry-After`, in seconds."""
        self.tag = VersionTag.parse(headers.get("etag"))
        """The version tag that the answer names, if any: `revision_not_reached` names the newest available."""
        fields = "".join(f"; {each.pointer}: {each.detail}" for each in self.errors)
        request = f" (request {self.request_id})" if self.request_id else ""
        super().__init__(f"{status} {self.code}: {self.detail}{fields}{request}")

    @property
    def stale_plan(self) -> models.Plan | None:
        """`plan_stale`: the new plan of the same document. It may lack changes; `PlanApply` reads it whole."""
        try:
            return models.Plan.model_validate(self.body.get("plan")) if self.code == "plan_stale" else None
        except ValidationError:
            return None

    @property
    def shrink(self) -> Shrink | None:
        """`shrink_not_confirmed`: how much the change removes, and how it is confirmed."""
        confirm = self.body.get("confirm_shrink")
        if not isinstance(confirm, str):
            return None
        return Shrink(confirm, self.body.get("active_routes", 0), self.body.get("removed_routes", 0))

    @property
    def may_confirm_in_use(self) -> bool:
        """`version_in_use`: whether the change can be confirmed with `confirm_in_use`."""
        return self.body.get("may_confirm") is True


class NoAnswer(Exception):
    """The service did not answer, or its answer broke off. `__cause__` says why."""
