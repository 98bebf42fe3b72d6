#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_plan
short_description: Plan the changes of a run to the whole cluster, and show the plan
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Computes what each host, the swarm and its stacks need from the results of M(apiary.swarm.host_info) for each host of the play and the
    variables of the roles. It runs once, on the controller, and connects to no host.
  - Fails with B(all) problems of the inventory and of all hosts at once, before anything is written anywhere.
  - Shows the plan as a table, with one line for each change and its reason, and one line for all that is up to date.
  - In check mode the plan is the prediction. The task is changed if there is anything to do, and has the plan as its diff.
extends_documentation_fragment:
  - apiary.swarm.attributes
attributes:
  action:
    support: full
    description: Runs on the controller as an action plugin; set C(run_once=true) on the task.
options:
  roles:
    description:
      - The parts to plan, named after the roles. V(archives) stands for image archives that hosts load.
      - By default all parts, restricted by C(--tags) and C(--skip-tags) as in C(apiary.swarm.site).
    type: list
    elements: str
    choices: [preflight, tls, engine, cluster, archives, registry, images, stacks]
  look:
    description:
      - Name of the registered variable with the result of M(apiary.swarm.host_info), run with its option
        O(apiary.swarm.host_info#module:roles).
    type: str
    default: swarm_look
  managers:
    description:
      - Inventory names of all managers of the cluster. If empty, each host's C(cluster_role) is used.
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
      - Names of all groups of the inventory. An unknown one that begins with C(swarm) is refused.
    type: list
    elements: str
    default: []
  partial:
    description:
      - Plan only what depends on the hosts, and return it as RV(sections), so that the rest can be planned on the manager in control.
        Nothing is shown and nothing fails yet.
    type: bool
    default: false
  sections:
    description:
      - The RV(sections) of an earlier task with O(partial=true). The registry, the images and the stacks are added to it, from the results
        that C(tasks_from=plan.yml) of these roles has registered on the manager in control.
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
- name: Gather information about every host
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
  description: The changes to make, in order.
  type: list
  elements: dict
  returned: success, without O(partial=true)
  contains:
    host:
      description: The inventory name of a host, V(controller) or V(swarm).
      type: str
    subject:
      description: The kind of object that is changed, such as V(engine), V(node) or V(service).
      type: str
    verb:
      description: The kind of change, such as V(restart), V(join) or V(update).
      type: str
    text:
      description: What differs, using the names of the options.
      type: str
      sample: log-driver json-file → journald
    before:
      description: The current values; V(null) if the text contains them.
      type: dict
    after:
      description: The values to be set; V(null) if the text contains them.
      type: dict
notes:
  description: Additional notes for the operator.
  type: list
  elements: str
  returned: success, without O(partial=true)
plan:
  description: What the roles need to apply the plan, a dictionary for each part. It contains no secrets.
  type: dict
  returned: success, without O(partial=true)
groups:
  description: Hosts, as C(host), and their C(groups), which the plays of C(apiary.swarm.site) target. Empty in check mode.
  type: list
  elements: dict
  returned: success
parts:
  description: The parts that the tags of this run select, without those that are skipped.
  type: list
  elements: str
  returned: with O(partial=true)
sections:
  description: The parts that are planned so far.
  type: dict
  returned: with O(partial=true)
problems:
  description: All problems, one sentence each.
  type: list
  elements: str
  returned: failure
"""
