# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.restart_problems import FilterModule

restart_problems = FilterModule().filters()["restart_problems"]


def swarm(*reachability: str) -> dict[str, Any]:
    """A swarm with these managers, m1 and so on, and a worker."""
    nodes = [{"id": f"m{index}", "role": "manager", "reachability": word} for index, word in enumerate(reachability, 1)]
    return {"control_available": True, "error": None, "nodes": [*nodes, {"id": "w1", "role": "worker", "reachability": None}]}


@pytest.mark.parametrize(
    ("managers", "node", "allowed"),
    [
        (["reachable"] * 3, "m1", True),
        (["reachable"] * 5, "m1", True),
        (["reachable", "reachable", "unreachable"], "m1", False),
        # One that the managers have lost already costs nothing more.
        (["reachable", "reachable", "unreachable"], "m3", True),
        (["reachable", "reachable", "reachable", "reachable", "unreachable"], "m1", True),
        (["reachable", "reachable", "reachable", "unreachable", "unreachable"], "m1", False),
        (["reachable", "reachable"], "m1", False),
        (["reachable"] * 4, "m1", True),
        (["reachable"], "m1", True),
        (["reachable", "reachable", "unreachable"], "w1", True),
    ],
)
def test_a_manager_goes_only_where_the_others_are_a_majority(managers: list[str], node: str, allowed: bool) -> None:
    assert (restart_problems(swarm(*managers), "host", node) == []) is allowed


def test_the_sentence_counts_and_says_what_to_do() -> None:
    assert restart_problems(swarm("reachable", "reachable", "unreachable"), "manager1", "m1") == [
        "Could not restart the engine of 'manager1': without it 1 of 3 managers are reachable, and the swarm needs 2 for its quorum. "
        "Bring the other managers back and run again, or set engine_restart_without_quorum to true."
    ]


def test_two_managers_are_advised_to_be_odd() -> None:
    assert "Use an odd number of managers" in restart_problems(swarm("reachable", "reachable"), "manager1", "m1")[0]


def test_nobody_goes_while_no_manager_is_in_control() -> None:
    lost = {"control_available": False, "error": "The swarm does not have a leader.", "nodes": None}
    assert restart_problems(lost, "worker1", "w1") == [
        "Could not restart the engine of 'worker1': no manager is in control (The swarm does not have a leader). "
        "Bring the managers back and run again, or set engine_restart_without_quorum to true."
    ]


def test_a_member_that_is_not_ready_holds_up_the_next_but_not_itself() -> None:
    seen, members = swarm(*["reachable"] * 3), {"m1": "manager1", "w1": "worker1"}
    for node in seen["nodes"]:
        node["state"] = "down" if node["id"] == "w1" else "ready"
    assert restart_problems(seen, "manager1", "m1", members) == [
        "Could not restart the engine of 'manager1': worker1 should be Ready before it and is not. "
        "Look into the log there ('journalctl -u docker') and run again."
    ]
    assert restart_problems(seen, "worker1", "w1", members) == []
    # A node whose host says nothing, for example because it is dead, is not waited for.
    assert restart_problems(seen, "manager1", "m1", {"m1": "manager1"}) == []
