#!/usr/bin/env python3
"""Verifies Traffic Manager's hash chains, independently of its code. Python's standard library only.

    verify_chain.py [--from-middle] [FILE ...]     events from files, or from standard input
    verify_chain.py --self-test                    shows that each kind of forgery is found

Reads JSON values one after the other: events, archived documents (the event is their member `event`), or pages of the audit API
(`items` or `events`). mongoexport's extended JSON ({"$numberLong": "7"}) is understood.

Per tenant and epoch: every event must hash to its member `hash` (SHA-256 over the RFC 8785 bytes of the event without it), name the
hash of the event before it in `prev_hash` (64 zeros for the first), and revisions must be 1..n, items 0..items-1, each once.

What this cannot show: that events are missing at the end, or that a whole chain was made anew. For that, compare the printed head with
one that was kept elsewhere.
"""

import argparse
import hashlib
import json
import sys

GENESIS = "0" * 64


class Bad(Exception):
    """What is wrong, in words."""


def canonical(value):
    """The RFC 8785 (JCS) form of a JSON value. Events hold no fractions, so none are taken."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        if abs(value) > 2**53 - 1:
            raise Bad(f"{value} is not an integer that JSON parsers agree on")
        return str(value)
    if isinstance(value, float):
        raise Bad(f"{value} is a fraction; events hold none")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    # Members are sorted by their UTF-16 code units.
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"


def hash_of(event):
    body = {name: value for name, value in event.items() if name != "hash"}
    return hashlib.sha256(canonical(body).encode("utf-8")).hexdigest()


def plain(value):
    """mongoexport's {"$numberLong": "7"} as 7."""
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("$numberLong", "$numberInt"):
            return int(next(iter(value.values())))
        return {name: plain(member) for name, member in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def events_in(value):
    """The events in an event, an archived document, or a page of either."""
    if isinstance(value, list):
        for item in value:
            yield from events_in(item)
    elif isinstance(value, dict) and isinstance(value.get("event"), dict):
        yield value["event"]
    elif isinstance(value, dict) and "prev_hash" in value:
        yield value
    elif isinstance(value, dict) and ("items" in value or "events" in value):
        yield from events_in(value.get("items", value.get("events")))
    else:
        raise Bad("neither an event, nor an archived document, nor a page of them")


def values_in(text):
    decoder, at = json.JSONDecoder(), 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return
        value, at = decoder.raw_decode(text, at)
        yield plain(value)


def verify(chain, from_middle=False):
    """Checks the events of one tenant and epoch, in order, and returns the last hash."""
    previous, revision, item, items = None, 0, 0, 0
    for event in chain:
        where = f"revision {event['revision']} item {event['item']}"
        if hash_of(event) != event.get("hash"):
            raise Bad(f"{where}: its content does not hash to what it says: it was edited")
        if previous is None and from_middle:
            revision, item, items = event["revision"], event["item"], event["items"]
        elif item + 1 < items:
            item += 1
        else:
            revision, item, items = revision + 1, 0, event["items"]
        place = (event["revision"], event["item"], event["items"])
        if place < (revision, item, items):
            raise Bad(f"{where}: it stands twice")
        if place != (revision, item, items):
            raise Bad(f"{where}: revision {revision} item {item} was expected here: something is missing")
        expected = GENESIS if previous is None else previous
        if not (previous is None and from_middle and revision > 1) and event["prev_hash"] != expected:
            raise Bad(f"{where}: it does not name the event before it: something was replaced, inserted or reordered")
        previous = event["hash"]
    if item + 1 < items:
        raise Bad(f"revision {revision}: only {item + 1} of its {items} items are here")
    return previous


def check(events, from_middle=False):
    """Verifies every chain among the events; returns lines to print and whether all is well."""
    chains = {}
    for event in events:
        chains.setdefault((event["tenant"], event["epoch"]), []).append(event)
    lines, good = [], True
    for (tenant, epoch), chain in sorted(chains.items()):
        chain.sort(key=lambda event: (event["revision"], event["item"]))
        try:
            head = verify(chain, from_middle)
            span = f"revisions {chain[0]['revision']}..{chain[-1]['revision']}"
            lines.append(f"{tenant} {epoch} verified: {len(chain)} events, {span}, head {head}")
        except Bad as bad:
            good = False
            lines.append(f"{tenant} {epoch} BAD: {bad}")
    return lines, good


def self_test():
    def chain(count):
        events, previous = [], GENESIS
        for revision in range(1, count + 1):
            event = {"tenant": "t", "epoch": "e", "revision": revision, "item": 0, "items": 1, "reason": 'é "\u20ac"\u2028', "prev_hash": previous}
            event["hash"] = previous = hash_of(event)
            events.append(event)
        return events

    def resealed(event, **changes):
        changed = {**event, **changes}
        changed["hash"] = hash_of(changed)
        return changed

    good = chain(5)
    assert check(good)[1] and check(list(reversed(good)))[1], "order of delivery does not matter"
    assert check(good[2:], from_middle=True)[1] and not check(good[2:])[1]
    forgeries = {
        "edited": good[:2] + [{**good[2], "reason": "another"}] + good[3:],
        "edited and resealed": good[:2] + [resealed(good[2], reason="another")] + good[3:],
        "deleted": good[:2] + good[3:],
        "doubled": good + [good[2]],
        "reordered": good[:2] + [resealed(good[3], revision=3), resealed(good[2], revision=4)] + good[4:],
        "inserted": good + [resealed(good[2], reason="another")],
        "without its beginning": good[1:],
    }
    for name, events in forgeries.items():
        lines, accepted = check(events)
        assert not accepted, name
        print(f"found: {name}: {lines[0].split('BAD: ')[1]}")
    print("self-test passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--from-middle", action="store_true", help="the events need not begin at revision 1")
    parser.add_argument("--self-test", action="store_true", help="show that each kind of forgery is found")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return 0
    texts = [open(name, encoding="utf-8").read() for name in arguments.files] or [sys.stdin.read()]
    try:
        events = [event for text in texts for value in values_in(text) for event in events_in(value)]
        lines, good = check(events, arguments.from_middle)
    except (Bad, KeyError, TypeError, json.JSONDecodeError) as error:
        print(f"not readable: {error!r}", file=sys.stderr)
        return 2
    print("\n".join(lines) or "no events")
    return 0 if good and events else 1


if __name__ == "__main__":
    sys.exit(main())
