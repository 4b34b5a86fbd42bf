"""The clients: both with the same tests."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from traffic_manager_client import AsyncClient, Client, NoAnswer, Options, Problem, VersionTag, Wait, models
from traffic_manager_client.call import Send
from traffic_manager_client.operations import OPERATIONS

from .fake import Json, Made, answer, problem
from .support import REPOSITORY

EPOCH = "aaaaaaaaaaaaaaaa"
NAME = {"tenant": "acme", "service": "web", "env": "prod", "version": "v1"}
BODY = {"url": "https://a.example/"}
ROUTE: Json = {
    **NAME,
    **BODY,
    "is_active": True,
    "labels": {},
    "description": None,
    "revision": 1,
    "created_at": "t",
    "created_by": "x",
    "updated_at": "t",
    "updated_by": "x",
}
HEALTH = {"status": "healthy", "ready": True, "version": "1"}
Make = Callable[..., Made]


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def make(request: pytest.FixtureRequest) -> Make:
    def made(*answers: httpx.Response | Exception, **settings: Any) -> Made:
        return Made(is_async=request.param, answers=list(answers), **settings)

    return made


def test_every_operation_of_the_document_is_a_method_that_sends_its_request(make: Make) -> None:
    document = json.loads((REPOSITORY / "docs/openapi.json").read_text())
    ids = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            ids.append(operation["operationId"])
            name = next(each.name for each in OPERATIONS.values() if each.id == ids[-1])
            made = make(problem(418, "teapot"))
            parameters = inspect.signature(getattr(made.client, name)).parameters.values()
            needed = [each.name for each in parameters if each.default is inspect.Parameter.empty]
            args = {each: {} if each == "body" else "x" for each in needed}
            with pytest.raises(Problem, match="teapot"):
                made.call(name, **args)
            [sent] = made.sent
            assert (sent.method, sent.url.path) == (method.upper(), re.sub(r"\{\w+\}", "x", path))
    assert sorted(ids) == sorted(each.id for each in OPERATIONS.values())
    assert len(ids) > 70


def test_write_sends_its_options_and_says_what_came_of_it(make: Make) -> None:
    headers = {"etag": f'"{EPOCH}.7"', "tm_unchanged": "true", "idempotency_replayed": "true", "x_correlation_id": "r"}
    made = make(answer(200, ROUTE, **headers), token="secret")
    options = Options(
        if_match=VersionTag.parse(f'W/"{EPOCH}.6"'), reason="grün", correlation_id="c", idempotency_key="k"
    )
    body = models.RouteSpecIn(url=BODY["url"])
    written = made.call("put_route", **NAME, body=body, confirm_in_use=True, options=options)
    [sent] = made.sent
    assert sent.url.raw_path == b"/api/v1/routes/acme/web/prod/v1?confirm_in_use=true"
    assert sent.headers["if-match"] == f'"{EPOCH}.6"'
    assert dict(sent.headers.raw)[b"x-reason"] == "grün".encode()
    assert (sent.headers["x-correlation-id"], sent.headers["idempotency-key"]) == ("c", "k")
    assert (sent.headers["authorization"], sent.headers["content-type"]) == ("Bearer secret", "application/json")
    assert sent.headers["user-agent"].startswith("tm-python/")
    assert json.loads(sent.content) == BODY
    assert (written.unchanged, written.replayed, written.request_id) == (True, True, "r")
    assert (written.value.url, str(written.tag)) == (BODY["url"], f"{EPOCH}.7")


CONVERGENCE: Json = {
    "revision": f"{EPOCH}.7",
    "live": 4,
    "converged": 3,
    "refused": 0,
    "lost": 1,
    "unknown": 0,
    "anonymous": 0,
    "laggards": [],
    "oldest": None,
    "partial": False,
    "warming": False,
}


def test_write_waits_for_a_share_of_the_nodes_and_says_how_that_ended(make: Make) -> None:
    states = ["converged", "no_nodes", "partial", "warming", "of a later version"]
    bodies = [{**ROUTE, "convergence": {**CONVERGENCE, "state": state}} for state in states]
    made = make(*[answer(200, body, tm_convergence="0.75") for body in bodies], answer(200, ROUTE), answer(204))
    for state in states:
        written = made.call("put_route", **NAME, body=BODY, wait=Wait(99.9, 2.5))
        assert made.sent[-1].url.query == b"wait=99.9%25%2C2500ms"
        assert (written.convergence.state, written.convergence.converged, written.converged_share) == (state, 3, 0.75)
    assert made.call("put_route", **NAME, body=BODY).convergence is None
    removed = made.call("delete_route", **NAME, wait="100%,5s")
    assert (removed.convergence, removed.converged_share) == (None, None)
    assert made.sent[-1].url.query == b"wait=100%25%2C5s"


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [(Wait(95, 20), 50), ("95%,5s", 35), ("95%,5", 35), ("95%,500ms", 30.5), ("95%", 40), ("95%,3600s", 90)],
)
def test_deadline_is_longer_than_the_wait(make: Make, wait: Wait | str, seconds: float) -> None:
    made = make(answer(200, ROUTE))
    ends: list[float] = []
    kept = made.client._do

    def do(step: Any) -> Any:
        ends.extend([step.until] if isinstance(step, Send) else [])
        return kept(step)

    made.client._do = do
    began = made.clock.monotonic()
    made.call("put_route", **NAME, body=BODY, wait=wait)
    assert ends == [began + seconds]
    with pytest.raises(ValueError, match="longer than the wait"):
        made.call("put_route", **NAME, body=BODY, wait=wait, options=Options(timeout=0.5))


def test_wait_is_a_share_and_a_time_that_the_service_knows() -> None:
    assert [str(Wait(percent)) for percent in (100, 95, 0.07, 99.9999)] == [
        *("100%,10000ms", "95%,10000ms", "0.07%,10000ms", "99.9999%,10000ms"),
    ]
    for wrong in ((0, 1), (101, 1), (50, -1), (50, 61), (float("nan"), 1)):
        with pytest.raises(ValueError, match="must be"):
            Wait(*wrong)


def test_option_that_an_operation_does_not_have_is_refused_before_anything_is_sent(make: Make) -> None:
    made = make()
    with pytest.raises(TypeError, match="get_route does not take reason"):
        made.call("get_route", **NAME, options=Options(reason="x"))
    with pytest.raises(TypeError, match="put_route does not take a text"):
        made.call("put_route", **NAME, body="x")
    assert not made.sent


def test_read_says_how_stale_it_is_and_304_is_no_error(make: Make) -> None:
    made = make(answer(200, ROUTE, etag=f'"{EPOCH}.5"', tm_stale="12"), answer(304, etag=f'"{EPOCH}.5"'))
    read = made.call("get_route", **NAME)
    assert (read.stale_seconds, read.not_modified) == (12, False)
    again = made.call("get_route", **NAME, options=Options(if_none_match=read.tag))
    assert again.not_modified
    with pytest.raises(LookupError):
        _ = again.value
    assert made.sent[1].headers["if-none-match"] == f'"{EPOCH}.5"'


def test_unknown_members_and_values_are_kept(make: Make) -> None:
    made = make(answer(200, {**HEALTH, "status": "sleepy", "mood": "good"}), answer(200, {**ROUTE, "zone": "b"}))
    assert made.call("get_health").value.mood == "good"
    assert made.call("get_route", **NAME).value.zone == "b"


def test_write_is_sent_again_with_the_same_key_and_body(make: Make) -> None:
    made = make(
        problem(503, "commit_unknown", retry_after="3"),
        problem(429, "too_many_requests"),
        httpx.ReadError("the connection was reset"),
        answer(201, ROUTE),
    )
    made.call("upsert_route", body={**NAME, **BODY})
    assert len({sent.headers["idempotency-key"] for sent in made.sent}) == 1
    assert re.fullmatch("[0-9a-f-]{36}", made.sent[0].headers["idempotency-key"])
    assert len({sent.content for sent in made.sent}) == 1
    # Retry-After wins, plus a fifth; then the jitter's limit doubles.
    assert made.clock.slept == pytest.approx([3.6, 0.5, 1.0])


def test_call_is_tried_five_times_at_most_and_not_beyond_its_end(make: Make) -> None:
    made = make(*[problem(503, "unavailable") for _ in range(6)])
    with pytest.raises(Problem, match="unavailable"):
        made.call("get_route", **NAME)
    assert len(made.sent) == 5
    made = make(problem(503, "unavailable", retry_after="60"))
    with pytest.raises(Problem, match="unavailable"):
        made.call("get_route", **NAME)
    assert made.clock.slept == []


def test_500_and_a_write_without_a_key_are_not_sent_again(make: Make) -> None:
    made = make(problem(500, "internal"), problem(503, "unavailable"))
    with pytest.raises(Problem, match="internal"):
        made.call("get_route", **NAME)
    with pytest.raises(Problem, match="unavailable"):
        made.call("rotate_key", key_id="k", body={})
    assert len(made.sent) == 2


def test_all_calls_share_a_budget_of_retries(make: Make) -> None:
    made = make(*[problem(503, "unavailable") for _ in range(200)], timeout=1e6)
    for _ in range(30):
        with pytest.raises(Problem):
            made.call("get_route", **NAME)
    assert len(made.sent) - 30 == 12


def test_reads_ask_for_the_newest_own_write_of_their_tenant(make: Make) -> None:
    page: Json = {"items": [], "next_cursor": None}
    writes = [answer(200, ROUTE, etag=f'"{EPOCH}.{revision}"') for revision in (7, 6)]
    made = make(*writes, answer(200, ROUTE), answer(200, page), answer(200, ROUTE), answer(200, ROUTE))
    made.call("put_route", **NAME, body=BODY)
    made.call("put_route", **NAME, body=BODY)
    made.call("get_route", **NAME)
    made.call("list_routes", tenant="other")
    made.call("get_route", **NAME, options=Options(min_revision=False))
    made.call("get_route", **NAME, at="3")
    assert [sent.headers.get("tm-min-revision") for sent in made.sent[2:]] == [f"{EPOCH}.7", None, None, None]
    assert str(made.client.last_write("acme")) == f"{EPOCH}.7"


def test_own_write_of_an_epoch_that_is_over_is_forgotten(make: Make) -> None:
    made = make(
        answer(200, ROUTE, etag=f'"{EPOCH}.7"'),
        problem(503, "revision_not_reached", etag='"bbbbbbbbbbbbbbbb.2"'),
        answer(200, ROUTE),
        answer(200, ROUTE, etag=f'"{EPOCH}.8"'),
        answer(204),
    )
    made.call("put_route", **NAME, body=BODY)
    made.call("get_route", **NAME)
    assert "tm-min-revision" not in made.sent[2].headers
    made.call("put_route", **NAME, body=BODY)
    made.call("delete_tenant", tenant="acme")
    assert made.client.last_write("acme") is None


def test_token_of_a_function_is_asked_for_once_more_after_401(make: Make) -> None:
    tokens = ["one", "two", "three"]
    refused = [problem(401, "unauthenticated"), problem(401, "unauthenticated")]
    made = make(answer(200, HEALTH), *refused, token=lambda: tokens.pop(0))
    made.call("get_health")
    with pytest.raises(Problem, match="401"):
        made.call("get_health")
    assert [sent.headers["authorization"] for sent in made.sent] == ["Bearer one", "Bearer one", "Bearer two"]


def test_asynchronous_function_may_give_the_token() -> None:
    async def token() -> str:
        return "later"

    made = Made(is_async=True, answers=[answer(200, HEALTH)], token=token)
    made.call("get_health")
    assert made.sent[0].headers["authorization"] == "Bearer later"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_token_goes_over_plain_http_only_to_this_machine(kind: type[Client] | type[AsyncClient]) -> None:
    for url in ("http://10.0.0.1", "ftp://localhost", "https://a:b@tm.example", "tm.example"):
        with pytest.raises(ValueError, match=r"plain http|must be http"):
            kind(url, token="tmk_secret")
    for url in ("http://localhost:1", "http://[::1]:1", "http://127.9.9.9", "https://tm.example"):
        kind(url, token="tmk_secret")
    kind("http://10.0.0.1")
    kind("http://10.0.0.1", token="tmk_secret", allow_plain_http=True)


def test_token_is_not_shown(make: Make) -> None:
    made = make(problem(401, "unauthenticated"), httpx.ConnectError("refused"), token="tmk_secret")
    shown = [repr(made.client), repr(vars(made.client._shared))]
    for name, kind in (("get_health", Problem), ("rotate_key", NoAnswer)):
        args = {"key_id": "k", "body": {}} if name == "rotate_key" else {}
        with pytest.raises(kind) as failed:
            made.call(name, **args)
        shown += [str(failed.value), repr(failed.value), repr(failed.value.__cause__)]
    assert "tmk_secret" not in " ".join(shown)
    with pytest.raises(ValueError, match="no header") as wrong:
        make(token="tmk_secret\n").call("get_health")
    assert "tmk_secret" not in str(wrong.value)


def test_problem_has_its_code_fields_and_request_id(make: Make) -> None:
    errors = [{"pointer": "/url", "code": "not_a_url", "detail": "an absolute URL"}]
    made = make(
        problem(422, "invalid_request", {"request_id": "id-1", "errors": errors}),
        answer(502, "<html>", x_correlation_id="id-2"),
        problem(409, "shrink_not_confirmed", {"confirm_shrink": "h", "active_routes": 20, "removed_routes": 15}),
        problem(409, "version_in_use", {"may_confirm": True}),
    )

    def failed() -> Problem:
        with pytest.raises(Problem) as found:
            made.call("put_route", **NAME, body=BODY)
        return found.value

    invalid, strange, shrink, in_use = failed(), failed(), failed(), failed()
    assert str(invalid) == "422 invalid_request: why; /url: an absolute URL (request id-1)"
    assert invalid.errors[0].code == "not_a_url"
    assert (strange.code, strange.status, strange.request_id) == ("unexpected_answer", 502, "id-2")
    assert shrink.shrink
    assert (shrink.shrink.confirm, shrink.shrink.removed_routes) == ("h", 15)
    assert in_use.may_confirm_in_use


def test_pages_are_read_one_after_the_other(make: Make) -> None:
    def page(versions: list[str], cursor: str | None) -> httpx.Response:
        return answer(200, {"items": [{**ROUTE, "version": each} for each in versions], "next_cursor": cursor})

    made = make(page(["v1", "v2"], "c1"), page([], "c2"), page(["v3"], None))
    found = made.listed("list_routes", tenant="acme", limit=2)
    assert [route.version for route in found] == ["v1", "v2", "v3"]
    assert made.sent[2].url.query == b"cursor=c2&limit=2&tenant=acme"


def test_parameters_of_resolve_route_that_are_objects_become_single_ones(make: Make) -> None:
    made = make(problem(404, "route_not_found"))
    with pytest.raises(Problem):
        made.call("resolve_route", tenant="acme", service="web", env="prod", request_headers={"header.x-beta": "yes"})
    assert b"header.x-beta=yes" in made.sent[0].url.query


def test_text_is_sent_as_yaml(make: Make) -> None:
    made = make(problem(422, "invalid_request"))
    with pytest.raises(Problem):
        made.call("create_plan", tenant="acme", body="routes: []\n")
    assert made.sent[0].headers["content-type"] == "application/yaml"
    assert made.sent[0].content == b"routes: []\n"


def test_call_without_an_answer_in_time_is_no_answer(make: Make) -> None:
    made = make(*[httpx.ReadTimeout("late") for _ in range(5)])
    with pytest.raises(NoAnswer, match="ReadTimeout: late"):
        made.call("get_health")


def test_export_is_a_stream_of_lines() -> None:
    made = Made(is_async=False, answers=[answer(200, '{"a": 1}\n\n{"a": 2}\n{"a": 3}')])
    with made.client.export_audit_events(tenant="acme").value as stream:
        assert list(stream.lines()) == ['{"a": 1}', '{"a": 2}', '{"a": 3}']


class Slow(BaseHTTPRequestHandler):
    """Answers the beginning of a stream at once, and the rest later; other requests never."""

    def do_GET(self) -> None:
        if self.path.endswith("/stream"):
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
        self.server.may_go_on.wait(10)  # type: ignore[attr-defined]
        self.wfile.write(b"data: late\n\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_deadline_is_of_the_beginning_of_a_stream_and_of_a_whole_other_answer(is_async: bool) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    may_go_on = threading.Event()
    server.may_go_on = may_go_on  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, options = f"http://127.0.0.1:{server.server_port}", Options(timeout=0.2)

    async def walk() -> None:
        async with AsyncClient(url) as client:
            with pytest.raises(NoAnswer):
                await client.get_health(options=options)
            stream = (await client.stream_changes(tenant="acme", options=options)).value
            later = asyncio.get_running_loop().call_later(0.5, may_go_on.set)
            assert [event.data async for event in stream.events()] == ["late"]
            later.cancel()

    try:
        if is_async:
            asyncio.run(walk())
            return
        with Client(url) as client:
            with pytest.raises(NoAnswer):
                client.get_health(options=options)
            stream = client.stream_changes(tenant="acme", options=options).value
            threading.Timer(0.5, may_go_on.set).start()
            assert [event.data for event in stream.events()] == ["late"]
    finally:
        may_go_on.set()
        server.shutdown()
        server.server_close()


def test_stream_has_events() -> None:
    text = "id: 1\nevent: change\ndata: x\n\n"
    made = Made(is_async=False, answers=[answer(200, text)])
    [event] = made.client.stream_changes(tenant="acme").value.events()
    assert (event.id, event.name, event.data) == ("1", "change", "x")
    assert made.sent[0].url.path == "/api/v1/tenants/acme/stream"
