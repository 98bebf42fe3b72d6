# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a stack away, and come back only when nothing of it is left."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import FIRST_PAUSE
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, parts
from ansible_collections.apiary.swarm.plugins.module_utils._stack.parts import Time, Timed
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.reasons import place
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import KINDS, Snapshot, id_of, name_of
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup


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


@dataclass
class Removal(Timed):
    """A removal that can be put down and taken up again by another process: plain data.

    :ivar objects: what goes, as (kind, name, ID).
    :ivar gone: the IDs of what has been removed.
    """

    stack: str
    objects: list[list[str]]
    time: Time
    gone: list[str] = field(default_factory=list)

    def rest(self, *kinds: str) -> list[Operation]:
        """What of these kinds has not been removed yet."""
        return [
            Operation(kind, name, "remove", object_id=ident)
            for kind, name, ident in self.objects
            if kind in kinds and ident not in self.gone
        ]


def remove(
    client: Client,
    removal: Removal,
    seconds: float = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Remove services, wait for their tasks to end, then the rest.

    A network can go only when the last task has left it, on every node; the Engine refuses until then.

    :param seconds: come back after so long at the latest; 0: when it is over.
    :returns: nothing; or C(progress) and C(unfinished), to go on with.
    :raises SwarmError: the Engine refuses, or the time is over.
    """
    left, trouble = parts.wait(lambda: look(client, removal), removal.time, seconds, FIRST_PAUSE, refused, clock, sleep)
    if not (left or trouble):
        return {}
    told = trouble or "still there: " + ", ".join(left[:5]) + (f" and {len(left) - 5} more" if len(left) > 5 else "")
    if not removal.time.over:
        return parts.part(client, [told], removal=asdict(removal))
    raise could_not(
        f"remove stack '{removal.stack}' within {removal.time.limit:g} s",
        told,
        "Look at the nodes that the tasks are on, or give a longer wait_timeout",
    )


def refused(error: SwarmError) -> bool:
    """Whether the Engine will not do it later either."""
    return isinstance(error, EngineError) and error.status < 500


def look(client: Client, removal: Removal) -> list[str]:
    """Remove what can go by now; what is left."""
    delete_all(client, removal, "services")
    left = tasks_left(client, removal.stack, {ident: name for _kind, name, ident in removal.objects})
    if left:
        return left
    delete_all(client, removal, "configs", "secrets")
    return networks_refused(client, removal.rest("networks")) or objects_left(client, removal.stack)


def delete_all(client: Client, removal: Removal, *kinds: str) -> None:
    """Remove objects, each once."""
    for operation in removal.rest(*kinds):
        delete(client, operation)
        removal.gone.append(operation.object_id)


def networks_refused(client: Client, networks: list[Operation]) -> list[str]:
    """Try to remove networks; those that the Engine would not let go, with its reason."""
    left = []
    for operation in networks:
        try:
            delete(client, operation)
        except EngineError as error:
            left.append(f"network {operation.name} ({error.message})")
    return left


def tasks_left(client: Client, stack: str, names: dict[str, str] | None = None) -> list[str]:
    """Tasks of the stack that have not ended. Nobody waits for those of a node that is down: it cannot tell.

    :param names: the services that they are of, by ID; those are gone already.
    """
    tasks = client.tasks({"label": {f"{normal.STACK_LABEL}={stack}": True}})
    if not tasks:
        return []
    nodes = {node["ID"]: node for node in client.nodes()}
    alive = {key: lookup.node_hostname(node) or key for key, node in nodes.items() if node["Status"]["State"] != "down"}
    return [
        f"{place((names or {}).get(task['ServiceID'], 'task ' + task['ID']), task, alive)} ({task['Status']['State']})"
        for task in tasks
        if task.get("NodeID") in alive
    ]


def objects_left(client: Client, stack: str) -> list[str]:
    """What still carries the stack's label."""
    snapshot = Snapshot(client)
    return [f"{kind[:-1]} {name_of(kind, item)}" for kind in KINDS for item in snapshot.of_stack(kind, stack)]
