#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_join
short_description: Join a Swarm as a worker or manager
version_added: 0.1.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Joins this host to a swarm, or verifies that it is a member of it, in the given role.
  - Each manager's address is probed, and those that answer are tried in turn. A half-done earlier attempt is cleaned up.
  - The swarm is identified by its root certificate, whose digest is part of the join token, or by its ID. On workers
    both are read from the engine's swarm directory, which requires root.
  - A manager is demoted if O(role=worker), never below quorum. A worker with O(role=manager) is an error,
    because only a manager can promote it; see M(apiary.swarm.node).
  - Requires root (C(become=true)); a user who cannot read the engine's swarm directory is refused before anything is joined.
  - Whether a worker is Ready is only visible on a manager. M(apiary.swarm.node) with O(apiary.swarm.node#module:wait)
    checks it there.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
options:
  role:
    description:
      - Role of this host in the swarm. It has to match O(join_token).
    type: str
    choices: [worker, manager]
    required: true
  join_token:
    description:
      - The swarm's join token for O(role).
      - Not required on a host that is already a member, if O(cluster_id) is given, and in check mode on one that is not.
    type: str
  cluster_id:
    description:
      - The swarm's ID, as M(apiary.swarm.swarm_info) returns it. With it the membership is verified without a token.
    type: str
  remote_addrs:
    description:
      - The addresses of the swarm's managers, as C(host) or C(host:port), in any order. The default port is 2377.
      - Only required to join.
    type: list
    elements: str
    default: []
  advertise_addr:
    description:
      - Advertised address, as C(address), C(interface), or either with C(:port).
      - On a member a different value is an error.
    type: str
  listen_addr:
    description:
      - Listen address for traffic between managers. The engine uses V(0.0.0.0:2377) if it is not given.
      - On a member a different value is an error.
    type: str
  data_path_addr:
    description:
      - Address or interface for data path traffic (between containers).
      - On a member a different value is an error.
    type: str
  availability:
    description:
      - Availability with which this host joins. It is ignored on a member; see M(apiary.swarm.node).
    type: str
    choices: [active, pause, drain]
    default: active
  leave_other_swarm:
    description:
      - Whether a host that is a member of another swarm leaves that one by force. Otherwise this is an error.
    type: bool
    default: false
  wait_timeout:
    description:
      - How long to wait for each step, in seconds.
    type: int
    default: 60
seealso:
  - module: apiary.swarm.swarm_info
  - module: apiary.swarm.swarm_leave
  - module: apiary.swarm.node
"""

EXAMPLES = r"""
- name: Join as a worker
  apiary.swarm.swarm_join:
    role: worker
    join_token: "{{ swarm_tokens.join_tokens.worker }}"
    remote_addrs: [10.0.0.11, 10.0.0.12, 10.0.0.13]

- name: Verify that this host is a manager of the swarm
  apiary.swarm.swarm_join:
    role: manager
    cluster_id: 9r2r2h6tyqcqk2zm3lnzkzv0t
"""

RETURN = r"""
cluster_id:
  description: The swarm's ID; V(null) in check mode on a host that is not a member yet.
  type: str
  returned: success
node_id:
  description: This host's NodeID; V(null) in check mode on a host that is not a member yet.
  type: str
  returned: success
remote_addr:
  description: The manager through which this host joined; V(null) if it was a member already.
  type: str
  returned: success
"""

from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core import values
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.certificate import root_digest, token_digest
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.join import join, leave
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.lookup import manager_reachable, node_ready
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import (
    check_local_addresses,
    demote_self,
    host_name,
    is_manager,
    lost_quorum,
    own_certificate,
    refuse_demotion,
    refuse_silent,
    settled_info,
    swarm_error,
    swarm_file,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "role": {"type": "str", "choices": ["worker", "manager"], "required": True},
    "join_token": {"type": "str", "no_log": True},
    "cluster_id": {"type": "str"},
    "remote_addrs": {"type": "list", "elements": "str", "default": []},
    "advertise_addr": {"type": "str"},
    "listen_addr": {"type": "str"},
    "data_path_addr": {"type": "str"},
    "availability": {"type": "str", "choices": ["active", "pause", "drain"], "default": "active"},
    "leave_other_swarm": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 60},
}
ACTION = "join the swarm with host '{}'"
KEEP_ADDRESS = "Remove the option, or let the host leave the swarm first"


def check_params(params: dict[str, Any]) -> None:
    """Refuse what cannot work, before anything is asked or written."""
    for option in ("advertise_addr", "listen_addr", "data_path_addr"):
        if params[option] is not None:
            values.split_address(option, params[option])
    for address in params["remote_addrs"]:
        values.split_address("remote_addrs", address)
    if params["join_token"] is not None and not token_digest(params["join_token"].strip()):
        raise could_not(
            "join the swarm",
            "join_token is not a join token, which begins with SWMTKN-",
            "Take it from apiary.swarm.swarm_info",
        )


def membership(info: dict[str, Any], params: dict[str, Any]) -> str:
    """What this host is: V(none), V(half) joined, V(wanted) or V(other) swarm's member."""
    swarm, action = info["Swarm"], ACTION.format(host_name(info))
    if swarm["LocalNodeState"] == "inactive":
        refuse_silent(info, action)
        return "none"
    if swarm["LocalNodeState"] == "locked":
        raise could_not(action, "it is a manager whose swarm is locked", "Unlock it with 'docker swarm unlock'")
    cluster_id = (swarm.get("Cluster") or {}).get("ID")
    if params["cluster_id"] and cluster_id:
        return "wanted" if cluster_id == params["cluster_id"] else "other"
    certificate = own_certificate(info)
    if certificate is None:
        if swarm["LocalNodeState"] != "active":
            return "half"
        raise could_not(
            action,
            "it is a member of a swarm whose certificates are not on this host",
            "Use the engine of the host itself",
        )
    if not params["cluster_id"] and not params["join_token"]:
        raise could_not(
            action,
            "it is a member of a swarm, but the expected swarm is not given",
            "Give cluster_id or join_token",
        )
    if params["cluster_id"]:
        return "wanted" if certificate.cluster_id == params["cluster_id"] else "other"
    root = swarm_file(info, "certificates/swarm-root-ca.crt") or b""
    return "wanted" if root_digest(root) == token_digest((params["join_token"] or "").strip()) else "other"


def current_state(info: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Whether this host is a member of the wanted swarm, and its role there; refuses what must not be touched."""
    kind, swarm, action = membership(info, params), info["Swarm"], ACTION.format(host_name(info))
    if kind == "other" and not params["leave_other_swarm"]:
        raise could_not(
            action,
            "it is a member of another swarm, or its root certificate was renewed after the token was made",
            "Give a current token or the cluster_id, or set leave_other_swarm",
        )
    if kind == "wanted" and swarm["LocalNodeState"] != "active":
        raise could_not(
            action,
            f"it is a member, but its state is '{swarm['LocalNodeState']}': {swarm_error(info) or 'no manager answers it'}",
            "Bring the managers back; if the swarm no longer lists the host, let it leave with apiary.swarm.swarm_leave and force",
        )
    role = "manager" if is_manager(info) else "worker"
    return {"member": kind == "wanted", "other_swarm": kind == "other", "role": role if kind == "wanted" else None}


def desired_state(current: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """A member of this swarm, of no other, in this role."""
    if current["member"] and current["role"] == "worker" and params["role"] == "manager":
        raise could_not(
            "make this host a manager",
            "it is a worker of the swarm, and only a manager can promote it",
            "Run apiary.swarm.node with role manager on a manager",
        )
    return {"member": True, "other_swarm": False, "role": params["role"]}


def check_demotion(info: dict[str, Any], client: Client) -> None:
    """Refuse, also in check mode, to demote this manager if it cannot be spared."""
    if lost_quorum(info):
        cause = f"the swarm has no quorum: {lost_quorum(info)}"
        raise could_not(f"demote node '{host_name(info)}'", cause, "Bring the other managers back")
    nodes = client.nodes()
    refuse_demotion(nodes, lookup.find_node(nodes, info["Swarm"]["NodeID"], "find node"))


def verify(client: Client, params: dict[str, Any], name: str) -> dict[str, Any]:
    """Wait until this host is seen as a member in its role; returns C(GET /info)."""

    def role_problem(info: dict[str, Any]) -> str:
        swarm = info["Swarm"]
        if swarm["LocalNodeState"] != "active":
            return f"its state is '{swarm['LocalNodeState']}': {swarm_error(info) or 'no reason given'}"
        if is_manager(info) != (params["role"] == "manager"):
            return f"it is a {'manager' if is_manager(info) else 'worker'}; the token may be that of the other role"
        certificate = own_certificate(info)
        if certificate is not None and certificate.role != params["role"]:
            return f"its certificate is still that of a {certificate.role}"
        return lost_quorum(info) or ""

    limit, what = params["wait_timeout"], f"see host '{name}' as a {params['role']} of the swarm"
    info = wait_until(client.info, lambda info: not role_problem(info), what, limit, explain=role_problem)
    if params["role"] == "manager":
        node_id = info["Swarm"]["NodeID"]
        wait_until(
            lambda: lookup.find_node(client.nodes(), node_id, "find node"),
            lambda node: node_ready(node) and manager_reachable(node),
            f"see manager '{name}' ready and reachable",
            limit,
            explain=lambda node: f"it is {lookup.node_state(node)}",
        )
    if membership(info, params) != "wanted":
        raise could_not(ACTION.format(name), "it is a member of another swarm", "Check remote_addrs and cluster_id")
    return info


class Context(NamedTuple):
    """What joining and the result need: C(GET /info) as it was read last, and what came of it.

    :ivar member: this host is a member now, and not only in a prediction.
    """

    info: dict[str, Any]
    member: bool
    warnings: list[str]
    remote_addr: str | None = None


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Join, demote or nothing; then verify."""
    check_params(params)

    def observe() -> tuple[Any, Context]:
        info = settled_info(client, params["wait_timeout"])
        current = current_state(info, params)
        warnings: list[str] = []
        if current["member"]:
            warnings = check_local_addresses(info, params, ACTION.format(host_name(info)), KEEP_ADDRESS)
            if current["role"] == "manager" and params["role"] == "worker":
                check_demotion(info, client)
        else:
            swarm_file(info, "docker-state.json")  # what cannot be read now cannot be verified after the join either
        return current, Context(info, current["member"], warnings)

    def verified(_after: Any, context: Context) -> Context:
        return context._replace(info=verify(client, params, host_name(context.info)), member=True)

    def apply(before: Any, after: Any, context: Context) -> Context:
        info, action, remote_addr = context.info, ACTION.format(host_name(context.info)), None
        if before["member"]:
            demote_self(client, info["Swarm"]["NodeID"], host_name(info), params["wait_timeout"])
        else:
            # Not before: in check mode the task that would have made the swarm, and with it the token, may not have run.
            if not (params["join_token"] and params["remote_addrs"]):
                raise could_not(action, "it is not a member yet, and joining requires join_token and remote_addrs", "Give both")
            if info["Swarm"]["LocalNodeState"] != "inactive":
                leave(client, params["wait_timeout"])
            remote_addr = join(client, params, action)
        return verified(after, context._replace(remote_addr=remote_addr))

    outcome = converge(observe, lambda current, _context: desired_state(current, params), apply, verified)
    context = outcome.context
    certificate = own_certificate(context.info) if context.member else None
    return {
        "changed": outcome.changed,
        "diff": outcome.diff,
        "cluster_id": certificate.cluster_id if certificate else None,
        "node_id": context.info["Swarm"].get("NodeID") if context.member else None,
        "remote_addr": context.remote_addr,
        "warnings": context.warnings,
    }


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
