# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has done, for a person: changes by host, what runs, and how long each phase took. Pure functions."""

from __future__ import annotations

from typing import Any


def durations(phases: list[dict[str, Any]], end: float) -> list[tuple[str, float]]:
    """(name, seconds) of each phase; one that comes again is added up.

    :param phases: C(name) and C(epoch), when it began, in their order.
    :param end: when the last one ended, as an epoch.
    """
    found: dict[str, float] = {}
    for phase, following in zip(phases, [*phases[1:], {"epoch": end}]):
        found[phase["name"]] = found.get(phase["name"], 0.0) + following["epoch"] - phase["epoch"]
    return list(found.items())


def spelt(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, rest = divmod(int(round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def lines(changes: list[dict[str, Any]], phases: list[dict[str, Any]], services: list[dict[str, Any]], end: float) -> list[str]:
    """The summary, a line an element.

    :param changes: those of the plan, which have been done.
    :param services: C(name), C(running) and C(desired).
    """
    begin = phases[0]["epoch"] if phases else end
    told = [f"Done: {len(changes)} change{'' if len(changes) == 1 else 's'} in {spelt(end - begin)}"]
    hosts: dict[str, dict[str, int]] = {}
    for change in changes:
        subjects = hosts.setdefault(change["host"], {})
        word = f"{change['subject']} {change['verb']}"
        subjects[word] = subjects.get(word, 0) + 1
    width = max((len(host) for host in hosts), default=0)
    for host, subjects in hosts.items():
        what = ", ".join(word + (f" ×{count}" if count > 1 else "") for word, count in subjects.items())
        told.append(f"  {host:<{width}}  {what}")
    if services:
        told.append("  runs: " + ", ".join(f"{service['name']} {service['running']}/{service['desired']}" for service in services))
    if phases:
        told.append("  took: " + ", ".join(f"{name} {spelt(seconds)}" for name, seconds in durations(phases, end)))
    return told
