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
  - Deploys a registry with one task as a stack of its own, waits until it answers, and returns the address to push images to.
  - It is deployed by the same engine as stacks of M(apiary.swarm.stack), so a registry that is as it should be is not written to.
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
        Every node then reaches the registry at C(127.0.0.1), which Docker trusts without TLS.
      - V(host) publishes it only on the node that the registry runs on, so O(constraints) should name one.
    type: str
    choices: [ingress, host]
    default: ingress
  constraints:
    description:
      - Placement constraints. A registry whose storage is on a node has to stay on that node, so name one here,
        for example C(node.labels.registry==true).
    type: list
    elements: str
    default: []
  storage:
    description:
      - Where the images are kept.
    type: dict
    default: {}
    suboptions:
      type:
        description:
          - V(volume) is a Docker volume, made when it is missing. V(bind) is a folder that exists on the node.
        type: str
        choices: [volume, bind]
        default: volume
      source:
        description:
          - The name of the volume, by default C(registry-data), or the absolute path of the folder.
        type: str
  delete_enabled:
    description:
      - Allow images to be deleted through the registry's API.
    type: bool
    default: false
  environment:
    description:
      - More environment variables of the registry, such as C(REGISTRY_LOG_LEVEL).
      - The values are never in RV(diff), but like all options they are shown at C(-vvv). Set C(no_log) on the task when one is a password.
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
      - V(absent) removes the stack. What is stored stays.
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
  _bundle:
    description:
      - How far the wait is. The action plugin fills it in, so that in between a person can be told how it goes.
    type: str
extends_documentation_fragment:
  - apiary.swarm.connection
requirements:
  - The C(docker) command on the managed host (Debian's C(docker-cli), Docker's C(docker-ce-cli))
attributes:
  check_mode:
    support: full
    details:
      - Where there is no Swarm yet, all that can be told is that the stack would be created.
  diff_mode:
    support: full
  idempotent:
    support: full
author:
  - The apiary.swarm authors (@apiary)
seealso:
  - module: apiary.swarm.stack
"""

EXAMPLES = r"""
- name: Run a registry on the node that is labelled for it
  apiary.swarm.registry_stack:
    constraints:
      - node.labels.registry==true
  register: registry

- name: Run a registry where the kernel has no IPVS, on a folder of its own
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
    - With O(mode=ingress) C(127.0.0.1) and the port, where the routing mesh answers on every node of the Swarm. It stays the same whichever
      manager the task runs on, and reaches the registry from the nodes only.
    - With O(mode=host) the address of the node that the registry runs on. In check mode and with O(wait=false) it is predicted,
      or empty if O(constraints) leave more than one node.
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
  description: What the service has come to. Empty in check mode, with O(wait=false) and with O(state=absent).
  returned: success
  type: dict
  sample:
    registry_registry: 1/1 running
diff:
  description: The objects that change, before and after, as Compose files have them. The values of environment variables are hidden.
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import parts, registry
from ansible_collections.apiary.swarm.plugins.module_utils._stack.cli import Flags
from ansible_collections.apiary.swarm.plugins.module_utils._stack.deploy import Wish, absent, go_on, present
from ansible_collections.apiary.swarm.plugins.module_utils._stack.parts import Time
from ansible_collections.apiary.swarm.plugins.module_utils._stack.registry import Asking
from ansible_collections.apiary.swarm.plugins.module_utils._stack.rules import Rules
from ansible_collections.apiary.swarm.plugins.module_utils._stack.sources import unpack

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
    "environment": {"type": "dict", "default": {}},
    "resolve_image": {"type": "str", "choices": ["always", "changed", "never"], "default": "never"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    "_bundle": {"type": "str", "no_log": True},
    **CONNECTION_OPTIONS,
}


def desired_stack(params: dict[str, Any]) -> Wish:
    """The stack that is this registry.

    :raises SwarmError: the options make no registry.
    """
    storage = params["storage"]
    source = storage.get("source") or ("" if storage.get("type") == "bind" else "registry-data")
    if storage.get("type") == "bind" and not source.startswith("/"):
        raise SwarmError(
            f"Could not deploy registry '{params['name']}': storage of type bind needs a folder on the node. "
            "Give storage.source an absolute path."
        )
    if not 0 < params["port"] < 65536:
        raise SwarmError(f"Could not deploy registry '{params['name']}': {params['port']} is no port. Give one from 1 to 65535.")
    definition = registry.definition({**params, "storage": {"type": storage.get("type", "volume"), "source": source}})
    return Wish(
        stack=params["name"],
        definitions=[definition],
        bundle=unpack(params["_bundle"]),
        flags=Flags(resolve_image=params["resolve_image"]),
        rules=Rules(params["name"]),
        wait=params["wait"],
        wait_timeout=params["wait_timeout"],
    )


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Deploy, or remove, and find out where the registry answers; in a later part, go on with it."""
    bundle = unpack(params["_bundle"])
    rest, seconds = parts.rest_of(bundle), bundle.get("report_every", 0)
    if "asking" in rest:
        asking = Asking.of(rest["asking"])
        return {"changed": True, "address": asking.where, **registry.wait_until_it_answers(client, asking, seconds)}
    if rest:
        done = go_on(client, bundle, rest, lambda: desired_stack(params))
    elif params["state"] == "absent":
        done = absent(client, converge.check, params["name"], params["wait_timeout"], seconds)
    else:
        done = present(client, converge.check, desired_stack(params))
    if "unfinished" in done or params["state"] == "absent":
        return {**done, "address": ""}
    address = registry.address(client, params["name"], params["mode"], params["port"], params["constraints"])
    asking = Asking(params["name"], address, params["mode"], Time(params["wait_timeout"]))
    wait = params["wait"] and not converge.check
    return {**done, "address": address, **(registry.wait_until_it_answers(client, asking, seconds) if wait else {})}


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), run, connect=parts.connected)


if __name__ == "__main__":
    main()
