# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a stack's services are to what they were: the plan of it, and its writes."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import CONFLICT_ATTEMPTS
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmConflict
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, releases, rules
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import Snapshot, name_of


def way_back(release: dict[str, Any], snapshot: Snapshot, stack: str, keep_replicas: bool = False) -> list[Operation]:
    """One operation for each service that was or is.

    :param keep_replicas: a service keeps the number of tasks that it has.
    """
    names, operations = snapshot.network_names, []
    for name, recorded in release["services"].items():
        spec, gone = releases.restored(recorded, snapshot)
        live = snapshot.find("services", name)
        if live and keep_replicas:
            rules.keep_replicas(spec, live["Spec"])
        after = normal.service(spec, names)
        before = normal.service(live["Spec"], names) if live else None
        changes = normal.changed_paths(before, after) if before else []
        action = "create" if before is None else "update" if changes else "unchanged"
        operation = Operation("services", name, action, before, after, changes, object_id=live["ID"] if live else "", spec=spec)
        if live and changes:
            operation.replaces_tasks = normal.replaces_tasks(*(normal.service(one, names, True) for one in (live["Spec"], spec)))
        if before and set(before["Mode"]) != set(after["Mode"]):
            gone.append("its former mode, which cannot be changed")
        if gone and action != "unchanged":
            operation.action = "impossible"
            operation.problem = f"service '{name}' needs {', '.join(gone)}, which is gone"
        operations.append(operation)
    for item in snapshot.of_stack("services", stack):
        if name_of("services", item) not in release["services"]:
            before = normal.service(item["Spec"], names)
            operations.append(
                Operation("services", name_of("services", item), "remove", before, replaces_tasks="all", object_id=item["ID"])
            )
    return operations


def write(client: Client, operations: list[Operation], written: dict[str, str]) -> None:
    """Send what differs.

    :param written: gets the name of each service that was written, and what was done to it.
    """
    for operation in operations:
        if operation.action == "create":
            client.call(f"create service '{operation.name}'", "POST", "/services/create", None, operation.spec)
        elif operation.action == "update":
            update(client, operation.object_id, operation.name, operation.spec, {"registryAuthFrom": "spec"})
        else:
            continue
        written[operation.name] = operation.action


def update(client: Client, ident: str, name: str, spec: dict[str, Any], query: dict[str, Any]) -> None:
    """Write one service. The Swarm itself writes while it updates one, so a version may be old at once."""
    for attempt in range(CONFLICT_ATTEMPTS):
        version = client.call(f"read service '{name}'", "GET", f"/services/{ident}")["Version"]["Index"]
        try:
            client.call(f"update service '{name}'", "POST", f"/services/{ident}/update", {"version": version, **query}, spec)
            return
        except SwarmConflict:
            if attempt + 1 == CONFLICT_ATTEMPTS:
                raise
