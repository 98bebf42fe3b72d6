# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a stack away, and come back only when nothing of it is left."""

from __future__ import annotations

import time
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils import _spec
from ansible_collections.apiary.swarm.plugins.module_utils._client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._errors import EngineError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import KINDS, Snapshot, id_of, name_of
from ansible_collections.apiary.swarm.plugins.module_utils._wait import wait_until


def plan_removal(client: Client, stack: str) -> list[Operation]:
    """All that the stack has, to be removed."""
    snapshot = Snapshot(client)
    return [
        Operation(
            kind,
            name_of(kind, item),
            "remove",
            shown(kind, item, snapshot),
            replaces_tasks="all" if kind == "services" else "no",
            object_id=id_of(kind, item),
        )
        for kind in KINDS
        for item in snapshot.of_stack(kind, stack)
    ]


def shown(kind: str, item: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """The normal form of a listed object."""
    if kind == "services":
        return normal.service(item["Spec"], snapshot.network_names)
    if kind == "networks":
        return normal.network(item)
    return normal.config(item["Spec"]) if kind == "configs" else normal.secret(item["Spec"])


def delete(client: Client, operation: Operation) -> None:
    """Remove one object; one that is gone already is fine."""
    try:
        client.call(f"remove {operation.word} '{operation.name}'", "DELETE", f"/{operation.kind}/{operation.object_id}")
    except EngineError as error:
        if error.status != 404:
            raise


def remove(
    client: Client,
    stack: str,
    operations: list[Operation],
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Remove services, wait for their tasks to end, then the rest.

    A network can go only when the last task has left it, on every node; the Engine refuses until then.
    """
    end = clock() + timeout
    services = [item for item in operations if item.kind == "services"]
    for operation in services:
        delete(client, operation)

    def until(observe: Callable[[], list[str]]) -> None:
        wait_until(
            observe,
            lambda left: not left,
            f"remove stack '{stack}'",
            max(0.0, end - clock()),
            advice="Look at the nodes that the tasks are on, or give a longer wait_timeout",
            explain=lambda left: "still there: " + ", ".join(left[:5]),
            clock=clock,
            sleep=sleep,
        )

    until(lambda: tasks_left(client, stack))
    for operation in operations:
        if operation.kind in ("configs", "secrets"):
            delete(client, operation)
    until(lambda: networks_refused(client, operations))
    until(lambda: objects_left(client, stack))


def networks_refused(client: Client, operations: list[Operation]) -> list[str]:
    """Try to remove the networks; those that the Engine would not let go, with its reason."""
    refused = []
    for operation in operations:
        if operation.kind == "networks":
            try:
                delete(client, operation)
            except EngineError as error:
                refused.append(f"network {operation.name} ({error.message})")
    return refused


def tasks_left(client: Client, stack: str) -> list[str]:
    """Tasks of the stack that have not ended. Nobody waits for those of a node that is down: it cannot tell."""
    tasks = client.tasks({"label": {f"{normal.STACK_LABEL}={stack}": True}})
    if not tasks:
        return []
    nodes = {node["ID"]: node for node in client.nodes()}
    alive = {key: _spec.node_hostname(node) or key for key, node in nodes.items() if node["Status"]["State"] != "down"}
    return [f"task {task['ID']} on {alive[task['NodeID']]}" for task in tasks if task.get("NodeID") in alive]


def objects_left(client: Client, stack: str) -> list[str]:
    """What still carries the stack's label."""
    snapshot = Snapshot(client)
    return [f"{kind[:-1]} {name_of(kind, item)}" for kind in KINDS for item in snapshot.of_stack(kind, stack)]
