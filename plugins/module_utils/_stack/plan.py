# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: the operations that a deployment consists of, and how they are shown."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, words, yaml_text
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import KINDS

WRITES = ("create", "update", "remove")


@dataclass
class Operation:
    """One object of the stack and what happens to it.

    :ivar kind: services, networks, configs or secrets.
    :ivar action: create, update, remove, orphan, unchanged or impossible.
    :ivar before: normal form now; None where there is none.
    :ivar after: normal form wished for; None where it goes.
    :ivar changes: the paths that differ, in the words of the Engine API.
    :ivar told: what else changes, as [path, before, after], where no spec shows it.
    :ivar replaces_tasks: no, some or all.
    :ivar problem: why it is impossible.
    :ivar remark: what the user should know of it.
    :ivar object_id: the ID at the Engine, once it is known.
    :ivar base: the name in the file, of a config or secret that has versions.
    :ivar path: where to send it, if not where the CLI does.
    :ivar spec: what the CLI sent. It may hold secret data: never to be shown.
    """

    kind: str
    name: str
    action: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    changes: list[str] = field(default_factory=list)
    told: list[list[Any]] = field(default_factory=list)
    replaces_tasks: str = "no"
    problem: str = ""
    remark: str = ""
    object_id: str = ""
    base: str = ""
    path: str = ""
    spec: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def word(self) -> str:
        """The kind in the singular."""
        return self.kind[:-1]

    def words(self, mask: bool = True) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """(before, after) in the words of a Compose file."""
        return words.of(self.kind, self.before, None, mask), words.of(self.kind, self.after, self.before, mask)

    def entry(self, mask: bool = True) -> dict[str, Any]:
        """The operation as the user gets it.

        :param mask: do not show the values of environment variables.
        """
        return {
            "kind": self.word,
            "name": self.name,
            "action": self.action,
            "changes": self.differences(mask),
            "replaces_tasks": self.replaces_tasks,
        }

    def differences(self, mask: bool = True) -> list[list[Any]]:
        """What changes, as [path, before, after]: nothing where the object comes or goes as a whole."""
        before, after = self.words(mask) if self.changes else (None, None)
        if before is None or after is None:
            return self.told
        was, will = normal.leaves(before), normal.leaves(after)
        found = [[path, was.get(path), will.get(path)] for path in normal.changed_paths(before, after)]
        return (found or [[path, None, None] for path in self.changes]) + self.told


def writes(operations: list[Operation]) -> list[Operation]:
    """The operations that change something."""
    return [item for item in operations if item.action in WRITES]


def entries(operations: list[Operation], mask: bool = True) -> list[dict[str, Any]]:
    """The plan as data, in a stable order."""
    return [item.entry(mask) for item in in_order(operations)]


def in_order(operations: list[Operation]) -> list[Operation]:
    """By kind and name."""
    return sorted(operations, key=lambda item: (KINDS.index(item.kind), item.name))


def diff(operations: list[Operation], mask: bool = True) -> list[dict[str, str]]:
    """Before and after of what changes, as Compose files have it, one document an object."""
    shown = []
    for item in in_order(writes(operations)):
        before, after = item.words(mask)
        heading = f"{item.word} {item.name}"
        shown.append(
            {
                "before_header": heading if before is not None else f"{heading} (not there)",
                "after_header": heading if after is not None else f"{heading} (removed)",
                "before": yaml_text.dump({**(before or {}), **{path: was for path, was, _will in item.told if was is not None}}),
                "after": yaml_text.dump({**(after or {}), **{path: will for path, _was, will in item.told if will is not None}}),
            }
        )
    return shown


def problems(operations: list[Operation]) -> list[str]:
    """Why the plan cannot be carried out: nothing, or all its reasons."""
    return [item.problem for item in operations if item.problem] + port_conflicts(operations)


def port_conflicts(operations: list[Operation]) -> list[str]:
    """The ports that two services would begin to publish, which the Engine refuses when the second one is written.

    Only host mode goes with host mode, on different nodes. What is published already, the Engine itself compares.
    """
    takers: dict[tuple[int, str], dict[str, str]] = {}
    for item in in_order([item for item in operations if item.kind == "services"]):
        before = published(item.before)
        for port, mode in published(item.after).items():
            if before.get(port) != mode:
                takers.setdefault(port, {})[item.name] = mode
    return [
        f"service '{one}' and service '{other}' both publish port {number}/{protocol}"
        for (number, protocol), modes in sorted(takers.items())
        for one, other in itertools.combinations(modes, 2)
        if "ingress" in (modes[one], modes[other])
    ]


def published(service: dict[str, Any] | None) -> dict[tuple[int, str], str]:
    """(port, protocol) -> mode of a service in normal form; the Engine chooses a port where none is given."""
    ports = ((service or {}).get("EndpointSpec") or {}).get("Ports") or []
    return {(port["PublishedPort"], port["Protocol"]): port["PublishMode"] for port in ports if port.get("PublishedPort")}


def remarks(operations: list[Operation]) -> list[str]:
    """What the user should know although nothing fails."""
    return [item.remark for item in operations if item.remark]
