from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
from typing import Any

import pytest

from traffic_manager_client import Checkpoint, NotEvents, verify, verify_tenant, verify_tenant_async

from .fake import Json, Made, answer
from .support import REPOSITORY

# Members whose names and texts are easy to sort and to write wrongly.
ODD: Json = {"\u20ac": 1, "\r": 'é "\u2028\n\u0001', "\ufb33": [], "😀": None, "1": {"b": True, "a": [1, "x"]}}


def script() -> Any:
    """docs/verify_chain.py, which is independent of this package."""
    spec = importlib.util.spec_from_file_location("verify_chain", REPOSITORY / "docs/verify_chain.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = script()


def sealed(event: Json) -> Json:
    content = {name: value for name, value in event.items() if name != "hash"}
    return {**content, "hash": hashlib.sha256(SCRIPT.canonical(content).encode()).hexdigest()}


def chain(*places: tuple[int, int, int]) -> list[Json]:
    events: list[Json] = []
    for revision, item, items in places:
        place = {"tenant": "t", "epoch": "e", "revision": revision, "item": item, "items": items, "action": "created"}
        content = {"id": f"{revision}-{item}", "after": {"url": "http://a/", "is_active": True}, **ODD}
        previous = events[-1]["hash"] if events else "0" * 64
        events.append(sealed({**place, **content, "actor": {"id": "someone"}, "reason": "why", "prev_hash": previous}))
    return events


WHOLE = chain((1, 0, 1), (2, 0, 2), (2, 1, 2), (3, 0, 1))


def fault(events: list[Any], **how: Any) -> str:
    """The fault, about which the script must agree."""
    [result] = verify(events, **how)
    checkpoint: Checkpoint | None = how.get("checkpoint")
    known = {(checkpoint.tenant, checkpoint.epoch): (checkpoint.revision, checkpoint.hash)} if checkpoint else None
    pairs = [pair for event in events for pair in SCRIPT.events_in(event)]
    _, good = SCRIPT.check(pairs, from_middle=how.get("from_middle", False), checkpoints=known)
    assert good == (result.fault is None)
    return result.fault or "whole"


def test_whole_chain_is_whole_in_any_order() -> None:
    [result] = verify(WHOLE)
    assert (result.tenant, result.epoch, result.events, result.head) == ("t", "e", 4, WHOLE[3]["hash"])
    assert fault(WHOLE[::-1]) == "whole"
    assert fault([{"items": [{"event": event, "url": "http://a/", "state": "active"} for event in WHOLE]}]) == "whole"


def test_each_kind_of_forgery_is_found() -> None:
    edited = [{**event, "reason": "other"} if at == 1 else event for at, event in enumerate(WHOLE)]
    assert "revision 2 item 0: edited" in fault(edited)
    assert "revision 2 item 1: broken" in fault([sealed(event) for event in edited])
    assert "missing: revision 1 item 0" in fault(WHOLE[1:])
    assert "missing: revision 2 item 1" in fault(WHOLE[:2] + WHOLE[3:])
    assert "only 1 of its 2 items" in fault(WHOLE[:2])
    assert "doubled" in fault([*WHOLE, WHOLE[3]])
    assert "the document's changed_by" in fault([{"event": event, "changed_by": "another"} for event in WHOLE])
    for odd in (2**53, 0.5):
        assert "not exact" in fault([{**WHOLE[0], "more": odd}])


def test_version_of_an_event_is_in_the_type_of_its_document_only() -> None:
    for version in (1, 2, 10):
        documents = [{"event": event, "event_type": f"trafficmanager.route.created.v{version}"} for event in WHOLE]
        assert fault(documents) == "whole"
    for wrong in ("trafficmanager.route.deleted.v2", "trafficmanager.route.created.v2x"):
        assert "the document's event_type" in fault([{"event": event, "event_type": wrong} for event in WHOLE])


def test_chain_may_begin_in_the_middle_or_after_a_checkpoint() -> None:
    assert fault(WHOLE[1:], from_middle=True) == "whole"
    assert fault(WHOLE[3:], checkpoint=Checkpoint("t", "e", 2, WHOLE[2]["hash"])) == "whole"
    assert "broken" in fault(WHOLE[3:], checkpoint=Checkpoint("t", "e", 2, "x"))


def test_opened_personal_data_are_compared_only_in_archived_documents() -> None:
    event = sealed({**WHOLE[0], "reason": "enc:v1:abc"})
    assert fault([{"event": event, "reason": "opened"}]) == "whole"
    assert "the document's reason" in fault([{"event": event, "reason": "opened", "_id": event["id"]}])


@pytest.mark.parametrize("wrong", [7, "x", {}, {"prev_hash": "x"}, {**WHOLE[0], "revision": "1"}])
def test_anything_that_is_no_event_is_refused(wrong: Any) -> None:
    with pytest.raises(NotEvents):
        verify([wrong])


def test_export_of_a_tenant_is_read_line_by_line() -> None:
    text = "".join(f"{json.dumps(event)}\n" for event in WHOLE)
    made = Made(is_async=False, answers=[answer(200, text)])
    [result] = verify_tenant(made.client, "t")
    assert (result.fault, result.events) == (None, 4)
    assert made.sent[0].url.query == b"format=ndjson&tenant=t"
    made = Made(is_async=True, answers=[answer(200, text)])
    assert asyncio.run(verify_tenant_async(made.client, "t")) == [result]
    with pytest.raises(NotEvents):
        verify_tenant(Made(is_async=False, answers=[answer(200, text[:-9])]).client, "t")
