# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import membership
from ansible_collections.apiary.swarm.plugins.modules import swarm_info
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module


def test_manager_tells_all_in_two_requests(manager: Engine, swarm: Swarm) -> None:
    result = run_module(swarm_info, manager)
    assert manager.requests == [("GET", "/info"), ("GET", "/nodes")]
    assert (result["state"], result["role"], result["control_available"], result["cluster_id"]) == (
        "active",
        "manager",
        True,
        "cluster1",
    )
    assert result["quorum"] == {"managers": 3, "reachable": 3, "needed": 2, "leader": "m1", "healthy": True}
    assert [node["hostname"] for node in result["nodes"]] == ["m1", "m2", "m3", "w1", "w2"]
    assert result["nodes"][0] == {
        "id": "id-m1",
        "hostname": "m1",
        "address": "10.0.0.1",
        "role": "manager",
        "state": "ready",
        "availability": "active",
        "reachability": "reachable",
        "leader": True,
        "labels": {},
        "engine_version": "26.1.5",
        "version": 11,
    }
    assert result["remote_managers"] == ["10.0.0.1:2377", "10.0.0.2:2377", "10.0.0.3:2377"]
    assert result["versions"] == {"engine": "26.1.5", "api": "1.45"}
    assert "join_tokens" not in result and "services" not in result
    assert not any(token in str(result) for token in swarm.tokens.values())


def test_worker_tells_its_swarm_in_one_request(worker: Engine) -> None:
    result = run_module(swarm_info, worker)
    assert worker.requests == [("GET", "/info")]
    assert (result["role"], result["cluster_id"], result["node_id"]) == ("worker", "cluster1", "id-w1")
    assert (result["nodes"], result["quorum"], result["control_available"]) == (None, None, False)
    assert result["certificate"]["not_after"] == "2027-02-18T13:38:00Z"


def test_certificate_that_cannot_be_read_is_unknown(worker: Engine) -> None:
    (worker.root / "swarm/certificates/swarm-node.crt").write_bytes(b"rubbish")
    result = run_module(swarm_info, worker)
    assert (result["certificate"], result["cluster_id"], result["role"]) == (None, None, "worker")


def test_bare_host_is_inactive(bare: Engine) -> None:
    result = run_module(swarm_info, bare, {"services": True, "join_tokens": True})
    assert (result["state"], result["role"], result["node_id"], result["cluster_id"]) == ("inactive", None, None, None)
    assert (result["services"], result["join_tokens"]) == (None, None)


def test_half_joined_host_has_no_role(bare: Engine) -> None:
    bare.state = "pending"
    assert run_module(swarm_info, bare)["role"] is None


def test_host_without_engine_is_inactive(bare: Engine, tmp_path: Path) -> None:
    result = run_module(swarm_info, bare, client=no_engine())
    assert (result["state"], result["versions"]) == ("inactive", {"engine": None, "api": None})


def test_lost_quorum_is_told_from_info_alone(manager: Engine) -> None:
    manager.error = "rpc error: The swarm does not have a leader."
    result = run_module(swarm_info, manager, {"services": True})
    assert manager.requests == [("GET", "/info")]
    assert result["quorum"] == {"managers": 3, "reachable": None, "needed": 2, "leader": None, "healthy": False}
    assert (result["state"], result["role"], result["control_available"]) == ("active", "manager", False)
    assert "leader" in result["error"]


def test_quorum_lost_meanwhile_is_told(manager: Engine, swarm: Swarm) -> None:
    real = manager.client.nodes

    def fail() -> list[dict]:
        manager.error = "no leader"
        return real()

    manager.client.nodes = fail
    result = run_module(swarm_info, manager)
    assert (result["quorum"]["healthy"], result["control_available"]) == (False, False)


def test_leader_that_is_alone_is_not_in_control(manager: Engine, swarm: Swarm) -> None:
    for name in ("m2", "m3"):
        swarm.nodes[f"id-{name}"]["ManagerStatus"]["Reachability"] = "unreachable"
    result = run_module(swarm_info, manager)
    assert (result["quorum"]["reachable"], result["quorum"]["healthy"], result["control_available"]) == (
        1,
        False,
        False,
    )


def test_services_and_tokens_only_when_asked_for(manager: Engine, swarm: Swarm) -> None:
    swarm.service_list = [
        {
            "ID": "s1",
            "Version": {"Index": 5},
            "Spec": {
                "Name": "web",
                "Mode": {"Replicated": {}},
                "TaskTemplate": {"ContainerSpec": {"Image": "web:1@sha256:00"}},
                "EndpointSpec": {"Ports": [{"PublishedPort": 8000, "TargetPort": 80, "Protocol": "tcp", "PublishMode": "host"}]},
            },
            "ServiceStatus": {"RunningTasks": 1, "DesiredTasks": 2},
        }
    ]
    result = run_module(swarm_info, manager, {"services": True, "join_tokens": True})
    assert result["services"] == [
        {
            "id": "s1",
            "name": "web",
            "mode": "replicated",
            "running": 1,
            "desired": 2,
            "image": "web:1@sha256:00",
            "ports": ["8000:80/tcp host"],
            "version": 5,
        }
    ]
    assert result["join_tokens"] == {"worker": swarm.tokens["Worker"], "manager": swarm.tokens["Manager"]}
    assert manager.writes == []


def test_tasks_that_shall_run_are_told_when_asked_for(manager: Engine, swarm: Swarm) -> None:
    swarm.tasks = [
        {"ID": "t2", "ServiceID": "s1", "NodeID": "id-w1", "DesiredState": "running", "Status": {"State": "running"}},
        {"ID": "t1", "ServiceID": "s1", "DesiredState": "running", "Status": {"State": "pending"}},
    ]
    result = run_module(swarm_info, manager, {"tasks": True})
    assert result["tasks"] == [
        {"id": "t1", "service_id": "s1", "node_id": None, "state": "pending"},
        {"id": "t2", "service_id": "s1", "node_id": "id-w1", "state": "running"},
    ]
    assert manager.requests[-1][1].startswith("/tasks")


def test_member_whose_engine_is_stopped_is_told(bare: Engine, tmp_path: Path) -> None:
    (tmp_path / "no-engine/swarm").mkdir(parents=True)
    (tmp_path / "no-engine/swarm/docker-state.json").write_text("{}")
    result = run_module(swarm_info, bare, client=no_engine())
    assert (result["state"], result["error"]) == (
        "inactive",
        "it is a member of a swarm, but its engine does not answer",
    )


def test_swarm_folder_that_cannot_be_read_is_not_taken_for_none(bare: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_info: dict[str, Any], name: str) -> None:
        raise SwarmError(f"Could not read the file '{name}'")

    monkeypatch.setattr(membership, "swarm_file", refuse)
    with pytest.raises(SwarmError, match="docker-state.json"):
        run_module(swarm_info, bare, client=no_engine())


@pytest.mark.parametrize(("tokens", "no_log"), [(True, False), (True, True), (False, False)])
def test_join_tokens_take_no_log(monkeypatch: pytest.MonkeyPatch, tokens: bool, no_log: bool) -> None:
    ended: list[str] = []

    class Module:
        def __init__(self, **_spec: Any) -> None:
            self.params, self.no_log = {"join_tokens": tokens}, no_log

        def fail_json(self, msg: str) -> None:
            ended.append(msg)
            raise SystemExit

    monkeypatch.setattr(swarm_info, "AnsibleModule", Module)
    monkeypatch.setattr(swarm_info, "execute", lambda *_all, **_more: ended.append("executed"))
    if tokens and not no_log:
        with pytest.raises(SystemExit):
            swarm_info.main()
        assert ended == ["Could not read the join tokens: the task would show them. Set no_log: true on the task."]
    else:
        swarm_info.main()
        assert ended == ["executed"]


def test_a_managers_key_tells_whether_it_is_locked_after_a_restart(manager: Engine, worker: Engine) -> None:
    key = manager.root / "swarm/certificates/swarm-node.key"
    assert run_module(swarm_info, manager)["locks"] is None
    for text, locks in (("-----BEGIN PRIVATE KEY-----", False), ("-----BEGIN ENCRYPTED PRIVATE KEY-----", True)):
        key.write_text(text)
        assert run_module(swarm_info, manager)["locks"] is locks
    assert run_module(swarm_info, worker)["locks"] is None
