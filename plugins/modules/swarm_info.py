#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_info
short_description: Tell what this host is in its Swarm, and how the Swarm is
version_added: 0.1.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Reads the state of this host and, on a manager, of its swarm. Nothing is ever written.
  - Works on every host, also on one without an engine and in a swarm that has lost its quorum; what cannot be known is V(null).
  - An engine that is there but cannot be talked to is an error, such as one whose socket this user may not use.
  - Costs one request on a worker and two on a manager. Join tokens, services and tasks cost one more each.
extends_documentation_fragment:
  - apiary.swarm.connection
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - Nothing is changed.
  idempotent:
    support: full
options:
  join_tokens:
    description:
      - Also return the join tokens, on a manager in control.
      - Whoever has a join token can join the swarm, so this is an error unless the task has C(no_log=true).
    type: bool
    default: false
  services:
    description:
      - Also return the services with their running and desired tasks, on a manager in control.
    type: bool
    default: false
  tasks:
    description:
      - Also return the tasks that shall run, on a manager in control.
    type: bool
    default: false
    version_added: 0.2.0
seealso:
  - module: apiary.swarm.swarm_init
  - module: apiary.swarm.swarm_join
"""

EXAMPLES = r"""
- name: Look at this host's membership
  apiary.swarm.swarm_info:
  register: swarm

- name: Say who leads
  ansible.builtin.debug:
    msg: "{{ swarm.quorum.leader }} leads {{ swarm.quorum.managers }} managers"
  when: swarm.control_available

- name: Get the join tokens
  apiary.swarm.swarm_info:
    join_tokens: true
  register: swarm_tokens
  no_log: true
"""

RETURN = r"""
state:
  description:
    - Whether this host is a member, as its engine sees it. A host without an engine is V(inactive).
    - V(inactive), V(pending), V(active), V(error) or V(locked).
  type: str
  returned: success
  sample: active
control_available:
  description: Whether this host is a manager in control of its swarm. It is V(false) on a manager of a swarm without a quorum.
  type: bool
  returned: success
role:
  description: The role of this host, V(manager) or V(worker); V(null) outside a swarm and where a join is only half done.
  type: str
  returned: success
error:
  description:
    - What the engine says is wrong with the membership; V(null) if nothing is.
    - On a host whose engine does not answer it says so, if the host is a member of a swarm nevertheless.
  type: str
  returned: success
hostname:
  description: The host's name as its engine knows it.
  type: str
  returned: success
node_id:
  description: This host's NodeID; V(null) outside a swarm.
  type: str
  returned: success
node_addr:
  description: The address that this host advertises to the swarm; V(null) outside a swarm.
  type: str
  returned: success
cluster_id:
  description: The swarm's ID. On a worker it is read from the node's certificate, which takes root; V(null) if unknown.
  type: str
  returned: success
cluster_version:
  description: The C(Version.Index) of the swarm object; V(null) if unknown.
  type: int
  returned: success
quorum:
  description: The managers; V(null) on a host that is no manager.
  type: dict
  returned: success
  contains:
    managers:
      description: How many managers there are.
      type: int
    reachable:
      description: How many of them are reachable; V(null) without a quorum.
      type: int
    needed:
      description: How many of them are needed for a quorum.
      type: int
    leader:
      description: The hostname of the leader; V(null) without a quorum.
      type: str
    healthy:
      description: Whether there are a leader and a quorum.
      type: bool
nodes:
  description: All nodes of the swarm; V(null) on a host that does not control its swarm.
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
    address:
      description: The node's address.
      type: str
    role:
      description: V(manager) or V(worker).
      type: str
    state:
      description: V(ready), V(down), V(unknown) or V(disconnected).
      type: str
    availability:
      description: V(active), V(pause) or V(drain).
      type: str
    reachability:
      description: V(reachable), V(unreachable) or V(unknown); V(null) on workers.
      type: str
    leader:
      description: Whether it is the leader.
      type: bool
    labels:
      description: The node's labels.
      type: dict
    engine_version:
      description: The version of its engine.
      type: str
    version:
      description: The C(Version.Index) of the node object.
      type: int
versions:
  description: Versions on this host.
  type: dict
  returned: success
  contains:
    engine:
      description: The engine's version; V(null) on a host without an engine.
      type: str
    api:
      description: The API's version that is spoken; V(null) on a host without an engine.
      type: str
certificate:
  description: This node's swarm certificate; V(null) where there is none or it cannot be read (that takes root).
  type: dict
  returned: success
  contains:
    not_after:
      description: Until when it is valid, in UTC.
      type: str
      sample: "2026-03-01T12:00:00Z"
    days_left:
      description: How many whole days are left. It is negative when the certificate has expired.
      type: int
remote_managers:
  description: The managers that this node knows, as C(host:port), sorted.
  type: list
  elements: str
  returned: success
  sample: ["10.0.0.1:2377", "10.0.0.2:2377"]
services:
  description: The services; V(null) on a host that does not control its swarm.
  type: list
  elements: dict
  returned: O(services=true)
  contains:
    id:
      description: The service's ID.
      type: str
    name:
      description: The service's name.
      type: str
    mode:
      description: V(replicated), V(global), V(replicated-job) or V(global-job).
      type: str
    running:
      description: How many tasks run.
      type: int
    desired:
      description: How many tasks shall run.
      type: int
    image:
      description: The image, with the digest if it is pinned.
      type: str
    ports:
      description: The published ports, as C(published:target/protocol mode).
      type: list
      elements: str
      sample: ["8000:80/tcp ingress"]
    version:
      description: The C(Version.Index) of the service.
      type: int
tasks:
  description: The tasks that shall run; V(null) on a host that does not control its swarm.
  type: list
  elements: dict
  returned: O(tasks=true)
  contains:
    id:
      description: The task's ID.
      type: str
    service_id:
      description: The ID of its service.
      type: str
    node_id:
      description: The NodeID of its node; V(null) if it has none yet.
      type: str
    state:
      description: The state it is in, in the Engine's word, such as V(running) or V(preparing).
      type: str
join_tokens:
  description: The join tokens; V(null) on a host that does not control its swarm. They are secrets.
  type: dict
  returned: O(join_tokens=true)
  contains:
    worker:
      description: With it a host joins as a worker.
      type: str
    manager:
      description: With it a host joins as a manager.
      type: str
"""

from datetime import datetime, timezone
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import quorum
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.certificate import Certificate
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.describe import (
    describe_certificate,
    describe_node,
    describe_service,
    describe_task,
)
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import (
    is_manager,
    lost_quorum,
    own_certificate,
    silent_member,
    swarm_error,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "join_tokens": {"type": "bool", "default": False, "no_log": False},
    "services": {"type": "bool", "default": False},
    "tasks": {"type": "bool", "default": False},
}


def describe_host(info: dict[str, Any], certificate: Certificate | None, api: str, silent: str | None) -> dict[str, Any]:
    """What C(GET /info) and the node's certificate tell."""
    swarm = info["Swarm"]
    cluster, member = swarm.get("Cluster") or {}, swarm["LocalNodeState"] != "inactive"
    remotes = [one["Addr"] for one in swarm.get("RemoteManagers") or []]
    role, quorum = (
        (certificate.role if certificate else "worker" if swarm["LocalNodeState"] == "active" else None),
        None,
    )
    if is_manager(info):
        role = "manager"
        managers = len(remotes)
        quorum = {
            "managers": managers,
            "reachable": None,
            "needed": managers // 2 + 1,
            "leader": None,
            "healthy": False,
        }
    return {
        "state": swarm["LocalNodeState"],
        "control_available": is_manager(info) and not lost_quorum(info),
        "role": role if member else None,
        "error": swarm_error(info) or lost_quorum(info) or silent,
        "hostname": info.get("Name"),
        "node_id": swarm.get("NodeID") or None,
        "node_addr": swarm.get("NodeAddr") or None,
        "cluster_id": cluster.get("ID") or (certificate.cluster_id if certificate and member else None),
        "cluster_version": (cluster.get("Version") or {}).get("Index"),
        "quorum": quorum,
        "nodes": None,
        "versions": {"engine": info.get("ServerVersion"), "api": api if info.get("ServerVersion") else None},
        "certificate": describe_certificate(certificate if member else None, datetime.now(timezone.utc)),
        "remote_managers": sorted(remotes),
    }


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Read all that is asked for; a swarm without a quorum is an answer, too."""
    info = client.info()
    silent = silent_member(info)
    try:
        certificate = own_certificate(info)
    except SwarmError:
        certificate = None
    result = {"changed": False, **describe_host(info, certificate, client.api_version, silent)}
    asked = {option: None for option in ("services", "tasks", "join_tokens") if params[option]}
    result.update(asked)
    if not result["control_available"]:
        return result
    try:
        nodes = client.nodes()
        result["nodes"] = sorted(map(describe_node, nodes), key=lambda node: (node["hostname"], node["id"]))
        result["quorum"] = quorum.quorum_of(nodes)
        result["control_available"] = result["quorum"]["healthy"]  # a leader that is alone believes in itself for some seconds
        if params["services"]:
            result["services"] = sorted(map(describe_service, client.services(status=True)), key=lambda one: one["name"])
        if params["tasks"]:
            tasks = client.tasks({"desired-state": {"running": True}})
            result["tasks"] = sorted(map(describe_task, tasks), key=lambda one: one["id"])
        if params["join_tokens"]:
            tokens = client.swarm()["JoinTokens"]
            result["join_tokens"] = {"worker": tokens["Worker"], "manager": tokens["Manager"]}
    except SwarmError as error:
        result.update({"control_available": False, "error": str(error)})
        result["quorum"]["healthy"] = False
    return result


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True)
    if module.params["join_tokens"] and not module.no_log:
        module.fail_json(msg=str(could_not("read the join tokens", "the task would show them", "Set no_log: true on the task")))
    execute(module, run, without_engine=True)


if __name__ == "__main__":
    main()
