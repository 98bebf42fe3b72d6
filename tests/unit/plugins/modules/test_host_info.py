# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole look at a host: manager, worker, bare host, stopped engine, without root."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineMissing, SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._engine import observe
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import membership
from ansible_collections.apiary.swarm.plugins.modules import host_info, swarm_info
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, run_module
from ansible_collections.apiary.swarm.tests.unit.fake_host import Machine

PARAMS = {"docker_host": "unix:///var/run/docker.sock", "timeout": 5}
SECTIONS = ["changed", "system", "python", "kernel", "packages", "others", "holds", "unit"]
SECTIONS += ["engine", "daemon", "files", "disk", "clock", "network", "images", "swarm"]


@pytest.fixture(autouse=True)
def no_engine_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine of the machine that runs the tests is not asked."""

    def missing(_params: Any) -> None:
        raise EngineMissing("Could not connect to the Docker Engine: there is no such socket.")

    monkeypatch.setattr(observe, "connect_for_reading", missing)


def look(host: Machine, client: Any = None, **options: Any) -> dict[str, Any]:
    """Look, and make sure that nothing is written and all is plain data."""
    given = ArgumentSpecValidator(host_info.OPTIONS).validate(options)
    assert not given.error_messages, given.error_messages
    before = host.snapshot()
    with pytest.MonkeyPatch.context() as patch:
        if client is not None:
            patch.setattr(observe, "connect_for_reading", lambda _params: client)
        result = host_info.run({**PARAMS, **given.validated_parameters}, Converge(False), host)
    assert host.snapshot() == before
    assert list(result) == SECTIONS and not result["changed"]
    return json.loads(json.dumps(result))


def test_a_manager_tells_its_swarm_in_three_requests(host: Machine, manager: Engine) -> None:
    result = look(host, manager.client)
    assert manager.requests == [("GET", "/info"), ("GET", "/nodes"), ("GET", "/services")] and manager.writes == []
    assert result["engine"]["answers"] and result["engine"]["version"] == "26.1.5"
    assert result["disk"]["path"] == result["engine"]["data_root"] == str(manager.root)
    swarm = result["swarm"]
    assert swarm["options"]["task_history_limit"] == 5 and swarm["services"] == [] and len(swarm["nodes"]) == 5
    assert "TOKEN" not in str(result) and "SWMTKN" not in str(result)


def test_it_tells_of_the_swarm_what_swarm_info_tells(host: Machine, manager: Engine, worker: Engine) -> None:
    for engine in (manager, worker):
        swarm = look(host, engine.client)["swarm"]
        assert swarm.pop("identity") == {"node_id": swarm["node_id"], "cluster_id": "cluster1", "role": swarm["role"]}
        for more in ("options", "init_options", "addresses"):
            swarm.pop(more)
        told = run_module(swarm_info, engine, {"services": True})
        assert {"changed": False, **swarm} == told


def test_a_worker_tells_its_membership_in_one_request(host: Machine, worker: Engine) -> None:
    swarm = look(host, worker.client)["swarm"]
    assert worker.requests == [("GET", "/info")]
    assert (swarm["role"], swarm["node_id"], swarm["options"], swarm["services"]) == ("worker", "id-w1", None, None)


def test_a_manager_without_a_quorum_has_no_options(host: Machine, manager: Engine) -> None:
    manager.error = "rpc error: code = Unknown desc = The swarm does not have a leader."
    swarm = look(host, manager.client)["swarm"]
    assert (swarm["control_available"], swarm["options"], swarm["services"]) == (False, None, None)


def test_a_bare_host_is_an_answer_and_so_is_its_future(empty: Machine) -> None:
    result = look(empty, daemon={"options": {"data-root": "/srv/docker"}}, files=["/etc/docker/tls/ca.pem"], sysctl=["vm.swappiness"])
    assert not result["engine"]["answers"] and "there is no such socket" in result["engine"]["error"]
    assert (result["swarm"]["state"], result["swarm"]["error"], result["swarm"]["identity"]) == ("inactive", None, None)
    assert result["daemon"]["changed"] and result["daemon"]["after"] == {"data-root": "/srv/docker"}
    assert result["disk"]["path"] == "/srv/docker"
    assert result["files"]["/etc/docker/tls/ca.pem"]["type"] == "absent"
    assert result["kernel"]["sysctl"] == {"vm.swappiness": None}
    assert result["kernel"]["features"].keys() == {"overlay", "br_netfilter", "ip_vs"}


def test_a_stopped_engine_of_a_member_is_told_and_not_started(host: Machine, manager: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    host.stop()
    monkeypatch.setattr(membership, "DOCKER_ROOT", str(manager.root))
    result = look(host, manager.client)
    assert manager.requests == [] and host.running is None
    assert "its unit is dead" in result["engine"]["error"]
    assert result["swarm"]["state"] == "inactive" and "its engine does not answer" in result["swarm"]["error"]
    assert result["swarm"]["identity"] == {"node_id": "id-m1", "cluster_id": "cluster1", "role": "manager"}


def test_an_engine_that_may_not_be_asked_is_unknown(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_params: Any) -> None:
        raise could_not("connect to the Docker Engine", "permission denied", "Run the task as root (become: true)")

    monkeypatch.setattr(observe, "connect_for_reading", refuse)
    result = look(host)
    assert result["engine"]["error"] == result["swarm"]["error"]
    assert (result["swarm"]["state"], result["swarm"]["options"], result["swarm"]["control_available"]) == (None, None, False)


def test_a_swarm_folder_that_may_not_be_read_is_unknown(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_info: Any, _name: str) -> None:
        raise SwarmError("Could not read the file.")

    host.stop()
    monkeypatch.setattr(membership, "swarm_file", refuse)
    swarm = look(host)["swarm"]
    assert (swarm["state"], swarm["error"]) == (None, "Could not read the file.")


def test_packages_are_those_of_the_family_unless_they_are_named(empty: Machine) -> None:
    empty.put("/etc/os-release", "ID=debian\nVERSION_ID=13\n")
    empty.answers["dpkg-query"] = 0, "docker.io installed 26.1.5\n"
    assert look(empty)["packages"] == {"docker.io": "26.1.5"}
    look(empty, packages=["curl"])
    asked = [command for command in empty.commands if command.startswith("dpkg-query")]
    assert asked[0].endswith(" docker.io python3-docker docker-cli docker-ce docker-ce-cli containerd.io") and asked[1].endswith(" curl")


def test_a_look_starts_few_programs(host: Machine, worker: Engine) -> None:
    host.put("/etc/os-release", "ID=debian\nVERSION_ID=13\n")
    host.put("/etc/hosts", "".join(f"127.0.1.1 {name}\n" for name in [look(host, worker.client)["system"]["hostname"]]))
    host.commands.clear()
    look(host, worker.client, daemon={"options": {"log-driver": "json-file"}})
    assert [command.split()[0] for command in host.commands] == ["systemctl", "dpkg-query", "systemctl", "ip"]
