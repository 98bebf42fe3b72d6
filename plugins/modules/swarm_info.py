#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_info
short_description: Gather information about a Swarm and this host's membership
version_added: 0.1.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Reads the state of this host and, on a manager, of its swarm. Nothing is ever written.
  - Works on every host, even without an engine or in a swarm that has lost its quorum; unknown values are V(null).
  - An engine that exists but cannot be reached is an error, for example if this user has no access to its socket.
  - Sends one request on a worker and two on a manager. Join tokens, services and tasks take one more each.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes.reads
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
      - Also return the tasks whose desired state is running, on a manager in control.
    type: bool
    default: false
    version_added: 0.2.0
seealso:
  - module: apiary.swarm.swarm_init
  - module: apiary.swarm.swarm_join
"""

EXAMPLES = r"""
- name: Gather information about this host's membership
  apiary.swarm.swarm_info:
  register: swarm

- name: Show the leader
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
    - The error of the membership, as reported by the engine; V(null) if there is none.
    - If the engine of a member of a swarm does not answer, it says so.
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
      description: Number of managers.
      type: int
    reachable:
      description: Number of reachable managers; V(null) without a quorum.
      type: int
    needed:
      description: Number of managers needed for a quorum.
      type: int
    leader:
      description: The hostname of the leader; V(null) without a quorum.
      type: str
    healthy:
      description: Whether there is a leader and a quorum.
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
      description: The negotiated API version; V(null) on a host without an engine.
      type: str
certificate:
  description: This node's swarm certificate; V(null) if there is none or it cannot be read (requires root).
  type: dict
  returned: success
  contains:
    not_after:
      description: When it expires, in UTC.
      type: str
      sample: "2026-03-01T12:00:00Z"
    days_left:
      description: Number of whole days left. Negative if the certificate has expired.
      type: int
locks:
  description:
    - Whether this manager's engine is locked after a restart, as with O(apiary.swarm.swarm_init#module:autolock).
    - V(null) on workers, and if this user cannot read the swarm's files.
  type: bool
  returned: success
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
      description: Number of running tasks.
      type: int
    desired:
      description: Number of desired tasks.
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
  description: The tasks whose desired state is running; V(null) on a host that does not control its swarm.
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
      description: The current state, as reported by the Engine, such as V(running) or V(preparing).
      type: str
join_tokens:
  description: The join tokens; V(null) on a host that does not control its swarm. They are secrets.
  type: dict
  returned: O(join_tokens=true)
  contains:
    worker:
      description: The join token for workers.
      type: str
    manager:
      description: The join token for managers.
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.observe import EXTRAS, observe

OPTIONS: dict[str, dict[str, Any]] = {
    "join_tokens": {"type": "bool", "default": False, "no_log": False},
    "services": {"type": "bool", "default": False},
    "tasks": {"type": "bool", "default": False},
}


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Read all that is asked for."""
    return {"changed": False, **observe(client, client.info(), [extra for extra in EXTRAS if params[extra]])}


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True)
    if module.params["join_tokens"] and not module.no_log:
        module.fail_json(msg=str(could_not("read the join tokens", "the task would show them", "Set no_log: true on the task")))
    execute(module, run, without_engine=True)


if __name__ == "__main__":
    main()
