# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role engine makes of a look at a host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.apiary.swarm.plugins.plugin_utils._roles import load_role

DEBIAN = ["docker.io", "docker-cli", "python3-docker"]
DOCKER = ["docker-ce", "docker-ce-cli", "containerd.io", "python3-docker"]
DATA = ["/var/lib/docker", "/var/lib/containerd"]


@pytest.mark.parametrize(
    ("packages", "others", "removed", "data"),
    [
        (DEBIAN, [], [*DEBIAN, "containerd", "runc"], DATA),
        (DEBIAN, ["runc"], [*DEBIAN, "containerd"], DATA),
        (DEBIAN, ["containerd", "runc"], DEBIAN, DATA[:1]),
        (DOCKER, [], [*DOCKER, "containerd", "runc"], DATA),
        (DOCKER, ["containerd.io"], ["docker-ce", "docker-ce-cli", "python3-docker"], DATA[:1]),
    ],
)
def test_what_others_need_is_neither_removed_nor_emptied(
    packages: list[str], others: list[str], removed: list[str], data: list[str]
) -> None:
    look: dict[str, Any] = {"packages": dict.fromkeys(packages, "1"), "others": {name: ["k8s.io"] for name in others}}
    variables = load_role("engine")[2]
    templar = Templar(DataLoader(), {"__engine_look": look, **variables})
    assert templar.template(variables["__engine_removed"]) == removed
    assert templar.template(variables["__engine_removed_data"]) == data


@pytest.mark.parametrize(
    ("results", "chosen"),
    [
        ([{"unreachable": True}, {"control_available": True, "baseline": {}}], 1),
        ([{"control_available": False, "msg": "no quorum"}, {"control_available": True, "baseline": {}}], 1),
        # Without a quorum, and with leave to go on: whoever has answered, and not a manager that is dead.
        ([{"control_available": False, "baseline": {}}, {"unreachable": True}], 0),
        ([{"control_available": False, "msg": "no quorum"}, {"unreachable": True}], 0),
        ([{"unreachable": True}, {"unreachable": True}], 1),
    ],
)
def test_the_swarm_is_watched_through_a_manager_that_answers(results: list[dict[str, Any]], chosen: int) -> None:
    variables = load_role("engine")[2]
    results = [{**result, "__engine_manager": f"m{number}"} for number, result in enumerate(results)]
    templar = Templar(DataLoader(), {**variables, "__engine_gate": {"results": results}})
    assert templar.template(variables["__engine_watch"])["__engine_manager"] == f"m{chosen}"
