#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: registry_stack
short_description: Run an image registry as a stack on a Docker Swarm
version_added: 0.1.0
description:
  - Deploys a registry with one replica as a stack of its own, waits until it answers, and returns the address to push images to.
  - It is deployed in the same way as by M(apiary.swarm.stack), so a registry that is up to date is not written to.
  - Run it on a manager of the Swarm.
options:
  name:
    description:
      - The name of the stack. Its service is called C(<name>_registry).
    type: str
    default: registry
  image:
    description:
      - The registry's image, of the Distribution project (C(registry:2)) or one that takes the same environment variables.
    type: str
    default: registry:2
  port:
    description:
      - The port that the registry is published on.
    type: int
    default: 5000
  mode:
    description:
      - V(ingress) publishes the port on every node, through the routing mesh, which needs IPVS in the nodes' kernels.
        Every node then reaches the registry at C(127.0.0.1), for which Docker requires no TLS.
      - V(host) publishes it only on the node that the registry runs on, so O(constraints) should name one.
    type: str
    choices: [ingress, host]
    default: ingress
  constraints:
    description:
      - Placement constraints. A registry with storage on a node has to stay on that node, so pin it with a constraint,
        for example C(node.labels.registry==true).
    type: list
    elements: str
    default: []
  storage:
    description:
      - Where the images are stored.
    type: dict
    default: {}
    suboptions:
      type:
        description:
          - V(volume) is a Docker volume, created if it is missing. V(bind) is a bind mount of an existing directory on the node.
        type: str
        choices: [volume, bind]
        default: volume
      source:
        description:
          - The name of the volume, by default C(registry-data), or the absolute path of the directory.
        type: str
  delete_enabled:
    description:
      - Allow images to be deleted through the registry's API.
    type: bool
    default: false
  environment:
    description:
      - Additional environment variables of the registry, such as C(REGISTRY_LOG_LEVEL).
      - The values are never shown, as they may be passwords.
    type: dict
    default: {}
  resolve_image:
    description:
      - When to ask another registry for the digest of O(image).
      - With V(never), the default, the image may have been loaded from an archive.
    type: str
    choices: [always, changed, never]
    default: never
  state:
    description:
      - V(present) runs the registry.
      - V(absent) removes the stack. The stored images are kept.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Wait until the registry's task runs and its API answers, and fail if it does not.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait, in seconds.
    type: int
    default: 300
  _controller_data:
    description:
      - The O(environment). The action plugin fills it in; nothing of it is ever shown.
    type: str
  _checkpoint:
    description:
      - The checkpoint of a long wait, so that the task can report its progress. The action plugin fills it in. It contains no secrets.
    type: dict
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
requirements:
  - The C(docker) command on the managed host (Debian's C(docker-cli), Docker's C(docker-ce-cli))
attributes:
  check_mode:
    details:
      - Where there is no Swarm yet, the only prediction is that the stack would be created.
author:
  - The apiary.swarm authors (@apiary)
seealso:
  - module: apiary.swarm.stack
"""

EXAMPLES = r"""
- name: Run a registry on the node with the registry label
  apiary.swarm.registry_stack:
    constraints:
      - node.labels.registry==true
  register: registry

- name: Run a registry without the routing mesh, on a bind mount
  apiary.swarm.registry_stack:
    mode: host
    constraints:
      - node.hostname==storage1
    storage:
      type: bind
      source: /srv/registry
    delete_enabled: true
"""

RETURN = r"""
address:
  description:
    - The host and port to push images to, and to pull them from on every node.
    - With O(mode=ingress), C(127.0.0.1) and the port, where the routing mesh answers on every node of the Swarm. It is the same on every
      manager, and reaches the registry from the nodes only.
    - With O(mode=host), the address of the node that the registry runs on. In check mode and with O(wait=false) it is predicted,
      or empty if O(constraints) match more than one node.
    - Empty with O(state=absent), and in check mode where there is no Swarm yet.
  returned: success
  type: str
  sample: 127.0.0.1:5000
plan:
  description: What the task did, or in check mode would do, to each object of the stack. See M(apiary.swarm.stack).
  returned: success
  type: list
  elements: dict
services:
  description: The outcome for the service. Empty in check mode, with O(wait=false) and with O(state=absent).
  returned: success
  type: dict
  sample:
    registry_registry: 1/1 running
converged:
  description:
    - Whether all services of the stack have converged, by the same rules as when the module waits for them.
    - In check mode, and with O(wait=false), it is evaluated once, without waiting. It is V(false) while an update is in
      progress, paused or rolled back, when tasks are missing or have not yet run for the monitor period of their service, for a job that
      is not complete, and for a stack without services. It is V(true) for a one-shot service that ran to completion.
    - With O(state=absent) whether nothing is left of the stack.
  returned: success
  type: bool
diff:
  description: The objects that change, before and after, in the format of Compose files. The values of environment variables are hidden.
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import Stopwatch
from ansible_collections.apiary.swarm.plugins.module_utils._stack import deployment, registry
from ansible_collections.apiary.swarm.plugins.module_utils._stack.apply import connected
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import PRIVATE_OPTIONS, Request, unpack

OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "default": "registry"},
    "image": {"type": "str", "default": "registry:2"},
    "port": {"type": "int", "default": 5000},
    "mode": {"type": "str", "choices": ["ingress", "host"], "default": "ingress"},
    "constraints": {"type": "list", "elements": "str", "default": []},
    "storage": {
        "type": "dict",
        "default": {},
        "options": {
            "type": {"type": "str", "choices": ["volume", "bind"], "default": "volume"},
            "source": {"type": "str"},
        },
    },
    "delete_enabled": {"type": "bool", "default": False},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "resolve_image": {"type": "str", "choices": ["always", "changed", "never"], "default": "never"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    **PRIVATE_OPTIONS,
    **CONNECTION_OPTIONS,
}


def desired_stack(params: dict[str, Any]) -> Request:
    """The stack that is this registry.

    :raises SwarmError: the options make no registry.
    """
    action, storage = f"deploy registry '{params['name']}'", params["storage"]
    source = storage.get("source") or ("" if storage.get("type") == "bind" else "registry-data")
    if storage.get("type") == "bind" and not source.startswith("/"):
        raise could_not(action, "storage of type bind requires a directory on the node", "Give storage.source an absolute path")
    if not 0 < params["port"] < 65536:
        raise could_not(action, f"{params['port']} is not a port number", "Give one from 1 to 65535")
    environment = unpack(params["_controller_data"]).get("environment", params["environment"])
    definition = registry.definition(
        {**params, "environment": environment, "storage": {"type": storage.get("type", "volume"), "source": source}}
    )
    # As values of env they are shown nowhere, also not where a task or a log says them.
    return Request.of(params, env=environment, definitions=[definition])


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Deploy, or remove, and find out where the registry answers; in a later part of a long wait, go on with it."""
    request, checkpoint = desired_stack(params), params["_checkpoint"] or {}
    name, mode, seconds = params["name"], params["mode"], checkpoint.get("report_every", 0)
    if "registry" in checkpoint:
        address, stopwatch = checkpoint["registry"]["address"], Stopwatch(**checkpoint["registry"]["stopwatch"])
        answered = registry.wait_until_it_answers(client, name, address, mode, stopwatch, seconds)
        return {"changed": True, "address": address, **answered}
    if "api_version" in checkpoint:
        done = deployment.resume(client, converge, request, checkpoint)
    else:
        done = (deployment.absent if params["state"] == "absent" else deployment.present)(client, converge, request, seconds)
    if "checkpoint" in done or params["state"] == "absent":
        return {**done, "address": ""}
    address = registry.address(client, name, mode, params["port"], params["constraints"])
    if converge.check or not params["wait"]:
        return {**done, "address": address}
    answered = registry.wait_until_it_answers(client, name, address, mode, Stopwatch(params["wait_timeout"]), seconds)
    return {**done, "address": address, **answered}


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), run, connect=connected)


if __name__ == "__main__":
    main()
