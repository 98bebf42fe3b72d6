# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan in the words of Compose files: nothing lost, nothing hidden shown."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, words, yaml_text
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation

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
environment: {A: (hidden), EMPTY: (hidden), BARE: ''}
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
    return normal.service(spec, {})


def update(**changes: Any) -> Operation:
    """The update to a changed SPEC."""
    before, after = form(), form(**changes)
    return Operation("services", "app_web", "update", before, after, normal.changed_paths(before, after))


def test_a_service_reads_like_its_compose_file() -> None:
    assert words.service(form()) == yaml.safe_load(COMPOSE)


@pytest.mark.parametrize("path", sorted(normal.leaves(form())))
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
    changed = Operation("services", "app_web", "update", before, after, normal.changed_paths(before, after)).differences()
    assert changed, path


def test_a_change_is_told_as_path_before_and_after() -> None:
    assert update(Mode__Replicated__Replicas=5).differences() == [["deploy.replicas", 3, 5]]
    assert update(TaskTemplate__ContainerSpec__Env=["A=2", "EMPTY=", "NEW=x"]).differences() == [
        ["environment.A", "(hidden)", "(hidden, changed)"],
        ["environment.BARE", "", None],
        ["environment.NEW", None, "(hidden)"],
    ]
    shown = update(TaskTemplate__ContainerSpec__Env=["A=2", "EMPTY=", "BARE"]).differences(mask=False)
    assert shown == [["environment.A", "1", "2"]]
    assert update(UpdateConfig=None).differences()[0] == ["deploy.update_config.delay", "1s", None]


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (10**9, "1s"), (3600 * 10**9, "1h"), (3661 * 10**9, "1h1m1s"), (1500 * 10**6, "1500ms"), (5, "5ns")],
)
def test_durations_read_as_in_a_file(nanoseconds: int, text: str) -> None:
    assert words.duration(nanoseconds) == text


def test_networks_and_secrets_have_words_too() -> None:
    network = normal.network(
        {"Name": "n", "Attachable": True, "Options": {"encrypted": ""}, "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]}}
    )
    assert words.of("networks", network) == {
        "driver": "overlay",
        "attachable": True,
        "driver_opts": {"encrypted": ""},
        "ipam": {"driver": "default", "config": ["10.9.0.0/24"]},
    }
    secret = normal.secret({"Name": "s", "Labels": {"com.docker.stack.namespace": "app", "a": "b"}, "Data": "c3dvcmRmaXNo"})
    assert words.of("secrets", secret) == {"labels": {"a": "b"}, "content": "(hidden)"}
    assert words.of("secrets", None) is None


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": "b", "c": [1, 2.5, None, True], "d": {"e": {}, "f": []}},
        {"list": [{"a": 1, "b": ["x", {"y": "z"}]}, ["p", ["q"]]]},
        {
            "tricky": [
                "yes",
                "No",
                "1",
                "1.5",
                "",
                " a",
                "a: b",
                "a #b",
                "- a",
                "ü",
                "a\nb",
                "null",
                "~",
                "@x",
                "a:",
                "0x1",
                "x, y",
                "2026-01-01",
            ]
        },
        yaml.safe_load(COMPOSE),
    ],
)
def test_what_is_written_as_yaml_reads_as_the_same(value: dict[str, Any]) -> None:
    assert (yaml.safe_load(yaml_text.dump(value)) or {}) == value
