# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go back to a release: its services as they were, planned and written as any other change."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, plan, releases
from ansible_collections.apiary.swarm.plugins.module_utils._stack.deploy import (
    Wish,
    ending_of,
    in_control,
    result,
    unknown_plan,
    with_outcome,
)
from ansible_collections.apiary.swarm.plugins.module_utils._stack.finish import Ending, finish
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import Snapshot, name_of


def rolled_back(client: Client, check: bool, wish: Wish, number: int | None) -> dict[str, Any]:
    """The stack's services are those of a release; in check mode, what that would take."""
    if not in_control(client, check, wish.stack, "roll back"):
        return unknown_plan(wish.stack)
    snapshot = Snapshot(client)
    release = releases.chosen(snapshot.all("configs"), wish.stack, number)
    operations = way_back(release, snapshot, wish.stack)
    outcome = {**result(operations, wish.mask_env), "warnings": [], "services": {}}
    problems = plan.problems(operations)
    if problems:
        text = f"Could not roll back stack '{wish.stack}' to release {release['release']}: {'; '.join(problems)}. Nothing was changed."
        raise SwarmError(text, {**outcome, "changed": False})
    if check:
        return outcome
    ending = ending_of(wish, operations, outcome)
    with_outcome(outcome, lambda: write(client, operations, snapshot, ending))
    if not wish.wait:
        return outcome
    return {**outcome, **with_outcome(outcome, lambda: finish(client, ending, wish.bundle.get("report_every", 0)))}


def way_back(release: dict[str, Any], snapshot: Snapshot, stack: str) -> list[Operation]:
    """One operation for each service that was or is."""
    names, operations = snapshot.network_names, []
    for name, recorded in release["services"].items():
        spec, gone = releases.restored(recorded, snapshot)
        live, after = snapshot.find("services", name), normal.service(spec, names)
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


def write(client: Client, operations: list[Operation], snapshot: Snapshot, ending: Ending) -> None:
    """Send what differs."""
    for operation in operations:
        verb = f"{operation.action} service '{operation.name}'"
        if operation.action == "create":
            client.call(verb, "POST", "/services/create", None, operation.spec)
        elif operation.action == "update":
            live = snapshot.find("services", operation.name) or {}
            query = {"version": live["Version"]["Index"], "registryAuthFrom": "spec"}
            client.call(verb, "POST", f"/services/{operation.object_id}/update", query, operation.spec)
        else:
            continue
        ending.written[operation.name] = operation.action
