# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules import node
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module


def twice(engine: Engine, params: dict[str, Any]) -> dict[str, Any]:
    """Check, run, check, run: the prediction is true and the second run writes nothing."""
    predicted = run_module(node, engine, params, check=True)
    assert engine.writes == []
    real = run_module(node, engine, params)
    assert (real["diff"], real["nodes"], real["changed"]) == (
        predicted["diff"],
        predicted["nodes"],
        predicted["changed"],
    )
    written = len(engine.writes)
    for check in (True, False):
        assert not run_module(node, engine, params, check)["changed"]
    assert len(engine.writes) == written
    return real


def running(swarm: Swarm, node_id: str, **more: Any) -> None:
    swarm.tasks.append({"ID": "t1", "NodeID": node_id, "ServiceID": "s1", "Status": {"State": "running"}, **more})


def test_no_op_is_one_request(manager: Engine) -> None:
    result = run_module(node, manager, {"nodes": ["w1", {"name": "m2", "role": "manager"}], "availability": "active"})
    assert not result["changed"] and manager.requests == [("GET", "/nodes")]


def test_drain_empties_the_node(manager: Engine, swarm: Swarm) -> None:
    running(swarm, "id-w1")
    result = twice(manager, {"nodes": ["w1"], "availability": "drain"})
    assert result["diff"] == {
        "before": {"w1": {"role": "worker", "availability": "active"}},
        "after": {"w1": {"role": "worker", "availability": "drain"}},
    }
    assert manager.writes == [("POST", "/nodes/id-w1/update")] and ("GET", "/tasks") in manager.requests


def test_node_that_does_not_become_empty_is_an_error_also_on_the_second_run(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Spec"]["Availability"] = "drain"
    running(swarm, "id-w1", DesiredState="shutdown")
    with pytest.raises(SwarmError, match=r"^Could not empty node 'w1' within 5 s: 1 task still there: t1 \(running\)"):
        run_module(node, manager, {"nodes": ["w1"], "availability": "drain", "wait_timeout": 5})
    assert not run_module(node, manager, {"nodes": ["w1"], "availability": "drain", "wait": False})["changed"]


def test_tasks_that_have_ended_or_are_of_no_service_are_not_waited_for(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Spec"]["Availability"] = "drain"
    running(swarm, "id-w1", ServiceID="")
    running(swarm, "id-w1", Status={"State": "shutdown"})
    assert not run_module(node, manager, {"nodes": ["w1"], "availability": "drain"})["changed"]


def test_roles_change_promotions_first_and_self_last(manager: Engine, swarm: Swarm) -> None:
    result = twice_roles(manager, swarm)
    assert manager.writes == [("POST", f"/nodes/id-{name}/update") for name in ("w1", "w2", "m2", "m1")]
    assert result["changed"]


def twice_roles(manager: Engine, swarm: Swarm) -> dict[str, Any]:
    params = {
        "nodes": [
            {"name": "m1", "role": "worker"},
            {"name": "w1", "availability": "pause"},
            "w2",
            {"name": "m2", "role": "worker"},
        ],
        "role": "manager",
    }
    predicted = run_module(node, manager, params, check=True)
    real = run_module(node, manager, params)
    assert real["diff"] == predicted["diff"]
    assert swarm.nodes["id-w1"]["Spec"] == {"Labels": {}, "Role": "manager", "Availability": "pause"}
    assert {key: one["Spec"]["Role"] for key, one in swarm.nodes.items()} == {
        "id-m1": "worker",
        "id-m2": "worker",
        "id-m3": "manager",
        "id-w1": "manager",
        "id-w2": "manager",
    }
    return real


@pytest.mark.parametrize(("lost", "demoted"), [([], ["m1", "m2", "m3"]), (["m3"], ["m1"]), (["m2", "m3"], ["m1"])])
def test_quorum_is_kept_and_nothing_is_written(manager: Engine, swarm: Swarm, lost: list[str], demoted: list[str]) -> None:
    for name in lost:
        swarm.nodes[f"id-{name}"]["ManagerStatus"]["Reachability"] = "unreachable"
    for check in (True, False):
        with pytest.raises(SwarmError, match=r"^Could not demote node 'm\d': .*(last manager|needed for a quorum)"):
            run_module(node, manager, {"nodes": demoted, "role": "worker"}, check)
    assert manager.writes == []


def test_manager_that_is_lost_is_demoted_first(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-m3"]["ManagerStatus"]["Reachability"] = "unreachable"
    twice(manager, {"nodes": ["m2", "m3"], "role": "worker"})
    assert manager.writes == [("POST", "/nodes/id-m3/update"), ("POST", "/nodes/id-m2/update")]


def test_node_that_goes_down_is_not_waited_for(manager: Engine, swarm: Swarm) -> None:
    looks: list[Any] = []

    def tasks(filters: Any = None) -> Any:
        looks.append(filters)
        swarm.nodes["id-w1"]["Status"]["State"] = "down" if len(looks) > 3 else "ready"
        return [{"ID": "t1", "NodeID": "id-w1", "ServiceID": "s1", "Status": {"State": "running"}}]

    manager.client.tasks = tasks
    assert run_module(node, manager, {"nodes": ["w1"], "state": "absent"})["changed"]
    assert len(looks) == 4


def test_promotion_that_does_not_arrive_is_an_error(manager: Engine, swarm: Swarm) -> None:
    real = manager.client.node_update

    def promoted_and_lost(node_id: str, version: int, spec: dict[str, Any]) -> None:
        real(node_id, version, spec)
        swarm.nodes[node_id]["ManagerStatus"]["Reachability"] = "unreachable"

    manager.client.node_update = promoted_and_lost
    with pytest.raises(SwarmError, match="^Could not see node 'w1' as a reachable manager within 3 s: it is ready"):
        run_module(node, manager, {"nodes": ["w1", "w2"], "role": "manager", "wait_timeout": 3})
    assert swarm.nodes["id-w2"]["Spec"]["Role"] == "worker", "one after the other"


@pytest.mark.parametrize("state", ["down", "unknown", "disconnected"])
def test_node_that_is_not_ready_is_not_promoted(manager: Engine, swarm: Swarm, state: str) -> None:
    swarm.nodes["id-w2"]["Status"]["State"] = state
    for check in (True, False):
        with pytest.raises(SwarmError, match=f"^Could not promote node 'w2': it is {state}. Bring it back first"):
            run_module(node, manager, {"nodes": ["w1", "w2"], "role": "manager", "wait_timeout": 3}, check)
    assert manager.writes == []


def test_node_that_has_to_leave_by_itself_is_a_warning(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w2"]["Status"]["State"] = "down"
    params = {"nodes": ["w1", "w2"], "state": "absent", "wait_timeout": 3}
    (warning,) = run_module(node, manager, params, check=True)["warnings"]
    assert warning.startswith("Node 'w1' is Ready: it has to leave the swarm by itself within 3 s")
    assert run_module(node, manager, {**params, "force": True}, check=True)["warnings"] == []


def test_node_that_is_not_ready_is_waited_for(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Status"]["State"] = "down"
    with pytest.raises(SwarmError, match="^Could not see node 'w1' ready within 3 s: it is down. Check the engine on that node"):
        run_module(node, manager, {"nodes": ["w1"], "wait_timeout": 3})
    assert not run_module(node, manager, {"nodes": ["w1"], "wait": False})["changed"]


def test_down_node_is_removed(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Status"]["State"] = "down"
    running(swarm, "id-w1")
    result = twice(manager, {"nodes": ["w1"], "state": "absent"})
    assert "id-w1" not in swarm.nodes and result["nodes"] == []
    assert result["diff"]["after"] == {} and manager.writes[-1] == ("DELETE", "/nodes/id-w1")


def test_manager_that_is_down_is_demoted_and_removed(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-m2"]["Status"]["State"] = "down"
    swarm.nodes["id-m2"]["ManagerStatus"]["Reachability"] = "unreachable"
    twice(manager, {"nodes": ["m2"], "state": "absent"})
    assert "id-m2" not in swarm.nodes


def test_node_that_does_not_go_down_is_not_removed_without_force(manager: Engine, swarm: Swarm) -> None:
    with pytest.raises(
        SwarmError,
        match="^Could not see node 'w1' down within 3 s: it is ready. Run apiary.swarm.swarm_leave on it, or set force",
    ):
        run_module(node, manager, {"nodes": ["w1"], "state": "absent", "wait_timeout": 3})
    assert swarm.nodes["id-w1"]["Spec"]["Availability"] == "drain"
    run_module(node, manager, {"nodes": ["w1"], "state": "absent", "force": True})
    assert "id-w1" not in swarm.nodes


def test_unknown_node_is_absent_already(manager: Engine) -> None:
    assert not run_module(node, manager, {"nodes": ["w9"], "state": "absent"})["changed"]
    assert manager.requests == [("GET", "/nodes")]


def test_conflict_is_read_again(manager: Engine, swarm: Swarm) -> None:
    def other() -> None:
        one = swarm.nodes["id-w1"]
        one["Spec"], one["Version"] = {**one["Spec"], "Labels": {"other": "1"}}, {"Index": next(swarm.index)}

    swarm.interrupted_by(other)
    run_module(node, manager, {"nodes": ["w1"], "availability": "pause"})
    assert swarm.nodes["id-w1"]["Spec"] == {"Labels": {"other": "1"}, "Role": "worker", "Availability": "pause"}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"nodes": ["w1", "w9"], "availability": "drain"}, "^Could not change node 'w9': the swarm has no such node"),
        ({"nodes": [{"name": "w1", "role": "boss"}]}, "^Could not change node 'w1': role 'boss' does not exist"),
        (
            {"nodes": [{"name": "w1", "availability": "off"}]},
            "availability 'off' does not exist. Use active, pause, drain",
        ),
        (
            {"nodes": [{"name": "w1", "labels": {}}]},
            "'labels' is not an option of a node. Use only name, role, availability",
        ),
        ({"nodes": [{"role": "worker"}]}, "does not identify a node"),
        ({"nodes": ["w1", "10.0.0.4"], "role": "worker"}, "listed twice"),
        ({"nodes": ["twin"], "state": "absent"}, "^Could not remove node 'twin': 2 nodes have that name"),
        ({"nodes": ["w1"], "state": "absent", "role": "worker"}, "no meaning with state absent"),
        ({"nodes": ["m1"], "state": "absent"}, "this manager is one of them. Run the task on another manager"),
        ({"nodes": ["m2", "m3", "m1"], "state": "absent"}, "last manager"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(manager: Engine, swarm: Swarm, params: dict[str, Any], words: str) -> None:
    swarm.add("id-t1", "twin", "10.0.0.8")
    swarm.add("id-t2", "twin", "10.0.0.8", state="down")
    for check in (True, False):
        with pytest.raises(SwarmError, match=words) as caught:
            run_module(node, manager, params, check)
        assert str(caught.value).startswith("Could not ") and str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert manager.writes == []
