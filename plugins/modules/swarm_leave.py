#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_leave
short_description: Leave the Swarm
version_added: 0.1.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Makes sure that this host is in no swarm.
  - A manager drains itself, waits until it runs no tasks, demotes itself and leaves, if the other managers keep a quorum.
  - A worker leaves at once. Drain it from a manager first; see M(apiary.swarm.node).
  - The node stays in the node list as Down; remove it with M(apiary.swarm.node) and O(apiary.swarm.node#module:state=absent).
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
options:
  force:
    description:
      - Whether to leave even if the swarm then loses its quorum or, on the last manager, ceases to exist, or if the
        state of the membership is an error or locked. The host then leaves at once.
      - Otherwise it makes no difference.
    type: bool
    default: false
  leaving:
    description:
      - NodeIDs of all nodes that leave now. O(force) then costs no remaining node its quorum, as it is only used if no reachable manager
        would remain. If one would, a manager that cannot be demoted fails the task, and stays.
    type: list
    elements: str
  wait_timeout:
    description:
      - How long to wait for each step, in seconds.
    type: int
    default: 120
seealso:
  - module: apiary.swarm.swarm_join
  - module: apiary.swarm.node
"""

EXAMPLES = r"""
- name: Leave the swarm gracefully
  apiary.swarm.swarm_leave:

- name: Force the last manager to leave
  apiary.swarm.swarm_leave:
    force: true
"""

RETURN = r"""
node_id:
  description: The NodeID that this host had, or has in check mode; V(null) if it was in no swarm.
  type: str
  returned: success
"""

from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import patiently, wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import quorum
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import (
    change_node,
    demote_self,
    host_name,
    is_manager,
    lost_quorum,
    own_certificate,
    refuse_silent,
    settled_info,
    swarm_error,
    wait_until_empty,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "force": {"type": "bool", "default": False},
    "leaving": {"type": "list", "elements": "str"},
    "wait_timeout": {"type": "int", "default": 120},
}
ACTION = "leave the swarm with host '{}'"


class Context(NamedTuple):
    """Who leaves, and whether at once instead of in good order."""

    node_id: str | None
    name: str
    forced: bool


def current_state(info: dict[str, Any]) -> dict[str, Any]:
    """Whether this host is a member, and its role."""
    if info["Swarm"]["LocalNodeState"] == "inactive":
        return {"member": False}
    return {"member": True, "role": "manager" if is_manager(info) else "worker"}


def desired_state(_current: dict[str, Any], _context: Any) -> dict[str, Any]:
    """A member of no swarm."""
    return {"member": False}


def refusal(info: dict[str, Any], client: Client) -> str | None:
    """Why this host should not leave; None where it may."""
    swarm = info["Swarm"]
    refuse_silent(info, ACTION.format(host_name(info)))
    if swarm["LocalNodeState"] in ("inactive", "active") and not is_manager(info):
        return None
    if swarm["LocalNodeState"] == "pending" and own_certificate(info) is None:
        return None  # it has never got in
    if swarm["LocalNodeState"] != "active":
        return f"its state is '{swarm['LocalNodeState']}': {swarm_error(info) or 'no manager answers it'}"
    if lost_quorum(info):
        return f"the swarm has no quorum: {lost_quorum(info)}"
    return quorum.demotion_refusal(quorum.members_of(client.nodes()), swarm["NodeID"])


def may_force(params: dict[str, Any], client: Client, node_id: str | None) -> bool:
    """Whether this manager may leave whatever it costs: there is nobody alive whom it would cost something, or nobody asks."""
    if not params["force"] or params["leaving"] is None:
        return bool(params["force"])
    try:
        members = quorum.members_of(patiently(client.nodes, params["wait_timeout"]))
    except SwarmError:
        return True  # there is no quorum any more
    return not [one for one in members if one.reachable and one.id not in (node_id, *params["leaving"])]


def leave_in_order(params: dict[str, Any], client: Client, node_id: str, name: str) -> bool:
    """A manager drains and demotes itself before it leaves; whether that was done, or it may leave without."""
    timeout = params["wait_timeout"]
    try:
        patiently(lambda: change_node(client, node_id, {"Availability": "drain"}), timeout)
        wait_until_empty(client, node_id, name, timeout)
    except SwarmError:
        if not params["force"]:
            raise  # what runs there still ends with its membership
    try:
        # The one before may have been the leader, and the others have none for a moment.
        patiently(lambda: demote_self(client, node_id, name, timeout), timeout)
    except SwarmError:
        # Managers that leave at the same time may each have been allowed to, and find themselves the last one.
        if not may_force(params, client, node_id):
            raise
        return False
    return True


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Leave, if nothing speaks against it."""

    def observe() -> tuple[Any, Context]:
        info = settled_info(client, params["wait_timeout"])
        reason = refusal(info, client)
        if reason and not may_force(params, client, info["Swarm"].get("NodeID")):
            other = "let the other managers leave, too" if params["force"] else "set force to leave anyway"
            raise could_not(ACTION.format(host_name(info)), reason, f"Fix that first, or {other}")
        forced = bool(reason) or info["Swarm"]["LocalNodeState"] != "active"
        return current_state(info), Context(info["Swarm"].get("NodeID") or None, host_name(info), forced)

    def apply(before: Any, _after: Any, context: Context) -> None:
        timeout, forced = params["wait_timeout"], context.forced
        if before["role"] == "manager" and not forced:
            forced = not leave_in_order(params, client, str(context.node_id), context.name)
        client.swarm_leave(force=forced)
        wait_until(
            client.info,
            lambda info: info["Swarm"]["LocalNodeState"] == "inactive",
            f"see host '{context.name}' outside the swarm",
            timeout,
        )

    outcome = converge(observe, desired_state, apply)
    return {"changed": outcome.changed, "diff": outcome.diff, "node_id": outcome.context.node_id}


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True)
    execute(module, run, without_engine=True)


if __name__ == "__main__":
    main()
