# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core import wait
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules import swarm_health
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module

SERVICE: dict[str, Any] = {
    "ID": "s1",
    "Version": {"Index": 5},
    "Spec": {"Name": "web", "Mode": {"Replicated": {}}, "TaskTemplate": {"ContainerSpec": {"Image": "web:1"}}},
    "ServiceStatus": {"RunningTasks": 1, "DesiredTasks": 1},
}


def task(name: str, state: str = "running") -> dict[str, Any]:
    return {"ID": name, "NodeID": "id-w1", "ServiceID": "s1", "Status": {"State": state}}


@pytest.fixture
def baseline(manager: Engine, swarm: Swarm) -> dict[str, Any]:
    """How the swarm was while a service ran on w1."""
    swarm.service_list, swarm.tasks = [SERVICE], [task("t1")]
    return run_module(swarm_health, manager, {"spare": "id-w1"})["baseline"]


def test_node_that_can_be_spared_gives_a_baseline(manager: Engine, baseline: dict[str, Any]) -> None:
    assert baseline == {
        "control_available": True,
        "state": "active",
        "ready": ["id-m1", "id-m2", "id-m3", "id-w1", "id-w2"],
        "reachable": 3,
        "tasks": ["t1"],
        "services": {"s1": {"name": "web", "version": 5, "running": 1, "job": False}},
    }
    assert manager.writes == []


def test_managers_that_would_leave_workers_behind_are_refused(manager: Engine, swarm: Swarm) -> None:
    assert run_module(swarm_health, manager, {"leaving": ["id-m2"]}) == {"changed": False, "control_available": True}
    with pytest.raises(SwarmError, match=r"^Could not take 'm\d' out of the swarm: it is the last manager, and w1, w2 would remain in it"):
        run_module(swarm_health, manager, {"leaving": ["id-m1", "id-m2", "id-m3"]})
    assert manager.writes == []


def test_manager_that_cannot_be_spared_is_refused(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-m3"]["ManagerStatus"]["Reachability"] = "unreachable"
    params = {"spare": "id-m2", "members": {"id-m2": "m2"}}
    with pytest.raises(SwarmError, match=r"^Could not restart the engine of 'm2': without it 1 of 3 managers are reachable") as caught:
        run_module(swarm_health, manager, params)
    assert caught.value.details == {"control_available": True}
    assert run_module(swarm_health, manager, {**params, "without_quorum": True})["baseline"]["reachable"] == 2


def test_hosts_that_control_no_swarm_say_so(worker: Engine, bare: Engine) -> None:
    for engine, client, state in ((worker, None, "active"), (bare, None, "inactive"), (bare, no_engine(), "inactive")):
        with pytest.raises(SwarmError, match=r"^Could not restart the engine of 'w2': no manager is in control") as caught:
            run_module(swarm_health, engine, {"spare": "id-w2", "name": "w2"}, client=client)
        assert caught.value.details == {"control_available": False}
        allowed = run_module(swarm_health, engine, {"spare": "id-w2", "without_quorum": True}, client=client)
        assert allowed["baseline"] == {"control_available": False, "state": state}


def test_manager_that_cannot_list_the_nodes_is_not_in_control(manager: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    client = manager.client

    def nodes() -> Any:
        raise SwarmError("Could not list the nodes: the swarm does not have a leader. Bring them back.")

    monkeypatch.setattr(client, "nodes", nodes)
    with pytest.raises(
        SwarmError, match=r"no manager is in control \(Could not list the nodes: the swarm does not have a leader"
    ) as caught:
        run_module(swarm_health, manager, {"spare": "id-w1"}, client=client)
    assert caught.value.details == {"control_available": False}


def test_swarm_is_waited_for_until_it_is_as_it_was(
    manager: Engine, swarm: Swarm, baseline: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    swarm.tasks = [task("t2", "preparing")]
    looks: list[float] = []

    def come_up(pause: float) -> None:
        looks.append(pause)
        swarm.tasks = [task("t2")]

    monkeypatch.setattr(wait, "sleep", come_up)
    result = run_module(swarm_health, manager, {"baseline": baseline, "node_id": "id-w1"})
    assert result == {"changed": False, "control_available": True} and len(looks) == 1


def test_what_is_missing_is_named(manager: Engine, swarm: Swarm, baseline: dict[str, Any]) -> None:
    params = {"baseline": baseline, "node_id": "id-w1", "name": "worker1", "wait_timeout": 0}
    swarm.nodes["id-w2"]["Status"]["State"] = "down"
    words = (
        r"^Could not bring the swarm back after the restart of the engine of 'worker1' within 0 s: node 'w2' is 'down', "
        r"service 'web' runs 0 of 1 tasks\. No further engine is restarted\. Check its log \('journalctl -u docker'\) and run again\.$"
    )
    with pytest.raises(SwarmError, match=words):
        run_module(swarm_health, manager, params)
    swarm.nodes["id-w2"]["Status"]["State"] = "ready"
    assert run_module(swarm_health, manager, {**params, "restarted": False})["control_available"]


def test_names_that_stay_mixed_up_are_a_warning(manager: Engine, baseline: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    params = {
        "baseline": baseline,
        "node_id": "id-w1",
        "name": "worker1",
        "members": {"id-w2": "another"},
        "restarted": False,
        "wait_timeout": 0,
    }
    with pytest.raises(SwarmError, match="node 'another' is listed as 'w2'"):
        run_module(swarm_health, manager, params)
    monkeypatch.setattr(swarm_health, "NAMES_PATIENCE", 0)
    (warning,) = run_module(swarm_health, manager, params)["warnings"]
    assert "node 'another' is listed as 'w2' (moby issue 46167)" in warning


def test_check_mode_does_not_wait(manager: Engine, baseline: dict[str, Any]) -> None:
    assert run_module(swarm_health, manager, {"baseline": baseline, "node_id": "id-w1", "wait_timeout": 0}, check=True)["control_available"]


def test_host_is_the_node_that_it_was(worker: Engine) -> None:
    params = {"node_id": "id-w1", "wait_timeout": 0}
    assert run_module(swarm_health, worker, params) == {"changed": False, "control_available": False}
    with pytest.raises(SwarmError, match="the host is not the same node as before"):
        run_module(swarm_health, worker, {**params, "node_id": "id-w2"})
    worker.state = "pending"
    with pytest.raises(SwarmError, match="the host is not the same node as before"):
        run_module(swarm_health, worker, params)
