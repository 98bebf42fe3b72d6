# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: the operations that a deployment consists of, and how they are shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import KINDS, Snapshot, name_of

WRITES = ("create", "update", "remove")


@dataclass
class Operation:
    """One object of the stack and what happens to it.

    :ivar kind: services, networks, configs or secrets.
    :ivar action: create, update, remove, orphan, unchanged or impossible.
    :ivar before: normal form now; None where there is none.
    :ivar after: normal form wished for; None where it goes.
    :ivar changes: the paths that differ.
    :ivar replaces_tasks: no, some or all.
    :ivar problem: why it is impossible.
    :ivar ignored: paths that differ and that docker leaves as they are.
    :ivar remark: what the user should know of it.
    :ivar object_id: the ID at the Engine, once it is known.
    :ivar spec: what the CLI sent. It may hold secret data: never to be shown.
    """

    kind: str
    name: str
    action: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    changes: list[str] = field(default_factory=list)
    replaces_tasks: str = "no"
    problem: str = ""
    ignored: list[str] = field(default_factory=list)
    remark: str = ""
    object_id: str = ""
    spec: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def word(self) -> str:
        """The kind in the singular."""
        return self.kind[:-1]

    def entry(self) -> dict[str, Any]:
        """The operation as the user gets it."""
        return {
            "kind": self.word,
            "name": self.name,
            "action": self.action,
            "changes": self.changes,
            "replaces_tasks": self.replaces_tasks,
        }


def leftovers(operations: list[Operation], snapshot: Snapshot, stack: str, prune: bool) -> list[Operation]:
    """What the stack has and its definition no longer names. Pruning removes services; docker keeps the rest."""
    named = {(item.kind, item.name) for item in operations}
    found = []
    for kind in KINDS:
        for item in snapshot.of_stack(kind, stack):
            name = name_of(kind, item)
            if (kind, name) not in named:
                if prune and kind == "services":
                    before = normal.service(item["Spec"], snapshot.network_names)
                    found.append(Operation(kind, name, "remove", before, replaces_tasks="all", object_id=item["ID"]))
                else:
                    found.append(Operation(kind, name, "orphan"))
    return found


def writes(operations: list[Operation]) -> list[Operation]:
    """The operations that change something."""
    return [item for item in operations if item.action in WRITES]


def entries(operations: list[Operation]) -> list[dict[str, Any]]:
    """The plan as data, in a stable order."""
    return [item.entry() for item in sorted(operations, key=lambda item: (KINDS.index(item.kind), item.name))]


def diff(operations: list[Operation]) -> dict[str, Any]:
    """Before and after of what changes, each under C(<kind> <name>), without the values of environments."""
    changing = writes(operations)
    return {
        "before": {f"{item.word} {item.name}": normal.env_hidden(item.before) for item in changing if item.before is not None},
        "after": {f"{item.word} {item.name}": normal.env_hidden(item.after, item.before) for item in changing if item.after is not None},
    }


def problems(operations: list[Operation]) -> list[str]:
    """Why the plan cannot be carried out: nothing, or all its reasons."""
    return [item.problem for item in operations if item.problem]


def remarks(operations: list[Operation]) -> list[str]:
    """What the user should know although nothing fails."""
    return [item.remark for item in operations if item.remark] + [
        f"{item.word} '{item.name}' differs ({', '.join(item.ignored)}) but docker never changes an existing one: "
        "remove the stack first if it has to change."
        for item in operations
        if item.ignored
    ]
