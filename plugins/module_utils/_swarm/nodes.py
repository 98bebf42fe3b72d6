# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes change their role and availability, or go: step by step, never below quorum."""

from __future__ import annotations

from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup, quorum
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.lookup import manager_reachable, node_gone, node_ready
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import (
    change_node,
    demote_self,
    get_node,
    wait_until_empty,
)


def desired_labels(current: dict[str, str], labels: dict[str, str], state: str, exclusive: bool) -> dict[str, str]:
    """A node's labels as they should be."""
    if state == "absent":
        return {key: value for key, value in current.items() if key not in labels}
    return dict(labels) if exclusive else {**current, **labels}


class Plan:
    """The nodes that are meant, what is wanted of each, and what the steps need.

    :ivar wanted: NodeID -> the options that differ or not, as given.
    :ivar nodes: all nodes as they were read first.
    """

    def __init__(self, client: Client, params: dict[str, Any], entries: list[dict[str, Any]], action: str) -> None:
        self.client, self.params, self.limit = client, params, params["wait_timeout"]
        absent = params["state"] == "absent"
        self.nodes = client.nodes()
        picked = lookup.pick_nodes(self.nodes, entries, action, strict=absent, missing_ok=absent)
        self.wanted = {node["ID"]: entry for node, entry in picked}
        self.title = {node["ID"]: lookup.node_title(node, self.nodes) for node in self.nodes}
        self.by_id = {node["ID"]: node for node in self.nodes}

    def look(self, node_id: str) -> Callable[[], lookup.Node]:
        """Reads that node as it is now."""
        return lambda: get_node(self.client, node_id, "find node")[0]


def check_quorum(plan: Plan, after: dict[str, Any]) -> list[str]:
    """The nodes to demote in their order; refuses, before the first write, what would cost the quorum on the way."""
    nodes = plan.nodes
    check_promotions(plan, after)
    promoted = [key for key in after if after[key]["role"] == "manager" and not quorum.counts_in_raft(plan.by_id[key])]
    nodes = [{**node, **promoted_node(node)} if node["ID"] in promoted else node for node in nodes]
    leaving = [key for key in plan.wanted if key not in after or after[key]["role"] == "worker"]
    demoted = [key for key in leaving if quorum.counts_in_raft(plan.by_id[key])]
    demoted.sort(key=lambda key: manager_reachable(plan.by_id[key]))  # those that do not vote any more first
    for node_id in demoted:
        refusal = quorum.quorum_refusal(nodes, node_id)
        if refusal:
            raise could_not(
                f"demote node '{plan.title[node_id]}'",
                refusal,
                "Bring the other managers back, or promote another node first",
            )
        nodes = [node for node in nodes if node["ID"] != node_id]
    return demoted


def check_promotions(plan: Plan, after: dict[str, Any]) -> None:
    """Refuse to promote a node that is not Ready: it would count for the quorum without being there."""
    for key in after:
        node = plan.by_id[key]
        if after[key]["role"] == "manager" and node["Spec"]["Role"] != "manager" and not node_ready(node):
            raise could_not(
                f"promote node '{plan.title[key]}'",
                f"it is {lookup.node_state(node)}",
                "Bring it back first; look at the engine on that node",
            )


def leaving_warnings(plan: Plan) -> list[str]:
    """What somebody has to do so that nodes can be removed without force."""
    limit = f"within {plan.limit} s" if plan.params["wait"] else "before"
    return [
        f"Node '{plan.title[key]}' is Ready: it has to leave the swarm by itself {limit}, with apiary.swarm.swarm_leave, or set force."
        for key in plan.wanted
        if node_ready(plan.by_id[key]) and not plan.params["force"]
    ]


def promoted_node(node: Any) -> dict[str, Any]:
    """What differs in a node once it is a manager."""
    return {"Spec": {**node["Spec"], "Role": "manager"}, "ManagerStatus": {"Reachability": "reachable"}}


def promote(plan: Plan, node_id: str, change: dict[str, str]) -> None:
    """Make a node a manager and wait until it takes part."""
    client, title = plan.client, plan.title[node_id]
    change_node(client, node_id, change)
    wait_until(
        plan.look(node_id),
        manager_reachable,
        f"see node '{title}' as a reachable manager",
        plan.limit,
        explain=lambda node: f"it is {lookup.node_state(node)}",
    )


def demote(plan: Plan, node_id: str, change: dict[str, str]) -> None:
    """Make a node a worker and wait until raft has let it go."""
    client, title = plan.client, plan.title[node_id]
    change_node(client, node_id, change)
    wait_until(
        plan.look(node_id),
        lambda node: not quorum.counts_in_raft(node),
        f"see node '{title}' as a worker",
        plan.limit,
        explain=lambda node: "it is still a member of raft",
    )


def wait_for_nodes(plan: Plan, node_ids: list[str], empty: list[str]) -> None:
    """Drained nodes are empty, and all are Ready; a node that is Down runs nothing that could be waited for."""
    if not plan.params["wait"]:
        return
    for node_id in empty:
        if not node_gone(plan.by_id[node_id]):
            wait_until_empty(plan.client, node_id, plan.title[node_id], plan.limit)
    for node_id in node_ids:
        if not node_ready(plan.by_id[node_id]):
            wait_until(
                plan.look(node_id),
                node_ready,
                f"see node '{plan.title[node_id]}' ready",
                plan.limit,
                "Look at the engine on that node",
                lambda node: f"it is {lookup.node_state(node)}",
            )


def change_all(plan: Plan, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Promotions, availabilities, waiting, demotions; this manager last."""
    demoted = check_quorum(plan, after)
    changes = {key: {option.capitalize(): value for option, value in after[key].items() if value != before[key][option]} for key in after}
    for node_id, change in changes.items():
        if change.get("Role") == "manager":
            promote(plan, node_id, change)
    for node_id, change in changes.items():
        if "Availability" in change and change.get("Role") != "manager":
            change_node(plan.client, node_id, {"Availability": change["Availability"]}, plan.nodes)
    drained = [key for key in after if plan.wanted[key].get("availability") == "drain"]
    wait_for_nodes(plan, list(after), drained)
    if demoted:
        own_id = plan.client.info()["Swarm"]["NodeID"]
        for node_id in sorted(demoted, key=lambda key: key == own_id):  # a stable sort
            if node_id == own_id:
                demote_self(plan.client, node_id, plan.title[node_id], plan.limit)
            else:
                demote(plan, node_id, {"Role": "worker"})


def remove_all(plan: Plan) -> None:
    """Drain all, wait until they are empty, demote them in turn, wait until they are Down, remove them."""
    client, force = plan.client, plan.params["force"]
    demoted = check_quorum(plan, {})
    for node_id in plan.wanted:
        change_node(client, node_id, {"Availability": "drain"}, plan.nodes)
    wait_for_nodes(plan, [], list(plan.wanted))
    for node_id in demoted:
        demote(plan, node_id, {"Role": "worker"})
    for node_id in plan.wanted:
        title = plan.title[node_id]
        if not force:
            wait_until(
                plan.look(node_id),
                node_gone,
                f"see node '{title}' down",
                plan.limit if plan.params["wait"] else 0,
                "Run apiary.swarm.swarm_leave on it, or set force",
                lambda node: f"it is {lookup.node_state(node)}",
            )
        client.node_remove(node_id, force)
