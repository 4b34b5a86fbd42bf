#!/usr/bin/env python3
"""Makes the Grafana dashboards from the table of metrics (src/telemetry/names.rs), their labels (docs/operations.md) and panels.py.

usage: dashboards.py [FOLDER]    into docker/observe/dashboards, or another folder

A metric without a panel, and a panel without its metric, is an error."""

import pathlib
import re
import sys

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, DatasourceVariable
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef

from panels import DASHBOARDS, INDICATORS, QUERIES, RARE

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNBOOKS = "docs/operations/runbooks"


def table() -> dict[str, tuple[str, str]]:
    text = (ROOT / "src/telemetry/names.rs").read_text()
    rows = re.findall(r'^    (counter|gauge|histogram) [A-Z0-9_]+ = "(\w+)", "((?:[^"\\]|\\.)*)";', text, re.MULTILINE)
    return {name: (kind, help_text) for kind, name, help_text in rows}


def labels() -> dict[str, list[str]]:
    text = (ROOT / "docs/operations.md").read_text()
    rows = re.findall(r"^\| `(tm_\w+)` \| (?:counter|gauge|histogram) \| ([\w, ]*) \|", text, re.MULTILINE)
    return {name: [label for label in re.split(r"[, ]+", listed) if label] for name, listed in rows}


def queries(name: str, kind: str, by: list[str]) -> list[tuple[str, str]]:
    if name in QUERIES:
        return [QUERIES[name]]
    group, legend = (f" by ({', '.join(by)}) " if by else ""), " ".join("{{%s}}" % label for label in by) or name
    if kind == "gauge":
        return [(f"max{group}({name})", legend)]
    if kind == "counter":
        return [(f"sum{group}(rate({name}[$__rate_interval]))", legend)]
    inner = f"sum by ({', '.join(['le', *by])}) (rate({name}_bucket[$__rate_interval]))"
    return [(f"histogram_quantile({share}, {inner})", f"{legend} {share}") for share in ("0.5", "0.99")]


def panel(title: str, description: str, unit: str, targets: list[tuple[str, str]], alert: str | None) -> Panel:
    if alert:
        description += f" Runbook: {RUNBOOKS}/TrafficManager{alert}.md"
    made = Panel().title(title).description(description).unit(unit).datasource(DataSourceRef(type_val="prometheus", uid="${source}"))
    made = made.height(8).span(8)
    for at, (expr, legend) in enumerate(targets):
        made = made.with_target(Dataquery().expr(expr).legend_format(legend).ref_id(chr(ord("A") + at)))
    return made


def begin(key: str, title: str) -> Dashboard:
    others = DashboardLink("Traffic Manager").type(DashboardLinkType.DASHBOARDS).tags(["traffic-manager"])
    return (
        Dashboard(f"Traffic Manager: {title}")
        .uid(f"traffic-manager-{key}")
        .tags(["traffic-manager"])
        .refresh("30s")
        .time("now-6h", "now")
        .link(others)
        .with_variable(DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )


def objectives() -> Dashboard:
    made = begin("objectives", "objectives")
    for name, title, alert in INDICATORS:
        limit = f'tm:objective:ratio{{sli="{name}"}}'
        rates = [(f"tm:{name}:ratio_rate{window} / on() {limit}", window) for window in ("5m", "1h", "6h", "3d")]
        made = made.with_panel(panel(f"{title}: burn rate", "Good is below 1: the budget comes back as fast as it is used.", "short", rates, alert))
        left = [(f"1 - tm:{name}:ratio_rate28d / on() {limit}", "left")]
        made = made.with_panel(panel(f"{title}: budget left", "The part of the 28 days' budget that is left. Good is above 0.", "percentunit", left, alert))
    return made


def dashboards() -> dict[str, Dashboard]:
    known, by, shown = table(), labels(), set()
    made = {"objectives": objectives()}
    for key, (title, rows) in DASHBOARDS.items():
        board = begin(key, title)
        for name, unit, good, alert in rows:
            if name not in known:
                sys.exit(f"error: panels.py: {name} is not in src/telemetry/names.rs")
            shown.add(name)
            kind, help_text = known[name]
            targets = queries(name, kind, by.get(name, []))
            if name in RARE:
                targets = [(f"{expr} or vector(0)", legend) for expr, legend in targets]
            board = board.with_panel(panel(name, f"{help_text} Good: {good}", unit, targets, alert))
        made[key] = board
    missing = sorted(set(known) - shown)
    if missing:
        sys.exit(f"error: panels.py has no panel for {', '.join(missing)}")
    return made


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docker/observe/dashboards"
    folder.mkdir(parents=True, exist_ok=True)
    for key, board in dashboards().items():
        (folder / f"{key}.json").write_text(JSONEncoder(sort_keys=True, indent=1).encode(board.build()) + "\n")


main()
