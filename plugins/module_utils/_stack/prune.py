# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed: objects that the definition of a stack no longer contains, old versions of configs and secrets, or the whole stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import FIRST_PAUSE, Stopwatch, wait_in_part
from ansible_collections.apiary.swarm.plugins.module_utils._stack import releases
from ansible_collections.apiary.swarm.plugins.module_utils._stack.content import REFERENCES, age, base_of, references
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import (
    KINDS,
    Operation,
    Snapshot,
    delete,
    id_of,
    name_of,
    of_stack,
    stack_of,
)
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Plan, removal
from ansible_collections.apiary.swarm.plugins.module_utils._stack.reasons import task_name
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup


# -- what the definition no longer names
def unnamed(operations: list[Operation], snapshot: Snapshot, stack: str, prune: bool, keep: int) -> list[Operation]:
    """Each object of the stack that no operation names, as one to be removed or as an orphan.

    Pruning removes services. Old versions of configs and secrets go without it; docker keeps all the rest.

    :param keep: how many versions of a config or secret stay; 0: all.
    """
    named = {(item.kind, item.name) for item in operations}
    found: list[Operation] = []
    for kind in KINDS:
        gone = too_old(kind, operations + found, snapshot, stack, prune, keep)
        for item in snapshot.of_stack(kind, stack):
            name = name_of(kind, item)
            if (kind, name) in named or (kind == "configs" and releases.number_of(item)):
                continue
            if (prune and kind == "services") or id_of(kind, item) in gone:
                found.append(removal(kind, item, snapshot))
            else:
                found.append(Operation(kind, name, "orphan"))
    return found


def too_old(kind: str, operations: list[Operation], snapshot: Snapshot, stack: str, prune: bool, keep: int) -> set[str]:
    """The IDs of the versions that nobody will need when the operations are done."""
    if not keep or kind not in REFERENCES:
        return set()
    services = [item for item in operations if item.kind == "services"]
    written = {item.object_id or item.name: item.spec for item in services if item.action in ("create", "update")}
    removed = {item.object_id for item in services if item.action == "remove"}
    current = {item.base: item.object_id for item in operations if item.kind == kind and item.base}
    need = needed(snapshot.all("services"), written, removed)
    return {item["ID"] for item in surplus(snapshot.all(kind), stack, current, need, keep, prune)}


def needed(services: list[dict[str, Any]], written: dict[str, dict[str, Any]], removed: set[str]) -> set[str]:
    """The IDs of what services will name when a plan has been carried out, now or to roll back.

    :param services: all of the swarm, as listed.
    :param written: service ID -> the spec that it gets; the one it has becomes its previous one. Created ones under any key.
    :param removed: IDs of services that go.
    """
    found = {ident for spec in written.values() for ident in references(spec)}
    for service in services:
        if service["ID"] not in removed:
            found |= references(service["Spec"])
            if service["ID"] not in written:
                found |= references(service.get("PreviousSpec"))
    return found


def surplus(
    items: list[dict[str, Any]], stack: str, current: dict[str, str], need: set[str], keep: int, prune: bool
) -> list[dict[str, Any]]:
    """The versions that can go: made by this collection for this stack, named by no service, and not of the newest.

    :param items: all configs, or all secrets, as listed.
    :param current: base name -> ID of the version that the definition asks for.
    :param keep: how many versions of each stay, with the current one.
    :param prune: those of a base that the definition no longer names go, too.
    """
    versions: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        base = base_of(item)
        if base is not None and stack_of(item["Spec"]) == stack:
            versions.setdefault(base, []).append(item)
    found = []
    for base, own in versions.items():
        if base in current:
            others = [item for item in sorted(own, key=age, reverse=True) if item["ID"] != current[base]]
            found += others[max(keep, 1) - 1 :]
        elif prune:
            found += own
    return [item for item in found if item["ID"] not in need]


def prune(client: Client, going: list[Operation]) -> None:
    """Remove what the plan says, services first. A version that somebody has begun to use meanwhile stays."""
    for operation in going:
        if operation.kind == "services":
            delete(client, operation)
    versions = [item for item in going if item.kind in REFERENCES]
    need = needed(client.services(), {}, set()) if versions else set()
    for operation in versions:
        if operation.object_id not in need:
            delete(client, operation)


# -- the whole stack
@dataclass
class Removal:
    """The removal of a stack. Another process can go on with it: what is gone is not listed any more.

    :ivar seconds: how long a wait lasts before its progress is reported; 0: until it is over.
    :ivar services: ID -> name of services that have been removed, as their tasks tell only the ID.
    :ivar first: the plan.
    :ivar objects: what is yet to be removed; None: not read yet.
    :ivar progress: lines for people when it is not over yet.
    """

    client: Client
    stack: str
    stopwatch: Stopwatch
    seconds: float = 0
    services: dict[str, str] = field(default_factory=dict)
    first: Plan | None = None
    objects: list[Operation] | None = None
    progress: list[str] = field(default_factory=list)
    is_gone: bool = False

    def observe(self) -> tuple[dict[str, Any], Plan]:
        """What there is of the stack, and that all of it goes."""
        snapshot = Snapshot(self.client)
        self.objects = [removal(kind, item, snapshot) for kind in KINDS for item in snapshot.of_stack(kind, self.stack)]
        self.first = Plan(f"remove stack '{self.stack}'", snapshot, list(self.objects))
        self.is_gone = not self.objects and not tasks_left(self.client, self.stack, {})
        return self.first.state, self.first

    def apply(self, _before: dict[str, Any], _after: dict[str, Any], _plan: Plan) -> None:
        """Remove it."""
        self.remove()

    def verify(self, _after: dict[str, Any], _plan: Plan) -> None:
        """There is no object any more, but tasks may be."""
        if not self.is_gone:
            self.remove()

    def remove(self) -> None:
        """Remove services, wait for their tasks to end, then the rest; at most for this part.

        A network can go only when the last task has left it, on every node; the Engine refuses until then.

        :raises SwarmError: the Engine refuses, or the time is over.
        """
        left, trouble = wait_in_part(self.step, self.stopwatch, self.seconds, FIRST_PAUSE, refused)
        if not (left or trouble):
            return
        cause = trouble or "still there: " + ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
        if self.stopwatch.over:
            raise could_not(
                f"remove stack '{self.stack}' within {self.stopwatch.limit:g} s",
                cause,
                "Check the nodes that the tasks are on, or increase wait_timeout",
            )
        self.progress = [cause]

    def step(self) -> list[str]:
        """Remove what can go by now; what is left."""
        if self.objects is None:
            self.observe()
        self.delete("services")
        left = tasks_left(self.client, self.stack, self.services)
        if left:
            return left
        self.delete("configs", "secrets")
        return self.networks_refused() or self.objects_left()

    def delete(self, *kinds: str) -> None:
        """Remove objects, each once."""
        for operation in [item for item in self.objects or [] if item.kind in kinds]:
            delete(self.client, operation)
            (self.objects or []).remove(operation)
            if operation.kind == "services":
                self.services[operation.object_id] = operation.name

    def networks_refused(self) -> list[str]:
        """Try to remove networks; those that the Engine would not let go, with its reason."""
        left = []
        for operation in [item for item in self.objects or [] if item.kind == "networks"]:
            try:
                delete(self.client, operation)
            except EngineError as error:
                left.append(f"network {operation.name} ({error.message})")
        return left

    def objects_left(self) -> list[str]:
        """What still carries the stack's label."""
        snapshot = Snapshot(self.client)
        return [f"{kind[:-1]} {name_of(kind, item)}" for kind in KINDS for item in snapshot.of_stack(kind, self.stack)]


def refused(error: SwarmError) -> bool:
    """Whether the Engine will not do it later either."""
    return isinstance(error, EngineError) and error.status < 500


def tasks_left(client: Client, stack: str, services: dict[str, str]) -> list[str]:
    """Tasks of the stack that have not ended. Nobody waits for those of a node that is down: it cannot tell.

    :param services: ID -> name of those that they are of.
    """
    tasks = client.tasks(of_stack(stack))
    if not tasks:
        return []
    nodes = {node["ID"]: node for node in client.nodes()}
    alive = {ident: lookup.node_hostname(node) or ident for ident, node in nodes.items() if node["Status"]["State"] != "down"}
    return [
        f"{task_name(services.get(task['ServiceID'], 'task ' + task['ID']), task, alive)} ({task['Status']['State']})"
        for task in tasks
        if task.get("NodeID") in alive
    ]
