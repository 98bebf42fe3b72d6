# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The managers of a swarm and their majority."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._swarm.lookup import Node, node_hostname


def counts_in_raft(node: Node) -> bool:
    """A manager, or still (or soon) a member of raft."""
    return node["Spec"]["Role"] == "manager" or bool(node.get("ManagerStatus"))


def quorum_of(nodes: list[Node]) -> dict[str, Any]:
    """How many managers there are, reach each other, and are needed."""
    managers = [node for node in nodes if counts_in_raft(node)]
    status = [node.get("ManagerStatus") or {} for node in managers]
    reachable = sum(one.get("Reachability") == "reachable" for one in status)
    leaders = [node_hostname(node) for node, one in zip(managers, status) if one.get("Leader")]
    needed = len(managers) // 2 + 1
    return {
        "managers": len(managers),
        "reachable": reachable,
        "needed": needed,
        "leader": leaders[0] if leaders else None,
        "healthy": bool(leaders) and reachable >= needed,
    }


def quorum_refusal(nodes: list[Node], node_id: str) -> str | None:
    """Why that manager cannot be spared; None where it can."""
    rest = quorum_of([node for node in nodes if node["ID"] != node_id])
    if not rest["managers"]:
        return "it is the last manager"
    if rest["reachable"] < rest["needed"]:
        return (
            f"{rest['reachable']} of the {rest['managers']} other managers would be reachable, and {rest['needed']} are needed for a quorum"
        )
    return None
