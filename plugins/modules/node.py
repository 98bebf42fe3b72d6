#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: node
short_description: Manage the role and availability of Swarm nodes, or remove nodes
version_added: 0.1.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Promotes, demotes, drains, activates or removes any number of nodes in one task. Run it on one manager.
  - Waits until no service task runs on drained nodes.
  - Roles are changed one node at a time, promotions first and the manager that this runs on last, and never
    in a way that could cost the swarm its quorum.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
options:
  nodes:
    description:
      - The nodes, each by its NodeID, hostname or address, or as a dictionary with C(name), C(role) and C(availability),
        which take precedence over O(role) and O(availability).
      - A hostname that several nodes share, as after a re-join, is an error that lists their NodeIDs; use one of those.
    type: list
    elements: raw
    required: true
  role:
    description:
      - Role of O(nodes). It is left unchanged if it is not given.
      - Promoting a node that is not Ready is an error, before anything is written.
    type: str
    choices: [worker, manager]
  availability:
    description:
      - Availability of O(nodes). It is left unchanged if it is not given.
    type: str
    choices: [active, pause, drain]
  state:
    description:
      - V(present) requires nodes of the swarm; an unknown one is an error.
      - V(absent) drains and demotes nodes, waits until they are Down, and removes them from the swarm.
        They become Down when they leave the swarm; see M(apiary.swarm.swarm_leave). One that is Ready has to leave
        within O(wait_timeout), or needs O(force); check mode warns about it.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - With O(state=absent), also remove nodes that are not Down. A manager that is needed for the quorum is never removed.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until drained nodes run no tasks and present nodes are Ready.
      - Role changes are always waited for, because the next one depends on them.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait for each step, in seconds.
    type: int
    default: 120
seealso:
  - module: apiary.swarm.node_label
  - module: apiary.swarm.swarm_leave
  - module: apiary.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Drain a node and wait until it runs no tasks
  apiary.swarm.node:
    nodes: [worker2]
    availability: drain

- name: Set the roles of nodes
  apiary.swarm.node:
    nodes:
      - {name: manager3, role: manager, availability: drain}
      - {name: worker1, role: worker}
    availability: active

- name: Remove a node that has left
  apiary.swarm.node:
    nodes: [tnnc9yxkbkzqi0lh9b6cb0r8k]
    state: absent
"""

RETURN = r"""
nodes:
  description: The selected nodes as they are now, or would be in check mode, without those that are absent.
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
    role:
      description: V(manager) or V(worker).
      type: str
    availability:
      description: V(active), V(pause) or V(drain).
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.nodes import Context, change_all, demotions, read_nodes, remove_all

ROLES = ("worker", "manager")
AVAILABILITIES = ("active", "pause", "drain")
OPTIONS: dict[str, dict[str, Any]] = {
    "nodes": {"type": "list", "elements": "raw", "required": True},
    "role": {"type": "str", "choices": list(ROLES)},
    "availability": {"type": "str", "choices": list(AVAILABILITIES)},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "force": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 120},
}
ACTION = {"present": "change node", "absent": "remove node"}


def wanted_entries(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries with what is wanted of each node."""
    action = ACTION[params["state"]]
    if params["state"] == "absent" and (params["role"] or params["availability"]):
        raise could_not("remove the nodes", "role and availability have no meaning with state absent", "Leave them out")
    entries = lookup.node_entries(params["nodes"], ("role", "availability"), action) or []
    result = []
    for entry in entries:
        item = {"name": entry["name"]}
        for option, choices in (("role", ROLES), ("availability", AVAILABILITIES)):
            value = params[option] if entry.get(option) is None else entry[option]
            if value is not None and value not in choices:
                raise could_not(f"{action} '{entry['name']}'", f"{option} '{value}' does not exist", f"Use {', '.join(choices)}")
            if value is not None:
                item[option] = value
        result.append(item)
    return result


def describe(node: Any) -> dict[str, str]:
    """A node's options."""
    return {"role": node["Spec"]["Role"], "availability": node["Spec"]["Availability"]}


def desired_nodes(current: dict[str, Any], context: Context, state: str) -> dict[str, Any]:
    """The nodes as they should be: with the options that are given, or not there at all.

    :raises SwarmError: it would cost the quorum, or cannot be.
    """
    after = {
        node_id: {**options, **{key: context.wanted[node_id][key] for key in options if key in context.wanted[node_id]}}
        for node_id, options in current.items()
        if state == "present"
    }
    if current != after:
        demotions(context, after)
    if state == "absent" and context.own_id in current:
        raise could_not("remove the nodes", "this manager is one of them", "Run the task on another manager")
    return after


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Read once, change what differs, wait."""
    state, entries = params["state"], wanted_entries(params)

    def observe() -> tuple[Any, Context]:
        context = read_nodes(client, params, entries, ACTION[state])
        return {node_id: describe(context.by_id[node_id]) for node_id in context.wanted}, context

    def apply(before: Any, after: Any, context: Context) -> Context:
        if state == "absent":
            remove_all(client, params, context)
        else:
            change_all(client, params, context, before, after)
        return context._replace(warnings=[])  # they were of what might have gone wrong

    def verify(after: Any, context: Context) -> None:
        change_all(client, params, context, after, after)  # an earlier run may have been cut off while it waited

    outcome = converge(observe, lambda before, context: desired_nodes(before, context, state), apply, verify)
    before, after, context = outcome.before, outcome.after, outcome.context
    changed = [node_id for node_id in before if before[node_id] != after.get(node_id)]
    return {
        "changed": outcome.changed,
        "diff": {
            "before": {context.title[key]: before[key] for key in changed},
            "after": {context.title[key]: after[key] for key in changed if key in after},
        },
        "warnings": context.warnings,
        "nodes": [{"id": key, "hostname": lookup.node_hostname(context.by_id[key]), **after[key]} for key in after],
    }


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
