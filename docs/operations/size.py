#!/usr/bin/env python3
"""How large an installation has to be: make size TENANTS=100 ROUTES=100000 NODES=10000 WRITES=5 DAYS=400

Reckoned from figures that were measured (docs/operations/capacity.md says where), for one cell with its own PostgreSQL. Writes are changes
a second on average over all tenants, nodes are held polls or streams.
"""

import math
import sys

DEFAULTS = {"TENANTS": 100, "ROUTES": 100_000, "NODES": 5_000, "WRITES": 1.0, "DAYS": 400, "INSTANCES": 3}

KIB, MIB, GIB = 1024, 1024**2, 1024**3

# Measured: docs/performance.md, docs/operations/capacity.md.
BYTES_OF_ROUTE = 428.5
KIB_OF_WAITER = 20.4
MICROSECONDS_OF_WAITER = 18.0
BYTES_OF_NODE = 420
BYTES_OF_EVENT_IN_POSTGRES = 1408
BYTES_OF_EVENT_IN_KAFKA = 1197
# Chosen, not measured: what the process has without data, the text of a route (its names and URL), what allocation leaves unused.
BASE = 60 * MIB
BYTES_OF_TEXT = 150
ALLOCATION = 1.5
# Defaults of the settings: connections of an instance to a server (2 × postgres.pool_size + 8, and the relay's session), largest caches.
CONNECTIONS = 2 * 16 + 8 + 1
WAITERS = 20_000
WAITERS_OF_TENANT = 12_000
LARGEST_CACHE = 512 * MIB
KAFKA_DAYS = 7
KAFKA_COPIES = 3


def main(arguments):
    asked = dict(DEFAULTS)
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name not in asked:
            sys.exit(f"size: {argument}: one of {', '.join(asked)} is expected, as NAME=NUMBER")
        try:
            asked[name] = float(value)
        except ValueError:
            sys.exit(f"size: {argument}: {value!r} is no number")
        if not math.isfinite(asked[name]) or asked[name] < 0:
            sys.exit(f"size: {argument}: a number from 0 on is expected")
    if asked["INSTANCES"] < 1:
        sys.exit("size: INSTANCES: at least 1")
    print("for", " ".join(f"{name}={value:g}" for name, value in asked.items()))
    for line in lines(asked):
        print(line)


def lines(asked):
    instances = asked["INSTANCES"]
    # One instance away is no reason to refuse nodes.
    waiters = math.ceil(asked["NODES"] / max(instances - 1, 1))
    routes = asked["ROUTES"] * (BYTES_OF_ROUTE + BYTES_OF_TEXT)
    # Twice: a change makes the new state of a tenant beside the old one.
    memory = BASE + ALLOCATION * (2 * routes + asked["NODES"] * BYTES_OF_NODE) + waiters * KIB_OF_WAITER * KIB
    # A change wakes the nodes of its tenant: tenants are taken to be of one size.
    woken = waiters / max(asked["TENANTS"], 1)
    cores = asked["WRITES"] * woken * MICROSECONDS_OF_WAITER / 1e6
    events = asked["WRITES"] * 86_400
    connections = math.ceil(instances * CONNECTIONS)
    rows = [
        ("serve, memory of an instance", f"{memory / MIB:,.0f} MiB", "a limit of twice as much leaves room for answers and plans"),
        ("serve, held polls of an instance", f"{waiters:,}", "with one instance away"),
        ("serve, processor for waking", f"{cores:.2f} cores", "on average; the requested core must be several times that"),
        ("PostgreSQL, history in a day", size(events * BYTES_OF_EVENT_IN_POSTGRES), "table and indexes; each replica has as much"),
        ("PostgreSQL, history in a year", size(365 * events * BYTES_OF_EVENT_IN_POSTGRES), "it is never removed by itself"),
        ("PostgreSQL, connections", f"{connections}", f"max_connections of at least {connections + 20}"),
        ("Kafka, disk of all brokers", size(events * KAFKA_DAYS * KAFKA_COPIES * BYTES_OF_EVENT_IN_KAFKA), f"{KAFKA_DAYS} days, {KAFKA_COPIES} copies"),
        ("archive, events", f"{events * asked['DAYS']:,.0f}", "after DAYS; measure the bytes of one on your MongoDB"),
    ]
    yield from (f"{what:34} {amount:>12}  {note}" for what, amount, note in rows)
    yield from warnings(asked, waiters, routes)


def warnings(asked, waiters, routes):
    if routes > LARGEST_CACHE:
        yield "! more routes than read.cache_bytes holds by default: raise it, or tenants are loaded again and again"
    if waiters > WAITERS:
        yield f"! more held polls than read.max_waiters ({WAITERS:,}): more instances, or relays in the regions"
    if waiters / max(asked["TENANTS"], 1) > WAITERS_OF_TENANT:
        yield f"! more held polls of one tenant than read.max_waiters_per_tenant ({WAITERS_OF_TENANT:,})"
    if asked["NODES"] > 200_000:
        yield "! more nodes than nodes.all (200,000)"


def size(count):
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:,.0f} B"


if __name__ == "__main__":
    main(sys.argv[1:])
