"""Plays the cases of sdk/conformance/cases.json against both watchers, over HTTP on loopback.

TM_CASE chooses those that have a text in their names.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from .conformance.content import Json
from .conformance.play import AsyncHandle, SyncHandle, check_case, play
from .support import REPOSITORY

DOCUMENT = json.loads((REPOSITORY / "sdk/conformance/cases.json").read_text())
CASES: list[Json] = DOCUMENT["cases"]
CHOSEN = [case for case in CASES if os.environ.get("TM_CASE", "") in case["name"]]
HANDLES = pytest.mark.parametrize("make", [AsyncHandle, SyncHandle])
Make = Callable[[Any], Any]


def test_cases_have_the_known_format_and_different_names() -> None:
    assert DOCUMENT["format"] == 1
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert CHOSEN
    for case in CASES:
        check_case(case)


@HANDLES
def test_watcher_holds_what_cases_without_times_say(make: Make) -> None:
    failed = asyncio.run(play_together([case for case in CHOSEN if "times" not in case], make))
    assert not failed, "\n".join(failed)


async def play_together(cases: list[Json], make: Make) -> list[str]:
    turns = asyncio.Semaphore(8)

    async def turn(case: Json) -> str | None:
        async with turns:
            try:
                await play(case, make)
            except AssertionError as error:
                return str(error)
        return None

    return [why for why in await asyncio.gather(*map(turn, cases)) if why]


# Alone, so that a busy machine does not miss a deadline.
@HANDLES
@pytest.mark.parametrize("case", [case for case in CHOSEN if "times" in case], ids=lambda case: case["name"])
def test_watcher_holds_what_cases_with_times_say(case: Json, make: Make) -> None:
    asyncio.run(play(case, make))


@HANDLES
@pytest.mark.parametrize(
    "step",
    [
        {"holds": {"tag": "a.6"}},
        {"holds": {"routes": {"web/prod/v1": "https://6.example/"}}},
        {"holds": {"refused": {"digest": 1}}},
        {"expect": "poll"},
        {"expect": "stream", "last_event_id": "a.4"},
        {"expect": "stream", "token": "other"},
    ],
)
def test_wrong_expectation_is_noticed(step: Json, make: Make) -> None:
    case = {"name": "wrong", "patience_ms": 300, "steps": [{"begin": "a.5"}, step]}
    with pytest.raises(AssertionError, match="wrong: step 2"):
        asyncio.run(play(case, make))
