#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: stack
short_description: Deploy, roll back and remove Compose stacks on a Docker Swarm
version_added: 0.1.0
description:
  - Deploys a stack from Compose files, and reports success only when all of its services run.
  - The Compose files are parsed by the C(docker) command itself, so everything that C(docker stack deploy) accepts is accepted,
    and its own error messages are passed on. The command does not write to the Swarm, though. The module compares what it
    requests with the current state, and sends only what differs. A stack that is up to date is not written to at all.
    Its services keep their versions, their tasks and their rollback targets.
  - Everything is planned before anything is written. A change that is impossible, such as another mode for a service or other options for a
    network, fails the task with all reasons at once and changes nothing.
  - After writing, the module waits until all services run. It fails if a service does not converge, with the errors and last log lines
    of its tasks. A stack that is unchanged but unhealthy fails, too.
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
      - They are on the controller and are searched for like templates and files, in the role, beside the playbook, or by an absolute path.
        They are sent together with all files that they refer to in C(configs), C(secrets) and C(env_file), relative to the first
        of them.
        On the manager they are kept in memory for the duration of the task, readable by the task's user only. If neither C(/dev/shm)
        nor C(/run) is a mount that this user can write to, they are kept in the temporary directory instead, which may be on a disk.
      - With O(remote_src=true) they are paths on the manager.
      - A service with C(build) needs an image that is already built. Either a later file or definition sets it, as returned by
        M(apiary.swarm.stack_images), or its own C(image) includes the registry that has it, such as C(docker.io/shop/web:2).
    type: list
    elements: path
    default: []
  remote_src:
    description:
      - Whether the O(files), and all files that they refer to, are already on the manager.
    type: bool
    default: false
  definitions:
    description:
      - Inline Compose definitions, merged after the O(files).
    type: list
    elements: dict
    default: []
  env:
    description:
      - Values for the interpolation of C(${NAME}) in the Compose files. The environment of the manager is not used.
      - A variable that has neither a value here nor a default in its file fails the task with a message that names it and the service.
        The C(docker) command would silently substitute an empty string. A value may be empty.
      - Variables are parsed as by the C(docker) command. What follows an operator, as in C(${NAME:-word}), is literal text.
      - The same applies to variables in C(environment) of a service that have no value there. The C(docker) command would take their
        values from its own environment.
    type: dict
    default: {}
  prune:
    description:
      - Also remove services of the stack that its definition no longer contains. This is done last, when all the others run,
        so it cannot be combined with O(wait=false).
      - Configs and secrets that are no longer part of the definition are removed as well if O(rotate) has created them and no service needs
        them to roll back.
      - Networks, and everything that was created by other means, are kept, as by C(docker stack deploy), and are V(orphan) in the plan.
    type: bool
    default: false
  rotate:
    description:
      - Create a new version of a config or secret whose content has changed, as Docker cannot change it in place, and update the services
        that use it. The Compose files need no change.
      - A config is named after its name in the file and a digest of its content, such as C(shop_conf-2c26b46b68ff), a secret after its name
        and a number, such as C(shop_password-3), since short secrets could be guessed from a digest. All have the label
        C(apiary.swarm.base). Content that exists already, in earlier versions or in objects created without this option, is recognized
        and not created again.
      - Old versions are removed when the new ones are in use, except the newest O(keep_versions), those that any service uses, and those
        that a service needs to roll back. Nothing is removed that this module has not created, and nothing with O(wait=false).
      - If V(false), changed content fails the task.
    type: bool
    default: true
  keep_versions:
    description:
      - Number of versions of each config and secret to keep, including the one in use, for O(rotate).
    type: int
    default: 3
  mask_env:
    description:
      - Hide the values of environment variables in RV(plan) and RV(diff). Only their names are shown, and which values change.
      - The values of O(env) are hidden wherever the Compose files put them, such as in a command, a label or an option of a driver, also
        within a longer text, and in errors and logs of failed tasks. Image names and values of fewer than five characters are never
        hidden.
    type: bool
    default: true
  replicas:
    description:
      - Whether the number of replicas of an existing service is taken from the definition or kept.
      - Use V(keep) for services that are scaled by hand or by an autoscaler. A new service always starts as defined.
    type: str
    choices: [defined, keep]
    default: defined
  rerun_jobs:
    description:
      - Run jobs again even if nothing differs. Otherwise a job runs when it is new or has changed.
    type: bool
    default: false
  assume_present:
    description: External objects and images that an earlier task would have created. They are assumed to exist in check mode.
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
      images:
        description: Full names of images. Their registry is not queried, and they are assumed to have the platforms of the current image.
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
      - V(absent) removes it, and returns when its services, tasks, networks, configs and secrets are all gone. Volumes are kept.
      - V(rolled_back) restores its services as they were in a O(release), without any file. Services that the release does not contain are
        removed when the others run, so it cannot be combined with O(wait=false).
    type: str
    choices: [present, absent, rolled_back]
    default: present
  release:
    description:
      - The number of the release to roll back to, for O(state=rolled_back).
      - By default, the state before the last change. That is the newest earlier release that differs from it, or the newest one
        if the stack has been changed since without recording a release. A stack that has been rolled back, and has not been changed
        since, stays where it is. To roll back further, give the number.
      - The task fails and changes nothing if a version of a config or secret that the release needs is gone; see O(keep_versions).
    type: int
  keep_releases:
    description:
      - Number of releases to keep. Each successful change records one, as a config of the Swarm that contains the definitions of the
        services, the time, who made the change, and what changed. M(apiary.swarm.stack_info) lists them. With V(0), and with
        O(wait=false), none is recorded.
      - The definitions include the environment of the services. Whoever may read configs can read it, as in the services themselves.
    type: int
    default: 10
  wait_for_dependencies:
    description:
      - Services are updated in the order of C(depends_on) in the Compose files, each after those that it depends on. With this option,
        a service is also waited for, until it is healthy if it has a health check, before those that depend on it are updated.
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
      - With O(wait_for_dependencies=true) this is the limit of all waits together.
      - The progress is reported every few seconds. The Engine may be restarted meanwhile.
    type: int
    default: 300
  max_failures:
    description:
      - Number of failed tasks after which a service is considered failed while the module waits. V(0) waits until O(wait_timeout), as
        services that depend on each other may fail a few times on a first deployment. A service that cannot start always fails early.
    type: int
    default: 0
  stable_for:
    description:
      - How long all tasks of a service have to run without a failure before it counts as deployed, in seconds.
      - By default, as long as the C(monitor) period of its C(update_config), which is 5 seconds if it has none. On a first deployment,
        which the Swarm itself does not monitor, as long as the interval of its health check or the delay of its restart policy if one
        of them is longer. A task that has failed more than once always has to run longer than its earlier runs.
      - A longer time detects programs that start successfully and fail later.
    type: int
    default: 0
  rollback:
    description:
      - When the deployment fails, roll the services that this run has written back to the newest release. Those that the release does not
        contain, or all of them if there is no release or something that it needs is gone, are restored as they were before this run.
        Updated services get their previous definition again, and created ones are removed. All other services are unchanged.
      - The newest release may be older than what ran before this run. Only a run that changes something and succeeds records one. What was
        deployed with O(wait=false) or O(keep_releases=0), what came up only after its run had failed, and what was changed by hand is in no
        release, and is lost for a service that this run has written.
      - A run that has written nothing rolls nothing back.
      - With O(replicas=keep) the rollback keeps the current number of replicas, too.
      - The task waits for the rollback, for up to O(wait_timeout) again, and fails nevertheless.
    type: bool
    default: false
  _controller_data:
    description:
      - Files, definitions, values and registry logins from the controller. The action plugin fills it in; nothing of it is ever shown.
    type: str
  _checkpoint:
    description:
      - The checkpoint of a long wait, so that the task can report its progress. The action plugin fills it in. It contains no secrets.
    type: dict
extends_documentation_fragment:
  - apiary.swarm.images_of_stacks
  - apiary.swarm.connection
  - apiary.swarm.attributes
requirements:
  - The C(docker) command on the managed host (Debian's C(docker-cli), Docker's C(docker-ce-cli))
attributes:
  check_mode:
    details:
      - Where there is no Swarm yet, the only prediction is that the stack would be created.
  diff_mode:
    details:
      - The content of secrets is never shown, that of configs only as a digest.
      - For the environment of services, the names are shown and which values change. The values are shown with O(mask_env=false).
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

- name: Roll the shop back to what it was before its last change
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
  returned: success, and when a plan is impossible or its deployment fails
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
        - V(orphan) is an object that the definition no longer contains and that is kept.
        - V(impossible) is a change that cannot be made. The task has failed and changed nothing.
      type: str
      sample: update
    changes:
      description:
        - What differs, each as a list of its path, the value before and the value after.
        - Paths and values use Compose key names. Fields without one are below C(x-engine), using the key names of the Engine API.
        - Empty for an object that is created or removed. It never contains the content of a secret, and that of a config only as a digest.
      type: list
      elements: list
      sample: [[deploy.replicas, 2, 3], [image, 'shop/web:2.4.0', 'shop/web:2.4.1']]
    replaces_tasks:
      description: Whether running tasks are replaced, V(no), V(some) (those on nodes that no longer match) or V(all).
      type: str
      sample: all
services:
  description: The outcome for each service. Empty in check mode, with O(wait=false) and with O(state=absent).
  returned: success
  type: dict
  sample:
    shop_web: 3/3 running
    shop_migrate: ran to completion
converged:
  description:
    - Whether all services of the stack have converged, by the same rules as when the module waits for them.
    - In check mode, and with O(wait=false), it is evaluated once, without waiting. It is V(false) while an update is in
      progress, paused or rolled back, when tasks are missing or have not yet run for the monitor period of their service, for a job that
      is not complete, and for a stack without services. It is V(true) for a one-shot service that ran to completion.
    - With O(state=absent) whether nothing is left of the stack.
  returned: success
  type: bool
release:
  description: The number of the release that was recorded, or would be recorded in check mode.
  returned: when something has changed and the deployment succeeded, unless O(wait=false) or O(keep_releases=0)
  type: int
  sample: 7
releases_removed:
  description: The numbers of the releases that were removed for it, because no more than O(keep_releases) are kept.
  returned: when RV(release) is returned
  type: list
  elements: int
  sample: [1]
diff:
  description: The objects that change, before and after, in the format of Compose files. Values are hidden as in RV(plan).
  returned: success, and when a plan is impossible or its deployment fails
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
            kind: {"type": "list", "elements": "str", "default": [], "no_log": False}
            for kind in ("networks", "configs", "secrets", "images")
        },
    },
    "state": {"type": "str", "choices": ["present", "absent", "rolled_back"], "default": "present"},
    "release": {"type": "int"},
    "keep_releases": {"type": "int", "default": 10},
    "wait_for_dependencies": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    "max_failures": {"type": "int", "default": 0},
    "stable_for": {"type": "int", "default": 0},
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
