# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.host_problems import FilterModule

host_problems = FilterModule().filters()["host_problems"]


def problems(facts: dict[str, str] | None = None, **change: Any) -> list[str]:
    """The problems of a host that is sound otherwise."""
    host = {
        "name": "w1",
        "facts": {"os_family": "Debian", "service_mgr": "systemd", "hostname": "worker1", **(facts or {})},
        "hostnames": ["manager1", "worker1"],
        "ipvs_needed_but_missing": False,
        "ipvs_message": "The kernel has no IPVS.",
        **change,
    }
    found = host_problems(host)
    assert all(problem.startswith("Could not use host 'w1': ") and problem.endswith(".") for problem in found)
    return found


@pytest.mark.parametrize("family", ["Debian", "RedHat"])
def test_a_sound_host_has_no_problem(family: str) -> None:
    assert problems({"os_family": family}) == []


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"os_family": "Alpine"}, "its system family is Alpine. Use one of: Debian, RedHat."),
        ({"service_mgr": "openrc"}, "its service manager is openrc. Use a host with systemd."),
        ({"hostname": "manager1"}, "other hosts are named 'manager1', too"),
    ],
)
def test_what_cannot_carry_a_node_is_said(facts: dict[str, str], words: str) -> None:
    (problem,) = problems(facts, hostnames=["manager1", facts.get("hostname", "worker1")])
    assert words in problem


def test_missing_ipvs_is_a_problem_only_where_it_is_needed() -> None:
    assert problems(ipvs_needed_but_missing=True) == ["Could not use host 'w1': The kernel has no IPVS."]


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({"os_family": "Suse", "service_mgr": "sysvinit"}, hostnames=["worker1"] * 2, ipvs_needed_but_missing=True)) == 4
