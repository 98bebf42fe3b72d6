# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a run: what each room says of its part, as data that a person, a test and a role can read."""

from __future__ import annotations

from typing import Any, NamedTuple

# Whose changes they are where it is no host of the inventory.
CONTROLLER, SWARM = "controller", "swarm"


class Change(NamedTuple):
    """One thing that a run will do, and why.

    :ivar host: an inventory name, C(controller) or C(swarm).
    :ivar subject: what is changed: packages, kernel, engine, certificate, node, registry, image, stack, ...
    :ivar verb: what is done to it: install, reload, restart, renew, join, label, promote, drain, remove, deploy, build, ...
    :ivar text: in the user's option words, such as C(log-driver json-file → journald).
    :ivar before: what is, for the diff; without secrets. None where the text says it all.
    :ivar after: what will be.
    """

    host: str
    subject: str
    verb: str
    text: str
    before: Any = None
    after: Any = None


class Section(NamedTuple):
    """What one room plans.

    :ivar problems: sentences; with any of them nothing may be written anywhere.
    :ivar warnings: sentences that a person should read.
    :ivar changes: in the order in which they will be done.
    :ivar data: what the roles need to do it: plain data without secrets.
    """

    problems: list[str]
    warnings: list[str]
    changes: list[Change]
    data: dict[str, Any]


def nothing() -> Section:
    """A section that has nothing to say."""
    return Section([], [], [], {})


def joined(sections: list[Section]) -> Section:
    """Sections one after the other; of one name in their data the last counts."""
    data: dict[str, Any] = {}
    for section in sections:
        data.update(section.data)
    return Section(
        list(dict.fromkeys(problem for section in sections for problem in section.problems)),
        list(dict.fromkeys(warning for section in sections for warning in section.warnings)),
        [change for section in sections for change in section.changes],
        data,
    )
