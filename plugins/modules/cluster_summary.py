#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_summary
short_description: Show what a run has done to a cluster, and how long it took
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Shows the changes of a plan by host, the running services, and the duration of each phase of the run.
  - With O(phase) it only records the start of that phase. Nothing is written anywhere.
extends_documentation_fragment:
  - apiary.swarm.attributes.reads
attributes:
  action:
    support: full
    description: Runs on the controller as an action plugin; set C(run_once=true) on the task.
options:
  phase:
    description:
      - Name of the phase that starts. The task needs C(delegate_to=localhost) and C(delegate_facts=true), so that later tasks find it.
    type: str
  changes:
    description:
      - The RV(apiary.swarm.cluster_plan#module:changes) of the plan that was applied.
    type: list
    elements: dict
    default: []
  services:
    description:
      - The services, as M(apiary.swarm.swarm_info) returns them.
    type: list
    elements: dict
    default: []
seealso:
  - module: apiary.swarm.cluster_plan
"""

EXAMPLES = r"""
- name: Record the start of the phase
  apiary.swarm.cluster_summary:
    phase: engines
  run_once: true
  delegate_to: localhost
  delegate_facts: true

- name: Show the summary
  apiary.swarm.cluster_summary:
    changes: "{{ swarm_plan.changes }}"
  run_once: true
"""

RETURN = r"""
summary:
  description: The lines of the summary.
  type: list
  elements: str
  returned: without O(phase)
"""
