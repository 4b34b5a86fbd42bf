from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from traffic_manager_client import AsyncWatcher, EventTooLarge, SseEvent, Stopped, VersionTag, Watcher, WatcherSettings
from traffic_manager_client.backoff import Backoff, retry_after
from traffic_manager_client.canonical import Malformed, canonical, canonical_bytes
from traffic_manager_client.disk import Disk, read, write
from traffic_manager_client.follow import Follower
from traffic_manager_client.snapshot import Scope
from traffic_manager_client.sse import SseParser

from .conformance import content


def test_canonical_json_sorts_by_utf16_and_escapes_as_little_as_it_can() -> None:
    names = dict.fromkeys(["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"], 0)
    ordered = list(json.loads(canonical(names)))
    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert canonical('\u20ac$\u000f\nA\'B"\\\\"/\u007f') == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f"'
    with pytest.raises(Malformed):
        canonical_bytes("\ud800")


# The examples of RFC 8785, appendix B, and the ends of each form.
@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-1.7976931348623157e308, "-1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (0.000001, "0.000001"),
        (333333333.3333332, "333333333.3333332"),
        (4.5, "4.5"),
        (-0.02, "-0.02"),
        (100.0, "100"),
    ],
)
def test_number_is_written_as_rfc_8785_says(number: float, text: str) -> None:
    assert canonical(number) == text


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), object()])
def test_value_that_json_cannot_have_is_malformed(wrong: object) -> None:
    with pytest.raises(Malformed):
        canonical(wrong)


def test_tag_is_read_with_quotes_and_weak_and_nothing_else_is_one() -> None:
    text = "00c0ffee00c0ffee.41"
    for form in (text, f'"{text}"', f'W/"{text}"'):
        assert str(VersionTag.parse(form)) == text
    wrong = ["", "*", "00c0ffee00c0ffee.", "00c0ffee00c0ffee.01", "00C0FFEE00C0FFEE.1", f"{text}{'9' * 19}", None]
    assert [VersionTag.parse(each) for each in wrong] == [None] * len(wrong)


def test_limit_of_the_backoff_doubles_up_to_the_last_and_begins_again() -> None:
    backoff = Backoff(0.25, 30)
    assert [backoff.next(1) for _ in range(9)] == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30]
    backoff.reset()
    assert backoff.next(0.5) == 0.125


def test_retry_after_is_seconds_or_a_date() -> None:
    now = 1_800_000_000.0
    assert retry_after(" 7", now) == 7
    assert retry_after("Fri, 15 Jan 2027 08:00:30 GMT", now) == 30
    assert retry_after("Fri, 15 Jan 2027 07:00:00 GMT", now) == 0
    assert [retry_after(wrong, now) for wrong in (None, "", "-1", "soon", "1.5")] == [None] * 5


STREAM = (
    "\ufeffretry: 1000\n\n: comment\n\nevent: change\ndata: ä\n\nid: 7\r\nevent: change\r\ndata: b\rdata:c\r\rdata\n\n"
    "id: 8\n\nid: 9\ndata: d\nother: x\n\ndata: cut"
).encode()
EVENTS = [
    SseEvent(None, "change", "ä"),
    SseEvent("7", "change", "b\nc"),
    SseEvent(None, "", ""),
    SseEvent("9", "", "d"),
]


def test_stream_in_pieces_of_any_size_has_the_same_events() -> None:
    for size in range(1, len(STREAM) + 1):
        parser = SseParser(1000)
        pieces = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
        assert [event for piece in pieces for event in parser.read(piece)] == EVENTS, size


def test_event_of_too_many_bytes_is_refused_before_it_is_kept() -> None:
    parser = SseParser(10)
    assert parser.read(b"data: 1234") == []
    with pytest.raises(EventTooLarge):
        parser.read(b"5")
    with pytest.raises(EventTooLarge):
        SseParser(16).read(b"data: 12345\ndata: 12345\n")
    patient = SseParser(20)
    assert all(len(patient.read(b": comment\ndata: 1\n\n")) == 1 for _ in range(100))


def follower() -> Follower:
    return Follower("acme", Scope(), max_bytes=10_000)


def test_file_is_for_its_owner_alone_and_survives_a_failed_write(tmp_path: Path) -> None:
    path = tmp_path / "acme.tm"
    disk, first, second = Disk(path, 10_000), follower(), follower()
    for each, short in ((first, "a.5"), (second, "a.6")):
        each.snapshot(content.body(content.full(short)), None, None, 1_800_000_000.5)
        saved = each.saved()
        assert saved is not None
        disk.save(saved)
        assert read(write(saved)) == saved
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["acme.tm", "acme.tm.previous"]
    restored = follower()
    disk.restore(restored)
    assert str(restored.known_tag) == content.tag("a.6")
    assert restored.view().confirmed == 1_800_000_000.5
    path.rename(tmp_path / "moved")
    restored = follower()
    disk.restore(restored)
    assert str(restored.known_tag) == content.tag("a.5")
    missing = Disk(tmp_path / "none" / "acme.tm", 10_000)
    assert saved is not None
    with pytest.raises(FileNotFoundError):
        missing.save(saved)


def test_file_of_the_rust_watcher_with_nanoseconds_is_read() -> None:
    mine = follower()
    mine.snapshot(content.body(content.full("a.5")), None, None, 1_800_000_000.123456)
    saved = mine.saved()
    assert saved
    _, head, body = write(saved).split(b"\n")
    rest = head.replace(b".123456Z", b".123456789Z") + b"\n" + body
    file = b"tm-watch 1 " + content.sha(rest).hex().encode() + b"\n" + rest
    assert read(file).confirmed == pytest.approx(1_800_000_000.123456)


@pytest.mark.parametrize("kind", [Watcher, AsyncWatcher])
def test_watcher_refuses_wrong_settings_before_it_starts(kind: type[Watcher] | type[AsyncWatcher]) -> None:
    for url, keys in (([], []), ("http://10.0.0.1", []), ("ftp://localhost", []), ("http://localhost", ["x"])):
        with pytest.raises(ValueError, match=r"server|http|hex"):
            kind(WatcherSettings(url=url, tenant="acme", token="tmk_secret", trusted_keys=keys))
    assert "tmk_secret" not in repr(WatcherSettings(url="http://localhost", tenant="acme", token="tmk_secret"))


def test_watcher_says_that_it_was_stopped_or_that_nothing_came_in_time() -> None:
    watcher = Watcher(WatcherSettings(url="http://127.0.0.1:1", tenant="acme"))
    with pytest.raises(Stopped):
        watcher.ready()
    with watcher:
        assert (watcher.current(), watcher.age, watcher.tag) == (None, None, None)
        with pytest.raises(TimeoutError):
            watcher.ready(timeout=0.01)
    with pytest.raises(Stopped):
        watcher.ready()


def test_asynchronous_watcher_wakes_who_waits_when_it_stops() -> None:
    async def walk() -> None:
        async with AsyncWatcher(WatcherSettings(url="http://127.0.0.1:1", tenant="acme")) as watcher:
            waiting = asyncio.ensure_future(watcher.ready())
            await asyncio.sleep(0)
        with pytest.raises(Stopped):
            await waiting

    asyncio.run(walk())
