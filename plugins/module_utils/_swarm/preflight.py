# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps an inventory, or a host, from being a cluster: rules that need no swarm."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Section
from ansible_collections.apiary.swarm.plugins.module_utils._engine.kernel import IPVS_MESSAGE, ipvs_missing

OS_FAMILIES = ("Debian", "RedHat")
# Those of the inventory, and those that plays make for themselves (ACT_GROUPS of the plan begin with this).
KNOWN_GROUPS = ("swarm", "swarm_managers", "swarm_workers", "swarm_control")
OWN_PREFIX = ("swarm_act_", "swarm_restart_")
# From this on a name is taken for a slip of the pen: swarm_worker and swarmworkers have 0.96, swarm_storage has 0.69.
ALIKE = 0.85
SSH_PORT = "22"


def inventory_problems(
    managers: list[str], workers: list[str], groups: list[str], addresses: dict[str, str], allow_even_managers: bool = False
) -> list[str]:
    """Problems of an inventory as a whole, one sentence each.

    :param addresses: inventory name -> where Ansible reaches it, empty where the inventory does not say.
    """
    problems = []
    if not managers:
        problems.append("Could not use the inventory: it has no manager. Add an odd number of hosts to the group swarm_managers.")
    elif len(managers) % 2 == 0 and not allow_even_managers:
        problems.append(
            f"Could not use the inventory: {len(managers)} managers tolerate no more failures than {len(managers) - 1}. "
            "Use an odd number in the group swarm_managers, or set preflight_allow_even_managers to true."
        )
    for name in sorted(set(managers) & set(workers)):
        problems.append(f"Could not use host '{name}': it is in swarm_managers and in swarm_workers. Keep it in one of them.")
    for name in sorted(groups):
        if is_misspelt(name):
            problems.append(
                f"Could not use group '{name}': no play uses it. Correct its name; the groups are swarm_managers and swarm_workers."
            )
    count = Counter(address for address in addresses.values() if address)
    for address in sorted(address for address, uses in count.items() if uses > 1):
        names = sorted(name for name, own in addresses.items() if own == address)
        problems.append(
            f"Could not use address '{address}': hosts {', '.join(names)} all have it. "
            "Give each host an ansible_host of its own, or an ansible_port where they share one."
        )
    return problems


def reached_at(host: dict[str, Any]) -> str:
    """Where Ansible reaches a host; behind one address there may be many, each with a port of its own."""
    address, port = host.get("ansible_host") or "", str(host.get("ansible_port") or SSH_PORT)
    return f"{address}, port {port}" if address and port != SSH_PORT else address


def is_misspelt(group: str) -> bool:
    """Whether a group looks like one that a play knows; C(swarm_workers_gpu) is somebody's own."""
    own = group.startswith((*OWN_PREFIX, *(f"{known}_" for known in KNOWN_GROUPS[1:])))
    return group not in KNOWN_GROUPS and not own and bool(difflib.get_close_matches(group, KNOWN_GROUPS, 1, ALIKE))


def host_problems(name: str, system: dict[str, Any], hostnames: list[str]) -> list[str]:
    """Problems of one host, one sentence each.

    :param system: C(system) of the host's look.
    :param hostnames: those of all hosts of the run, as the kernel and so the engines have them: with their domain where that is part of it.
    """
    problems = []
    if system["family"] not in OS_FAMILIES:
        problems.append(f"Could not use host '{name}': its system family is {system['family']}. Use one of: {', '.join(OS_FAMILIES)}.")
    if system["service_manager"] != "systemd":
        problems.append(f"Could not use host '{name}': its service manager is {system['service_manager']}. Use a host with systemd.")
    if hostnames.count(system["hostname"]) > 1:
        problems.append(
            f"Could not use host '{name}': other hosts are named '{system['hostname']}', too, and nodes could not be told apart. "
            "Give each host a hostname of its own."
        )
    return problems


def ipvs_message(names: list[str]) -> str:
    """One sentence for all hosts whose kernel has no IPVS."""
    return f"{IPVS_MESSAGE} Hosts without it: {', '.join(names)}."


def plan(hosts: dict[str, Any], managers: list[str], workers: list[str], groups: list[str]) -> Section:
    """All that is wrong with the inventory and with hosts that answered.

    :param hosts: name -> C(look) (None where it did not answer), C(roles) (variables), C(ansible_host) and C(ansible_port).
    """
    first: dict[str, Any] = next((host["roles"] for host in hosts.values() if host["look"]), {})
    addresses = {name: reached_at(host) for name, host in hosts.items()}
    problems = inventory_problems(managers, workers, groups, addresses, bool(first.get("preflight_allow_even_managers")))
    looks = {name: host["look"] for name, host in hosts.items() if host["look"]}
    hostnames = [look["system"]["hostname"] for look in looks.values()]
    for name, look in looks.items():
        problems += host_problems(name, look["system"], hostnames)
    without = [name for name, look in looks.items() if ipvs_missing(look)]
    needing = [name for name in without if hosts[name]["roles"].get("preflight_require_ipvs", True)]
    if needing:
        problems.append(f"Could not use host{'s' if len(needing) > 1 else ''} {', '.join(needing)}: {IPVS_MESSAGE}")
    return Section(problems, [ipvs_message(without)] if without and not needing else [], [], {})
