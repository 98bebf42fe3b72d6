# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules import node_label
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module


def labels_of(swarm: Swarm) -> dict[str, dict[str, str]]:
    return {node["Description"]["Hostname"]: node["Spec"]["Labels"] for node in swarm.nodes.values() if node["Spec"]["Labels"]}


def twice(engine: Engine, params: dict[str, Any]) -> dict[str, Any]:
    """Check, run, check, run: the prediction is true and the second run writes nothing."""
    predicted = run_module(node_label, engine, params, check=True)
    assert engine.writes == []
    real = run_module(node_label, engine, params)
    assert (real["diff"], real["nodes"], real["changed"]) == (
        predicted["diff"],
        predicted["nodes"],
        predicted["changed"],
    )
    written = len(engine.writes)
    for check in (True, False):
        engine.requests = [request for request in engine.requests if request[0] != "GET"]
        again = run_module(node_label, engine, params, check)
        assert not again["changed"] and again["nodes"] == real["nodes"]
        assert [request for request in engine.requests if request[0] == "GET"] == [("GET", "/nodes")]
    assert len(engine.writes) == written
    return real


def test_labels_of_one_many_and_all(manager: Engine, swarm: Swarm) -> None:
    result = twice(manager, {"labels": {"environment": "lab"}})
    assert len(manager.writes) == 5 and len(labels_of(swarm)) == 5
    assert result["diff"]["after"]["w1"] == {"environment": "lab"}


def test_own_labels_win_and_one_write_per_node_that_differs(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w2"]["Spec"]["Labels"] = {"n": "7", "disk": "hdd", "kept": ""}
    result = twice(
        manager,
        {
            "labels": {"n": 7, "empty": ""},
            "nodes": ["id-m1", "10.0.0.4", {"name": "w2", "labels": {"disk": "ssd", "empty": "no"}}],
        },
    )
    assert labels_of(swarm) == {
        "m1": {"n": "7", "empty": ""},
        "w1": {"n": "7", "empty": ""},
        "w2": {"n": "7", "empty": "no", "disk": "ssd", "kept": ""},
    }
    assert len(manager.writes) == 3 and set(result["diff"]["after"]) == {"m1", "w1", "w2"}
    assert manager.bodies[0]["Role"] == "manager", "the whole spec is sent"


def test_label_with_empty_value_is_removed(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Spec"]["Labels"] = {"a": "", "b": "1"}
    twice(manager, {"labels": ["a", "unknown"], "state": "absent"})
    assert labels_of(swarm) == {"w1": {"b": "1"}} and len(manager.writes) == 1


def test_labels_to_remove_may_be_a_dictionary_and_per_node(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Spec"]["Labels"] = {"a": "x", "b": "1"}
    twice(manager, {"nodes": [{"name": "w1", "labels": ["b"]}], "labels": {"a": None}, "state": "absent"})
    assert labels_of(swarm) == {}


def test_empty_value_is_not_the_same_as_no_label(manager: Engine, swarm: Swarm) -> None:
    assert twice(manager, {"nodes": ["w1"], "labels": {"a": ""}})["changed"]
    assert labels_of(swarm) == {"w1": {"a": ""}}


def test_exclusive_removes_the_others(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Spec"]["Labels"] = {"a": "", "b": "1"}
    twice(manager, {"nodes": ["w1"], "labels": {"b": "2"}, "exclusive": True})
    assert labels_of(swarm) == {"w1": {"b": "2"}}


def test_exclusive_and_no_labels_removes_all(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Spec"]["Labels"] = {"a": ""}
    twice(manager, {"labels": {}, "exclusive": True})
    assert labels_of(swarm) == {}


def test_nodes_may_have_no_labels_of_their_own(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-w1"]["Spec"]["Labels"] = {"a": ""}
    assert not run_module(node_label, manager, {"nodes": [{"name": "w1", "labels": {}}, {"name": "w2", "labels": None}]})["changed"]
    twice(manager, {"nodes": [{"name": "w1", "labels": {}}], "exclusive": True})
    assert labels_of(swarm) == {}


def test_conflict_is_read_again_and_keeps_the_others_change(manager: Engine, swarm: Swarm) -> None:
    def other() -> None:
        node = swarm.nodes["id-w1"]
        node["Spec"], node["Version"] = {**node["Spec"], "Labels": {"other": "1"}}, {"Index": next(swarm.index)}

    swarm.interrupted_by(other)
    assert run_module(node_label, manager, {"nodes": ["w1"], "labels": {"a": "1"}})["changed"]
    assert labels_of(swarm) == {"w1": {"other": "1", "a": "1"}}
    assert manager.requests.count(("GET", "/nodes")) == 2


def test_a_name_that_two_nodes_have_is_no_guess(manager: Engine, swarm: Swarm) -> None:
    swarm.add("id-old", "w1", "10.0.0.9", state="down")
    with pytest.raises(SwarmError, match="2 nodes have that name: .*Give the NodeID"):
        run_module(node_label, manager, {"nodes": ["w1"], "labels": {"a": "1"}})
    result = run_module(node_label, manager, {"nodes": ["id-w1"], "labels": {"a": "1"}})
    assert result["nodes"][0]["id"] == "id-w1" and list(result["diff"]["after"]) == ["w1 (id-w1)"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"labels": {"a": True}}, "boolean true, as YAML reads yes"),
        ({"labels": {"a": None}}, "has no value"),
        ({"labels": {"a": 1.5}}, "not a string but 1.5"),
        ({"labels": {"a": ["x"]}}, "not a string but"),
        ({"labels": {"a b": "x"}}, "'a b' is not a valid label key"),
        ({"labels": {"": "x"}}, "'' is not a valid label key"),
        ({"labels": "a=b"}, "labels is not a dictionary"),
        ({"labels": "a", "state": "absent"}, "not a list of keys"),
        ({"labels": ["a", 7], "state": "absent"}, "'7' is not a valid label key"),
        ({"labels": ["a"], "state": "absent", "exclusive": True}, "exclusive has no meaning"),
        ({"nodes": ["w1"]}, "no labels are given"),
        (
            {"labels": {"a": "b"}, "nodes": ["w1", "w9"]},
            "^Could not label node 'w9': the swarm has no such node, only m1, m2",
        ),
        ({"labels": {"a": "b"}, "nodes": ["w1", "id-w1"]}, "listed twice"),
        ({"labels": {"a": "b"}, "nodes": [7]}, "does not identify a node"),
        ({"labels": {"a": "b"}, "nodes": [{"name": "w1", "label": {}}]}, "'label' is not an option of a node"),
        ({"nodes": [{"name": "w1", "labels": {"a": False}}]}, "^Could not label node 'w1': .*boolean false"),
        ({"labels": {"a": "b"}, "nodes": ["w1", "twin"]}, "2 nodes have that name"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(manager: Engine, swarm: Swarm, params: dict[str, Any], words: str) -> None:
    swarm.add("id-t1", "twin", "10.0.0.8")
    swarm.add("id-t2", "twin", "10.0.0.9")
    for check in (True, False):
        with pytest.raises(SwarmError, match=words) as caught:
            run_module(node_label, manager, params, check)
        assert str(caught.value).startswith("Could not ") and str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert manager.writes == []


def test_worker_cannot_label(worker: Engine) -> None:
    with pytest.raises(SwarmError, match="^Could not list the nodes: This node is not a swarm manager"):
        run_module(node_label, worker, {"labels": {"a": "b"}})
