#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: stack_info
short_description: Gather information about a stack and its releases
version_added: 0.2.0
description:
  - Returns the services of a stack with their images, tasks, published ports, last errors and the state of their last update,
    and the releases that M(apiary.swarm.stack) has recorded.
  - It writes nothing. The result contains no values of environment variables and no contents of configs.
  - Run it on a manager of the Swarm.
options:
  name:
    description:
      - The name of the stack.
    type: str
    required: true
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes.reads
author:
  - The apiary.swarm authors (@apiary)
seealso:
  - module: apiary.swarm.stack
"""

EXAMPLES = r"""
- name: Gather information about the shop
  apiary.swarm.stack_info:
    name: shop
  register: shop

- name: Show the images of its last release
  ansible.builtin.debug:
    var: shop.releases[0].images
"""

RETURN = r"""
exists:
  description: Whether the stack has any service.
  returned: success
  type: bool
services:
  description: The services, by name.
  returned: success
  type: dict
  contains:
    image:
      description: The image with its tag.
      type: str
      sample: registry.example.org:5000/shop/web:2.4.1
    digest:
      description: The digest of the image; empty if it is not known.
      type: str
    mode:
      description: V(replicated), V(global), V(replicated-job) or V(global-job).
      type: str
    running:
      description: Number of running tasks, as the Swarm counts them.
      type: int
    desired:
      description: Number of tasks that should run.
      type: int
    update_state:
      description: The state of the last update; empty if there was none.
      type: str
      sample: completed
    update_message:
      description: The message of the last update.
      type: str
    ports:
      description: The published ports, in the long syntax of Compose files.
      type: list
      elements: dict
      sample: [{target: 80, published: 8080, protocol: tcp, mode: ingress}]
    tasks:
      description: The tasks that run or should run, with their node and state.
      type: list
      elements: dict
      sample: [{name: shop_web.1, node: worker1, state: running}]
    errors:
      description: The newest errors of its tasks, with a count for repeated ones; empty if there are none.
      type: str
  sample:
    shop_web:
      image: registry.example.org:5000/shop/web:2.4.1
      running: 2
      desired: 2
releases:
  description: The releases, one for each successful change, the newest first.
  returned: success
  type: list
  elements: dict
  contains:
    release:
      description: Its number, for O(apiary.swarm.stack#module:release).
      type: int
    when:
      description: When it was deployed, in UTC.
      type: str
      sample: '2026-11-21T10:00:00Z'
    who:
      description: Who ran the play, and where.
      type: str
      sample: ops@controller
    what:
      description: The objects that changed, each with its kind, name, action and the paths that differed.
      type: list
      elements: dict
    images:
      description: The image of each service, with its digest if it is known.
      type: dict
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._stack import releases
from ansible_collections.apiary.swarm.plugins.module_utils._stack.deployment import in_control
from ansible_collections.apiary.swarm.plugins.module_utils._stack.health import live_tasks, state
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import of_stack
from ansible_collections.apiary.swarm.plugins.module_utils._stack.reasons import explain, task_name
from ansible_collections.apiary.swarm.plugins.module_utils._stack.service import compose_form, normal
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup

OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    **CONNECTION_OPTIONS,
}


def described_service(service: dict[str, Any], tasks: list[dict[str, Any]], nodes: dict[str, str], now: float) -> dict[str, Any]:
    """One service, in short.

    :param tasks: its own, ended ones as well.
    :param nodes: node ID -> name.
    """
    name, shown = service["Spec"]["Name"], compose_form(normal(service["Spec"], {}))
    image, _at, digest = shown.get("image", "").partition("@")
    status, update = service.get("ServiceStatus") or {}, service.get("UpdateStatus") or {}
    errors = [task for task in tasks if task["Status"].get("Err")]
    return {
        "image": image,
        "digest": digest,
        "mode": shown["deploy"]["mode"],
        "running": status.get("RunningTasks", 0),
        "desired": status.get("DesiredTasks", 0),
        "update_state": update.get("State", ""),
        "update_message": update.get("Message", ""),
        "ports": shown.get("ports", []),
        "tasks": [
            {"name": task_name(name, task, {}), "node": nodes.get(task.get("NodeID") or "", ""), "state": state(task)}
            for task in sorted(live_tasks(tasks), key=lambda task: (task.get("Slot") or 0, task["ID"]))
        ],
        "errors": explain(name, errors, nodes, now) if errors else "",
    }


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Gather and describe."""
    stack = params["name"]
    if not in_control(client, converge.check, stack, "gather information about"):
        return {"changed": False, "exists": False, "services": {}, "releases": []}
    label = of_stack(stack)
    services = client.services(label, status=True)
    tasks = client.tasks(label) if services else []
    nodes = {node["ID"]: lookup.node_hostname(node) for node in client.nodes()} if services else {}
    configs = client.call("list the configs", "GET", "/configs", {"filters": label})
    return {
        "changed": False,
        "exists": bool(services),
        "services": {
            service["Spec"]["Name"]: described_service(
                service, [task for task in tasks if task["ServiceID"] == service["ID"]], nodes, time.time()
            )
            for service in services
        },
        "releases": releases.history(configs, stack),
    }


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
