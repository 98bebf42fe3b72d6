#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: node_label
short_description: Manage labels of Swarm nodes
version_added: 0.1.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Sets or removes labels of any number of nodes in one task. Run it on one manager.
  - All nodes are read with one request; each node whose labels differ is written once, and no other.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
options:
  nodes:
    description:
      - The nodes, each by its NodeID, hostname or address, or as a dictionary with C(name) and C(labels).
      - A node's own C(labels) are added to O(labels) and take precedence.
      - A hostname that several nodes share, as after a re-join, is an error that lists their NodeIDs; use one of those.
      - By default all nodes of the swarm.
    type: list
    elements: raw
  labels:
    description:
      - Labels for all of O(nodes), as a dictionary. An empty string is a value; numbers become strings;
        V(true), V(false), floats and V(null) are refused unless quoted.
      - With O(state=absent) a list of keys, or a dictionary whose values are ignored.
    type: raw
  state:
    description:
      - V(present) sets the labels, V(absent) removes them.
    type: str
    choices: [present, absent]
    default: present
  exclusive:
    description:
      - Whether to remove labels that are not given from O(nodes).
    type: bool
    default: false
seealso:
  - module: apiary.swarm.node
  - module: apiary.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Label the nodes
  apiary.swarm.node_label:
    labels:
      environment: production
    nodes:
      - worker1
      - name: worker2
        labels:
          disk: ssd

- name: Remove labels from all nodes
  apiary.swarm.node_label:
    labels: [disk, rack]
    state: absent

- name: Set these labels of a node and remove all others
  apiary.swarm.node_label:
    nodes: [10.0.0.21]
    labels: {rack: "7"}
    exclusive: true
"""

RETURN = r"""
nodes:
  description: The selected nodes with the labels that they have now, or would have in check mode.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: The NodeID.
      type: str
    hostname:
      description: The node's hostname.
      type: str
    labels:
      description: All labels of the node.
      type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core import values
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, Outcome, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.nodes import desired_labels

OPTIONS: dict[str, dict[str, Any]] = {
    "nodes": {"type": "list", "elements": "raw"},
    "labels": {"type": "raw"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "exclusive": {"type": "bool", "default": False},
}
ACTION = "label node"


def given_labels(labels: Any, state: str, action: str) -> dict[str, str]:
    """Labels in their normal form; for removal only the keys count."""
    if labels is None:
        return {}
    if state == "present":
        return values.label_values(action, labels)
    if not isinstance(labels, (dict, list)):
        raise could_not(action, "the labels to remove are not a list of keys", "Write them as [key1, key2]")
    values.check_label_keys(action, labels)
    return dict.fromkeys(labels, "")


def wanted_labels(params: dict[str, Any]) -> tuple[dict[str, str], list[dict[str, Any]] | None]:
    """The labels for all, and the entries with all their labels (None: all nodes); refuses what cannot work."""
    state = params["state"]
    common = given_labels(params["labels"], state, "label the nodes")
    entries = lookup.node_entries(params["nodes"], ("labels",), ACTION)
    given = params["labels"] is not None or any("labels" in entry for entry in entries or [])
    for entry in entries or []:
        own = given_labels(entry.get("labels"), state, f"{ACTION} '{entry['name']}'")
        entry["labels"] = {**common, **own}
    if params["exclusive"] and state == "absent":
        raise could_not(
            "label the nodes",
            "exclusive has no meaning with state absent",
            "Use exclusive with labels: {} to remove all",
        )
    if not given:
        raise could_not("label the nodes", "no labels are given", "Give labels, for all nodes or for each")
    return common, entries


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Read all nodes once, write those that differ."""
    common, entries = wanted_labels(params)
    nodes = client.nodes()
    if entries is None:
        entries = [{"name": node["ID"], "labels": common} for node in nodes]
    result: dict[str, Any] = {"changed": False, "diff": {"before": {}, "after": {}}, "nodes": []}
    for node, entry in lookup.pick_nodes(nodes, entries, ACTION):
        outcome = label(client, converge, node, entry["labels"], params)
        title = lookup.node_title(node, nodes)
        result["nodes"].append({"id": node["ID"], "hostname": lookup.node_hostname(node), "labels": outcome.after})
        if outcome.changed:
            result["changed"] = True
            result["diff"]["before"][title], result["diff"]["after"][title] = outcome.before, outcome.after
    return result


def label(client: Client, converge: Converge, node: Any, labels: dict[str, str], params: dict[str, Any]) -> Outcome:
    """One node; read again only after a conflict."""

    def observe() -> tuple[Any, Any]:
        return described(lookup.find_node(client.nodes(), node["ID"], ACTION))

    def apply(_before: Any, after: Any, now: Any) -> None:
        client.node_update(now["ID"], now["Version"]["Index"], {**now["Spec"], "Labels": after})

    return converge(
        observe,
        lambda current, _now: desired_labels(current, labels, params["state"], params["exclusive"]),
        apply,
        observed=described(node),
    )


def described(node: Any) -> tuple[dict[str, str], Any]:
    """A node's labels, and the node."""
    return dict(node["Spec"].get("Labels") or {}), node


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
