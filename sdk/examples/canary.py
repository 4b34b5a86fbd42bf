#!/usr/bin/env python3
"""Shifts the traffic of a service to a new version, step by step, and back if too many requests fail.

    TM_URL=https://tm.example.com TM_TOKEN=... TM_TENANT=acme ./canary.py shop/prod v1 v2 --error-rate ./error-rate.sh

The program of --error-rate prints the share of failed requests of the new version, from 0 to 1: such as a query of
Prometheus by curl and jq.

Exit codes: 0 the new version has all traffic, 1 the traffic is back, 2 something else failed.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from traffic_manager_client import Client, NoAnswer, Options, Problem, VersionTag, Wait


class TooManyErrors(Exception):
    """The new version, or the nodes, refuse too much."""


def error_rate(program: str, limit: float) -> float:
    """Return the share that the program prints. A program that cannot say it counts as failing."""
    try:
        done = subprocess.run([program], capture_output=True, text=True, timeout=limit, check=True)  # noqa: S603 - the caller's own program
        rate = float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise TooManyErrors(f"the error rate is not known: {error}") from None
    if not (math.isfinite(rate) and 0 <= rate <= 1):
        raise TooManyErrors(f"{rate} is no share of requests")
    return rate


class Canary:
    """The policy of a service, as it was at first and as it is now."""

    def __init__(self, client: Client, tenant: str, name: str) -> None:
        """Read the policy."""
        self._service, self._env = name.split("/")
        self._client, self._tenant = client, tenant
        read = client.get_policy(tenant=tenant, service=self._service, env=self._env)
        self._tag: VersionTag | None = read.tag
        self._before = [entry.model_dump(mode="json") for entry in read.value.split]

    def shift(self, old: str, new: str, percent: float) -> None:
        """Give the new version a share of the traffic. Fails if somebody else has changed the policy meanwhile."""
        split = [
            {"version": old, "weight": round(100 * (100 - percent))},
            {"version": new, "weight": round(100 * percent)},
        ]
        state = self._set(split, f"canary: {percent:g} % to {new}")
        print(f"{percent:g} % to {new}: {state}", flush=True)
        if state == "failed":
            raise TooManyErrors("nodes refuse the change")

    def back(self) -> None:
        """Give the traffic back as it was at first."""
        print(f"back: {self._set(self._before, 'canary: back')}", flush=True)

    def _set(self, split: list[dict[str, Any]], reason: str) -> str:
        options = Options(if_match=self._tag, reason=reason)
        written = self._client.patch_policy(
            tenant=self._tenant,
            service=self._service,
            env=self._env,
            body={"split": split},
            wait=Wait(95, 30),
            options=options,
        )
        self._tag = written.tag
        return written.convergence.state if written.convergence and written.convergence.state else "not known"


def watch(program: str, most: float, hold: float, every: float) -> None:
    """Look at the error rate for a time. At least once."""
    until = time.monotonic() + hold
    while True:
        rate = error_rate(program, max(every, 10))
        if rate > most:
            raise TooManyErrors(f"{rate:.2%} of the requests fail, {most:.2%} may")
        if time.monotonic() >= until:
            return
        time.sleep(min(every, max(0.0, until - time.monotonic())))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("policy", help="service/env")
    parser.add_argument("old", help="the version with the traffic")
    parser.add_argument("new", help="the version that gets it")
    parser.add_argument("--error-rate", required=True, metavar="PROGRAM", help="prints the share of failed requests")
    parser.add_argument("--most", type=float, default=0.01, help="the highest share of failed requests (0.01)")
    parser.add_argument("--steps", default="1,5,25,50,100", help="percent of the traffic (1,5,25,50,100)")
    parser.add_argument("--hold", type=float, default=300, help="seconds of each step (300)")
    parser.add_argument("--every", type=float, default=10, help="seconds between two looks (10)")
    return parser.parse_args()


def main() -> int:
    """Shift the traffic."""
    asked = arguments()
    authority = os.environ.get("TM_CA")
    ca = Path(authority).read_text() if authority else None
    with Client(os.environ["TM_URL"], token=os.environ["TM_TOKEN"], ca=ca) as client:
        try:
            canary = Canary(client, os.environ["TM_TENANT"], asked.policy)
            try:
                for percent in map(float, asked.steps.split(",")):
                    canary.shift(asked.old, asked.new, percent)
                    watch(asked.error_rate, asked.most, asked.hold, asked.every)
            except TooManyErrors as why:
                print(why, file=sys.stderr)
                canary.back()
                return 1
        except (Problem, NoAnswer) as error:
            print(error, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
