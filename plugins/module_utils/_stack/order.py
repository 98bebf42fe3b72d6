# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which services are written: what one depends on comes before it. Pure functions."""

from __future__ import annotations


def steps(names: list[str], depends_on: dict[str, list[str]]) -> list[list[str]]:
    """Names in groups: each depends on earlier groups only, also by way of services that are not among the names.

    :param depends_on: service -> those that it depends on; without circles.
    """
    levels: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in levels:
            levels[name] = 1 + max((level(other) for other in depends_on.get(name, [])), default=-1)
        return levels[name]

    found: dict[int, list[str]] = {}
    for name in sorted(names):
        found.setdefault(level(name), []).append(name)
    return [found[number] for number in sorted(found)]


def circle(depends_on: dict[str, list[str]]) -> list[str]:
    """Services that depend on themselves, by way of each other; nothing where there is no such circle."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for other in depends_on.get(name, []):
            found = walk(other, [*path, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for found in (walk(name, []) for name in sorted(depends_on)) if found), [])
