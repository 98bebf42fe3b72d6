# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module registry_stack against a fake Engine."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import Stopwatch
from ansible_collections.apiary.swarm.plugins.module_utils._stack import deployment, registry
from ansible_collections.apiary.swarm.plugins.modules import registry_stack
from ansible_collections.apiary.swarm.tests.unit.fake_stack import NODE, StackEngine

REGISTRY: dict[str, Any] = {name: option.get("default") for name, option in registry_stack.OPTIONS.items()}


def test_a_bind_without_a_folder_and_a_port_that_is_none_are_refused() -> None:
    with pytest.raises(SwarmError, match="storage of type bind requires a directory"):
        registry_stack.desired_stack({**REGISTRY, "storage": {"type": "bind", "source": None}})
    with pytest.raises(SwarmError, match="70000 is not a port"):
        registry_stack.desired_stack({**REGISTRY, "port": 70000})


def test_the_definition_of_a_registry() -> None:
    options = {
        **REGISTRY,
        "mode": "host",
        "delete_enabled": True,
        "environment": {"REGISTRY_X": True, "Y": "$z"},
        "constraints": ["node.role==manager"],
    }
    definition = registry_stack.desired_stack(options).definitions[0]
    service = definition["services"]["registry"]
    assert service["deploy"]["endpoint_mode"] == "dnsrr"
    assert service["deploy"]["placement"] == {"constraints": ["node.role==manager"]}
    assert service["environment"]["REGISTRY_STORAGE_DELETE_ENABLED"] == "true"
    assert (service["environment"]["REGISTRY_X"], service["environment"]["Y"]) == ("true", "$$z")
    assert service["volumes"] == [{"type": "volume", "source": "data", "target": "/var/lib/registry"}]
    assert definition["volumes"] == {"data": {"name": "registry-data"}}
    bound = registry_stack.desired_stack({**REGISTRY, "storage": {"type": "bind", "source": "/srv/r"}}).definitions[0]
    assert "volumes" not in bound
    assert "endpoint_mode" not in bound["services"]["registry"]["deploy"]


def node(name: str, **more: Any) -> dict[str, Any]:
    """A node as listed."""
    return {
        "ID": f"id-{name}",
        "Description": {"Hostname": name},
        "Spec": {"Role": "worker", "Availability": "active", "Labels": {"r": "yes"}},
        "Status": {"State": "ready", "Addr": "192.0.2.9"},
        **more,
    }


@pytest.mark.parametrize(
    ("constraints", "fits"),
    [
        ([], True),
        (["node.hostname==A"], True),
        (["node.hostname != a"], False),
        (["node.labels.r==yes", "node.role==worker"], True),
        (["node.labels.q!=1"], True),
        (["node.labels.q==1"], False),
        (["nonsense"], False),
    ],
)
def test_constraints_tell_whether_a_node_fits(constraints: list[str], fits: bool) -> None:
    assert registry.may_run(node("a"), constraints) is fits


def test_the_address_in_the_mesh_is_the_same_whichever_manager_is_asked() -> None:
    engines = [StackEngine(), StackEngine()]
    engines[1].node_addr = "192.0.2.2"
    assert {registry.address(engine.client, "registry", "ingress", 5000, []) for engine in engines} == {"127.0.0.1:5000"}


def test_the_registry_is_looked_for_at_the_address_that_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(registry, "wait_until_it_answers", lambda client, name, where, *rest: asked.append(where) or {})
    params = {**REGISTRY, "storage": {"type": "volume", "source": None}, "wait_timeout": 60}
    monkeypatch.setattr(deployment, "present", lambda *_all: {"changed": False})
    assert registry_stack.run(params, StackEngine().client, Converge(False))["address"] == "127.0.0.1:5000"
    assert asked == ["127.0.0.1:5000"]


def test_the_address_is_predicted_where_only_one_node_fits() -> None:
    engine = StackEngine()
    assert registry.address(engine.client, "registry", "host", 5000, ["node.labels.registry==true"]) == "192.0.2.1:5000"
    assert registry.address(engine.client, "registry", "host", 5000, ["node.labels.registry==no"]) == ""
    assert registry.address(no_engine(), "registry", "ingress", 5000, []) == ""


def test_a_registry_is_deployed_and_removed_in_parts(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**REGISTRY, "storage": {"type": "volume", "source": None}, "wait_timeout": 60}
    answers = ["Connection refused"] * 20 + [""]
    monkeypatch.setattr(registry, "trouble", lambda where: answers.pop(0) if answers else "")

    def in_parts(**more: Any) -> tuple[dict[str, Any], list[str]]:
        found, reported, rest = {}, [], {}
        while not found or rest:
            given = {**options, **more, "_checkpoint": {**rest, "report_every": 4}}
            part = registry_stack.run(given, engine.client, Converge(False))
            reported += part.get("progress", [])
            rest = part.get("checkpoint", {})
            found.update({name: value for name, value in part.items() if name not in found or name != "changed"})
        return found, reported

    deployed, reported = in_parts()
    assert (deployed["services"], deployed["address"]) == ({"registry_registry": "1/1 running"}, "127.0.0.1:5000")
    assert reported == ["registry_registry: ? of ? tasks running", *["no answer at '127.0.0.1:5000' yet: Connection refused"] * 2]
    assert in_parts()[0]["changed"] is False
    engine.lingering = 14
    removed, reported = in_parts(state="absent")
    assert (removed["address"], removed["changed"]) == ("", True)
    assert reported == ["still there: registry_registry.1 on one (running)"]
    assert engine.objects["services"] == {}


def test_a_registry_that_does_not_answer_fails_with_the_cause() -> None:
    answers = ["Connection refused", "it answered 503", ""]
    client = no_engine()
    registry.wait_until_it_answers(client, "registry", "a:1", "host", Stopwatch(10), ask=lambda where: answers.pop(0))
    assert answers == []
    with pytest.raises(SwarmError, match="Could not deploy registry 'registry': no answer at 'a:1' within 5 s: Connection refused.*IPVS"):
        registry.wait_until_it_answers(client, "registry", "a:1", "ingress", Stopwatch(5), ask=lambda where: "Connection refused")


def test_a_node_that_was_just_accepted_can_be_placed_on() -> None:
    assert registry.may_run({name: value for name, value in NODE.items() if name != "Description"}, []) is True
