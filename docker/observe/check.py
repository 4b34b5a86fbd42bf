#!/usr/bin/env python3
"""Asks Prometheus each query of the dashboards, while requests run. A panel without data is an error.

Needs API_URL, API_TOKEN, PROMETHEUS_URL (`.stack/env`). Metrics that wait for something unusual (panels.py, RARE) may be 0."""

import json
import os
import pathlib
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import traffic

PATIENCE = 180
FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"


def ask(prometheus: str, query: str) -> list:
    url = f"{prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            result = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        sys.exit(f"error: Prometheus refuses {query}: {error.read().decode()}")
    # Without observations a quantile is not a number, which a panel does not show.
    return [series for series in result if series["value"][1] != "NaN"]


def queries() -> list[tuple[str, str]]:
    found = []
    for file in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            found += [(f"{file.stem}: {panel['title']}", target["expr"].replace("$__rate_interval", "1m")) for target in panel["targets"]]
    return found


def main() -> None:
    prometheus = os.environ["PROMETHEUS_URL"]
    stop = threading.Event()
    traffic.start(traffic.Api(os.environ["API_URL"], os.environ["API_TOKEN"]), f"observe-{int(time.time())}", stop)
    waiting, deadline = queries(), time.monotonic() + PATIENCE
    total = len(waiting)
    while waiting and time.monotonic() < deadline:
        waiting = [(panel, query) for panel, query in waiting if not ask(prometheus, query)]
        time.sleep(2)
    stop.set()
    for panel, query in waiting:
        print(f"no data: {panel}: {query}", file=sys.stderr)
    if waiting:
        sys.exit(f"error: {len(waiting)} of {total} queries have no data after {PATIENCE} s")
    print(f"all {total} queries of the dashboards have data")


main()
