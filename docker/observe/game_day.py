#!/usr/bin/env python3
"""Makes each fault of faults.py on the running stack, waits until the real Prometheus fires the alerts that it must raise, undoes the fault, waits
until they have ended, and writes docs/operations/game-days.md. docker/observe/game_day.sh prepares the stack.

usage: game_day.py FACTOR [PART OF A FAULT'S DESCRIPTION ...]

With parts, only those faults are made. The figures of each fault are kept in the stack's folder, and the page is written once every fault has some."""

import datetime
import json
import os
import pathlib
import sys
import threading
import time
import urllib.request

import traffic
from faults import NOT_REHEARSED, ROOT, STACK, Fault, Faults, Second, wait_until

PAGE = ROOT / "docs/operations/game-days.md"
RUNBOOKS = ROOT / "docs/operations/runbooks"
KEPT = STACK / "observe/game-days.json"
# The longest that an alert may take to fire, and to end: thresholds of a minute stay a minute in a rehearsal.
PATIENCE = 240


def ask(url: str) -> dict | list:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def firing(name: str, labels: dict[str, str]) -> list[dict]:
    alerts = ask(os.environ["PROMETHEUS_URL"] + "/api/v1/alerts")["data"]["alerts"]
    wanted = {"alertname": "TrafficManager" + name} | labels
    return [alert for alert in alerts if alert["state"] == "firing" and wanted.items() <= alert["labels"].items()]


def silenced() -> list[str]:
    """The alerts that Alertmanager keeps back, since another one explains them."""
    alerts = ask(os.environ["ALERTMANAGER_URL"] + "/api/v2/alerts")
    return sorted({alert["labels"]["alertname"].removeprefix("TrafficManager") for alert in alerts if alert["status"]["inhibitedBy"]})


def rehearse(fault: Fault) -> list[dict]:
    print(f"fault: {fault.what}", flush=True)
    began = time.monotonic()
    found: dict[str, dict] = {}
    quiet: list[str] = []

    def all_fire() -> bool:
        for name, labels in fault.alerts.items():
            alerts = firing(name, labels) if name not in found else []
            if alerts:
                found[name] = {"fired": time.monotonic() - began, "url": alerts[0]["annotations"]["runbook_url"]}
                print(f"  {name} fires after {found[name]['fired']:.0f} s", flush=True)
        quiet[:] = sorted({*quiet, *silenced()})
        return len(found) == len(fault.alerts)

    failure = None
    try:
        fault.do()
        wait_until(f"{', '.join(sorted(fault.alerts))} fire", PATIENCE, all_fire)
    except RuntimeError as error:
        failure = error
    over = time.monotonic()
    fault.undo()
    ended: dict[str, float] = {}

    def all_ended() -> bool:
        for name, labels in fault.alerts.items():
            if name not in ended and not firing(name, labels):
                ended[name] = time.monotonic() - over
        return len(ended) == len(fault.alerts)

    wait_until(f"{', '.join(sorted(fault.alerts))} end", PATIENCE, all_ended)
    if failure:
        raise RuntimeError(f"{failure}; fired: {', '.join(sorted(found)) or 'none'}")
    rows = []
    for name in fault.alerts:
        page = pathlib.Path(found[name]["url"].removeprefix("file://"))
        if page != RUNBOOKS / f"TrafficManager{name}.md" or not page.exists():
            raise RuntimeError(f"{name} names the runbook {page}, which is not its own")
        rows.append({"alert": name, "fault": fault.what, "fired": found[name]["fired"], "ended": ended[name], "silenced": name in quiet})
    return rows


def write(rows: list[dict], factor: str) -> None:
    lines = [
        "# Game days",
        "",
        "`make game-day` makes these faults on the local stack, waits until the real Prometheus fires the alert, undoes the fault and waits until the",
        "alert has ended. It also checks that each alert names its own runbook. This page is its output.",
        "",
        f"The times of the rules (`for`, windows, intervals) were divided by {factor}, so that a rehearsal takes minutes. Thresholds are not shortened: an",
        "alert that compares an age with 60 s needs these 60 s. So in earnest the seconds of the first column are longer by what `for` and the windows",
        f"of [the rules](../../docker/observe/rules/alerts.yaml) take. Last run: {datetime.date.today().isoformat()}, with a debug build on a machine that did other work.",
        "A fault may be rehearsed alone: then its rows are newer than the others.",
        "",
        "| alert | fault | seconds to fire | seconds to end | |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        name = "TrafficManager" + row["alert"]
        note = "silenced by another" if row["silenced"] else ""
        lines.append(f"| [{name}](runbooks/{name}.md) | {row['fault']} | {row['fired']:.0f} | {row['ended']:.0f} | {note} |")
    lines += ["", "*Silenced by another*: Alertmanager kept its message back during the fault, since the cause has an alert of its own.", ""]
    lines += ["## Not rehearsed", "", "| alert | because |", "|---|---|"]
    lines += [f"| [TrafficManager{name}](runbooks/TrafficManager{name}.md) | {why} |" for name, why in NOT_REHEARSED.items()]
    PAGE.write_text("\n".join(lines) + "\n")


def main() -> None:
    factor, parts = sys.argv[1], sys.argv[2:] or [""]
    api = traffic.Api(os.environ["API_URL"], os.environ["API_TOKEN"])
    tenant, stop = f"game-{int(time.time())}", threading.Event()
    traffic.start(api, tenant, stop)
    second = Second(os.environ["TM_BIN"], STACK / "observe/traffic-manager-second.json")
    second.prepare()
    faults = Faults(api, tenant, second).all()
    alerts = {path.stem.removeprefix("TrafficManager") for path in RUNBOOKS.glob("TrafficManager*.md")}
    rehearsed = {name for fault in faults for name in fault.alerts}
    if rehearsed & NOT_REHEARSED.keys() or rehearsed | NOT_REHEARSED.keys() != alerts:
        sys.exit(f"error: faults.py: each alert is raised, or has a reason: {sorted(alerts ^ rehearsed ^ NOT_REHEARSED.keys())}")
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    failed = []
    try:
        for fault in faults:
            if not any(part in fault.what for part in parts):
                continue
            try:
                kept[fault.what] = rehearse(fault)
                KEPT.write_text(json.dumps(kept))
            except RuntimeError as error:
                failed.append(f"{fault.what}: {error}")
                print(f"  FAILED: {error}", flush=True)
    finally:
        stop.set()
        second.end()
    if failed:
        sys.exit("error: " + "\nerror: ".join(failed))
    rows = [row for fault in faults for row in kept.get(fault.what, [])]
    if all(fault.what in kept for fault in faults):
        write(rows, factor)
    print(f"{len(rows)} alerts fired and ended")


main()
