# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes change their role and availability, or go: step by step, never below quorum."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

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

Params = Any  # the options of module node


def desired_labels(current: dict[str, str], labels: dict[str, str], state: str, exclusive: bool) -> dict[str, str]:
    """A node's labels as they should be."""
    if state == "absent":
        return {key: value for key, value in current.items() if key not in labels}
    return dict(labels) if exclusive else {**current, **labels}


class Context(NamedTuple):
    """The nodes that are meant, what is wanted of each, and what the steps need.

    :ivar nodes: all nodes as they were read first.
    :ivar by_id: the same, by NodeID.
    :ivar title: NodeID -> how a sentence calls the node.
    :ivar wanted: NodeID -> the options that are given, whether they differ or not.
    :ivar own_id: the NodeID of the manager that is asked; None where it does not matter.
    :ivar warnings: what somebody has to do so that the steps can be done.
    """

    nodes: list[lookup.Node]
    by_id: dict[str, lookup.Node]
    title: dict[str, str]
    wanted: dict[str, dict[str, Any]]
    own_id: str | None
    warnings: list[str]


def read_nodes(client: Client, params: Params, entries: list[dict[str, Any]], action: str) -> Context:
    """Read all nodes, and find those that the entries mean."""
    absent = params["state"] == "absent"
    nodes = client.nodes()
    picked = lookup.pick_nodes(nodes, entries, action, missing_ok=absent)
    title = {node["ID"]: lookup.node_title(node, nodes) for node in nodes}
    return Context(
        nodes,
        {node["ID"]: node for node in nodes},
        title,
        {node["ID"]: entry for node, entry in picked},
        client.info()["Swarm"].get("NodeID") if absent and picked else None,
        leaving_warnings([node for node, _entry in picked], title, params) if absent else [],
    )


def leaving_warnings(nodes: list[lookup.Node], title: dict[str, str], params: Params) -> list[str]:
    """What somebody has to do so that nodes can be removed without force."""
    limit = f"within {params['wait_timeout']} s" if params["wait"] else "before"
    return [
        f"Node '{title[node['ID']]}' is Ready: it has to leave the swarm by itself {limit}, with apiary.swarm.swarm_leave, or set force."
        for node in nodes
        if node_ready(node) and not params["force"]
    ]


def node_now(client: Client, node_id: str) -> Callable[[], lookup.Node]:
    """Reads that node as it is now."""
    return lambda: get_node(client, node_id, "find node")[0]


# -- what is refused
def demotions(context: Context, after: dict[str, Any]) -> list[str]:
    """The nodes to demote in their order; refuses, before the first write, what would cost the quorum on the way.

    :param after: NodeID -> role and availability, of the nodes that stay.
    """
    check_promotions(context, after)
    members = quorum.members_of(context.nodes)
    promoted = [key for key in after if after[key]["role"] == "manager" and not quorum.counts_in_raft(context.by_id[key])]
    members += [quorum.Member(key, context.title[key], True, False) for key in promoted]
    leaving = [key for key in context.wanted if key not in after or after[key]["role"] == "worker"]
    order, refused = quorum.demotion_order(members, [key for key in leaving if quorum.counts_in_raft(context.by_id[key])])
    if refused:
        node_id, reason = refused
        raise could_not(f"demote node '{context.title[node_id]}'", reason, "Bring the other managers back, or promote another node first")
    return order


def check_promotions(context: Context, after: dict[str, Any]) -> None:
    """Refuse to promote a node that is not Ready: it would count for the quorum without being there."""
    for key in after:
        node = context.by_id[key]
        if after[key]["role"] == "manager" and node["Spec"]["Role"] != "manager" and not node_ready(node):
            raise could_not(
                f"promote node '{context.title[key]}'",
                f"it is {lookup.node_state(node)}",
                "Bring it back first; check the engine on that node",
            )


# -- the steps
def promote(client: Client, node_id: str, title: str, change: dict[str, str], timeout: float) -> None:
    """Make a node a manager and wait until it takes part."""
    change_node(client, node_id, change)
    wait_until(
        node_now(client, node_id),
        manager_reachable,
        f"see node '{title}' as a reachable manager",
        timeout,
        explain=lambda node: f"it is {lookup.node_state(node)}",
    )


def demote(client: Client, node_id: str, title: str, timeout: float) -> None:
    """Make a node a worker and wait until raft has let it go."""
    change_node(client, node_id, {"Role": "worker"})
    wait_until(
        node_now(client, node_id),
        lambda node: not quorum.counts_in_raft(node),
        f"see node '{title}' as a worker",
        timeout,
        explain=lambda node: "it is still a member of raft",
    )


def wait_for_nodes(client: Client, params: Params, context: Context, after: dict[str, Any]) -> None:
    """Wait until drained nodes are empty and those that stay are Ready.

    A node that is Down runs nothing that could be waited for.

    :param after: NodeID -> role and availability, of the nodes that stay; the others are drained.
    """
    if not params["wait"]:
        return
    for node_id, wanted in context.wanted.items():
        drained = node_id not in after or wanted.get("availability") == "drain"
        if drained and not node_gone(context.by_id[node_id]):
            wait_until_empty(client, node_id, context.title[node_id], params["wait_timeout"])
    for node_id in after:
        if not node_ready(context.by_id[node_id]):
            wait_until(
                node_now(client, node_id),
                node_ready,
                f"see node '{context.title[node_id]}' ready",
                params["wait_timeout"],
                "Check the engine on that node",
                lambda node: f"it is {lookup.node_state(node)}",
            )


def change_all(client: Client, params: Params, context: Context, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Promotions, availabilities, waiting, demotions; this manager last."""
    demoted, limit = demotions(context, after), params["wait_timeout"]
    changes = {key: {option.capitalize(): value for option, value in after[key].items() if value != before[key][option]} for key in after}
    for node_id, change in changes.items():
        if change.get("Role") == "manager":
            promote(client, node_id, context.title[node_id], change, limit)
    for node_id, change in changes.items():
        if "Availability" in change and change.get("Role") != "manager":
            change_node(client, node_id, {"Availability": change["Availability"]}, context.nodes)
    wait_for_nodes(client, params, context, after)
    if demoted:
        own_id = client.info()["Swarm"]["NodeID"]
        for node_id in sorted(demoted, key=lambda key: key == own_id):  # a stable sort
            if node_id == own_id:
                demote_self(client, node_id, context.title[node_id], limit)
            else:
                demote(client, node_id, context.title[node_id], limit)


def remove_all(client: Client, params: Params, context: Context) -> None:
    """Drain all, wait until they are empty, demote them in turn, wait until they are Down, remove them."""
    limit, force = params["wait_timeout"], params["force"]
    for node_id in context.wanted:
        change_node(client, node_id, {"Availability": "drain"}, context.nodes)
    wait_for_nodes(client, params, context, {})
    for node_id in demotions(context, {}):
        demote(client, node_id, context.title[node_id], limit)
    for node_id in context.wanted:
        if not force:
            wait_until(
                node_now(client, node_id),
                node_gone,
                f"see node '{context.title[node_id]}' down",
                limit if params["wait"] else 0,
                "Run apiary.swarm.swarm_leave on it, or set force",
                lambda node: f"it is {lookup.node_state(node)}",
            )
        client.node_remove(node_id, force)
