# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which addresses hosts enter a swarm, and are known in it."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import plan as swarm_plan
from ansible_collections.apiary.swarm.tests.unit.plugins.module_utils._swarm.test_plan import BARE, in_control, member, node, plan, view

NETWORK = {"addresses": [{"interface": "lo", "address": "127.0.0.1"}, {"interface": "eth1", "address": "10.0.0.2"}]}


def entering(**roles: str) -> list[str]:
    """What is wrong with the addresses of a worker that joins."""
    hosts = {name: {"look": {"swarm": view["info"]}, "roles": {}, "addresses": []} for name, view in (("m1", in_control("m1")),)}
    hosts["w9"] = {"look": {"swarm": BARE, "network": NETWORK}, "roles": roles, "addresses": []}
    return swarm_plan.plan(hosts, ["m1"]).problems


@pytest.mark.parametrize("text", ["10.0.0.2", "10.0.0.2:2477", "eth1", "eth1:2477", "2001:db8::1", "[2001:db8::1]:2377"])
def test_a_host_enters_a_swarm_by_an_address_or_an_interface(text: str) -> None:
    assert entering(cluster_advertise_addr=text, cluster_listen_addr=text, cluster_data_path_addr=text) == []


def test_a_name_is_no_address_for_an_engine() -> None:
    (problem,) = entering(cluster_advertise_addr="node9.example.com")
    assert problem == (
        "Could not use the address 'node9.example.com' of host 'w9' in the swarm: it is neither an IP address nor a network interface of "
        "the host. Set cluster_advertise_addr to one of its addresses or interfaces, which are: 10.0.0.2 (eth1)."
    )
    assert "cluster_data_path_addr" in entering(cluster_data_path_addr="eth7")[0]
    assert "is not of the form host or host:port" in entering(cluster_listen_addr="eth1:many")[0]


def test_hosts_behind_one_address_need_another_one_in_the_swarm() -> None:
    members = {"m1": ["192.0.2.1"], "w1": ["192.0.2.1"]}
    answer = plan(view("m1", network=None), view("w1"), managers=("m1",), members=members)
    assert answer["problems"] == [
        f"Could not use the address '192.0.2.1' of host '{name}' in the swarm: the others would reach {other} there, too. "
        "Set cluster_advertise_addr to one of its addresses or interfaces, which are: none."
        for name, other in (("w1", "m1"), ("m1", "w1"))
    ]
    assert plan(in_control("m1"), member("w1"), managers=("m1",), members=members)["problems"] == [], "members have theirs already"


def test_a_silent_host_is_not_known_by_an_address_that_is_not_its_own() -> None:
    nodes = [node("m1", address="192.0.2.1"), node("w9")]
    answer = plan(in_control("m1", nodes), managers=("m1",), members={"m1": ["192.0.2.1"], "w1": ["192.0.2.1", "m1"]})
    assert answer["unknown"] == ["w1"], "it may be w9"


def test_a_host_that_joins_does_not_take_the_place_of_another_behind_its_address() -> None:
    nodes = [node("m1"), node("m2", address="192.0.2.1", state="down")]
    members = {"m1": ["10.0.0.1"], "m2": ["192.0.2.1"], "w1": ["10.0.0.4", "192.0.2.1"]}
    assert plan(in_control("m1", nodes), view("w1"), managers=("m1", "m2"), members=members)["former"] == []
