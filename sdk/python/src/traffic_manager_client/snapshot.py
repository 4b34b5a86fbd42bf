"""A snapshot: the active routes and the policies of a tenant, or of a part of it, with their digest."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .canonical import Json, Malformed, canonical, canonical_bytes, is_count, read_object
from .tag import VersionTag

_ROUTE_MEMBERS = {"env", "labels", "revision", "service", "url", "version"}
_POLICY_MEMBERS = set(
    "env failover host_header hosts mirror path_prefix path_prefixes request_headers response_headers retries "
    "revision rewrite rules service split sticky_by timeout_ms version_header".split()
)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)

Key = tuple[str, ...]


class WrongDigest(ValueError):
    """The objects of a snapshot have another digest than the snapshot states."""


@dataclass(frozen=True)
class Scope:
    """A part of a tenant: one service, one environment, both, or all of it."""

    service: str | None = None
    """Only this service."""
    env: str | None = None
    """Only this environment."""

    @property
    def is_whole(self) -> bool:
        """Whether the scope is the whole tenant."""
        return self.service is None and self.env is None

    def has(self, service: str, env: str) -> bool:
        """Return True if objects of a service and an environment belong to the scope."""
        return self.service in (None, service) and self.env in (None, env)


@dataclass(frozen=True)
class Touch:
    """A change of one object by an event; without `value` the object is gone."""

    service: str
    key: Key
    """Environment and version of a route, the environment of a policy."""
    value: Json | None


@dataclass(frozen=True)
class _Held:
    """Objects of one kind and service, sorted by their keys."""

    keys: tuple[Key, ...] = ()
    values: tuple[Json, ...] = ()
    digests: tuple[bytes, ...] = ()

    @staticmethod
    def of(objects: Iterable[tuple[Key, Json]]) -> _Held:
        pairs = sorted(objects, key=lambda pair: pair[0])
        keys = tuple(key for key, _ in pairs)
        if len(set(keys)) < len(keys):
            raise Malformed("an object is there twice")
        return _Held(
            keys, tuple(value for _, value in pairs), tuple(_sha(canonical_bytes(value)) for _, value in pairs)
        )

    def get(self, key: Key) -> Json | None:
        at = bisect_left(self.keys, key)
        return self.values[at] if self.keys[at : at + 1] == (key,) else None

    def with_(self, key: Key, value: Json | None) -> _Held:
        at = bisect_left(self.keys, key)
        end = at + (self.keys[at : at + 1] == (key,))
        new = ((), (), ()) if value is None else ((key,), (value,), (_sha(canonical_bytes(value)),))
        return _Held(
            self.keys[:at] + new[0] + self.keys[end:],
            self.values[:at] + new[1] + self.values[end:],
            self.digests[:at] + new[2] + self.digests[end:],
        )


@dataclass(frozen=True)
class _Service:
    routes: _Held
    policies: _Held
    digest: bytes

    @staticmethod
    def of(routes: _Held, policies: _Held) -> _Service:
        return _Service(routes, policies, _sha(b"".join(routes.digests + policies.digests)))


@dataclass(frozen=True)
class Snapshot:
    """The active routes and the policies of a scope at one revision. It never changes."""

    tenant: str
    tag: VersionTag
    """The tag of the scope."""
    digest: str
    """The digest of the objects: 64 hex digits."""
    route_count: int
    is_exact: bool
    """False if an object has members that this version does not know. Events cannot move such a snapshot on."""
    _services: dict[str, _Service]

    @staticmethod
    def read(text: str | bytes) -> Snapshot:
        """Read the body of `GET /tenants/{tenant}/snapshot`; raise `Malformed` or `WrongDigest`."""
        body = read_object(text)
        tenant, routes, policies = body.get("tenant"), body.get("routes"), body.get("policies")
        if not isinstance(routes, list) or not isinstance(policies, list):
            raise Malformed("the snapshot has no lists")
        services: dict[str, tuple[list[tuple[Key, Json]], list[tuple[Key, Json]]]] = {}
        for at, objects in enumerate((routes, policies)):
            for value in objects:
                service, key = _checked_policy(value) if at else _checked_route(value)
                services.setdefault(service, ([], []))[at].append((key, value))
        is_exact = all(value.keys() <= _ROUTE_MEMBERS for value in routes)
        is_exact = is_exact and all(value.keys() <= _POLICY_MEMBERS for value in policies)
        held = {name: _Service.of(_Held.of(r), _Held.of(p)) for name, (r, p) in services.items()}
        snapshot = Snapshot._of(dns_label(tenant, "tenant"), tag_of(body), held, is_exact=is_exact)
        if snapshot.digest != body.get("digest"):
            raise WrongDigest(f"the snapshot states another digest than {snapshot.digest}, that of its objects")
        return snapshot

    @staticmethod
    def _of(tenant: str, tag: VersionTag, services: dict[str, _Service], *, is_exact: bool) -> Snapshot:
        ordered = dict(sorted(services.items()))
        digest = _sha(b"".join(service.digest for service in ordered.values())).hex()
        count = sum(len(service.routes.keys) for service in ordered.values())
        return Snapshot(tenant, tag, digest, count, is_exact, ordered)

    def after(self, tag: VersionTag, touches: Iterable[Touch]) -> Snapshot:
        """Return the snapshot after the changes of one revision. It shares the services that do not change."""
        changed: dict[str, tuple[_Held, _Held]] = {}
        for touch in touches:
            old = self._services.get(touch.service)
            routes, policies = changed.get(touch.service) or ((old.routes, old.policies) if old else (_Held(), _Held()))
            if len(touch.key) > 1:
                routes = routes.with_(touch.key, touch.value)
            else:
                policies = policies.with_(touch.key, touch.value)
            changed[touch.service] = (routes, policies)
        services = dict(self._services)
        for name, (routes, policies) in changed.items():
            services.pop(name, None)
            if routes.keys or policies.keys:
                services[name] = _Service.of(routes, policies)
        return Snapshot._of(self.tenant, tag, services, is_exact=self.is_exact)

    def routes(self) -> Iterator[Json]:
        """Return the routes, sorted by service, environment and version. Do not change them."""
        for service in self._services.values():
            yield from service.routes.values

    def policies(self) -> Iterator[Json]:
        """Return the policies, sorted by service and environment. Do not change them."""
        for service in self._services.values():
            yield from service.policies.values

    def route(self, *, service: str, env: str, version: str) -> Json | None:
        """Return a route; None if there is none or it is inactive."""
        held = self._services.get(service)
        return held.routes.get((env, version)) if held else None

    def policy(self, *, service: str, env: str) -> Json | None:
        """Return the policy of a service in an environment; None if there is none."""
        held = self._services.get(service)
        return held.policies.get((env,)) if held else None

    def is_within(self, scope: Scope) -> bool:
        """Return True if no object is outside a scope."""
        objects = (*self.routes(), *self.policies())
        return scope.is_whole or all(scope.has(each["service"], each["env"]) for each in objects)

    def body(self) -> str:
        """Return the body, as `GET /tenants/{tenant}/snapshot` has it."""
        return canonical(
            {
                "tenant": self.tenant,
                "epoch": self.tag.epoch,
                "revision": self.tag.revision,
                "digest": self.digest,
                "routes": list(self.routes()),
                "policies": list(self.policies()),
            }
        )

    def __repr__(self) -> str:
        return f"Snapshot({self.tenant!r}, {self.tag}, {self.route_count} routes)"


def _sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def tag_of(members: Json) -> VersionTag:
    """Return the tag of the members `epoch` and `revision`, or raise `Malformed`."""
    tag = VersionTag.parse(f"{members.get('epoch')}.{members.get('revision')}")
    if tag is None or not is_count(members.get("revision")):
        raise Malformed("there is no epoch or no revision")
    return tag


def dns_label(value: object, what: str) -> str:
    """Return a name of a tenant, a service or an environment, or raise `Malformed`."""
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise Malformed(f"{what} is no name")
    return value


def version_name(value: object) -> str:
    """Return the name of a version, or raise `Malformed`."""
    if not isinstance(value, str) or not _VERSION.fullmatch(value):
        raise Malformed("version is no name")
    return value


def labels_of(value: object) -> dict[str, str]:
    """Return labels as they are, or raise `Malformed`."""
    if not isinstance(value, dict) or not all(isinstance(label, str) for label in value.values()):
        raise Malformed("labels are no object of texts")
    return value


def check_policy_spec(spec: Json) -> None:
    """Raise `Malformed` if a policy has no split."""
    if not isinstance(spec.get("split"), list):
        raise Malformed("a policy has no split")


def _checked_route(value: object) -> tuple[str, Key]:
    if not isinstance(value, dict) or not isinstance(value.get("url"), str) or not is_count(value.get("revision")):
        raise Malformed("a route has no url or no revision")
    labels_of(value.get("labels"))
    key = (dns_label(value.get("env"), "env"), version_name(value.get("version")))
    return dns_label(value.get("service"), "service"), key


def _checked_policy(value: object) -> tuple[str, Key]:
    if not isinstance(value, dict) or not is_count(value.get("revision")):
        raise Malformed("a policy has no revision")
    check_policy_spec(value)
    return dns_label(value.get("service"), "service"), (dns_label(value.get("env"), "env"),)
