#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_health
short_description: Check that a Swarm can spare a node, and wait until it is healthy again
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Use it before and after an operation that takes a node offline, such as a restart of its engine. Nothing is ever written.
  - With O(spare) it fails unless the swarm can spare the node now, and returns RV(baseline), the current state of the swarm.
  - With O(baseline) it waits until the swarm is in that state again. All nodes that were Ready are so, under their own names, as many
    managers are reachable, and every service runs as many tasks. Tasks of a node that was restarted have to be new ones.
  - With O(node_id) alone it waits until this host is that node of its swarm again.
  - With O(leaving) it fails if the remaining swarm would lose the majority of its managers.
  - Run it on a manager, or delegate it to one, for the first two. If that one does not control its swarm, O(spare) fails, too, and
    RV(control_available) distinguishes it from a refusal, so that another manager can be used.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes.reads
attributes:
  check_mode:
    details:
      - It does not wait in check mode, because nothing was restarted.
options:
  spare:
    description:
      - The NodeID of the node that will be taken offline.
      - A manager can be spared if the others are a majority of all managers without it, or if it is the only one.
    type: str
  without_quorum:
    description:
      - Whether O(spare) always succeeds, even if no manager is in control.
    type: bool
    default: false
  baseline:
    description:
      - The earlier state of the swarm, as RV(baseline) returned it. Requires O(node_id).
      - If no manager was in control then, only the membership of the queried host is checked.
    type: dict
  node_id:
    description:
      - The NodeID of the node that was offline.
    type: str
  leaving:
    description:
      - The NodeIDs of the nodes that will leave the swarm permanently.
      - They may all leave if all remaining nodes are Down. With an empty list nothing is checked.
    type: list
    elements: str
  name:
    description:
      - The name of the node in error messages. By default its name in O(members).
    type: str
  members:
    description:
      - The hostnames of the hosts that are members of the swarm, by NodeID.
      - With O(spare) those that the manager knows have to be Ready, except the node itself, because one that is not may have just been
        restarted.
      - With O(baseline) the managers have to list them under these names. After an election they may mix up two nodes for some seconds
        (U(https://github.com/moby/moby/issues/46167)).
    type: dict
    default: {}
  restarted:
    description:
      - Whether the engine of the node was restarted, so that none of its earlier tasks can still run.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
    type: int
    default: 300
seealso:
  - module: apiary.swarm.swarm_info
  - module: apiary.swarm.daemon_config
  - module: apiary.swarm.node
"""

EXAMPLES = r"""
- name: Check that the swarm can spare this host
  apiary.swarm.swarm_health:
    spare: "{{ node_id }}"
  register: before
  delegate_to: manager2

- name: Restart the engine
  ansible.builtin.systemd_service:
    name: docker
    state: restarted

- name: Wait until this host is a member again
  apiary.swarm.swarm_health:
    node_id: "{{ node_id }}"

- name: Check that the swarm can lose two managers permanently
  apiary.swarm.swarm_health:
    leaving: [qxmlzvkbrbpk5yrkzuikfz1rp, t5gn2hvrfagfwkfnvbblpkhab]

- name: Wait until the swarm is as it was
  apiary.swarm.swarm_health:
    baseline: "{{ before.baseline }}"
    node_id: "{{ node_id }}"
  delegate_to: manager2
"""

RETURN = r"""
control_available:
  description: Whether the queried host is a manager in control of its swarm. Also returned on failure.
  type: bool
  returned: always
baseline:
  description: The state of the swarm, for O(baseline). Only C(control_available) and C(state) if no manager is in control.
  type: dict
  returned: with O(spare)
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import health

OPTIONS: dict[str, dict[str, Any]] = {
    "spare": {"type": "str"},
    "without_quorum": {"type": "bool", "default": False},
    "baseline": {"type": "dict"},
    "node_id": {"type": "str"},
    "leaving": {"type": "list", "elements": "str"},
    "name": {"type": "str"},
    "members": {"type": "dict", "default": {}},
    "restarted": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
}
RULES: dict[str, Any] = {
    "mutually_exclusive": [("spare", "baseline", "leaving"), ("spare", "node_id", "leaving")],
    "required_one_of": [("spare", "node_id", "leaving")],
    "required_by": {"baseline": ("node_id",)},
}
# Seconds. Mostly names are right again after 8 of them; once they stayed mixed up for minutes.
NAMES_PATIENCE = 45
NO_FURTHER = "No further engine is restarted. Check its log ('journalctl -u docker') and run again"


def spared(view: health.View, params: dict[str, Any], name: str) -> dict[str, Any]:
    """The result where the node can be spared.

    :raises SwarmError: it cannot.
    """
    problem = health.spare_problem(view, name, params["spare"], params["members"])
    if problem and not params["without_quorum"]:
        raise SwarmError(problem, {"control_available": view["control_available"]})
    return {
        "changed": False,
        "control_available": view["control_available"],
        "baseline": health.baseline_of(view, params["spare"]),
    }


def spared_for_good(view: health.View, leaving: list[str]) -> dict[str, Any]:
    """The result where the swarm can do without these nodes.

    :raises SwarmError: it cannot.
    """
    problem = health.leaving_problem(view, leaving)
    if problem:
        raise SwarmError(problem, {"control_available": view["control_available"]})
    return {"changed": False, "control_available": view["control_available"]}


def missing(view: health.View, params: dict[str, Any]) -> list[str]:
    """What is not yet as it was."""
    if params["baseline"] is not None:
        return health.regressions(view, params["baseline"], params["node_id"], params["members"], params["restarted"])
    here = view["state"] == "active" and view["node_id"] == params["node_id"]
    return [] if here else [f"the host is not the same node as before (its state is '{view['state']}')"]


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Refuse or return a baseline; or wait."""
    if params["leaving"] is not None:
        return spared_for_good(health.observe(client), params["leaving"])
    node_id = params["spare"] or params["node_id"]
    name = params["name"] or params["members"].get(node_id) or node_id
    if params["spare"]:
        return spared(health.observe(client), params, name)

    def observe() -> health.View:
        return health.membership_of(client.info()) if params["baseline"] is None else health.observe(client)

    begin = time.monotonic()

    def whole(view: health.View) -> bool:
        """Names that stay mixed up cost nothing: everything goes by NodeIDs."""
        named = time.monotonic() - begin < NAMES_PATIENCE
        return not missing(view, params if named else {**params, "members": {}})

    def wait() -> health.View:
        return wait_until(
            observe,
            whole,
            f"bring the swarm back after the restart of the engine of '{name}'",
            params["wait_timeout"],
            NO_FURTHER,
            lambda view: ", ".join(missing(view, params)),
        )

    view = converge.await_later(observe, wait)
    unnamed = {**params, "members": {}}
    mixed = [] if params["baseline"] is None else [one for one in missing(view, params) if one not in missing(view, unnamed)]
    words = f"After the restart of '{name}' {', '.join(mixed)} (moby issue 46167); that ends when the node's engine restarts."
    return {"changed": False, "control_available": view["control_available"], **({"warnings": [words]} if mixed else {})}


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True, **RULES), run, without_engine=True)


if __name__ == "__main__":
    main()
