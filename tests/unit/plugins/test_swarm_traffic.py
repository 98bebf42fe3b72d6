# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a host understands what Docker 20.10, 26.1 and 28.5 have really said: see record_traffic.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import passes
from ansible_collections.apiary.swarm.plugins.module_utils._engine import observe
from ansible_collections.apiary.swarm.plugins.module_utils._engine.configuration import last_words, reload_words
from ansible_collections.apiary.swarm.plugins.modules import host_info, swarm_info
from ansible_collections.apiary.swarm.tests.unit.fake_engine import run_module
from ansible_collections.apiary.swarm.tests.unit.fake_host import Machine
from ansible_collections.apiary.swarm.tests.unit.recorded import VERSIONS, RecordedEngine, read, traffic

API = {"20.10": "1.41", "26.1": "1.45", "28.5": "1.51"}
NO_LEADER = "The swarm does not have a leader. It's possible that too few managers are online."
LOOK = {"docker_host": "unix:///var/run/docker.sock", "timeout": 5, **{name: one.get("default") for name, one in host_info.OPTIONS.items()}}
NO_DRIVER = "failed to start daemon: error initializing graphdriver: driver not supported"
UNKNOWN_OPTION = "the following directives don't match any configuration option: nosuch"


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each that was recorded."""
    return request.param


def place(folder: Path, files: dict[str, str], info: dict[str, Any]) -> None:
    """Put the swarm's files where the engine says that they are."""
    for name, text in files.items():
        path = folder / "swarm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    info["DockerRootDir"] = str(folder)


@pytest.fixture
def manager(version: str, tmp_path: Path) -> RecordedEngine:
    """The manager, with its files."""
    engine = RecordedEngine(version, tmp_path)
    place(tmp_path, engine.recorded["files"], engine.answers["/info"])
    return engine


@pytest.fixture
def worker(version: str, tmp_path: Path) -> Client:
    """The worker, which answers nothing but /info."""
    recorded = traffic(version)["worker"]
    place(tmp_path, recorded["files"], recorded["/info"])
    return only(recorded, version)


def only(recorded: dict[str, Any], version: str) -> Client:
    """An engine that answers /info, and with refusals what else was recorded."""

    def answer(method: str, target: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        path = "/" + target.partition("?")[0].split("/", 2)[2]
        status, document = (200, recorded[path]) if path == "/info" else recorded[path]
        return status, {}, json.dumps(document).encode()

    return Client(answer, API[version])


def tell(manager: RecordedEngine, **extras: bool) -> dict[str, Any]:
    """What swarm_info tells."""
    return run_module(swarm_info, manager, extras, client=manager.client)  # type: ignore[arg-type]  # the client is given


def look(host: Machine, client: Client, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What host_info tells."""
    monkeypatch.setattr(observe, "connect_for_reading", lambda _params: client)
    return host_info.run(LOOK, Converge(False), host)


def test_a_manager_and_its_swarm(host: Machine, manager: RecordedEngine, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = look(host, manager.client, monkeypatch)
    assert result["engine"]["answers"] and (result["engine"]["api"], result["swarm"]["versions"]["api"]) == (API[version],) * 2
    assert result["engine"]["version"].startswith(f"{version}.")
    swarm, info = result["swarm"], manager.answers["/info"]["Swarm"]
    own, cluster = info["NodeID"], info["Cluster"]["ID"]
    assert len(own) == len(cluster) == 25
    assert swarm["identity"] == {"node_id": own, "cluster_id": cluster, "role": "manager"}
    assert (swarm["state"], swarm["role"], swarm["error"]) == ("active", "manager", None)
    assert swarm["control_available"] is True and swarm["locks"] is False
    assert (swarm["hostname"], swarm["node_id"], swarm["cluster_id"]) == ("manager2", own, cluster)
    assert swarm["quorum"] == {"managers": 1, "reachable": 1, "needed": 1, "leader": "manager2", "healthy": True}
    assert swarm["remote_managers"] == [f"{swarm['node_addr']}:2377"]
    assert swarm["addresses"] == {
        "advertise_addr": f"{swarm['node_addr']}:2377",
        "listen_addr": "0.0.0.0:2377",
        "data_path_addr": swarm["node_addr"],
        "node_addr": swarm["node_addr"],
    }
    assert swarm["options"] == {
        "autolock": False,
        "task_history_limit": 5,
        "snapshot_interval": 10000,
        "max_snapshots": 0,
        "dispatcher_heartbeat": "5s",
        "cert_expiry": "2160h",
        "external_ca": [],
        "labels": {"environment": "engines"},
    }
    assert swarm["init_options"] == {"data_path_port": 4789, "default_addr_pool": ["10.0.0.0/8"], "default_addr_pool_mask_length": 24}
    assert swarm["certificate"]["not_after"].startswith("2027-0")
    assert manager.writes == []


def test_the_nodes_of_a_swarm(manager: RecordedEngine, version: str) -> None:
    nodes = tell(manager)["nodes"]
    keys = ("hostname", "role", "state", "availability", "reachability", "leader", "labels")
    assert [tuple(node[key] for key in keys) for node in nodes] == [
        ("manager2", "manager", "ready", "active", "reachable", True, {}),
        ("worker1", "worker", "ready", "active", None, False, {"registry": "true"}),
    ]
    addresses = [node["address"] for node in nodes]
    assert addresses[0] == manager.answers["/info"]["Swarm"]["NodeAddr"] and addresses[1].startswith("172.28.79.")
    assert all(node["engine_version"].startswith(f"{version}.") for node in nodes)


def test_the_services_and_tasks_of_a_swarm(manager: RecordedEngine, version: str) -> None:
    told = tell(manager, services=True, tasks=True)
    services = {one["name"]: one for one in told["services"] if not one["name"].startswith("failing_")}
    keys = ("mode", "running", "desired", "ports")
    assert {name: tuple(one[key] for key in keys) for name, one in services.items()} == {
        "registry_registry": ("replicated", 1, 1, ["5000:5000/tcp host"]),
        "traffic_everywhere": ("global", 2, 2, []),
        "traffic_plain": ("replicated", 1, 1, ["18090:80/udp ingress"]),
        "traffic_web": ("replicated", 1, 1, ["18080:80/tcp host"]),
        **({} if version == "20.10" else {"traffic_job": ("replicated-job", 0, 1, [])}),
    }
    (web,) = [task for task in told["tasks"] if task["service_id"] == services["traffic_web"]["id"]]
    assert web["state"] == "running" and web["node_id"]


def test_a_worker(host: Machine, worker: Client, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    swarm = look(host, worker, monkeypatch)["swarm"]
    manager = traffic(version)["manager"]["answers"]["/info"]["Swarm"]
    assert (swarm["state"], swarm["role"], swarm["control_available"], swarm["locks"]) == ("active", "worker", False, None)
    assert (swarm["hostname"], swarm["cluster_id"]) == ("worker1", manager["Cluster"]["ID"])
    assert swarm["identity"] == {"node_id": swarm["node_id"], "cluster_id": swarm["cluster_id"], "role": "worker"}
    assert swarm["remote_managers"] == [f"{manager['NodeAddr']}:2377"]
    assert (swarm["nodes"], swarm["quorum"], swarm["options"]) == (None, None, None)


def test_a_manager_without_the_majority(host: Machine, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = only(traffic(version)["alone"], version)
    swarm = look(host, client, monkeypatch)["swarm"]
    assert (swarm["state"], swarm["role"], swarm["control_available"], swarm["options"]) == ("active", "manager", False, None)
    assert swarm["error"].startswith(NO_LEADER) and swarm["cluster_id"] is None
    assert swarm["quorum"] == {"managers": 2, "reachable": None, "needed": 2, "leader": None, "healthy": False}
    for ask in (client.nodes, client.services, client.swarm):
        with pytest.raises(SwarmError) as refused:
            ask()
        assert NO_LEADER in str(refused.value) and passes(str(refused.value))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("labels", "conflict labels for a=2 and a=1"),
        ("max-concurrent-downloads", "file configuration validation failed: invalid max concurrent downloads: -1"),
        ("nosuch", UNKNOWN_OPTION),
    ],
)
def test_the_log_of_a_refused_reload(version: str, option: str, words: str) -> None:
    assert reload_words(read(version)["manager"]["reloads"][option]) == words


@pytest.mark.parametrize(("option", "words"), [("storage-driver", NO_DRIVER), ("nosuch", UNKNOWN_OPTION)])
def test_the_log_of_an_engine_that_does_not_start(version: str, option: str, words: str) -> None:
    assert last_words(read(version)["last words"][option]).startswith(words)
