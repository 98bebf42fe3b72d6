# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of three managers and two workers, and a bare host, for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core import client, wait
from ansible_collections.apiary.swarm.plugins.module_utils._engine import rollout
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import membership
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm
from ansible_collections.apiary.swarm.tests.unit.fake_host import CONFIG, Machine
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine, install_command


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of waiting passes at once."""
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    monkeypatch.setattr(wait, "sleep", sleep)
    monkeypatch.setattr(wait, "clock", lambda: passed[0])
    monkeypatch.setattr(wait, "now", lambda: 1.8e9 + passed[0])


@pytest.fixture(autouse=True)
def no_folder_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The engine of the machine that runs the tests is left alone."""
    monkeypatch.setattr(membership, "DOCKER_ROOT", str(tmp_path / "no-engine"))
    monkeypatch.setattr(membership, "DAEMON_CONFIG", str(tmp_path / "daemon.json"))


@pytest.fixture
def swarm() -> Swarm:
    """Three managers m1 (leader), m2, m3; two workers w1, w2."""
    swarm = Swarm()
    for number, (name, role) in enumerate([("m1", "manager"), ("m2", "manager"), ("m3", "manager"), ("w1", "worker"), ("w2", "worker")]):
        swarm.add(f"id-{name}", name, f"10.0.0.{number + 1}", role)
    return swarm


@pytest.fixture
def manager(swarm: Swarm, tmp_path: Path) -> Engine:
    """The engine of m1."""
    return Engine(tmp_path, "m1", swarm, "id-m1")


@pytest.fixture
def worker(swarm: Swarm, tmp_path: Path) -> Engine:
    """The engine of w1."""
    engine = Engine(tmp_path, "w1", swarm, "id-w1")
    engine.addresses["AdvertiseAddr"] = "10.0.0.4:2377"
    engine.write_files()
    return engine


@pytest.fixture
def bare(swarm: Swarm, tmp_path: Path) -> Engine:
    """The engine of a host in no swarm; the managers m1 to m3 let it in."""
    engine = Engine(tmp_path, "new")
    engine.joinable = {f"10.0.0.{number}:2377": swarm for number in (1, 2, 3)}
    return engine


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A host without an engine."""
    monkeypatch.setattr(rollout.os, "geteuid", lambda: 0)
    monkeypatch.setattr(client, "HAS_SDK", True)
    return Machine(tmp_path)


@pytest.fixture
def host(empty: Machine) -> Machine:
    """A host with an engine that runs with a log driver."""
    empty.install()
    empty.put(CONFIG, '{"log-driver": "json-file"}')
    empty.start()
    return empty


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StackEngine:
    """A manager without stacks. The fake docker command is found."""
    install_command(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    return StackEngine()
