# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Normal forms: two specs ask for the same when their normal forms are equal."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from ansible_collections.apiary.swarm.plugins.module_utils._stack import service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import Operation, changed_paths, duration, leaves
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import differences

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
    assert service.normal(SENT, {}) == service.normal(STORED, NETWORKS)


def test_the_normal_form_leaves_its_input_alone() -> None:
    spec = copy.deepcopy(SENT)
    service.normal(spec, NETWORKS)
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
    before, after = service.normal(STORED, NETWORKS), service.normal(change(path, value), NETWORKS)
    changed = changed_paths(before, after)
    assert changed
    assert all(item.startswith((path, path.rpartition(".")[0])) for item in changed)
    assert service.replaces_tasks(before, after) == replaces


def test_an_order_without_meaning_replaces_tasks_only_together_with_a_change() -> None:
    ordered = [
        service.normal(spec, NETWORKS, keep_order=True) for spec in (STORED, change("TaskTemplate.ContainerSpec.Env", ["B=2", "A=1"]))
    ]
    assert service.replaces_tasks(*ordered) == "all"


def test_a_job_runs_again() -> None:
    job = service.normal(change("Mode", {"ReplicatedJob": {}}), NETWORKS)
    assert job["Mode"] == {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}
    assert service.replaces_tasks(job, job) == "all"


def test_platforms_are_the_same_in_any_order_with_and_without_those_that_are_none() -> None:
    amd, arm = {"OS": "linux", "Architecture": "amd64"}, {"OS": "linux", "Architecture": "arm64", "Variant": "v8"}
    none = {"OS": "unknown", "Architecture": "unknown"}

    def placement(*platforms: dict[str, str]) -> dict[str, Any]:
        return form(TaskTemplate__Placement={"Platforms": list(platforms)})["TaskTemplate"]

    assert placement(amd, arm, none, amd) == placement(arm, amd) == placement(none, {}, amd, arm)
    assert placement(amd) != placement(arm)
    assert placement(none) == placement()


def test_an_address_has_one_spelling() -> None:
    def servers(*addresses: str) -> dict[str, Any]:
        return form(TaskTemplate__ContainerSpec__DNSConfig={"Nameservers": list(addresses)})

    assert servers("2001:DB8:0::53", "192.0.2.1") == servers("2001:db8::53", "192.0.2.1")
    assert servers("192.0.2.1", "192.0.2.2") != servers("192.0.2.2", "192.0.2.1"), "they are asked in turn"


def test_a_global_service_stays_global() -> None:
    assert service.normal(change("Mode", {"Global": {}}), NETWORKS)["Mode"] == {"Global": {}}


# -- as a Compose file has it
SPEC: dict[str, Any] = {
    "Name": "app_web",
    "Labels": {"com.docker.stack.namespace": "app", "com.docker.stack.image": "web:1", "tier": "front"},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "web:1@sha256:aa",
            "Args": ["serve"],
            "Env": ["A=1", "EMPTY=", "BARE"],
            "Labels": {"com.docker.stack.namespace": "app", "in": "box"},
            "Privileges": {"NoNewPrivileges": True},
            "StopGracePeriod": 90 * 10**9,
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1500 * 10**6, "Retries": 3},
            "Mounts": [{"Type": "volume", "Source": "data", "Target": "/data", "VolumeOptions": {"NoCopy": True}}],
            "Secrets": [{"SecretName": "app_pw", "SecretID": "1", "File": {"Name": "pw", "UID": "0", "GID": "0", "Mode": 0o444}}],
            "Configs": [{"ConfigName": "app_c", "ConfigID": "2", "File": {"Name": "/c", "UID": "5", "GID": "0", "Mode": 0o400}}],
            "DNSConfig": {"Nameservers": ["192.0.2.1"]},
            "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
        },
        "Resources": {"Limits": {"NanoCPUs": 500000000, "MemoryBytes": 64 * 2**20}, "Reservations": {"MemoryBytes": 1000}},
        "RestartPolicy": {"Condition": "any", "Delay": 0, "MaxAttempts": 3},
        "Placement": {"Constraints": ["node.role==worker"], "Platforms": [{"OS": "linux", "Architecture": "amd64"}]},
        "Networks": [{"Target": "app_back", "Aliases": ["web"]}],
        "LogDriver": {"Name": "json-file", "Options": {"max-size": "1m"}},
        "ForceUpdate": 2,
    },
    "Mode": {"Replicated": {"Replicas": 3}},
    "UpdateConfig": {"Parallelism": 0, "Delay": 10**9, "Monitor": 2 * 10**9, "Order": "start-first"},
    "EndpointSpec": {"Mode": "dnsrr", "Ports": [{"TargetPort": 80, "PublishedPort": 8080, "PublishMode": "host"}]},
}
COMPOSE = """\
image: web:1@sha256:aa
command: [serve]
environment: {A: (hidden), EMPTY: (hidden), BARE: (unset)}
labels: {in: box}
stop_grace_period: 1m30s
healthcheck: {test: [CMD, 'true'], interval: 1500ms, retries: 3}
volumes: {/data: {type: volume, source: data, volume: {NoCopy: true}}}
secrets: {pw: {source: app_pw}}
configs: {/c: {source: app_c, uid: '5', mode: '0400'}}
dns: [192.0.2.1]
ulimits: {nofile: {name: nofile, soft: 1, hard: 2}}
logging: {driver: json-file, options: {max-size: 1m}}
networks: {app_back: {attached: true, aliases: [web]}}
ports: [{target: 80, published: 8080, protocol: tcp, mode: host}]
platforms: [linux/amd64]
deploy:
  labels: {tier: front}
  mode: replicated
  replicas: 3
  endpoint_mode: dnsrr
  update_config: {parallelism: all at once, failure_action: pause, order: start-first, delay: 1s, monitor: 2s}
  restart_policy: {condition: any, max_attempts: 3, delay: 0s}
  placement: {constraints: [node.role==worker]}
  resources: {limits: {cpus: '0.5', memory: 64M}, reservations: {memory: 1000B}}
x-engine:
  TaskTemplate: {ForceUpdate: 2, ContainerSpec: {Privileges: {NoNewPrivileges: true}}}
"""


def form(**changes: Any) -> dict[str, Any]:
    """The normal form of SPEC, with values at dotted paths (two underscores) replaced; None takes one away."""
    spec = copy.deepcopy(SPEC)
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = spec
        for name in parents:
            inner = inner.setdefault(name, {})
        inner[last] = value
        if value is None:
            del inner[last]
    return service.normal(spec, {})


def update(**changes: Any) -> Operation:
    """The update to a changed SPEC."""
    before, after = form(), form(**changes)
    return Operation("services", "app_web", "update", before, after, changed_paths(before, after))


def test_a_service_reads_like_its_compose_file() -> None:
    assert service.compose_form(form()) == yaml.safe_load(COMPOSE)


@pytest.mark.parametrize("path", sorted(leaves(form())))
def test_no_difference_is_lost_in_translation(path: str) -> None:
    before, after = form(), form()
    inner = after
    *parents, last = path.split(".") if "com.docker" not in path else [*path.split(".com.docker")[0].split("."), path[path.index("com.") :]]
    for name in parents:
        inner = inner[name]
    value = inner[last]
    if path == "Name" or path.endswith("stack.namespace"):
        return  # by these the object was found
    inner[last] = ["X=other"] if path.endswith("Env") else [] if isinstance(value, list) else 77 if isinstance(value, int) else "other"
    changed = differences(Operation("services", "app_web", "update", before, after, changed_paths(before, after)))
    assert changed, path


def test_a_change_is_told_as_path_before_and_after() -> None:
    assert differences(update(Mode__Replicated__Replicas=5)) == [["deploy.replicas", 3, 5]]
    assert differences(update(TaskTemplate__ContainerSpec__Env=["A=2", "EMPTY=", "NEW=x"])) == [
        ["environment.A", "(hidden)", "(hidden, changed)"],
        ["environment.BARE", "(unset)", None],
        ["environment.NEW", None, "(hidden)"],
    ]
    bare = update(TaskTemplate__ContainerSpec__Env=["A=1", "EMPTY=", "BARE="])
    assert differences(bare) == [["environment.BARE", "(unset)", "(hidden)"]]
    assert differences(bare, mask=False) == [["environment.BARE", "(unset)", ""]]
    twice = update(TaskTemplate__ContainerSpec__Env=["A=0", "A=1", "EMPTY=", "BARE"])
    assert differences(twice) == [["x-engine.TaskTemplate.ContainerSpec.Env", "(hidden)", "(hidden, changed)"]]
    shown = differences(update(TaskTemplate__ContainerSpec__Env=["A=2", "EMPTY=", "BARE"]), mask=False)
    assert shown == [["environment.A", "1", "2"]]
    assert differences(update(UpdateConfig=None))[0] == ["deploy.update_config.delay", "1s", None]


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (10**9, "1s"), (3600 * 10**9, "1h"), (3661 * 10**9, "1h1m1s"), (1500 * 10**6, "1500ms"), (5, "5ns")],
)
def test_durations_read_as_in_a_file(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text
