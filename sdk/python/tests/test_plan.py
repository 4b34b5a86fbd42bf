from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from traffic_manager_client import AsyncPlanApply, PlanApply, PlanChanged, Problem

from .fake import Json, Made, answer, problem

KEY = {"service": "web", "env": "prod", "version": "v1"}
SPEC = {"url": "u", "is_active": True, "labels": {}, "description": None}
CHANGES = [{"action": "create", "key": KEY, "before": None, "after": SPEC}]
COUNTS = {"create": 1, "update": 0, "delete": 0, "unchanged": 0}


def plan(name: str, changes: list[Any] | None = None) -> Json:
    return {
        "id": name,
        "hash": f"hash-{name}",
        "tenant": "acme",
        "base": "e.1",
        "scope": {"service": None, "env": None},
        "prune": False,
        "summary": COUNTS,
        "active_routes": [0, 1],
        "warnings": [],
        "reason": None,
        "created_at": "t",
        "created_by": "x",
        "expires_at": "t",
        "changes": CHANGES if changes is None else changes,
    }


def stale(name: str) -> httpx.Response:
    return problem(409, "plan_stale", {"plan": plan(name, []), "more_changes": True})


def applied() -> httpx.Response:
    return answer(200, {"tenant": "acme", "revision": 2, "summary": COUNTS})


class Planned:
    """A plan of either client, with scripted answers after it was made."""

    def __init__(self, *answers: httpx.Response, is_async: bool) -> None:
        self.made = Made(is_async=is_async, answers=[answer(201, plan("1")), *answers])
        self.plans = (AsyncPlanApply if is_async else PlanApply)(self.made.client, "acme")
        self.plan: Any = self.made.run(lambda: self.plans.plan({"routes": []}, reason="why"))

    def apply(self, **confirmations: Any) -> Any:
        return self.made.run(lambda: self.plan.apply(**confirmations))

    def paths(self) -> list[str]:
        return [f"{sent.method} {sent.url.path.partition('/plans')[2]}" for sent in self.made.sent]


both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@both
def test_plan_is_applied_by_its_hash_with_what_the_caller_confirms(is_async: bool) -> None:
    planned = Planned(applied(), is_async=is_async)
    assert planned.apply(confirm_shrink="h", confirm_in_use=True).value.revision == 2
    assert planned.made.sent[0].headers["x-reason"] == "why"
    wanted = {"hash": "hash-1", "confirm_shrink": "h", "confirm_in_use": True}
    assert json.loads(planned.made.sent[1].content) == wanted


@both
def test_stale_plan_with_the_same_changes_is_applied(is_async: bool) -> None:
    planned = Planned(stale("2"), answer(200, plan("2")), applied(), is_async=is_async)
    planned.apply(confirm_shrink="hash-1")
    assert planned.paths() == ["POST ", "POST /1/apply", "GET /2", "POST /2/apply"]
    assert json.loads(planned.made.sent[3].content) == {"hash": "hash-2", "confirm_shrink": "hash-2"}


@both
def test_stale_plan_with_other_changes_is_given_back_and_not_applied(is_async: bool) -> None:
    planned = Planned(stale("2"), answer(200, plan("2", [])), answer(204), is_async=is_async)
    with pytest.raises(PlanChanged) as changed:
        planned.apply()
    assert changed.value.plan.body.id == "2"
    planned.made.run(changed.value.plan.discard)
    assert planned.paths() == ["POST ", "POST /1/apply", "GET /2", "DELETE /2"]


@both
def test_plan_that_is_stale_again_and_again_is_given_back_in_the_end(is_async: bool) -> None:
    answers = [each for _ in range(6) for each in (stale("2"), answer(200, plan("2")))]
    planned = Planned(*answers, is_async=is_async)
    with pytest.raises(PlanChanged):
        planned.apply()


@both
def test_missing_confirmation_is_the_callers_to_give(is_async: bool) -> None:
    planned = Planned(problem(409, "shrink_not_confirmed", {"confirm_shrink": "h"}), is_async=is_async)
    with pytest.raises(Problem, match="shrink_not_confirmed"):
        planned.apply()
    assert len(planned.made.sent) == 2


@both
def test_preview_keeps_no_plan_and_a_rollback_is_a_plan(is_async: bool) -> None:
    gone = ("id", "hash", "reason", "created_at", "created_by", "expires_at")
    preview = {name: value for name, value in plan("1").items() if name not in gone}
    planned = Planned(answer(200, preview), answer(201, plan("3")), is_async=is_async)
    assert planned.made.run(lambda: planned.plans.preview({})).summary.create == 1
    assert planned.made.sent[1].url.query == b"dry_run=true"
    assert planned.made.run(lambda: planned.plans.rollback(4)).body.id == "3"
    assert json.loads(planned.made.sent[2].content) == {"to": 4}
