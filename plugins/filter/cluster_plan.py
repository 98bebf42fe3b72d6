# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_plan
short_description: What makes one swarm of the hosts of a play
version_added: 0.1.0
author: The apiary.swarm authors (@apiary)
description:
  - Chooses the manager to work through and finds who joins, who does not belong, and what forbids going on.
positional: managers, members
options:
  _input:
    description: One view a host of the play, with C(host), C(role), C(address) and C(info), the answer of M(apiary.swarm.swarm_info).
    type: list
    elements: dict
    required: true
  managers:
    description: Inventory names of all managers, in their order.
    type: list
    elements: str
    required: true
  members:
    description: Inventory name to its addresses, of all managers and workers.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Choose the manager to work through
  ansible.builtin.set_fact:
    plan: "{{ views | apiary.swarm.cluster_plan(['m1', 'm2', 'm3'], {'m1': ['10.0.0.1'], 'm2': ['10.0.0.2'], 'm3': ['10.0.0.3']}) }}"
"""

RETURN = r"""
_value:
  description: C(primary), C(in_control), C(join), C(remote_addrs), C(strays), C(unknown) and C(problems).
  type: dict
"""

from typing import Any


def cluster_plan(views: list[dict[str, Any]], managers: list[str], members: dict[str, list[str]]) -> dict[str, Any]:
    """Choose the manager to work through, and find who joins, who does not belong, and what forbids going on.

    :param views: one a host of the play: host, role (wanted), address, and info (the answer of swarm_info).
    :param managers: inventory names of all managers, in their order.
    :param members: inventory name -> addresses, of all managers and workers, also those that do not answer.
    :returns: primary (a host, or None), in_control (the primary controls a swarm already), join (hosts),
        remote_addrs (of managers in control, the primary's first), strays (nodes of the swarm that are no host
        of the inventory), unknown (hosts that do not answer and that no node could be told to be: any stray may be
        one of them) and problems (sentences; with any of them nothing may be written).
    """
    by_host = {view["host"]: view for view in views}
    control = [view for view in views if view["info"]["control_available"] and view["info"]["quorum"]["healthy"]]
    here = [name for name in managers if name in by_host]
    order = [name for name in here if by_host[name] in control] + [v["host"] for v in control if v["host"] not in here]
    primary = (order or here or [None])[0]
    info = by_host[primary]["info"] if primary else {}
    nodes = (info.get("nodes") or []) if order else []
    silent = silent_members(views, members)
    return {
        "primary": primary,
        "in_control": bool(order),
        "join": [v["host"] for v in views if v["host"] != primary and v["info"]["state"] in ("inactive", "pending", "error")],
        "remote_addrs": [by_host[name]["address"] for name in order or here[:1]],
        "strays": strays(nodes, views, silent),
        "unknown": [name for name, known in silent.items() if not any(is_called(node, known) for node in nodes)],
        "problems": problems_without_control(views, here, managers) if not order else problems_in_swarm(views, info),
    }


def problems_without_control(views: list[dict[str, Any]], here: list[str], managers: list[str]) -> list[str]:
    """Why a new swarm must not be initialised although no manager is in control."""
    if not here:
        return [
            "Could not work on the swarm: none of its managers answers in this run. "
            "Start one of them, or include one in the limit of this run."
        ]
    problems = []
    for view in views:
        host, info = view["host"], view["info"]
        if info["state"] == "locked":
            problems.append(f"Could not use the swarm of '{host}': it is locked. Unlock it with 'docker swarm unlock'.")
        elif is_member(info):
            problems.append(
                f"Could not use the swarm of '{host}': none of the managers asked is in control of it "
                f"({info['error'] or 'no manager answers'}). Bring its managers back until a majority runs, "
                "or take this host out of that swarm."
            )
    silent = [name for name in managers if name not in here]
    if silent and not problems:
        problems.append(
            f"Could not initialise the swarm: {', '.join(silent)} did not answer and may hold one. "
            "Bring every manager up for the first run, or take it out of the inventory."
        )
    return problems


def problems_in_swarm(views: list[dict[str, Any]], info: dict[str, Any]) -> list[str]:
    """Hosts that cannot be brought into the swarm without a decision of the operator's."""
    problems = []
    for view in views:
        host, own = view["host"], view["info"]
        if own["state"] == "locked":
            problems.append(f"Could not use host '{host}': its engine is locked. Unlock it with 'docker swarm unlock'.")
        elif own["cluster_id"] and own["cluster_id"] != info["cluster_id"]:
            problems.append(
                f"Could not use host '{host}': it is in another swarm ({own['cluster_id']}). "
                "Take it out of that one first, with apiary.swarm.swarm_leave."
            )
    return problems


def silent_members(views: list[dict[str, Any]], members: dict[str, list[str]]) -> dict[str, set[str]]:
    """Hosts of the inventory that do not answer, or whose engine does not, with all they may be known by."""
    answering = {view["host"] for view in views if not is_silent(view["info"])}
    return {name: {name, *addresses} - {""} for name, addresses in members.items() if name not in answering}


def is_called(node: dict[str, Any], names: set[str]) -> bool:
    """One of these is the node's hostname or address."""
    return node["hostname"] in names or node["address"] in names


def strays(nodes: list[dict[str, Any]], views: list[dict[str, Any]], silent: dict[str, set[str]]) -> list[dict[str, Any]]:
    """Nodes of the swarm that no host of the inventory is. One that answers says its own NodeID, others are known by name."""
    own = {view["info"]["node_id"] for view in views}
    excused = set().union(*silent.values())
    return [
        {"id": node["id"], "hostname": node["hostname"], "address": node["address"], "state": node["state"]}
        for node in nodes
        if node["id"] not in own and not is_called(node, excused)
    ]


def is_member(info: dict[str, Any]) -> bool:
    """This host belongs to a swarm, also where it has not reached that swarm yet. A half joined host has no cluster_id."""
    return info["state"] == "active" or bool(info["cluster_id"]) or is_silent(info)


def is_silent(info: dict[str, Any]) -> bool:
    """This host belongs to a swarm, but its engine does not answer."""
    return info["state"] == "inactive" and bool(info["error"])


class FilterModule:
    """The filter cluster_plan."""

    def filters(self) -> dict[str, Any]:
        return {"cluster_plan": cluster_plan}
