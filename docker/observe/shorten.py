#!/usr/bin/env python3
"""Divides every time in the rules of a Prometheus by a factor, so that a rehearsal takes minutes and not days.

usage: shorten.py FACTOR FOLDER

FOLDER has prometheus.yaml, alertmanager.yaml and rules/*.yaml. No window gets shorter than 6 s, and nothing is scraped more often than once a
second. Thresholds stay as they are, so what is compared with a time in seconds (an age, a delay) takes as long as in earnest."""

import pathlib
import re
import sys

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SHORTEST = 6


def shorter(text: str, factor: float, shortest: int = SHORTEST) -> str:
    seconds = sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))
    return f"{max(shortest, round(seconds / factor))}s"


def shorten(text: str, factor: float) -> str:
    time = r"((?:\d+[smhd])+)"
    text = re.sub(rf"\[{time}(:?){time}?\]", lambda m: "[" + shorter(m[1], factor) + (":" + shorter(m[3], factor, 1) if m[3] else m[2]) + "]", text)
    text = re.sub(rf"offset {time}", lambda m: "offset " + shorter(m[1], factor), text)
    text = re.sub(rf"(\b(?:for|interval|group_wait|group_interval|repeat_interval): ){time}", lambda m: m[1] + shorter(m[2], factor, 1), text)
    return re.sub(rf"((?:scrape|evaluation)_interval: ){time}", lambda m: m[1] + shorter(m[2], factor, 1), text)


def main() -> None:
    factor, folder = float(sys.argv[1]), pathlib.Path(sys.argv[2])
    if factor < 1:
        sys.exit("error: FACTOR is less than 1")
    for file in [folder / "prometheus.yaml", folder / "alertmanager.yaml", *sorted(folder.glob("rules/*.yaml"))]:
        file.write_text(shorten(file.read_text(), factor))


main()
