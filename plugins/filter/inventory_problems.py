# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_problems
short_description: What is wrong with an inventory as a whole
version_added: 0.1.0
author: The apiary.swarm authors (@apiary)
description:
  - Finds what no host can be asked about, before any host is asked.
options:
  _input:
    description: C(managers), C(workers) and C(groups) (lists of names), C(addresses) (name to C(ansible_host)) and C(allow_even_managers).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse an inventory with problems
  ansible.builtin.assert:
    that: problems | length == 0
  vars:
    problems: "{{ inventory | apiary.swarm.inventory_problems }}"
    inventory:
      managers: [manager1]
      workers: []
      groups: [swarm_managers]
      addresses: {manager1: 192.0.2.11}
      allow_even_managers: false
"""

RETURN = r"""
_value:
  description: One sentence a problem.
  type: list
"""

from collections import Counter
from typing import Any

# Those of the inventory, and those that plays make for themselves.
KNOWN_GROUPS = ("swarm", "swarm_managers", "swarm_workers", "swarm_control")
OWN_GROUPS = ("swarm_restart_worker", "swarm_restart_manager", "swarm_restart_leader")


def inventory_problems(inventory: dict[str, Any]) -> list[str]:
    """Problems of the inventory as a whole.

    :param inventory: managers, workers and groups (lists of names), addresses (name -> ansible_host) and
        allow_even_managers.
    :returns: one sentence a problem; none is a sound inventory.
    """
    managers, workers = inventory["managers"], inventory["workers"]
    problems = []
    if not managers:
        problems.append("Could not use the inventory: it has no manager. Put an odd number of hosts into the group swarm_managers.")
    elif len(managers) % 2 == 0 and not inventory["allow_even_managers"]:
        problems.append(
            f"Could not use the inventory: {len(managers)} managers survive no more failures than {len(managers) - 1}. "
            "Use an odd number in the group swarm_managers, or set preflight_allow_even_managers to true."
        )
    for name in sorted(set(managers) & set(workers)):
        problems.append(f"Could not use host '{name}': it is in swarm_managers and in swarm_workers. Leave it in one of the two groups.")
    for name in sorted(name for name in inventory["groups"] if name.startswith("swarm") and name not in (*KNOWN_GROUPS, *OWN_GROUPS)):
        problems.append(
            f"Could not use group '{name}': no play knows it. Correct its name; the groups are swarm_managers and swarm_workers."
        )
    count = Counter(address for address in inventory["addresses"].values() if address)
    for address in sorted(address for address, uses in count.items() if uses > 1):
        names = sorted(name for name, own in inventory["addresses"].items() if own == address)
        problems.append(
            f"Could not use address '{address}': hosts {', '.join(names)} all have it. Give each host an ansible_host of its own."
        )
    return problems


class FilterModule:
    """The filter inventory_problems."""

    def filters(self) -> dict[str, Any]:
        return {"inventory_problems": inventory_problems}
