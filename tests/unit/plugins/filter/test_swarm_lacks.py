# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.swarm_lacks import FilterModule

swarm_lacks = FilterModule().filters()["swarm_lacks"]


def swarm(**change: Any) -> dict[str, Any]:
    """Two managers, a worker, and a service with a task on each of two nodes."""
    return {
        "state": "active",
        "control_available": True,
        "quorum": {"reachable": 2},
        "nodes": [node("m1", "manager1"), node("w1", "worker1")],
        "services": [service()],
        "tasks": [task("t1", "m1"), task("t2", "w1")],
        **change,
    }


def node(node_id: str, hostname: str, state: str = "ready") -> dict[str, Any]:
    return {"id": node_id, "hostname": hostname, "state": state}


def service(**change: Any) -> dict[str, Any]:
    return {"id": "s1", "name": "web", "mode": "replicated", "running": 2, "desired": 2, "version": 5, **change}


def task(name: str, node: str, state: str = "running") -> dict[str, Any]:
    return {"id": name, "service_id": "s1", "node_id": node, "state": state}


NEW = [task("t1", "m1"), task("t3", "w1")]


def test_nothing_is_lacking_when_new_tasks_run() -> None:
    assert swarm_lacks(swarm(tasks=NEW), swarm(), "w1") == []


def test_tasks_of_before_are_not_believed_after_a_restart() -> None:
    assert swarm_lacks(swarm(), swarm(), "w1") == ["service 'web' runs 1 of 2 tasks"]


def test_tasks_of_before_count_where_nothing_was_restarted() -> None:
    assert swarm_lacks(swarm(), swarm(), "w1", restarted=False) == []


@pytest.mark.parametrize(
    ("now", "lack"),
    [
        ({"control_available": False}, "no manager is in control"),
        ({"services": None}, "no manager is in control"),
        ({"nodes": []}, "the node is not in the list of nodes"),
        ({"nodes": [node("w1", "worker1", "down")]}, "node 'worker1' is 'down'"),
        ({"nodes": [node("m1", "manager1", "unknown"), node("w1", "worker1")]}, "node 'manager1' is 'unknown'"),
        ({"quorum": {"reachable": 1}}, "1 of 2 managers are reachable"),
        ({"tasks": [task("t1", "m1"), task("t3", "w1", "preparing")]}, "service 'web' runs 1 of 2 tasks"),
    ],
)
def test_each_lack_is_named(now: dict[str, Any], lack: str) -> None:
    assert swarm_lacks(swarm(**{"tasks": NEW, **now}), swarm(), "w1") == [lack]


def test_a_node_listed_under_the_name_of_another_is_waited_for() -> None:
    mixed = {"nodes": [node("m1", "worker1"), node("w1", "worker1")]}
    names = {"m1": "manager1", "w1": "worker1"}
    assert swarm_lacks(swarm(**mixed, tasks=NEW), swarm(), "w1", names) == ["node 'manager1' is listed as 'worker1'"]
    # The mistake may be what was seen before.
    assert swarm_lacks(swarm(tasks=NEW), swarm(**mixed), "w1", names) == []
    assert swarm_lacks(swarm(**mixed, tasks=NEW), swarm(), "w1") == []


def test_nodes_that_were_away_or_have_been_removed_are_not_waited_for() -> None:
    before = swarm(nodes=[node("m1", "manager1", "down"), node("m2", "manager2"), node("w1", "worker1")])
    assert swarm_lacks(swarm(nodes=[node("m1", "manager1", "down"), node("w1", "worker1")], tasks=NEW), before, "w1") == []


@pytest.mark.parametrize(
    "now",
    [
        [],
        [service(version=6)],
        [service(desired=1)],
    ],
)
def test_what_somebody_else_changed_is_not_waited_for(now: list[dict[str, Any]]) -> None:
    assert swarm_lacks(swarm(services=now, tasks=[task("t1", "m1")]), swarm(), "w1") == []


def test_jobs_may_end() -> None:
    job = service(mode="replicated-job")
    assert swarm_lacks(swarm(services=[job], tasks=[]), swarm(services=[job]), "w1") == []


def test_what_was_broken_before_is_not_waited_for() -> None:
    broken = service(running=1)
    assert swarm_lacks(swarm(services=[broken], tasks=[task("t1", "m1")]), swarm(services=[broken], tasks=[task("t1", "m1")]), "w1") == []


def test_without_a_manager_in_control_only_the_own_membership_counts() -> None:
    before = {"control_available": False, "state": "active"}
    assert swarm_lacks({"state": "active"}, before, "w1") == []
    assert swarm_lacks({"state": "pending"}, before, "w1") == ["the host's own membership is 'pending'"]


def test_a_look_that_failed_is_a_lack() -> None:
    assert swarm_lacks({"failed": True, "msg": "no engine"}, swarm(), "w1") == ["no manager is in control"]
