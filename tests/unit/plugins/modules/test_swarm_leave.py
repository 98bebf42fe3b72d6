# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules import swarm_leave
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module


def twice(engine: Engine, **params: bool) -> list[tuple[str, str]]:
    """Check, run, check, run; returns the writes of the first run."""
    predicted = run_module(swarm_leave, engine, params, check=True)
    assert predicted["changed"] and engine.writes == []
    real = run_module(swarm_leave, engine, params)
    assert real == predicted
    written = list(engine.writes)
    for check in (True, False):
        assert not run_module(swarm_leave, engine, params, check)["changed"]
    assert engine.writes == written and engine.state == "inactive"
    return written


@pytest.mark.parametrize("force", [False, True])
def test_worker_leaves(worker: Engine, force: bool) -> None:
    assert twice(worker, force=force) == [("POST", "/swarm/leave")]


@pytest.mark.parametrize("force", [False, True])
def test_manager_drains_demotes_and_leaves(manager: Engine, swarm: Swarm, force: bool) -> None:
    swarm.tasks = [{"ID": "t", "NodeID": "id-m1", "ServiceID": "s", "Status": {"State": "running"}}]
    assert twice(manager, force=force) == [("POST", "/nodes/id-m1/update")] * 2 + [("POST", "/swarm/leave")]
    assert swarm.nodes["id-m1"]["Spec"] == {"Labels": {}, "Role": "worker", "Availability": "drain"}


def test_manager_that_is_needed_stays_unless_forced(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-m2"]["ManagerStatus"]["Reachability"] = "unreachable"
    with pytest.raises(SwarmError, match="^Could not leave the swarm with host 'm1': 1 of the 2 other managers would be reachable"):
        run_module(swarm_leave, manager)
    assert manager.writes == []
    assert twice(manager, force=True) == [("POST", "/swarm/leave")]


@pytest.mark.parametrize("force", [False, True])
def test_manager_that_becomes_the_last_one_while_it_leaves_stays_unless_forced(manager: Engine, swarm: Swarm, force: bool) -> None:
    def others_leave() -> None:
        for name in ("m2", "m3"):
            swarm.nodes[f"id-{name}"]["Spec"]["Role"] = "worker"
        swarm.sync()

    swarm.interrupted_by(others_leave)
    if force:
        assert run_module(swarm_leave, manager, {"force": True})["changed"]
        assert manager.state == "inactive"
    else:
        with pytest.raises(SwarmError, match="^Could not demote node 'm1': it is the last manager"):
            run_module(swarm_leave, manager)
        assert manager.state == "active"


def test_no_manager_costs_those_that_stay_their_quorum_while_others_leave(manager: Engine, swarm: Swarm) -> None:
    """Also where its tasks do not end in time, as with a long stop grace period."""
    leaving = ["id-m1", "id-m2"]
    swarm.tasks = [{"ID": "t", "NodeID": "id-m1", "ServiceID": "s", "Status": {"State": "running"}}]
    swarm.endless_tasks = True
    assert run_module(swarm_leave, manager, {"force": True, "leaving": leaving, "wait_timeout": 1})["changed"]
    assert swarm.nodes["id-m1"]["Spec"]["Role"] == "worker", "it is no dead member of raft"


def test_a_manager_that_cannot_be_demoted_stays_where_another_one_does(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-m2"]["ManagerStatus"]["Reachability"] = "unreachable"
    with pytest.raises(SwarmError, match="1 of the 2 other managers would be reachable.* or let the other managers leave, too"):
        run_module(swarm_leave, manager, {"force": True, "leaving": ["id-m1", "id-m2"]})
    assert manager.writes == []
    assert run_module(swarm_leave, manager, {"force": True, "leaving": ["id-m1", "id-m2", "id-m3"]})["changed"]


def test_a_manager_that_cannot_be_demoted_at_last_stays_too(manager: Engine, swarm: Swarm) -> None:
    def another_one_dies() -> None:
        swarm.nodes["id-m2"]["ManagerStatus"]["Reachability"] = "unreachable"

    swarm.interrupted_by(another_one_dies)
    with pytest.raises(SwarmError, match="1 of the 2 other managers would be reachable"):
        run_module(swarm_leave, manager, {"force": True, "leaving": ["id-m1"]})
    assert manager.state == "active"


def test_last_manager_stays_unless_forced(manager: Engine, swarm: Swarm) -> None:
    for name in ("m2", "m3"):
        swarm.nodes[f"id-{name}"]["Spec"]["Role"] = "worker"
    swarm.sync()
    with pytest.raises(SwarmError, match="it is the last manager"):
        run_module(swarm_leave, manager, check=True)
    assert twice(manager, force=True) == [("POST", "/swarm/leave")]


def test_manager_without_quorum_stays_unless_forced(manager: Engine) -> None:
    manager.error = "The swarm does not have a leader"
    with pytest.raises(SwarmError, match="the swarm has no quorum: The swarm does not have a leader"):
        run_module(swarm_leave, manager)
    assert twice(manager, force=True) == [("POST", "/swarm/leave")]


def test_half_join_is_left(bare: Engine) -> None:
    bare.state = "pending"
    assert twice(bare) == [("POST", "/swarm/leave")]


@pytest.mark.parametrize("state", ["locked", "error"])
def test_member_in_a_bad_state_leaves_only_by_force(bare: Engine, state: str) -> None:
    bare.state = state
    with pytest.raises(SwarmError, match=f"its state is '{state}'"):
        run_module(swarm_leave, bare)
    assert bare.writes == []
    assert twice(bare, force=True) == [("POST", "/swarm/leave")]


def test_host_without_engine_is_in_no_swarm(bare: Engine) -> None:
    result = run_module(swarm_leave, bare, client=no_engine())
    assert result == {
        "changed": False,
        "diff": {"before": {"member": False}, "after": {"member": False}},
        "node_id": None,
    }


def test_member_whose_engine_is_stopped_is_an_error(bare: Engine, tmp_path: Path) -> None:
    (tmp_path / "no-engine/swarm").mkdir(parents=True)
    (tmp_path / "no-engine/swarm/docker-state.json").write_text("{}")
    with pytest.raises(SwarmError, match="it is a member of a swarm, but its engine does not answer. Start the engine"):
        run_module(swarm_leave, bare, client=no_engine())
    with pytest.raises(SwarmError, match="the Docker SDK for Python is missing on it. Install python3-docker") as caught:
        run_module(swarm_leave, bare, client=no_engine(sdk=False))
    assert "start the engine" not in str(caught.value).lower()


def test_member_whose_engine_is_stopped_is_found_where_its_data_is(bare: Engine, tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_text(json.dumps({"data-root": str(tmp_path / "data")}))
    (tmp_path / "data/swarm").mkdir(parents=True)
    (tmp_path / "data/swarm/docker-state.json").write_text("{}")
    with pytest.raises(SwarmError, match="its engine does not answer"):
        run_module(swarm_leave, bare, client=no_engine())
    (tmp_path / "daemon.json").write_text("{")
    with pytest.raises(SwarmError, match="^Could not read the file '.*daemon.json': .* Correct the file.$"):
        run_module(swarm_leave, bare, client=no_engine())
