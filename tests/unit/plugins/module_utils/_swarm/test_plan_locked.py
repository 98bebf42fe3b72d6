# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managers whose engine has restarted in a swarm that locks them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Section
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import plan as swarm_plan
from ansible_collections.apiary.swarm.plugins.plugin_utils import _sections

MANAGERS = ["m1", "m2", "m3"]
NOBODY: dict[str, Any] = {
    "state": "inactive",
    "control_available": False,
    "error": None,
    "node_id": None,
    "cluster_id": None,
    "nodes": None,
    "quorum": None,
    "hostname": None,
    "options": None,
}
LOCKED = {**NOBODY, "state": "locked"}


def in_control(name: str) -> dict[str, Any]:
    """A manager of a healthy swarm."""
    nodes = [
        {
            "id": f"id-{one}",
            "hostname": one,
            "address": f"10.0.0.{number}",
            "state": "ready" if one == name else "unknown",
            "role": "manager",
            "availability": "active",
            "labels": {},
            "reachability": "reachable",
            "leader": one == name,
        }
        for number, one in enumerate(MANAGERS, 1)
    ]
    return {
        **NOBODY,
        "state": "active",
        "control_available": True,
        "node_id": f"id-{name}",
        "cluster_id": "c1",
        "nodes": nodes,
        "quorum": {"healthy": True},
        "options": {},
    }


def plan(can_unlock: bool, **swarms: dict[str, Any]) -> Section:
    """The plan of the three managers."""
    hosts = {
        name: {"look": {"swarm": swarms[name]}, "roles": {"cluster_advertise_addr": f"10.0.0.{number}"}, "addresses": [f"10.0.0.{number}"]}
        for number, name in enumerate(swarms, 1)
    }
    return swarm_plan.plan(hosts, MANAGERS, can_unlock)


def told(found: Section) -> list[tuple[str, str]]:
    """(host, verb) of its changes."""
    return [(change.host, change.verb) for change in found.changes]


@pytest.mark.parametrize("others", [NOBODY, in_control("m2")])
def test_without_the_key_a_locked_manager_must_be_unlocked_first(others: dict[str, Any]) -> None:
    (problem,) = plan(False, m1=LOCKED, m2=others, m3=NOBODY).problems
    assert "Unlock it with 'docker swarm unlock', or give cluster_unlock_key" in problem and "'m1'" in problem


def test_with_the_key_it_is_unlocked_first() -> None:
    found = plan(True, m1=LOCKED, m2=in_control("m2"), m3=NOBODY)
    assert not found.problems and told(found) == [("m1", "unlock"), ("m3", "join")]
    assert found.data["control"] == "m2" and found.data["join"] == ["m3"]


def test_where_all_managers_are_locked_nothing_else_is_promised() -> None:
    lost = {**NOBODY, "state": "active", "cluster_id": "c1", "error": "no manager answers"}
    found = plan(True, m1=LOCKED, m2=LOCKED, m3=LOCKED, w1=lost)
    assert told(found) == [("m1", "unlock"), ("m2", "unlock"), ("m3", "unlock")] and not found.problems
    assert found.data["control"] is None and found.warnings == ["All other changes are planned after managers are unlocked."]


def test_without_its_own_part_the_swarm_is_what_stacks_are_deployed_through() -> None:
    found = _sections.only_control(plan(False, m1=in_control("m1"), m2=NOBODY, m3=NOBODY))
    assert (found.problems, found.changes, found.data["control"], found.data["join"]) == ([], [], "m1", [])
    (problem,) = _sections.only_control(plan(False, m1=NOBODY, m2=NOBODY, m3=NOBODY)).problems
    assert problem == (
        "Could not deploy the stacks: there is no swarm in control, and this run skips the part that creates it. "
        "Run without --skip-tags cluster."
    )
