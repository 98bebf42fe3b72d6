# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: swarm_lacks
short_description: What a swarm lacks of what it had before a node was restarted
version_added: 0.2.0
author: The apiary.swarm authors (@apiary)
description:
  - Compares two looks at a swarm. The node has to be Ready, and so have all others that were; as many managers have to be reachable, and as
    many tasks of every service to run, as before.
  - After an election managers may for some seconds give a node the description of another, with its hostname
    (moby issue 46167, seen on Engine 26.1). O(members) tells the two apart.
  - Where the first look found no manager in control, only the node's own membership counts.
options:
  _input:
    description:
      - The result of M(apiary.swarm.swarm_info) with O(apiary.swarm.swarm_info#module:services) and
        O(apiary.swarm.swarm_info#module:tasks), now.
    type: dict
    required: true
  before:
    description: The same from before.
    type: dict
    required: true
  node_id:
    description: The NodeID of the node that was restarted.
    type: str
    required: true
  members:
    description: The hostnames that the nodes have, by NodeID, as they say themselves. The managers have to know them by these again.
    type: dict
    default: {}
  restarted:
    description: Whether the engine was restarted, so that none of the node's tasks of before can still run.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Wait until all is as it was before
  apiary.swarm.swarm_info:
    services: true
    tasks: true
  register: after
  until: after | apiary.swarm.swarm_lacks(before, node_id) | length == 0
"""

RETURN = r"""
_value:
  description: What is missing, each in some words.
  type: list
"""

from collections import Counter
from typing import Any


def swarm_lacks(
    after: dict[str, Any], before: dict[str, Any], node_id: str, members: dict[str, str] | None = None, restarted: bool = True
) -> list[str]:
    """What the swarm had before and does not have now.

    :param after: what swarm_info with services and tasks says now; a failed look is a lack, too.
    :param before: what it said before the restart.
    :param members: NodeID -> hostname, of nodes that have said so themselves.
    :param restarted: the engine was restarted, which ends every task of the node; managers hear of that some seconds later.
    """
    if not before.get("control_available"):
        return [] if after.get("state") == before.get("state") else [f"the host's own membership is '{after.get('state')}'"]
    if not after.get("control_available") or after.get("services") is None or after.get("tasks") is None:
        return ["no manager is in control"]
    lacks = [] if any(node["id"] == node_id for node in after["nodes"]) else ["the node is not in the list of nodes"]
    were_ready = {node["id"] for node in before["nodes"] if node["state"] == "ready"}
    for node in after["nodes"]:
        name = (members or {}).get(node["id"]) or node["hostname"]
        if node["state"] != "ready" and node["id"] in {node_id, *were_ready}:
            lacks.append(f"node '{name}' is '{node['state']}'")
        elif node["hostname"] != name:
            lacks.append(f"node '{name}' is listed as '{node['hostname']}'")
    had, has = before["quorum"]["reachable"], after["quorum"]["reachable"]
    if has < had:
        lacks.append(f"{has} of {had} managers are reachable")
    ended = {task["id"] for task in before["tasks"] if restarted and task["node_id"] == node_id}
    runs = Counter(task["service_id"] for task in after["tasks"] if task["state"] == "running" and task["id"] not in ended)
    now = {service["id"]: service for service in after["services"]}
    for service in before["services"]:
        # What was changed or removed meanwhile is somebody else's business, and jobs end.
        same = now.get(service["id"], {}).get("version") == service["version"] and not str(service["mode"]).endswith("job")
        wanted = min(service["running"], now[service["id"]]["desired"]) if same else 0
        if runs[service["id"]] < wanted:
            lacks.append(f"service '{service['name']}' runs {runs[service['id']]} of {wanted} tasks")
    return lacks


class FilterModule:
    """The filter swarm_lacks."""

    def filters(self) -> dict[str, Any]:
        return {"swarm_lacks": swarm_lacks}
