# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack has and its definition no longer asks for: what goes when all the rest runs, and what stays."""

from __future__ import annotations

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, releases, rotate
from ansible_collections.apiary.swarm.plugins.module_utils._stack.contents import shown
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.remove import delete
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import KINDS, Snapshot, id_of, name_of


def leftovers(operations: list[Operation], snapshot: Snapshot, stack: str, prune: bool, keep: int) -> list[Operation]:
    """Each object of the stack that no operation names, as one to be removed or as an orphan.

    Pruning removes services. Old versions of configs and secrets go without it; docker keeps all the rest.

    :param keep: how many versions of a config or secret stay; 0: all.
    """
    named = {(item.kind, item.name) for item in operations}
    found: list[Operation] = []
    for kind in KINDS:
        gone = too_old(kind, operations + found, snapshot, stack, prune, keep)
        for item in snapshot.of_stack(kind, stack):
            name, ident = name_of(kind, item), id_of(kind, item)
            if (kind, name) in named or (kind == "configs" and releases.number_of(item)):
                continue
            if prune and kind == "services":
                before = normal.service(item["Spec"], snapshot.network_names)
                found.append(Operation(kind, name, "remove", before, replaces_tasks="all", object_id=ident))
            elif ident in gone:
                found.append(Operation(kind, name, "remove", shown(kind, item["Spec"]), object_id=ident))
            else:
                found.append(Operation(kind, name, "orphan"))
    return found


def too_old(kind: str, operations: list[Operation], snapshot: Snapshot, stack: str, prune: bool, keep: int) -> set[str]:
    """The IDs of the versions that nobody will need when the operations are done."""
    if not keep or kind not in rotate.REFERENCES:
        return set()
    services = [item for item in operations if item.kind == "services"]
    written = {item.object_id or item.name: item.spec for item in services if item.action in ("create", "update")}
    removed = {item.object_id for item in services if item.action == "remove"}
    current = {item.base: item.object_id for item in operations if item.kind == kind and item.base}
    need = rotate.needed(snapshot.all("services"), written, removed)
    return {item["ID"] for item in rotate.surplus(snapshot.all(kind), stack, current, need, keep, prune)}


def remove(client: Client, operations: list[Operation]) -> None:
    """Remove what the plan says, services first. A version that somebody has begun to use meanwhile stays."""
    going = [item for item in operations if item.action == "remove"]
    for operation in going:
        if operation.kind == "services":
            delete(client, operation)
    contents = [item for item in going if item.kind in rotate.REFERENCES]
    need = rotate.needed(client.services(), {}, set()) if contents else set()
    for operation in contents:
        if operation.object_id not in need:
            delete(client, operation)
