# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes as GET /nodes gives them: what they say of themselves, and which of them a name means."""

from __future__ import annotations

import json
from typing import Any, Iterable

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.values import is_nowhere, normal_ip, split_address

Node = Any  # a node as GET /nodes gives it


def node_hostname(node: Node) -> str:
    """The node's hostname as it reported it."""
    return (node.get("Description") or {}).get("Hostname") or ""


def node_address(node: Node) -> str:
    """The node's address; a manager may know itself only as C(0.0.0.0) or loopback: then what it tells the others."""
    own = normal_ip((node.get("Status") or {}).get("Addr") or "")
    if own and not is_nowhere(own):
        return own
    manager = (node.get("ManagerStatus") or {}).get("Addr")
    return split_address("Addr", manager)[0] if manager else ""


def node_state(node: Node) -> str:
    """C(ready), C(down), C(unknown) or C(disconnected)."""
    return (node.get("Status") or {}).get("State") or "unknown"


def node_title(node: Node, nodes: list[Node]) -> str:
    """The hostname, with the ID where several nodes have it (they do, after a re-join)."""
    hostname = node_hostname(node)
    if hostname and sum(node_hostname(other) == hostname for other in nodes) == 1:
        return hostname
    return f"{hostname} ({node['ID']})"


def matching_nodes(nodes: list[Node], name: str) -> list[Node]:
    """The nodes with that ID; else with that hostname; else with that address."""
    for key in (lambda node: node["ID"], node_hostname, node_address):
        found = [node for node in nodes if name and key(node) == normal_ip(name)]
        if found:
            return found
    return []


def find_node(nodes: list[Node], name: str, action: str) -> Node:
    """The one node of that ID, hostname or address.

    Of several with one hostname none is meant, also where one alone is not Down: for some seconds after an election a node may have the
    name of a dead manager (moby issue 46167).
    """
    found = matching_nodes(nodes, name)
    if len(found) == 1:
        return found[0]
    if not found:
        known = ", ".join(sorted(node_hostname(node) for node in nodes))
        raise could_not(f"{action} '{name}'", f"the swarm has no such node, only {known}", "Give a NodeID, hostname or address")
    listed = ", ".join(f"{node['ID']} ({node_state(node)})" for node in found)
    raise could_not(f"{action} '{name}'", f"{len(found)} nodes have that name: {listed}", "Give the NodeID")


def node_entries(entries: list[Any] | None, keys: Iterable[str], action: str) -> list[dict[str, Any]] | None:
    """The elements of C(nodes), strings and dictionaries, all as dictionaries with C(name); None where all are meant."""
    if entries is None:
        return None
    known = ["name", *keys]
    result = []
    for entry in entries:
        item = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"].strip():
            raise could_not(
                f"{action} {json.dumps(entry)}",
                "it does not identify a node",
                "Write a NodeID, hostname or address, or a dictionary with 'name'",
            )
        unknown = sorted(set(item) - set(known))
        if unknown:
            raise could_not(f"{action} '{item['name']}'", f"'{unknown[0]}' is not an option of a node", f"Use only {', '.join(known)}")
        result.append(dict(item))
    return result


def pick_nodes(
    nodes: list[Node], entries: list[dict[str, Any]], action: str, missing_ok: bool = False
) -> list[tuple[Node, dict[str, Any]]]:
    """The nodes that the entries name, each once."""
    picked: list[tuple[Node, dict[str, Any]]] = []
    names: dict[str, str] = {}
    for entry in entries:
        name = entry["name"].strip()
        if missing_ok and not matching_nodes(nodes, name):
            continue
        node = find_node(nodes, name, action)
        if node["ID"] in names:
            raise could_not(f"{action} '{name}'", f"it is listed twice (also as '{names[node['ID']]}')", "Name each node once")
        names[node["ID"]] = name
        picked.append((node, entry))
    return picked


# -- predicates
def node_ready(node: dict[str, Any]) -> bool:
    """A node as C(GET /nodes) gives it is Ready."""
    return node.get("Status", {}).get("State") == "ready"


def manager_reachable(node: dict[str, Any]) -> bool:
    """A node as C(GET /nodes) gives it is a manager that takes part in raft."""
    return (node.get("ManagerStatus") or {}).get("Reachability") == "reachable"


def node_gone(node: dict[str, Any]) -> bool:
    """A node as C(GET /nodes) gives it is Down."""
    return node.get("Status", {}).get("State") == "down"
