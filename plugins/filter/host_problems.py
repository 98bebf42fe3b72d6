# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: host_problems
short_description: What keeps a host from being a swarm node
version_added: 0.1.0
author: The apiary.swarm authors (@apiary)
description:
  - Looks at the facts of one host.
options:
  _input:
    description: C(name), C(facts), C(hostnames) (of all hosts in the play), C(ipvs_needed_but_missing) and C(ipvs_message).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse a host with problems
  ansible.builtin.assert:
    that: problems | length == 0
  vars:
    problems: "{{ host | apiary.swarm.host_problems }}"
    host:
      name: "{{ inventory_hostname }}"
      facts: "{{ ansible_facts }}"
      hostnames: []
      ipvs_needed_but_missing: false
      ipvs_message: ""
"""

RETURN = r"""
_value:
  description: One sentence a problem.
  type: list
"""

from typing import Any

OS_FAMILIES = ("Debian", "RedHat")


def host_problems(host: dict[str, Any]) -> list[str]:
    """Problems of one host.

    :param host: name, facts, hostnames (of all hosts in the play), ipvs_needed_but_missing and ipvs_message.
    :returns: one sentence a problem; none is a host that can carry a node.
    """
    name, facts = host["name"], host["facts"]
    problems = []
    if facts["os_family"] not in OS_FAMILIES:
        problems.append(f"Could not use host '{name}': its system family is {facts['os_family']}. Use one of: {', '.join(OS_FAMILIES)}.")
    if facts["service_mgr"] != "systemd":
        problems.append(f"Could not use host '{name}': its service manager is {facts['service_mgr']}. Use a host with systemd.")
    if host["hostnames"].count(facts["hostname"]) > 1:
        problems.append(
            f"Could not use host '{name}': other hosts are named '{facts['hostname']}', too, and nodes could not be told apart. "
            "Give each host a hostname of its own."
        )
    if host["ipvs_needed_but_missing"]:
        problems.append(f"Could not use host '{name}': {host['ipvs_message']}")
    return problems


class FilterModule:
    """The filter host_problems."""

    def filters(self) -> dict[str, Any]:
        return {"host_problems": host_problems}
