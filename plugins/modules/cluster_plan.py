#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_plan
short_description: Plan what a run will do to a whole cluster, and show it
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Takes what M(apiary.swarm.host_info) has found on each host of the play, with the variables of the roles, and finds out what each host,
    the swarm and its stacks need. It runs once, on the controller, and asks no host.
  - Fails with B(all) problems of the inventory and of all hosts at once, before anything is written anywhere.
  - Shows the plan as a table, a line for each change with what is changed and why, and one line for all that is as it should be.
  - In check mode the plan is the prediction. The task is changed if there is anything to do, and has the plan as its diff.
extends_documentation_fragment:
  - apiary.swarm.attributes
attributes:
  action:
    support: full
    description: Is an action plugin on the controller; give the task C(run_once=true).
options:
  roles:
    description:
      - The parts to plan, named after the roles. V(archives) are image archives that hosts load.
      - All of them if it is not given. Then C(--tags) and C(--skip-tags) narrow them down, as those of C(apiary.swarm.site) do.
    type: list
    elements: str
    choices: [preflight, tls, engine, cluster, archives, registry, images, stacks]
  look:
    description:
      - Name of the variable that the result of M(apiary.swarm.host_info), with its option O(apiary.swarm.host_info#module:roles), is
        registered as.
    type: str
    default: swarm_look
  managers:
    description:
      - Inventory names of all managers of the cluster. Where it is empty, each host's C(cluster_role) counts.
    type: list
    elements: str
    default: []
  workers:
    description:
      - Inventory names of all workers of the cluster.
    type: list
    elements: str
    default: []
  groups:
    description:
      - Names of all groups of the inventory. One that begins with C(swarm) and is not known is refused.
    type: list
    elements: str
    default: []
  partial:
    description:
      - Only plan what hosts were asked about, and return it as RV(sections), so that the manager in control can be asked about the rest.
        Nothing is shown and nothing fails yet.
    type: bool
    default: false
  sections:
    description:
      - The RV(sections) of an earlier task with O(partial=true). The registry, the images and the stacks are added to it, from what the
        tasks with C(tasks_from=plan.yml) of these roles have registered on the manager in control.
    type: dict
  plan_file:
    description:
      - Also write the plan as JSON to this file on the controller. Only its owner can read it.
    type: path
  show:
    description:
      - Whether to show the plan.
    type: bool
    default: true
seealso:
  - module: apiary.swarm.host_info
"""

EXAMPLES = r"""
- name: Look at every host
  apiary.swarm.host_info:
    roles: [preflight, engine, cluster]
  register: swarm_look

- name: Plan
  apiary.swarm.cluster_plan:
    roles: [preflight, engine, cluster]
    managers: "{{ groups.swarm_managers }}"
    workers: "{{ groups.swarm_workers }}"
  register: swarm_plan
  run_once: true
"""

RETURN = r"""
changes:
  description: What will be done, in its order.
  type: list
  elements: dict
  returned: success, without O(partial=true)
  contains:
    host:
      description: A host of the inventory, V(controller) or V(swarm).
      type: str
    subject:
      description: What is changed, such as V(engine), V(node) or V(service).
      type: str
    verb:
      description: What is done to it, such as V(restart), V(join) or V(update).
      type: str
    text:
      description: What differs, in the words of the options.
      type: str
      sample: log-driver json-file → journald
    before:
      description: What is; V(null) where the text says it all.
      type: dict
    after:
      description: What will be; V(null) where the text says it all.
      type: dict
notes:
  description: What a person should know besides.
  type: list
  elements: str
  returned: success, without O(partial=true)
plan:
  description: What the roles need to carry the plan out, a dictionary for each part. It has no secrets.
  type: dict
  returned: success, without O(partial=true)
groups:
  description: Hosts, as C(host), and the C(groups) that the plays of C(apiary.swarm.site) which act are about. Empty in check mode.
  type: list
  elements: dict
  returned: success
parts:
  description: The parts that the tags of this run ask for, without those that are skipped.
  type: list
  elements: str
  returned: with O(partial=true)
sections:
  description: The parts as they are so far.
  type: dict
  returned: with O(partial=true)
problems:
  description: All that is wrong, one sentence each.
  type: list
  elements: str
  returned: failure
"""
