#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: stack
short_description: Deploy and remove Compose stacks on a Docker Swarm
version_added: 0.1.0
description:
  - Brings a stack to what its Compose files say, and knows when that has worked.
  - The Compose files are read by the C(docker) command itself, so everything that C(docker stack deploy) takes is taken,
    and its own words come through when something is wrong. It does not write to the Swarm, though. The module compares what the command
    asks for with what there is, and sends only what differs. A stack that is as it should be is not written to at all.
    Its services keep their versions, their tasks and their rollback targets.
  - Everything is planned before anything is written. What cannot be done, such as another mode for a service or other options for a
    network, fails the task with all reasons at once and changes nothing.
  - After writing, the module waits until all services run. It fails when a service cannot arrive, with the errors and last log lines of its
    tasks. A stack that is unchanged but broken fails too.
  - Run it on a manager of the Swarm.
options:
  name:
    description:
      - The name of the stack.
    type: str
    required: true
  files:
    description:
      - Compose files, merged from left to right.
      - They are on the controller and are found as templates and files are, in the role, beside the playbook, or by an absolute path.
        They are sent together with all files that they name in C(configs), C(secrets) and C(env_file), relative to the first of them.
        On the manager they lie in memory for the time of the task, readable by the task's user only. Where neither C(/dev/shm)
        nor C(/run) is a mount that this user can write to, they lie in the temporary folder instead, which may be on a disk.
      - With O(remote_src=true) they are paths on the manager.
    type: list
    elements: path
    default: []
  remote_src:
    description:
      - The O(files), and all files that they name, are on the manager already.
    type: bool
    default: false
  definitions:
    description:
      - Compose definitions given right here, merged after the O(files).
    type: list
    elements: dict
    default: []
  env:
    description:
      - Values for C(${NAME}) in the Compose files. They come from here alone, not from the environment of the manager.
      - A variable that has neither a value here nor a default in its file fails the task, which names it and the service.
        The C(docker) command would put nothing in its place, without a word. A value may be empty.
    type: dict
    default: {}
  prune:
    description:
      - Also remove services of the stack that its definition no longer names. This is done last, when all the others run,
        so it cannot be combined with O(wait=false).
      - Configs and secrets that are no longer named are removed with it if O(rotate) has made them and no service needs them to roll back.
      - Networks, and all that something else has made, stay, as with C(docker stack deploy). They are in the plan as V(orphan).
    type: bool
    default: false
  rotate:
    description:
      - The content of a config or secret cannot be changed. With this, other content becomes a new object, and the services that
        use it are updated to that. The Compose files stay as they are.
      - A config is called after its name and a digest of its content, such as C(shop_conf-2c26b46b68ff), a secret after its name and a
        number, such as C(shop_password-3), since short secrets could be guessed from a digest. All have the label C(apiary.swarm.base).
        Existing content is recognised, also that of earlier versions and of objects made without this option. It is not made again.
      - Old versions are removed when the new ones run, except the newest O(keep_versions), those that any service uses, and those that
        a service needs to roll back. Nothing is removed that this module has not made, and nothing with O(wait=false).
      - Without it, other content fails the task.
    type: bool
    default: true
  keep_versions:
    description:
      - How many versions of each config and secret stay, with the one in use, for O(rotate).
    type: int
    default: 3
  mask_env:
    description:
      - Hide the values of environment variables in RV(plan) and RV(diff). Only their names are shown, and which of them change.
    type: bool
    default: true
  replicas:
    description:
      - Who has a say in how many tasks an existing service has.
      - With V(keep) it stays as it is, for services that are scaled by hand or by an autoscaler. A new service begins as defined.
    type: str
    choices: [defined, keep]
    default: defined
  rerun_jobs:
    description:
      - Run jobs again although nothing differs. Otherwise a job runs when it is new or changed.
    type: bool
    default: false
  assume_present:
    description: In check mode, external objects that an earlier task would have made. They are taken for present.
    type: dict
    default: {}
    suboptions:
      networks:
        description: Names of networks.
        type: list
        elements: str
        default: []
      configs:
        description: Names of configs.
        type: list
        elements: str
        default: []
      secrets:
        description: Names of secrets.
        type: list
        elements: str
        default: []
  state:
    description:
      - V(present) deploys the stack. This needs O(files) or O(definitions).
      - V(absent) removes it, and returns when its services, tasks, networks, configs and secrets are all gone. Volumes stay.
      - V(rolled_back) makes its services what they were at a O(release), without any file. Services that it did not have are removed
        when the others run, so it cannot be combined with O(wait=false).
    type: str
    choices: [present, absent, rolled_back]
    default: present
  release:
    description:
      - The number of the release to go back to, for O(state=rolled_back).
      - Without it, what the stack was before its last change. That is the newest earlier release that differs from it, or the newest one
        if the stack has been changed since without leaving a release. A stack that is back at an earlier release, and has not been changed
        since, stays there. To go back further, give the number.
      - It fails, and changes nothing, if a version of a config or secret that the release needs is gone; see O(keep_versions).
    type: int
  keep_releases:
    description:
      - How many releases stay. Each change leaves one when all runs, as a config of the Swarm that holds the services' definitions, when
        they were made, by whom, and what had changed. M(apiary.swarm.stack_info) lists them. V(0) leaves none, and so does O(wait=false).
      - The definitions hold the values of the services' environment. Whoever may read configs can read them, as in the services themselves.
    type: int
    default: 10
  wait_for_dependencies:
    description:
      - Services are written in the order of C(depends_on) in the Compose files, each after those that it depends on. With this they also
        run, and are healthy where they have a health check, before those that depend on them are written.
    type: bool
    default: false
  wait:
    description:
      - Wait until all services run, and fail if they do not.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long to wait until all services run, or with O(state=absent) until all is gone, in seconds.
      - With O(wait_for_dependencies=true) that is the time of all its waits together.
      - Every few seconds a line tells what is waited for. The Engine may be restarted meanwhile.
    type: int
    default: 300
  max_failures:
    description:
      - A service fails when so many of its tasks have failed while the module waits. V(0) waits until O(wait_timeout), as services that
        wait for each other on a first deployment may fail a few times. What cannot even be started fails early in any case.
    type: int
    default: 0
  rollback:
    description:
      - When a service does not arrive, take the services that this run has written back to where they ran, which is the newest release.
        Those that it does not have, or all where there is none, or where what it needs is gone, become what they were before this run.
        Updated ones get their previous definition again, and created ones are removed. All other services stay as they are.
      - The newest release may be older than what ran before this run. Only a run that changes something and sees it arrive leaves one. So
        what was deployed with O(wait=false) or O(keep_releases=0), what arrived only after its run had failed, and what somebody has
        changed by hand is in none, and a service that this run has written loses it.
      - A run that has written nothing takes nothing back.
      - With O(replicas=keep) the services keep the number of tasks that they have on the way back, too.
      - The task waits for that, for O(wait_timeout) again, and fails nevertheless.
    type: bool
    default: false
  _controller_data:
    description:
      - Files, definitions, values and registry logins from the controller. The action plugin fills it in; nothing of it is ever shown.
    type: str
  _checkpoint:
    description:
      - How far a long wait is, so that the task can report its progress in between. The action plugin fills it in. It holds no secrets.
    type: dict
extends_documentation_fragment:
  - apiary.swarm.images_of_stacks
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
    details:
      - The content of secrets is never shown, and that of configs as a digest.
      - Of the environment of services the names are shown, and which values change. The values are with O(mask_env=false).
  idempotent:
    support: full
author:
  - The apiary.swarm authors (@apiary)
seealso:
  - module: apiary.swarm.stack_info
  - module: apiary.swarm.registry_stack
"""

EXAMPLES = r"""
- name: Deploy the shop
  apiary.swarm.stack:
    name: shop
    files:
      - shop/compose.yml
      - shop/compose.production.yml
    env:
      TAG: "2.4.1"
    prune: true

- name: Deploy one service from an inline definition
  apiary.swarm.stack:
    name: cache
    definitions:
      - services:
          redis:
            image: registry.example.org:5000/redis:8
            deploy:
              endpoint_mode: dnsrr

- name: Go back to what the shop was before its last change
  apiary.swarm.stack:
    name: shop
    state: rolled_back

- name: Remove the shop
  apiary.swarm.stack:
    name: shop
    state: absent
"""

RETURN = r"""
plan:
  description: What the task did, or in check mode would do, to each object of the stack.
  returned: success, and when a plan cannot be carried out or does not work
  type: list
  elements: dict
  contains:
    kind:
      description: V(service), V(network), V(config) or V(secret); V(stack) for the whole, where there is no Swarm yet.
      type: str
      sample: service
    name:
      description: The object's name.
      type: str
      sample: shop_web
    action:
      description:
        - V(create), V(update), V(remove) or V(unchanged).
        - V(orphan) is an object that the definition no longer names and that stays.
        - V(impossible) cannot be done. The task has failed and changed nothing.
      type: str
      sample: update
    changes:
      description:
        - What differs, each as a list of its path, the value before and the value after.
        - Paths and values are in the words of Compose files. What has no word there stands below C(x-engine), in those of the Engine API.
        - Empty for what comes or goes as a whole. The content of a secret is never in it, that of a config as a digest.
      type: list
      elements: list
      sample: [[deploy.replicas, 2, 3], [image, 'shop/web:2.4.0', 'shop/web:2.4.1']]
    replaces_tasks:
      description: Whether running tasks are replaced, V(no), V(some) (those on nodes that no longer match) or V(all).
      type: str
      sample: all
services:
  description: What each service has come to. Empty in check mode, with O(wait=false) and with O(state=absent).
  returned: success
  type: dict
  sample:
    shop_web: 3/3 running
    shop_migrate: ran to completion
converged:
  description:
    - Whether all services of the stack run as they should, by the rules by which the module waits for them.
    - In check mode, and with O(wait=false), by one observation of what runs now, without waiting. It is V(false) while an update is in
      progress, paused or rolled back, when tasks are missing or have not yet run for the monitor period of their service, for a job that
      is not done, and for a stack that has no service. A one-shot service that ran to completion is V(true).
    - With O(state=absent) whether nothing is left of the stack.
  returned: success
  type: bool
release:
  description: The number of the release that the change has left.
  returned: when something has changed and all runs
  type: int
  sample: 7
diff:
  description: The objects that change, before and after, as Compose files have them. Values are hidden as in RV(plan).
  returned: success, and when a plan cannot be carried out or does not work
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._stack import deployment
from ansible_collections.apiary.swarm.plugins.module_utils._stack.apply import connected, redacted
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import IMAGE_OPTIONS, PRIVATE_OPTIONS, Request

OPTIONS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "files": {"type": "list", "elements": "path", "default": []},
    "remote_src": {"type": "bool", "default": False},
    "definitions": {"type": "list", "elements": "dict", "default": []},
    "env": {"type": "dict", "default": {}},
    "prune": {"type": "bool", "default": False},
    "rotate": {"type": "bool", "default": True},
    "keep_versions": {"type": "int", "default": 3},
    "mask_env": {"type": "bool", "default": True},
    **IMAGE_OPTIONS,
    "replicas": {"type": "str", "choices": ["defined", "keep"], "default": "defined"},
    "rerun_jobs": {"type": "bool", "default": False},
    "assume_present": {
        "type": "dict",
        "default": {},
        # Names of secrets are none.
        "options": {
            kind: {"type": "list", "elements": "str", "default": [], "no_log": False} for kind in ("networks", "configs", "secrets")
        },
    },
    "state": {"type": "str", "choices": ["present", "absent", "rolled_back"], "default": "present"},
    "release": {"type": "int"},
    "keep_releases": {"type": "int", "default": 10},
    "wait_for_dependencies": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    "max_failures": {"type": "int", "default": 0},
    "rollback": {"type": "bool", "default": False},
    **PRIVATE_OPTIONS,
    **CONNECTION_OPTIONS,
}
STATES = {"present": deployment.present, "absent": deployment.absent, "rolled_back": deployment.rolled_back}


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Deploy, remove or roll back; in a later part of a long wait, go on with it."""
    request, checkpoint = Request.of(params), params["_checkpoint"] or {}

    def work() -> dict[str, Any]:
        if "api_version" in checkpoint:
            return deployment.resume(client, converge, request, checkpoint)
        request.refuse()
        return STATES[request.state](client, converge, request, checkpoint.get("report_every", 0))

    return redacted(request.secrets, work)


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), run, connect=connected)


if __name__ == "__main__":
    main()
