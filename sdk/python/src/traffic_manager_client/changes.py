"""The events `change` and `signature` of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from .canonical import Json, Malformed, is_count, read_object
from .snapshot import Touch, check_policy_spec, dns_label, labels_of, tag_of, version_name
from .tag import VersionTag

_ACTIONS = frozenset(
    "created updated activated deactivated deleted policy_set policy_deleted "
    "tenant_created tenant_updated tenant_deleted".split()
)


@dataclass(frozen=True)
class Change:
    """One event."""

    tenant: str
    tag: VersionTag
    item: int
    """The number of the event within its revision, from 0."""
    items: int
    """The number of events in the revision."""
    place: tuple[str, str] | None
    """Service and environment; None if the event is about the tenant itself."""
    touch: Touch | None
    """What changes in a snapshot; None if nothing does."""
    ends_tenant: bool


@dataclass(frozen=True)
class Signed:
    """The data of an event `signature`."""

    tag: VersionTag
    digest: str
    signature: str


def read_change(text: str) -> Change:
    """Read the data of an event `change`; raise `Malformed`, also for an action that this version does not know."""
    event = read_object(text)
    tag, item, items, after = tag_of(event), event.get("item"), event.get("items"), event.get("after")
    if not is_count(item) or not is_count(items):
        raise Malformed("an event has no place in its revision")
    if event.get("action") not in _ACTIONS:
        raise Malformed("an event has an unknown action")
    if not isinstance(after, dict | None):
        raise Malformed("after is no object")
    route, policy = event.get("route"), event.get("policy")
    if route is not None and policy is not None:
        raise Malformed("an event is about a route or about a policy")
    about = route if route is not None else policy
    touch, place = None, None
    if about is not None:
        place = _place(about)
        touch = _route(route, place, after, tag) if route is not None else _policy(place, after, tag)
    ends = about is None and after is None
    return Change(dns_label(event.get("tenant"), "tenant"), tag, int(item or 0), int(items or 0), place, touch, ends)


def _place(name: object) -> tuple[str, str]:
    if not isinstance(name, dict):
        raise Malformed("a name is no object")
    return dns_label(name.get("service"), "service"), dns_label(name.get("env"), "env")


def _route(name: Json, place: tuple[str, str], after: Json | None, tag: VersionTag) -> Touch:
    service, env = place
    version = version_name(name.get("version"))
    if after is None:
        return Touch(service, (env, version), None)
    url, is_active, labels = after.get("url"), after.get("is_active"), labels_of(after.get("labels"))
    if not isinstance(url, str) or not isinstance(is_active, bool):
        raise Malformed("a route has no url or no state")
    names = {"service": service, "env": env, "version": version}
    value = {**names, "url": url, "labels": labels, "revision": tag.revision}
    # A snapshot has only active routes.
    return Touch(service, (env, version), value if is_active else None)


def _policy(place: tuple[str, str], after: Json | None, tag: VersionTag) -> Touch:
    service, env = place
    if after is None:
        return Touch(service, (env,), None)
    check_policy_spec(after)
    # The spec is taken as it is, with members that this version does not know: the digest covers them.
    return Touch(service, (env,), {**after, "service": service, "env": env, "revision": tag.revision})


def read_signed(text: str) -> Signed | None:
    """Read the data of an event `signature`; None for any other text."""
    try:
        value = read_object(text)
    except Malformed:
        return None
    tag, digest, signature = value.get("tag"), value.get("digest"), value.get("signature")
    parsed = VersionTag.parse(tag) if isinstance(tag, str) else None
    if parsed is None or not isinstance(digest, str) or not isinstance(signature, str):
        return None
    return Signed(parsed, digest, signature)
