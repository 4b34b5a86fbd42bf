#!/usr/bin/env python3
"""Verifies Traffic Manager's hash chains, independently of its code. Python's standard library only.

    verify_chain.py [--from-middle] [FILE ...]     events from files, or from standard input
    verify_chain.py --checkpoint TENANT EPOCH REVISION HASH [FILE ...]
                                                   a chain whose beginning was removed up to this revision
    verify_chain.py --self-test                    shows that each kind of forgery is found

Reads JSON values one after the other: events, archived documents (the event is their member `event`), or pages of the audit API
(`items` or `events`). mongoexport's extended JSON ({"$numberLong": "7"}) is understood.

Per tenant and epoch: every event must hash to its member `hash` (SHA-256 over the RFC 8785 bytes of the event without it), name the
hash of the event before it in `prev_hash` (64 zeros for the first), and revisions must be 1..n, items 0..items-1, each once. The
members of an archived document that repeat the event must say the same as the event: they are what auditors search by, and the
hash does not cover them. Where personal data is sealed, answers of the audit API have it opened beside the event, where only its
envelope stands: there they are not compared, which documents as the archive holds them (with `_id`) are.

Exit status: 0 when every chain is whole, 1 when one is not or there is no event, 2 when the input cannot be read.

What this cannot show: that events are missing at the end, or that a whole chain was made anew. For that, compare the printed head
with one that was kept elsewhere.
"""

import argparse
import hashlib
import json
import re
import sys

GENESIS = "0" * 64


class Bad(Exception):
    """What is wrong with a chain, in words."""


class Unreadable(Exception):
    """Why the input is not events."""


# ---- RFC 8785 (JCS) --------------------------------------------------------------------------------------------------

ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def canonical_text(text):
    return '"' + "".join(ESCAPES.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def canonical(value):
    """The canonical form of a JSON value. Events hold no fractions, so none are taken."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        if abs(value) > 2**53 - 1:
            raise Bad(f"{value} is an integer that JSON parsers do not agree on")
        return str(value)
    if isinstance(value, float):
        raise Bad(f"{value} is a fraction, which an event cannot hold")
    if isinstance(value, str):
        return canonical_text(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    # Members are sorted by their UTF-16 code units, which is not the order of code points.
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(canonical_text(name) + ":" + canonical(value[name]) for name in names) + "}"


def hash_of(event):
    text = canonical({name: value for name, value in event.items() if name != "hash"})
    try:
        return hashlib.sha256(text.encode("utf-8")).hexdigest()
    except UnicodeEncodeError:
        raise Bad("it holds half of a surrogate pair, which is no text") from None


# ---- reading ---------------------------------------------------------------------------------------------------------


def members(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unreadable("an object has a member twice")
    # mongoexport's {"$numberLong": "7"} is 7.
    if len(value) == 1 and next(iter(value)) in ("$numberLong", "$numberInt"):
        return int(next(iter(value.values())))
    return value


def no_number(name):
    raise Unreadable(f"{name} is not JSON")


def values_in(text):
    decoder, at = json.JSONDecoder(object_pairs_hook=members, parse_constant=no_number), 0
    while True:
        while at < len(text) and text[at] in " \t\r\n\ufeff":
            at += 1
        if at == len(text):
            return
        value, at = decoder.raw_decode(text, at)
        yield value


def events_in(value):
    """Pairs of an event and the archived document that it stands in, if it stands in one."""
    if isinstance(value, list):
        for item in value:
            yield from events_in(item)
    elif isinstance(value, dict) and isinstance(value.get("event"), dict):
        yield checked(value["event"]), value
    elif isinstance(value, dict) and "prev_hash" in value:
        yield checked(value), None
    elif isinstance(value, dict) and ("items" in value or "events" in value):
        yield from events_in(value.get("items", value.get("events")))
    else:
        raise Unreadable("neither an event, nor an archived document, nor a page of them")


def checked(event):
    wanted = {"tenant": str, "epoch": str, "revision": int, "item": int, "items": int, "prev_hash": str, "hash": str}
    for name, kind in wanted.items():
        if not isinstance(event.get(name), kind) or isinstance(event[name], bool):
            raise Unreadable(f"an event has no proper member {name}")
    return event


# ---- checking --------------------------------------------------------------------------------------------------------


def repeated(event):
    """What an archived document says once more beside its member `event`."""
    before, after, actor = event.get("before") or {}, event.get("after") or {}, event.get("actor") or {}
    state = {True: "active", False: "inactive", None: None}
    return {
        "_id": event.get("id"),
        "event_id": event.get("id"),
        "event_type": f"trafficmanager.route.{event.get('action')}",
        **{name: event.get(name) for name in ("action", "tenant", "epoch", "revision", "item", "reason", "source_ip")},
        **{name: event.get(name) for name in ("trace_id", "occurred_at", "prev_hash", "hash")},
        # A route; a traffic policy, which has no version; or neither, when the event is about the tenant itself.
        "route": {"tenant": event.get("tenant"), **(event.get("route") or event.get("policy") or {})},
        "url": after.get("url"),
        "previous_url": before.get("url"),
        "state": state[after.get("is_active")],
        "previous_state": state[before.get("is_active")],
        "changed_by": actor.get("id"),
        "correlation_id": event.get("request_id"),
    }


def said(document, name):
    """A member of an archived document. The type is without its version, which an event does not have."""
    value = document[name]
    is_type = name == "event_type" and isinstance(value, str)
    return re.sub(r"\.v[1-9][0-9]*\Z", "", value) if is_type else value


def is_opened(name, value, document):
    """Whether a member of an answer shows what the event has in an envelope."""
    sealed = name in ("changed_by", "reason", "source_ip") and isinstance(value, str) and value.startswith("enc:v1:")
    return sealed and "_id" not in document


def verify(chain, from_middle=False, checkpoint=None):
    """Checks the events of one tenant and epoch, in order, and returns the last hash."""
    previous, revision, item, items = None, 0, 0, 1
    if checkpoint:
        revision, previous = checkpoint
    for event, document in chain:
        place = (event["revision"], event["item"], event["items"])
        where = f"revision {place[0]}" + (f" item {place[1]}" if place[2] != 1 or place[1] else "")
        try:
            content = hash_of(event)
        except Bad as bad:
            raise Bad(f"{where}: {bad}") from None
        if content != event["hash"]:
            raise Bad(f"{where}: edited: its content hashes to {content}, and it says {event['hash']}")
        for name, value in repeated(event).items() if document else ():
            if name in document and said(document, name) != value and not is_opened(name, value, document):
                raise Bad(f"{where}: edited: the document's {name} is {document[name]!r}, its event says {value!r}")
        if previous is not None and place[:2] == (revision, item):
            same = "the same event stands there twice" if content == previous else "two different events stand there"
            raise Bad(f"{where}: doubled: {same}")
        if previous is None and from_middle:
            expected = place
        elif item + 1 < items:
            expected = (revision, item + 1, items)
        else:
            expected = (revision + 1, 0, place[2])
        if place != expected or place[0] < 1 or not 0 <= place[1] < place[2]:
            raise Bad(f"{where}: missing: revision {expected[0]} item {expected[1]} should come before or in place of it")
        begins = place[:2] == (1, 0)
        expected_hash = GENESIS if begins else previous
        if expected_hash is not None and event["prev_hash"] != expected_hash:
            raise Bad(f"{where}: broken: it names {event['prev_hash']} as the event before it, which is {expected_hash}")
        previous, (revision, item, items) = event["hash"], place
    if item + 1 < items:
        raise Bad(f"revision {revision}: missing: only {item + 1} of its {items} items are here")
    return previous


def check(events, from_middle=False, checkpoints=None):
    """Verifies every chain among the events; returns lines to print and whether all is well. `checkpoints` has a revision and its hash
    by tenant and epoch: what is not after it was proven before it was removed."""
    checkpoints = checkpoints or {}
    chains = {name: [] for name in checkpoints}
    for event, document in events:
        name = (event["tenant"], event["epoch"])
        if name not in checkpoints or event["revision"] > checkpoints[name][0]:
            chains.setdefault(name, []).append((event, document))
    lines, good = [], True
    for (tenant, epoch), chain in sorted(chains.items()):
        chain.sort(key=lambda pair: (pair[0]["revision"], pair[0]["item"]))
        checkpoint = checkpoints.get((tenant, epoch))
        try:
            head = verify(chain, from_middle, checkpoint)
            span = f"revisions {chain[0][0]['revision']}..{chain[-1][0]['revision']}" if chain else "all of it removed"
            after = f" after the checkpoint at revision {checkpoint[0]}" if checkpoint else ""
            lines.append(f"{tenant} {epoch} verified {len(chain)} events{after}, {span}, head {head}")
        except Bad as bad:
            good = False
            lines.append(f"{tenant} {epoch} BAD {bad}")
    return lines, good


# ---- self-test -------------------------------------------------------------------------------------------------------


def self_test():
    def event(revision, previous, item=0, items=1):
        body = {"id": f"id-{revision}-{item}", "tenant": "t", "epoch": "e", "revision": revision, "item": item, "items": items}
        body |= {"action": "created", "actor": {"kind": "k", "id": "someone"}, "after": {"url": "http://a/", "is_active": True}}
        body |= {"before": None, "reason": 'é "\u20ac"\u2028\n', "prev_hash": previous}
        return {**body, "hash": hash_of(body)}

    def chain(places):
        events, previous = [], GENESIS
        for revision, item, items in places:
            events.append(event(revision, previous, item, items))
            previous = events[-1]["hash"]
        return events

    def resealed(event, **changes):
        changed = {**event, **changes}
        return {**changed, "hash": hash_of(changed)}

    def accepted(values, **how):
        return check([pair for value in values for pair in events_in(value)], **how)

    # RFC 8785: the sorting example of section 3.2.3, the escapes of section 3.2.2.2.
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    order = [json.loads(part.rsplit(":", 1)[0]) for part in canonical(dict.fromkeys(names)).strip("{}").split(",")]
    assert order == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"], order
    assert canonical('\u20ac$\u000f\nA\'B"\\\\"/\u007f') == '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/\u007f"'
    for wrong in (0.5, 7.0, 2**53):
        try:
            canonical(wrong)
        except Bad:
            continue
        raise AssertionError(f"{wrong} was taken")

    good = chain([(1, 0, 1), (2, 0, 1), (3, 0, 1), (4, 0, 3), (4, 1, 3), (4, 2, 3), (5, 0, 1)])
    document = {"_id": good[0]["id"], **repeated(good[0]), "event": good[0]}
    policy = resealed(good[0], action="policy_set", policy={"service": "s", "env": "e"}, after={"split": []})
    about_a_policy = {**repeated(policy), "event": policy}
    assert about_a_policy["route"] == {"tenant": "t", "service": "s", "env": "e"} and about_a_policy["state"] is None
    sealed = resealed(good[0], actor={"kind": "k", "id": "enc:v1:0123456789abcdef:AAAA"})
    answer = {**repeated(sealed), "changed_by": "someone", "event": sealed}
    del answer["_id"]
    exported = json.loads(json.dumps(document))
    for holder in (exported, exported["event"]):
        holder["revision"] = {"$numberLong": "1"}
    assert accepted(good)[1] and accepted(reversed(good))[1], "the order of delivery does not matter"
    assert accepted([about_a_policy])[1], "an event need not be about a route"
    newer = {**about_a_policy, "event_type": "trafficmanager.route.policy_set.v2"}
    assert accepted([newer])[1], "the version of an event is in its type only"
    assert accepted([answer])[1], "what is sealed in the event is opened beside it"
    assert accepted([{"items": good, "next_cursor": None}])[1] and accepted([{"count": 7, "events": good}])[1]
    assert accepted(list(values_in(json.dumps(exported) + "\n" + "\n".join(map(json.dumps, good[1:])))))[1]
    assert accepted(good[2:], from_middle=True)[1] and accepted(good[4:], from_middle=True)[1]
    forgeries = {
        "edited": good[:2] + [{**good[2], "reason": "another"}] + good[3:],
        "edited and hashed again": good[:2] + [resealed(good[2], reason="another")] + good[3:],
        "edited beside the event": [{**document, "changed_by": "nobody"}] + good[1:],
        "opened in the archive itself": [{**answer, "_id": sealed["id"]}],
        "another route beside a sealed event": [{**answer, "url": "http://b/"}],
        "another policy beside the event": [{**about_a_policy, "route": {"tenant": "t", "service": "s", "env": "other"}}],
        "another type beside the event": [{**newer, "event_type": "trafficmanager.route.policy_deleted.v2"}],
        "deleted": good[:2] + good[3:],
        "deleted within a revision": good[:4] + good[5:],
        "the last item deleted": good[:5],
        "doubled": good + [good[2]],
        "reordered": good[:1] + [resealed(good[2], revision=2), resealed(good[1], revision=3)] + good[3:],
        "inserted": good + [resealed(good[2], reason="another")],
        "inserted before the first": [resealed(good[0], revision=0)] + good,
        "without its beginning": good[1:],
        "a beginning that is none": [resealed(good[0], prev_hash="1" * 64)],
        "a fraction": [{**good[0], "weight": 0.5}],
    }
    for name, events in forgeries.items():
        lines, is_accepted = accepted(events)
        assert not is_accepted, name
        print(f"found: {name}: {lines[0].split('BAD ')[1][:100]}")

    at = {("t", "e"): (2, good[1]["hash"])}
    for kept in (good[2:], good, good[1:], []):
        assert accepted(kept, checkpoints=at)[1], "what the checkpoint covers may be there or not"
    for name, kept, checkpoints in (
        ("more deleted than the checkpoint covers", good[3:], at),
        ("another checkpoint", good[2:], {("t", "e"): (2, good[0]["hash"])}),
        ("a checkpoint of another chain", good[2:], {("t", "other"): (2, good[1]["hash"])}),
    ):
        lines, is_accepted = accepted(kept, checkpoints=checkpoints)
        assert not is_accepted, name
        print(f"found: {name}: {lines[0].split('BAD ')[1][:100]}")
    for text in ('{"prev_hash": "x", "prev_hash": "y"}', "NaN", "{}", '{"prev_hash": "x"}', '"text"'):
        try:
            list(pair for value in values_in(text) for pair in events_in(value))
        except Unreadable:
            continue
        raise AssertionError(f"{text} was taken")
    print("self-test passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--from-middle", action="store_true", help="the events need not begin at revision 1")
    name = ("TENANT", "EPOCH", "REVISION", "HASH")
    parser.add_argument(
        "--checkpoint", nargs=4, action="append", default=[], metavar=name, help="a chain's beginning was removed up to this"
    )
    parser.add_argument("--self-test", action="store_true", help="show that each kind of forgery is found")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return 0
    try:
        texts = [open(name, encoding="utf-8").read() for name in arguments.files] or [sys.stdin.buffer.read().decode("utf-8")]
        events = [pair for text in texts for value in values_in(text) for pair in events_in(value)]
        checkpoints = {(tenant, epoch): (int(revision), hash) for tenant, epoch, revision, hash in arguments.checkpoint}
    except (Unreadable, OSError, ValueError, RecursionError) as error:
        print(f"not readable: {error}", file=sys.stderr)
        return 2
    lines, good = check(events, arguments.from_middle, checkpoints)
    print("\n".join(lines) or "no events")
    return 0 if good and (events or checkpoints) else 1


if __name__ == "__main__":
    sys.exit(main())
