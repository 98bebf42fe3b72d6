# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import preflight


def problems(managers: list[str], workers: list[str], **change: Any) -> list[str]:
    """The problems of an inventory that is sound otherwise."""
    inventory = {
        "managers": managers,
        "workers": workers,
        "groups": [
            "all",
            "ungrouped",
            "swarm",
            "swarm_managers",
            "swarm_workers",
            "swarm_control",
            "swarm_restart_worker",
            "databases",
        ],
        "addresses": {name: f"address-of-{name}" for name in managers + workers},
        "allow_even_managers": False,
        **change,
    }
    found = preflight.inventory_problems(**inventory)
    assert all(problem.startswith("Could not use ") and problem.endswith(".") for problem in found)
    return found


@pytest.mark.parametrize(("managers", "workers"), [(["m1"], []), (["m1", "m2", "m3"], ["w1", "w2"])])
def test_a_sound_inventory_has_no_problem(managers: list[str], workers: list[str]) -> None:
    assert problems(managers, workers) == []


def test_an_inventory_needs_a_manager() -> None:
    (problem,) = problems([], ["w1"])
    assert "it has no manager" in problem
    assert problems([], [], allow_even_managers=True) == [problem]


@pytest.mark.parametrize(("count", "no_more_than"), [(2, 1), (4, 3)])
def test_an_even_number_of_managers_is_refused_unless_allowed(count: int, no_more_than: int) -> None:
    managers = [f"m{number}" for number in range(count)]
    (problem,) = problems(managers, ["w1"])
    assert f"{count} managers tolerate no more failures than {no_more_than}." in problem and "preflight_allow_even_managers" in problem
    assert problems(managers, ["w1"], allow_even_managers=True) == []


def test_a_host_in_both_groups_is_named() -> None:
    (problem,) = problems(["m1"], ["w1", "m1"])
    assert problem.startswith("Could not use host 'm1': it is in swarm_managers and in swarm_workers.")


def test_hosts_that_share_an_address_are_named() -> None:
    (problem,) = problems(["m1"], ["w1", "w2"], addresses={"w2": "10.0.0.1", "m1": "10.0.0.1", "w1": "10.0.0.2"})
    assert problem.startswith("Could not use address '10.0.0.1': hosts m1, w2 all have it.")


def reached(name: str, port: str = "", hostname: str = "", **roles: Any) -> dict[str, Any]:
    """A host behind the address of a router, or of the machine whose guest it is."""
    one = host(True, **roles)
    one["look"]["system"]["hostname"] = hostname or name
    return {**one, "addresses": ["192.0.2.1"], "ansible_host": "192.0.2.1", "ansible_port": port}


def test_hosts_behind_one_address_are_told_apart_by_their_ports() -> None:
    hosts = {name: reached(name, port) for name, port in (("m1", "2222"), ("w1", "2200"), ("w2", ""))}
    assert preflight.plan(hosts, ["m1"], ["w1", "w2"], []).problems == []


@pytest.mark.parametrize(("ports", "words"), [(("2222", "2222"), "'192.0.2.1, port 2222'"), (("", "22"), "'192.0.2.1'")])
def test_hosts_behind_one_address_and_port_are_one_host(ports: tuple[str, str], words: str) -> None:
    hosts = {name: reached(name, port) for name, port in zip(("m1", "w1"), ports)}
    assert preflight.plan(hosts, ["m1"], ["w1"], []).problems == [
        f"Could not use address {words}: hosts m1, w1 all have it. "
        "Give each host an ansible_host of its own, or an ansible_port where they share one."
    ]


def test_hosts_may_have_one_interface_for_the_swarm() -> None:
    hosts = {name: {**host(True), "addresses": ["eth1"], "ansible_host": ""} for name in ("m1", "w1")}
    hosts["w1"]["look"]["system"]["hostname"] = "another"
    assert preflight.plan(hosts, ["m1"], ["w1"], []).problems == []


def test_hosts_of_two_domains_are_told_apart_where_their_hostnames_have_the_domain() -> None:
    names = {"m1": "node1.berlin.example.com", "w1": "node1.paris.example.com"}
    hosts = {name: {**reached(name, hostname=names[name]), "ansible_host": name} for name in names}
    assert preflight.plan(hosts, ["m1"], ["w1"], []).problems == []
    for name in names:
        hosts[name]["look"]["system"].update(hostname="node1", fqdn=names[name])
    found = preflight.plan(hosts, ["m1"], ["w1"], []).problems
    assert len(found) == 2 and "other hosts are named 'node1', too" in found[0], "the engines would both call themselves node1"


def test_hosts_without_an_address_share_none() -> None:
    assert problems(["m1"], ["w1", "w2"], addresses={"m1": "", "w1": "", "w2": ""}) == []


@pytest.mark.parametrize("name", ["swarm_worker", "swarm_manager", "swarmworkers", "swarm-workers", "swarms"])
def test_a_misspelt_group_is_named(name: str) -> None:
    (problem,) = problems(["m1"], [], groups=["all", "swarm_managers", name])
    assert problem.startswith(f"Could not use group '{name}': no play uses it.")


@pytest.mark.parametrize("name", ["swarm_workers_gpu", "swarm_managers_berlin", "swarm_storage", "swarmlab", "swarm_x", "docker_swarm"])
def test_a_group_of_somebodys_own_is_left_alone(name: str) -> None:
    assert problems(["m1"], [], groups=["all", "swarm_managers", name]) == []


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(["m1", "m2"], ["m1"], groups=["swarm_worker"], addresses={"m1": "a", "m2": "a"})) == 4


def host_problems(system: dict[str, str] | None = None, hostnames: tuple[str, ...] = ("manager1", "worker1")) -> list[str]:
    """The problems of a host that is sound otherwise."""
    system = {"family": "Debian", "service_manager": "systemd", "hostname": "worker1", **(system or {})}
    found = preflight.host_problems("w1", system, list(hostnames))
    assert all(problem.startswith("Could not use host 'w1': ") and problem.endswith(".") for problem in found)
    return found


@pytest.mark.parametrize("family", ["Debian", "RedHat"])
def test_a_sound_host_has_no_problem(family: str) -> None:
    assert host_problems({"family": family}) == []


@pytest.mark.parametrize(
    ("system", "words"),
    [
        ({"family": "Alpine"}, "its system family is Alpine. Use one of: Debian, RedHat."),
        ({"service_manager": "openrc"}, "its service manager is openrc. Use a host with systemd."),
        ({"hostname": "manager1"}, "other hosts are named 'manager1', too"),
    ],
)
def test_what_cannot_carry_a_node_is_said(system: dict[str, str], words: str) -> None:
    (problem,) = host_problems(system, hostnames=("manager1", system.get("hostname", "worker1")))
    assert words in problem


def host(ipvs: bool, **roles: Any) -> dict[str, Any]:
    """A host that has answered."""
    system = {"family": "Debian", "service_manager": "systemd", "hostname": f"host-{id(roles)}"}
    return {"look": {"system": system, "kernel": {"features": {"ip_vs": ipvs}}}, "roles": roles, "addresses": []}


def test_missing_ipvs_is_one_problem_that_names_the_hosts() -> None:
    section = preflight.plan({"m1": host(False), "w1": host(False), "w2": host(True)}, ["m1"], ["w1", "w2"], [])
    (problem,) = section.problems
    assert problem.startswith("Could not use hosts m1, w1: The kernel has no IPVS") and section.warnings == []


def test_missing_ipvs_is_one_warning_where_it_is_not_needed() -> None:
    hosts = {name: host(False, preflight_require_ipvs=False) for name in ("m1", "w1")}
    section = preflight.plan(hosts, ["m1"], ["w1"], [])
    assert section.problems == []
    (warning,) = section.warnings
    assert "Hosts without it: m1, w1." in warning


def test_all_problems_of_a_host_are_told_at_once() -> None:
    assert len(host_problems({"family": "Suse", "service_manager": "sysvinit"}, hostnames=("worker1", "worker1"))) == 3
