# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The managers of a swarm and their majority: the only place that counts them. Pure functions."""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple

from ansible_collections.apiary.swarm.plugins.module_utils._swarm.lookup import Node, node_hostname


class Member(NamedTuple):
    """A member of raft.

    :ivar reachable: the leader reaches it.
    """

    id: str
    hostname: str
    reachable: bool
    leader: bool


def majority(managers: int) -> int:
    """How many of so many managers have to be there."""
    return managers // 2 + 1


def counts_in_raft(node: Node) -> bool:
    """A manager, or still (or soon) a member of raft; of a node as GET /nodes gives it."""
    return node["Spec"]["Role"] == "manager" or bool(node.get("ManagerStatus"))


def members_of(nodes: Iterable[Node]) -> list[Member]:
    """The members of raft among nodes as GET /nodes gives them."""
    found = [(node, node.get("ManagerStatus") or {}) for node in nodes if counts_in_raft(node)]
    return [
        Member(node["ID"], node_hostname(node), status.get("Reachability") == "reachable", bool(status.get("Leader")))
        for node, status in found
    ]


def described_members(nodes: Iterable[dict[str, Any]]) -> list[Member]:
    """The members of raft among nodes as this collection's modules return them."""
    return [
        Member(node["id"], node["hostname"], node["reachability"] == "reachable", bool(node["leader"]))
        for node in nodes
        if node["role"] == "manager" or node["reachability"] is not None
    ]


def quorum_of(members: list[Member]) -> dict[str, Any]:
    """How many managers there are, reach each other, and are needed."""
    reachable, needed = sum(one.reachable for one in members), majority(len(members))
    leaders = [one.hostname for one in members if one.leader]
    return {
        "managers": len(members),
        "reachable": reachable,
        "needed": needed,
        "leader": leaders[0] if leaders else None,
        "healthy": bool(leaders) and reachable >= needed,
    }


def demotion_refusal(members: list[Member], node_id: str) -> str | None:
    """Why that manager cannot be taken out of raft; None where it can, and where it is no member."""
    others = [one for one in members if one.id != node_id]
    if len(others) == len(members):
        return None
    rest = quorum_of(others)
    if not others:
        return "it is the last manager"
    if rest["reachable"] < rest["needed"]:
        return (
            f"{rest['reachable']} of the {rest['managers']} other managers would be reachable, and {rest['needed']} are needed for a quorum"
        )
    return None


def demotion_order(members: list[Member], node_ids: list[str]) -> tuple[list[str], tuple[str, str] | None]:
    """In which order managers are demoted, and the first of them that cannot be spared by then, with the reason.

    Those that do not vote any more go first.
    """
    order = sorted(node_ids, key=lambda key: any(one.id == key and one.reachable for one in members))
    left = members
    for node_id in order:
        reason = demotion_refusal(left, node_id)
        if reason:
            return order, (node_id, reason)
        left = [one for one in left if one.id != node_id]
    return order, None


def absence_refusal(members: list[Member], node_id: str) -> tuple[str, str] | None:
    """Why that manager cannot be away for a moment: a cause, and what to do; None where it can, and where it is no member.

    It stays a member meanwhile, so the others have to be a majority of all. The only manager of a swarm may always go, because
    nothing is lost that could be kept.
    """
    others = [one for one in members if one.id != node_id]
    reachable, needed = quorum_of(others)["reachable"], majority(len(members))
    if len(others) == len(members) or not others or reachable >= needed:
        return None
    return (
        f"without it {reachable} of {len(members)} managers are reachable, and the swarm needs {needed} for its quorum",
        "Bring the other managers back" if reachable < len(others) else "Use an odd number of managers",
    )
