# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup


def node(node_id: str, hostname: str, state: str = "ready", role: str = "worker", reachability: str | None = None) -> Any:
    status = {"ManagerStatus": {"Reachability": reachability, "Addr": "10.9.0.1:2377"}} if reachability else {}
    return {
        "ID": node_id,
        "Description": {"Hostname": hostname},
        "Status": {"State": state, "Addr": f"addr-{node_id}"},
        "Spec": {"Role": role},
        **status,
    }


def test_node_is_found_by_id_hostname_and_address() -> None:
    nodes = [node("1", "a"), node("2", "b", role="manager", reachability="reachable")]
    assert [lookup.find_node(nodes, name, "x")["ID"] for name in ("1", "b", "addr-1", "addr-2")] == [
        "1",
        "2",
        "1",
        "2",
    ]


def test_nodes_of_one_name_are_told_apart_by_their_ids() -> None:
    nodes = [node("1", "a", "down"), node("2", "a"), node("3", "a", "down")]
    assert [lookup.node_title(one, nodes) for one in nodes] == ["a (1)", "a (2)", "a (3)"]
    assert [lookup.find_node(nodes, one, "x")["ID"] for one in ("1", "2", "3")] == ["1", "2", "3"]


@pytest.mark.parametrize("states", [("ready", "ready"), ("down", "down"), ("ready", "down")])
def test_ambiguous_hostname_is_refused_with_the_ids(states: tuple[str, str]) -> None:
    with pytest.raises(SwarmError, match=r"Could not label node 'a': 2 nodes have that name: 1 \(\w+\), 2 \(\w+\)\. Give the NodeID\."):
        lookup.find_node([node("1", "a", states[0]), node("2", "a", states[1])], "a", "label node")


def test_node_listed_twice_is_refused() -> None:
    with pytest.raises(SwarmError, match="listed twice"):
        lookup.pick_nodes([node("1", "a")], [{"name": "a"}, {"name": "1"}], "label node")


@pytest.mark.parametrize("own", ["", "0.0.0.0", "127.0.0.1", "::", "::1"])
def test_manager_that_knows_itself_only_as_nowhere_has_its_raft_address(own: str) -> None:
    nowhere: dict[str, Any] = {"ID": "1", "Status": {"Addr": own}}
    assert lookup.node_address(nowhere) == ""
    assert lookup.node_address({**nowhere, "ManagerStatus": {"Addr": "[2001:db8::1]:2377"}}) == "2001:db8::1"
    assert lookup.node_address({"ID": "1", "Status": {"Addr": "10.0.0.1"}, "ManagerStatus": {"Addr": "10.9.0.1:2377"}}) == "10.0.0.1"
