"""Makes bodies, events and signatures of the short forms of cases, with code of its own: the watcher's would agree
with itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Json = dict[str, Any]
TENANT = "acme"


def tag(short: str) -> str:
    """`aaaaaaaaaaaaaaaa.5` for `a.5`."""
    epoch, revision = short.split(".")
    return f"{epoch * 16}.{revision}"


def revision(short: str) -> int:
    return int(short.split(".")[1])


def full(snapshot: str | Json) -> Json:
    if isinstance(snapshot, dict):
        return snapshot
    at = revision(snapshot)
    return {"tag": snapshot, "routes": [["web/prod/v1", f"https://{at}.example/", at]]}


def jcs(value: Any) -> bytes:
    """Enough for what the cases have: names in ASCII, no fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def policy_spec(weights: dict[str, int]) -> Json:
    split = [{"version": version, "weight": weight} for version, weight in sorted(weights.items())]
    return {"failover": [], "hosts": [], "path_prefix": "/", "rules": [], "split": split, "sticky_by": None}


def objects(snapshot: Json) -> tuple[list[Json], list[Json]]:
    rows = [*snapshot.get("routes", [])]
    rows += [[f"web{at % 50}/prod/v{at}", f"https://{at}.example/", 1] for at in range(snapshot.get("many", 0))]
    routes = []
    for name, url, at in sorted(rows, key=lambda row: row[0].split("/")):
        service, env, version = name.split("/")
        names = {"service": service, "env": env, "version": version}
        routes.append({**names, "url": url, "labels": {}, "revision": at, **snapshot.get("route_members", {})})
    policies = []
    for name, weights, at in sorted(snapshot.get("policies", []), key=lambda row: row[0].split("/")):
        service, env = name.split("/")
        policies.append({**policy_spec(weights), "service": service, "env": env, "revision": at})
    return routes, policies


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def digest(snapshot: Json) -> str:
    services: dict[str, bytes] = {}
    routes, policies = objects(snapshot)
    for each in routes + policies:
        services[each["service"]] = services.get(each["service"], b"") + sha(jcs(each))
    return sha(b"".join(sha(services[name]) for name in sorted(services))).hex()


def body(snapshot: Json) -> bytes:
    routes, policies = objects(snapshot)
    members = {
        "tenant": snapshot.get("tenant", TENANT),
        "epoch": tag(snapshot["tag"]).split(".")[0],
        "revision": revision(snapshot["tag"]),
        "digest": "07" * 32 if snapshot.get("wrong_digest") else digest(snapshot),
        "routes": routes,
        "policies": policies,
    }
    return jcs({**members, **snapshot.get("members", {})})


def key(name: str) -> Ed25519PrivateKey:
    """The key pair of a name: its seed is 32 times the name's first byte."""
    return Ed25519PrivateKey.from_private_bytes(name.encode()[:1] * 32)


def public_key(name: str) -> str:
    return key(name).public_key().public_bytes_raw().hex()


def signatures(signed: Json, answered: str | Json | None, scope: Json) -> str:
    """The header `TM-Signature`. `answered` is the content of the answer, `scope` the case's."""
    of = full(signed.get("of") or answered or {})
    about = signed.get("scope", scope)
    lines = (
        "tm-snapshot/v1",
        signed.get("tenant", TENANT),
        f"service={about.get('service', '*')}",
        f"env={about.get('env', '*')}",
        tag(signed["tag"] if "tag" in signed else of["tag"]),
        digest(of),
    )
    text = "".join(f"{line}\n" for line in lines).encode()
    parts = []
    for name in signed["by"]:
        signature = bytearray(key(name).sign(text))
        signature[9] ^= 1 if signed.get("broken") else 0
        parts.append(f"{sha(bytes.fromhex(public_key(name))).hex()[:16]}={signature.hex()}")
    return ", ".join(parts)


def piece(of: str | Json, scope: Json) -> bytes:
    """The bytes of a piece of a stream."""
    if isinstance(of, str):
        return of.encode()
    name, data, own = described(of, scope)
    event_id = own if "id" not in of else of["id"] and tag(of["id"])
    first = f"id: {event_id}\n" if event_id else ""
    return f"{first}event: {name}\ndata: {data}\n\n".encode()


def described(event: Json, scope: Json) -> tuple[str, str, str | None]:
    if "snapshot" in event:
        of = full(event["snapshot"])
        return "snapshot", body(of).decode(), tag(of["tag"])
    if "signature" in event:
        of = full(event["signature"]["of"])
        signature = signatures(event["signature"], None, scope)
        return "signature", json.dumps({"tag": tag(of["tag"]), "digest": digest(of), "signature": signature}), None
    if "change" in event:
        return "change", *change_event(event["change"])
    return event["event"], event["data"], None


def change_event(change: Any) -> tuple[str, str | None]:
    if isinstance(change, str):
        change = {"tag": change, "route": "web/prod/v1", "url": f"https://{revision(change)}.example/"}
    item, items = change.get("item", 0), change.get("items", 1)
    event: Json = {
        "action": change.get("action", "updated"),
        "actor": {"id": "tester", "kind": "key"},
        "before": None,
        "after": None,
        "epoch": tag(change["tag"]).split(".")[0],
        "hash": "0" * 64,
        "id": "01a1fd21-de3d-7778-bc54-13f5856b700d",
        "item": item,
        "items": items,
        "occurred_at": "2026-11-21T08:03:37.661997Z",
        "prev_hash": "0" * 64,
        "reason": None,
        "request_id": "case",
        "revision": revision(change["tag"]),
        "source_ip": None,
        "tenant": change.get("tenant", TENANT),
        "trace_id": None,
    }
    if "route" in change:
        event["route"] = dict(zip(("service", "env", "version"), change["route"].split("/"), strict=True))
        if "url" in change:
            active = not change.get("inactive", False)
            event["after"] = {"url": change["url"], "is_active": active, "labels": {}, "description": None}
    if "policy" in change:
        event["policy"] = dict(zip(("service", "env"), change["policy"].split("/"), strict=True))
        event["after"] = policy_spec(change["split"]) if "split" in change else None
    event |= change.get("members", {})
    return json.dumps(event, ensure_ascii=False), tag(change["tag"]) if item + 1 == items else None
