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
  - Shows the changes of a plan by host, the services that run, and how long each phase of the run took.
  - With O(phase) it only notes when that phase begins. Nothing is written anywhere.
extends_documentation_fragment:
  - apiary.swarm.attributes.reads
attributes:
  action:
    support: full
    description: Is an action plugin on the controller; give the task C(run_once=true).
options:
  phase:
    description:
      - Name of the phase that begins. The task needs C(delegate_to=localhost) and C(delegate_facts=true), so that the next one finds it.
    type: str
  changes:
    description:
      - The RV(apiary.swarm.cluster_plan#module:changes) of the plan that was carried out.
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
- name: Note when the engines' turn begins
  apiary.swarm.cluster_summary:
    phase: engines
  run_once: true
  delegate_to: localhost
  delegate_facts: true

- name: Show what was done
  apiary.swarm.cluster_summary:
    changes: "{{ swarm_plan.changes }}"
  run_once: true
"""

RETURN = r"""
summary:
  description: The lines that are shown.
  type: list
  elements: str
  returned: without O(phase)
"""
