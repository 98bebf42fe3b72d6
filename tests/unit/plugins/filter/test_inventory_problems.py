# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.inventory_problems import FilterModule

inventory_problems = FilterModule().filters()["inventory_problems"]


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
    found = inventory_problems(inventory)
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
    assert f"{count} managers survive no more failures than {no_more_than}." in problem and "preflight_allow_even_managers" in problem
    assert problems(managers, ["w1"], allow_even_managers=True) == []


def test_a_host_in_both_groups_is_named() -> None:
    (problem,) = problems(["m1"], ["w1", "m1"])
    assert problem.startswith("Could not use host 'm1': it is in swarm_managers and in swarm_workers.")


def test_hosts_that_share_an_address_are_named() -> None:
    (problem,) = problems(["m1"], ["w1", "w2"], addresses={"w2": "10.0.0.1", "m1": "10.0.0.1", "w1": "10.0.0.2"})
    assert problem.startswith("Could not use address '10.0.0.1': hosts m1, w2 all have it.")


def test_hosts_without_an_address_share_none() -> None:
    assert problems(["m1"], ["w1", "w2"], addresses={"m1": "", "w1": "", "w2": ""}) == []


@pytest.mark.parametrize("name", ["swarm_worker", "swarm_manager", "swarmworkers"])
def test_a_misspelt_group_is_named(name: str) -> None:
    (problem,) = problems(["m1"], [], groups=["all", "swarm_managers", name])
    assert problem.startswith(f"Could not use group '{name}': no play knows it.")


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(["m1", "m2"], ["m1"], groups=["swarm_x"], addresses={"m1": "a", "m2": "a"})) == 4
