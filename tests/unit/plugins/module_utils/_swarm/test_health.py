# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import health


# -- sparing a node
def swarm_of(*reachability: str) -> dict[str, Any]:
    """A swarm with these managers, m1 and so on, and a worker."""
    nodes: list[dict[str, Any]] = [
        {"id": f"m{index}", "hostname": f"manager{index}", "role": "manager", "state": "ready", "reachability": word, "leader": index == 1}
        for index, word in enumerate(reachability, 1)
    ]
    worker = {"id": "w1", "hostname": "worker1", "role": "worker", "state": "ready", "reachability": None, "leader": False}
    return {"control_available": True, "error": None, "nodes": [*nodes, worker]}


def problem(view: dict[str, Any], name: str, node_id: str, members: dict[str, str] | None = None) -> str | None:
    return health.spare_problem(view, name, node_id, members or {})


def test_a_manager_goes_where_the_others_are_a_majority() -> None:
    assert problem(swarm_of(*["reachable"] * 3), "manager1", "m1") is None
    assert problem(swarm_of("reachable", "reachable", "unreachable"), "worker1", "w1") is None


def test_the_sentence_counts_and_says_what_to_do() -> None:
    assert problem(swarm_of("reachable", "reachable", "unreachable"), "manager1", "m1") == (
        "Could not restart the engine of 'manager1': without it 1 of 3 managers are reachable, and the swarm needs 2 for its quorum. "
        "Bring the other managers back and run again, or set engine_restart_without_quorum to true."
    )


def test_two_managers_are_advised_to_be_odd() -> None:
    assert "Use an odd number of managers" in (problem(swarm_of("reachable", "reachable"), "manager1", "m1") or "")


def test_nobody_goes_while_no_manager_is_in_control() -> None:
    lost = {"control_available": False, "error": "The swarm does not have a leader.", "nodes": None}
    assert problem(lost, "worker1", "w1") == (
        "Could not restart the engine of 'worker1': no manager is in control (The swarm does not have a leader). "
        "Bring the managers back and run again, or set engine_restart_without_quorum to true."
    )


@pytest.mark.parametrize(
    ("leaving", "words"),
    [
        ([], None),
        (["w1"], None),
        (["m1", "w1"], None),
        (["m1", "m2"], None),
        (["m1", "m2", "m3", "w1"], None),
        (["m1", "m2", "m3"], "Could not take 'manager3' out of the swarm: it is the last manager, and worker1 would remain in it"),
    ],
)
def test_managers_leave_for_good_as_long_as_a_majority_stays_or_nobody(leaving: list[str], words: str | None) -> None:
    found = health.leaving_problem(swarm_of(*["reachable"] * 3), leaving)
    assert found is None if words is None else (found or "").startswith(words)


def test_a_manager_that_the_rest_needs_does_not_leave() -> None:
    seen = swarm_of("reachable", "reachable", "unreachable")
    assert health.leaving_problem(seen, ["m1", "w1"]) == (
        "Could not take 'manager1' out of the swarm: 1 of the 2 other managers would be reachable, and 2 are needed for a quorum, and "
        "manager2, manager3 would remain in it. Remove all of its nodes in one run, or promote others first."
    )
    seen["nodes"][2]["state"] = "down"
    assert health.leaving_problem(seen, ["m1", "m2", "w1"]) is None, "nobody stays that lives"
    assert health.leaving_problem({**seen, "control_available": False}, ["m1"]) is None, "there is no majority to be lost"


def test_a_member_that_is_not_ready_holds_up_the_next_but_not_itself() -> None:
    seen, members = swarm_of(*["reachable"] * 3), {"m1": "manager1", "w1": "worker1"}
    seen["nodes"][-1]["state"] = "down"
    assert problem(seen, "manager1", "m1", members) == (
        "Could not restart the engine of 'manager1': worker1 should be Ready before it and is not. "
        "Check the log there ('journalctl -u docker') and run again."
    )
    assert problem(seen, "worker1", "w1", members) is None
    # A node whose host says nothing, for example because it is dead, is not waited for.
    assert problem(seen, "manager1", "m1", {"m1": "manager1"}) is None


# -- being whole again
def swarm(**change: Any) -> dict[str, Any]:
    """Two managers, a worker, and a service with a task on each of two nodes."""
    return {
        "state": "active",
        "control_available": True,
        "nodes": [*MANAGERS, node("w1", "worker1")],
        "services": [service()],
        "tasks": [task("t1", "m1"), task("t2", "w1")],
        **change,
    }


def node(node_id: str, hostname: str, state: str = "ready", role: str = "worker", reachability: str = "reachable") -> dict[str, Any]:
    reached = reachability if role == "manager" else None
    return {"id": node_id, "hostname": hostname, "state": state, "role": role, "reachability": reached, "leader": False}


def service(**change: Any) -> dict[str, Any]:
    return {"id": "s1", "name": "web", "mode": "replicated", "running": 2, "desired": 2, "version": 5, **change}


def task(name: str, node: str, state: str = "running") -> dict[str, Any]:
    return {"id": name, "service_id": "s1", "node_id": node, "state": state}


def lacking(
    now: dict[str, Any], before: dict[str, Any], node_id: str, members: dict[str, str] | None = None, restarted: bool = True
) -> list[str]:
    return health.regressions(now, health.baseline_of(before, node_id), node_id, members, restarted)


MANAGERS = [node("m1", "manager1", role="manager"), node("m2", "manager2", role="manager")]
NEW = [task("t1", "m1"), task("t3", "w1")]


def test_nothing_is_lacking_when_new_tasks_run() -> None:
    assert lacking(swarm(tasks=NEW), swarm(), "w1") == []


def test_tasks_of_before_are_not_believed_after_a_restart() -> None:
    assert lacking(swarm(), swarm(), "w1") == ["service 'web' runs 1 of 2 tasks"]


def test_tasks_of_before_count_where_nothing_was_restarted() -> None:
    assert lacking(swarm(), swarm(), "w1", restarted=False) == []


@pytest.mark.parametrize(
    ("now", "lack"),
    [
        ({"control_available": False}, "no manager is in control"),
        ({"nodes": None}, "no manager is in control"),
        ({"nodes": MANAGERS}, "the node is not in the list of nodes"),
        ({"nodes": [*MANAGERS, node("w1", "worker1", "down")]}, "node 'worker1' is 'down'"),
        ({"nodes": [{**MANAGERS[0], "state": "unknown"}, MANAGERS[1], node("w1", "worker1")]}, "node 'manager1' is 'unknown'"),
        ({"nodes": [MANAGERS[0], {**MANAGERS[1], "reachability": "unreachable"}, node("w1", "worker1")]}, "1 of 2 managers are reachable"),
        ({"tasks": [task("t1", "m1"), task("t3", "w1", "preparing")]}, "service 'web' runs 1 of 2 tasks"),
    ],
)
def test_each_lack_is_named(now: dict[str, Any], lack: str) -> None:
    assert lacking(swarm(**{"tasks": NEW, **now}), swarm(), "w1") == [lack]


def test_a_node_listed_under_the_name_of_another_is_waited_for() -> None:
    mixed = {"nodes": [{**MANAGERS[0], "hostname": "worker1"}, MANAGERS[1], node("w1", "worker1")]}
    names = {"m1": "manager1", "w1": "worker1"}
    assert lacking(swarm(**mixed, tasks=NEW), swarm(), "w1", names) == ["node 'manager1' is listed as 'worker1'"]
    # The mistake may be what was seen before.
    assert lacking(swarm(tasks=NEW), swarm(**mixed), "w1", names) == []
    assert lacking(swarm(**mixed, tasks=NEW), swarm(), "w1") == []


def test_nodes_that_were_away_or_have_been_removed_are_not_waited_for() -> None:
    before = swarm(nodes=[*MANAGERS, node("w2", "worker2", "down"), node("w3", "worker3"), node("w1", "worker1")])
    now = swarm(nodes=[*MANAGERS, node("w2", "worker2", "down"), node("w1", "worker1")], tasks=NEW)
    assert lacking(now, before, "w1") == []


@pytest.mark.parametrize(
    "now",
    [
        [],
        [service(version=6)],
        [service(desired=1)],
    ],
)
def test_what_somebody_else_changed_is_not_waited_for(now: list[dict[str, Any]]) -> None:
    assert lacking(swarm(services=now, tasks=[task("t1", "m1")]), swarm(), "w1") == []


def test_jobs_may_end() -> None:
    job = service(mode="replicated-job")
    assert lacking(swarm(services=[job], tasks=[]), swarm(services=[job]), "w1") == []


def test_what_was_broken_before_is_not_waited_for() -> None:
    broken = service(running=1)
    assert lacking(swarm(services=[broken], tasks=[task("t1", "m1")]), swarm(services=[broken], tasks=[task("t1", "m1")]), "w1") == []


def test_without_a_manager_in_control_only_the_own_membership_counts() -> None:
    before = swarm(control_available=False)
    assert lacking(swarm(state="active"), before, "w1") == []
    assert lacking(swarm(state="pending"), before, "w1") == ["the host's own membership is 'pending'"]
