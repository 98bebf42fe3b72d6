# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import quorum


def members(*reachable: bool) -> list[quorum.Member]:
    """Managers m1 (the leader), m2 and so on."""
    return [quorum.Member(f"m{number}", f"manager{number}", one, number == 1) for number, one in enumerate(reachable, 1)]


@pytest.mark.parametrize(("managers", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)])
def test_majority(managers: int, needed: int) -> None:
    assert quorum.majority(managers) == needed


def test_quorum_is_counted_over_members_of_raft() -> None:
    def node(node_id: str, role: str, **status: Any) -> Any:
        return {"ID": node_id, "Description": {"Hostname": f"h{node_id}"}, "Spec": {"Role": role}, **status}

    nodes = [
        node("1", "manager", ManagerStatus={"Reachability": "reachable", "Leader": True}),
        node("2", "manager", ManagerStatus={"Reachability": "unreachable"}),
        # One that is just promoted, and one that is just demoted.
        node("3", "manager"),
        node("4", "worker", ManagerStatus={"Reachability": "reachable"}),
        node("5", "worker"),
    ]
    found = quorum.members_of(nodes)
    assert [one.id for one in found] == ["1", "2", "3", "4"]
    assert quorum.quorum_of(found) == {"managers": 4, "reachable": 2, "needed": 3, "leader": "h1", "healthy": False}
    described = [
        {"id": "1", "hostname": "h1", "role": "manager", "reachability": "reachable", "leader": True},
        {"id": "2", "hostname": "h2", "role": "manager", "reachability": "unreachable", "leader": False},
        {"id": "3", "hostname": "h3", "role": "manager", "reachability": None, "leader": False},
        {"id": "4", "hostname": "h4", "role": "worker", "reachability": "reachable", "leader": False},
        {"id": "5", "hostname": "h5", "role": "worker", "reachability": None, "leader": False},
    ]
    assert quorum.described_members(described) == found


def test_swarm_without_a_leader_is_not_healthy() -> None:
    leaderless = [one._replace(leader=False) for one in members(True, True, True)]
    assert quorum.quorum_of(leaderless) == {"managers": 3, "reachable": 3, "needed": 2, "leader": None, "healthy": False}


def test_manager_is_demoted_only_where_the_rest_has_a_quorum() -> None:
    assert quorum.demotion_refusal(members(True, True, True), "m1") is None
    assert "1 of the 2 other managers" in (quorum.demotion_refusal(members(True, False, True), "m1") or "")
    assert quorum.demotion_refusal(members(True, False, True), "m2") is None
    assert quorum.demotion_refusal(members(True), "m1") == "it is the last manager"
    assert quorum.demotion_refusal(members(True), "w1") is None


def test_managers_that_do_not_vote_any_more_are_demoted_first() -> None:
    assert quorum.demotion_order(members(True, False, True), ["m1", "m2"]) == (["m2", "m1"], None)
    order, refused = quorum.demotion_order(members(True, True, True), ["m1", "m2", "m3"])
    assert order == ["m1", "m2", "m3"] and refused == ("m3", "it is the last manager")


@pytest.mark.parametrize(
    ("reachable", "node", "allowed"),
    [
        ([True, True, True], "m1", True),
        ([True] * 5, "m1", True),
        ([True, True, False], "m1", False),
        # One that the managers have lost already costs nothing more.
        ([True, True, False], "m3", True),
        ([True, True, True, True, False], "m1", True),
        ([True, True, True, False, False], "m1", False),
        ([True, True], "m1", False),
        ([True] * 4, "m1", True),
        ([True], "m1", True),
        ([True, True, False], "w1", True),
    ],
)
def test_manager_is_away_only_where_the_others_are_a_majority_of_all(reachable: list[bool], node: str, allowed: bool) -> None:
    assert (quorum.absence_refusal(members(*reachable), node) is None) is allowed
