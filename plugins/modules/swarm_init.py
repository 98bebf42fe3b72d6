#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_init
short_description: Initialise a Swarm, or update its cluster options
version_added: 0.1.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Initialises a swarm on this host, or sets the options of the swarm that it manages to the given values.
  - An option that is not given keeps its value. Nothing is written if no value differs.
  - Some options can only be set when the swarm is initialised. On an existing swarm a different value of one of them is an error.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
options:
  advertise_addr:
    description:
      - Advertised address, as C(address), C(interface), or either with C(:port).
      - Only when the swarm is initialised.
    type: str
  listen_addr:
    description:
      - Listen address for traffic between managers. The engine uses V(0.0.0.0:2377) if it is not given.
      - Only when the swarm is initialised.
    type: str
  data_path_addr:
    description:
      - Address or interface for data path traffic (between containers).
      - Only when the swarm is initialised.
    type: str
  data_path_port:
    description:
      - UDP port for data path traffic (between containers), from 1024 to 49151. The engine uses 4789 if it is not given.
      - Only when the swarm is initialised.
    type: int
  default_addr_pool:
    description:
      - Address pools for overlay networks. The engine uses V(10.0.0.0/8) if they are not given.
      - Only when the swarm is initialised.
    type: list
    elements: str
  default_addr_pool_mask_length:
    description:
      - Subnet mask length of the networks from O(default_addr_pool), from 8 to 30. The engine uses 24 if it is not given.
      - Only when the swarm is initialised, and together with O(default_addr_pool).
    type: int
  availability:
    description:
      - Availability of this node. Only when the swarm is initialised; use M(apiary.swarm.node) later.
    type: str
    choices: [active, pause, drain]
  autolock:
    description:
      - Whether managers are locked when they restart, until they are unlocked with the unlock key.
    type: bool
  task_history_limit:
    description:
      - Task history retention limit, the number of old tasks to keep for each slot.
      - Do not go below the engines' default of 5 where services come and go. With V(3) the leader's engine (26.1.5) was seen to crash while
        a service was removed whose tasks kept failing, because an old task was gone already.
    type: int
  snapshot_interval:
    description:
      - Number of log entries between Raft snapshots.
    type: int
  max_snapshots:
    description:
      - Number of additional Raft snapshots to retain.
    type: int
  dispatcher_heartbeat:
    description:
      - Heartbeat interval of the nodes, such as V(5s).
    type: str
  cert_expiry:
    description:
      - Validity period of node certificates, such as V(2160h). At least one hour.
    type: str
  external_ca:
    description:
      - External CAs that sign node certificates, all of them. V([]) removes them.
    type: list
    elements: dict
    suboptions:
      protocol:
        description:
          - Protocol of the external CA.
        type: str
        choices: [cfssl]
        default: cfssl
      url:
        description:
          - URL of the external CA.
        type: str
        required: true
      options:
        description:
          - Options of the protocol.
        type: dict
        default: {}
  labels:
    description:
      - The labels of the swarm object, all of them. V({}) removes them.
    type: dict
  wait_timeout:
    description:
      - How long to wait until this host controls the swarm, in seconds.
    type: int
    default: 60
notes:
  - There is no option for the default log driver of services, because no Engine keeps it
    (U(https://github.com/moby/moby/issues/53396)). Set C(log-driver) in each engine's C(daemon.json).
seealso:
  - module: apiary.swarm.swarm_join
  - module: apiary.swarm.node
  - module: apiary.swarm.swarm_info
"""

EXAMPLES = r"""
- name: Initialise the swarm
  apiary.swarm.swarm_init:
    advertise_addr: 10.0.0.11
    default_addr_pool: [10.20.0.0/16]
    default_addr_pool_mask_length: 24
    task_history_limit: 3

- name: Set the validity period of node certificates to 30 days
  apiary.swarm.swarm_init:
    cert_expiry: 720h
"""

RETURN = r"""
cluster_id:
  description: The swarm's ID; V(null) in check mode on a host that is in no swarm.
  type: str
  returned: success
  sample: 9r2r2h6tyqcqk2zm3lnzkzv0t
node_id:
  description: This host's NodeID; V(null) in check mode on a host that is in no swarm.
  type: str
  returned: success
  sample: tnnc9yxkbkzqi0lh9b6cb0r8k
"""

from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import (
    check_local_addresses,
    host_name,
    is_manager,
    lost_quorum,
    refuse_silent,
    settled_info,
    swarm_error,
)
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.spec import (
    CANNOT_CHANGE,
    cluster_options,
    cluster_spec,
    init_body,
    init_options,
    refuse_init_change,
    wanted_at_init,
    wanted_options,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "advertise_addr": {"type": "str"},
    "listen_addr": {"type": "str"},
    "data_path_addr": {"type": "str"},
    "data_path_port": {"type": "int"},
    "default_addr_pool": {"type": "list", "elements": "str"},
    "default_addr_pool_mask_length": {"type": "int"},
    "availability": {"type": "str", "choices": ["active", "pause", "drain"]},
    "autolock": {"type": "bool"},
    "task_history_limit": {"type": "int"},
    "snapshot_interval": {"type": "int"},
    "max_snapshots": {"type": "int"},
    "dispatcher_heartbeat": {"type": "str"},
    "cert_expiry": {"type": "str"},
    "external_ca": {
        "type": "list",
        "elements": "dict",
        "options": {
            "protocol": {"type": "str", "choices": ["cfssl"], "default": "cfssl"},
            "url": {"type": "str", "required": True},
            "options": {"type": "dict", "default": {}},
        },
    },
    "labels": {"type": "dict"},
    "wait_timeout": {"type": "int", "default": 60},
}
ACTION = "initialise the swarm on host '{}'"


def desired_swarm(current: dict[str, Any], wanted: dict[str, Any], at_init: dict[str, Any]) -> dict[str, Any]:
    """The options that should be: those that are, with those that are given; all that is given on a host in no swarm."""
    return {**current, **wanted} if current["initialised"] else {"initialised": True, **at_init, **wanted}


def check_usable(info: dict[str, Any]) -> bool:
    """Whether this host manages a swarm (True) or is in none (False); anything else is an error."""
    state, action = info["Swarm"]["LocalNodeState"], ACTION.format(host_name(info))
    if state == "inactive":
        refuse_silent(info, action)
        return False
    if state == "locked":
        raise could_not(action, "it is a manager whose swarm is locked", "Unlock it with 'docker swarm unlock'")
    if state != "active":
        cause = swarm_error(info) or "it has not reached any manager"
        raise could_not(
            action,
            f"it is in a swarm and its state is '{state}': {cause}",
            "Bring the other managers back, or leave that swarm with apiary.swarm.swarm_leave and force",
        )
    if not is_manager(info):
        raise could_not(
            action,
            "it is a worker of a swarm",
            "Run the task on a manager, or leave that swarm with apiary.swarm.swarm_leave",
        )
    if lost_quorum(info):
        raise could_not(action, f"its swarm has no quorum: {lost_quorum(info)}", "Bring the other managers back")
    return True


def check_unchanged(info: dict[str, Any], client: Client, at_init: dict[str, Any], params: dict[str, Any]) -> list[str]:
    """An init-only option with another value than the swarm's is an error; returns warnings."""
    action = f"change the swarm on host '{host_name(info)}'"
    actual = init_options(info["Swarm"]["Cluster"])
    if "availability" in at_init:
        node = lookup.find_node(client.nodes(), info["Swarm"]["NodeID"], "find node")
        actual["availability"] = node["Spec"]["Availability"]
    refuse_init_change(actual, params, at_init, action)
    return check_local_addresses(info, params, action, CANNOT_CHANGE)


def check_kept(info: dict[str, Any], wanted: dict[str, Any]) -> None:
    """What was read back has to be what was sent."""
    kept = cluster_options(info["Swarm"]["Cluster"]["Spec"])
    for option, value in wanted.items():
        if kept[option] != value:
            raise could_not(f"set option '{option}' of the swarm", f"the engine made {kept[option]!r} of {value!r}", "Give another value")


class Context(NamedTuple):
    """What writing and the result need: C(GET /info) as it was read last, and what the user should know."""

    info: dict[str, Any]
    warnings: list[str]


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Initialise or update, read back."""
    wanted, at_init = wanted_options(params), wanted_at_init(params)

    def observe() -> tuple[Any, Context]:
        info = settled_info(client, params["wait_timeout"])
        if not check_usable(info):
            return {"initialised": False}, Context(info, [])
        warnings = check_unchanged(info, client, at_init, params)
        return {"initialised": True, **cluster_options(info["Swarm"]["Cluster"]["Spec"])}, Context(info, warnings)

    def apply(before: Any, _after: Any, context: Context) -> Context:
        if before["initialised"]:
            cluster = context.info["Swarm"]["Cluster"]
            client.swarm_update(cluster["Version"]["Index"], cluster_spec(cluster["Spec"], wanted))
        else:
            client.swarm_init(init_body(wanted, at_init))
        info = wait_until(
            client.info,
            lambda info: is_manager(info) and not lost_quorum(info),
            f"see host '{host_name(context.info)}' in control of the swarm",
            params["wait_timeout"],
        )
        check_kept(info, wanted)
        return context._replace(info=info)

    outcome = converge(observe, lambda current, _context: desired_swarm(current, wanted, at_init), apply)
    swarm = outcome.context.info["Swarm"]
    return {
        "changed": outcome.changed,
        "diff": outcome.diff,
        "cluster_id": (swarm.get("Cluster") or {}).get("ID"),
        "node_id": swarm.get("NodeID") or None,
        "warnings": outcome.context.warnings,
    }


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
