# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Normal forms: two specs are the same wish when their normal forms are equal."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal

SENT: dict[str, Any] = {
    "Name": "app_web",
    "Labels": {"com.docker.stack.namespace": "app", "empty": ""},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "web:1",
            "Env": ["B=2", "A=1"],
            "Mounts": [
                {"Type": "volume", "Source": "b", "Target": "/b"},
                {"Type": "volume", "Source": "a", "Target": "/a", "Consistency": "cached"},
            ],
            "Secrets": [{"SecretName": "y", "SecretID": "2"}, {"SecretName": "x", "SecretID": "1"}],
            "Privileges": None,
        },
        "Resources": {},
        "Placement": {"Constraints": ["node.role==worker", "node.id!=x"]},
        "Networks": [{"Target": "app_back", "Aliases": ["web", "a"]}],
        "RestartPolicy": {},
        "ForceUpdate": 0,
    },
    "Mode": {"Replicated": {}},
    "UpdateConfig": {"Parallelism": 0, "MaxFailureRatio": 0, "Order": ""},
    "EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080}]},
}
STORED: dict[str, Any] = {
    "Name": "app_web",
    "Labels": {"com.docker.stack.namespace": "app", "empty": ""},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "web:1",
            "Env": ["A=1", "B=2"],
            "Isolation": "default",
            "Mounts": [{"Type": "volume", "Source": "a", "Target": "/a"}, {"Type": "volume", "Source": "b", "Target": "/b"}],
            "Secrets": [{"SecretName": "x", "SecretID": "1"}, {"SecretName": "y", "SecretID": "2"}],
        },
        "RestartPolicy": {"Condition": "any", "MaxAttempts": 0},
        "Placement": {"Constraints": ["node.id!=x", "node.role==worker"]},
        "Networks": [{"Target": "n1", "Aliases": ["a", "web"]}],
        "ForceUpdate": 0,
        "Runtime": "container",
    },
    "Mode": {"Replicated": {"Replicas": 1}},
    "UpdateConfig": {"FailureAction": "pause", "Order": "stop-first", "MaxFailureRatio": 0},
    "EndpointSpec": {"Mode": "vip", "Ports": [{"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}]},
}
NETWORKS = {"n1": "app_back"}


def change(path: str, value: Any) -> dict[str, Any]:
    """STORED with one value changed; None takes it away."""
    spec = copy.deepcopy(STORED)
    *parents, last = path.split(".")
    inner = spec
    for name in parents:
        inner = inner.setdefault(name, {})
    inner[last] = value
    if value is None:
        del inner[last]
    return spec


def test_what_the_cli_sends_equals_what_the_engine_stores_of_it() -> None:
    assert normal.service(SENT, {}) == normal.service(STORED, NETWORKS)


def test_the_normal_form_leaves_its_input_alone() -> None:
    spec = copy.deepcopy(SENT)
    normal.service(spec, NETWORKS)
    assert spec == SENT


@pytest.mark.parametrize(
    ("path", "value", "replaces"),
    [
        ("TaskTemplate.ContainerSpec.Image", "web:2", "all"),
        ("TaskTemplate.ContainerSpec.Env", ["A=1"], "all"),
        ("TaskTemplate.ContainerSpec.Labels", {"a": ""}, "all"),
        ("TaskTemplate.ContainerSpec.Init", False, "all"),
        ("TaskTemplate.ContainerSpec.StopGracePeriod", 0, "all"),
        ("TaskTemplate.RestartPolicy.Delay", 0, "all"),
        ("TaskTemplate.Resources.Limits.MemoryBytes", 1, "all"),
        ("TaskTemplate.Placement.Constraints", ["node.role==worker"], "some"),
        ("EndpointSpec.Ports", [], "all"),
        ("EndpointSpec.Mode", "dnsrr", "all"),
        ("Mode.Replicated.Replicas", 0, "no"),
        ("Labels.empty", None, "no"),
        ("Labels.other", "", "no"),
        ("UpdateConfig", None, "no"),
        ("UpdateConfig.Parallelism", 1, "no"),
        ("RollbackConfig.Parallelism", 0, "no"),
    ],
)
def test_one_change_is_seen_and_its_effect_on_tasks_known(path: str, value: Any, replaces: str) -> None:
    before, after = normal.service(STORED, NETWORKS), normal.service(change(path, value), NETWORKS)
    changed = normal.changed_paths(before, after)
    assert changed
    assert all(item.startswith((path, path.rpartition(".")[0])) for item in changed)
    assert normal.replaces_tasks(before, after) == replaces


def test_an_order_without_meaning_replaces_tasks_only_together_with_a_change() -> None:
    ordered = [
        normal.service(spec, NETWORKS, keep_order=True) for spec in (STORED, change("TaskTemplate.ContainerSpec.Env", ["B=2", "A=1"]))
    ]
    assert normal.replaces_tasks(*ordered) == "all"


def test_a_job_runs_again() -> None:
    job = normal.service(change("Mode", {"ReplicatedJob": {}}), NETWORKS)
    assert job["Mode"] == {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}
    assert normal.replaces_tasks(job, job) == "all"


def test_a_global_service_stays_global() -> None:
    assert normal.service(change("Mode", {"Global": {}}), NETWORKS)["Mode"] == {"Global": {}}


def test_a_network_as_stored_equals_the_wish() -> None:
    stored = normal.network(
        {
            "Name": "a",
            "Driver": "overlay",
            "Attachable": False,
            "Labels": {"x": ""},
            "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4097"},
            "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1"}]},
        }
    )
    assert changes(stored, {"Labels": {"x": ""}}) == []
    assert changes(stored, {"Labels": {"x": ""}, "Attachable": True}) == ["Attachable"]
    assert changes(stored, {"Labels": {"x": ""}, "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]}}) == ["IPAM.Subnets"]


def changes(live: dict[str, Any], wish: dict[str, Any]) -> list[str]:
    """What differs between a network's normal form and a wish."""
    return normal.changed_paths(live, normal.with_chosen_subnets(live, normal.network(wish)))


def test_a_secret_shows_nothing_of_its_content() -> None:
    data = base64.b64encode(b"swordfish").decode()
    assert normal.secret({"Name": "pw", "Data": data}) == {"Name": "pw", "Data": "(hidden)"}
    one, other = (normal.config({"Name": "c", "Data": base64.b64encode(text).decode()}) for text in (b"a", b"b"))
    assert normal.changed_paths(one, other) == ["Data"]
