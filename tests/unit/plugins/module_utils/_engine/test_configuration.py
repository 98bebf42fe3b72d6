# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._engine import configuration

DEBIAN = """
[Unit]
Description=Docker Application Container Engine
Requires=docker.socket

[Service]
Type=notify
# the default is not to use systemd for cgroups
EnvironmentFile=-/etc/default/docker
ExecStart=/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock $DOCKER_OPTS
ExecReload=/bin/kill -s HUP $MAINPID
Restart=always

[Install]
WantedBy=multi-user.target
"""
DOCKER_CE = """
[Service]
Type=notify
ExecStart=/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock
ExecReload=/bin/kill -s HUP $MAINPID
"""
FEDORA = r"""
[Service]
Type=notify
EnvironmentFile=-/etc/sysconfig/docker
EnvironmentFile=-/etc/sysconfig/docker-storage
ExecStart=/usr/bin/dockerd \
          --host=fd:// \
          --exec-opt native.cgroupdriver=systemd \
          $OPTIONS \
          $DOCKER_STORAGE_OPTIONS
ExecReload=/bin/kill -s HUP $MAINPID
"""


# -- merge
def test_options_replace_whole_options_and_null_takes_out() -> None:
    present = {"log-opts": {"max-size": "1m", "tag": "x"}, "debug": True, "mtu": 1400}
    options = {"log-opts": {"max-size": "2m"}, "debug": None, "labels": []}
    assert configuration.merge(present, options, False) == {"log-opts": {"max-size": "2m"}, "mtu": 1400, "labels": []}
    assert configuration.merge(present, options, True) == {"log-opts": {"max-size": "2m"}, "labels": []}


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (["registry:5000"], ["registry:5000", "127.0.0.0/8", "::1/128"]),
        ([], ["127.0.0.0/8", "::1/128"]),
        (["::1/128", "127.0.0.0/8", "10.0.0.0/8"], ["::1/128", "127.0.0.0/8", "10.0.0.0/8"]),
    ],
)
def test_registries_on_loopback_stay_trusted_beside_others(given: list[str], held: list[str]) -> None:
    for exclusive in (True, False):
        merged = configuration.merge({}, {"insecure-registries": given}, exclusive)
        assert merged == {"insecure-registries": held}
        assert configuration.merge(merged, {"insecure-registries": given}, exclusive) == merged
        assert configuration.merge(merged, merged, exclusive) == merged


def test_registries_that_nobody_has_given_are_left_alone() -> None:
    assert configuration.merge({"insecure-registries": ["a"]}, {"debug": True}, False) == {"insecure-registries": ["a"], "debug": True}
    assert configuration.merge({"insecure-registries": ["a"]}, {"insecure-registries": None}, False) == {}
    assert configuration.merge({}, {"insecure-registries": "a"}, True) == {"insecure-registries": "a"}


def test_file_is_sorted_and_read_back() -> None:
    text = configuration.serialise({"b": 1, "a": {"d": "ü", "c": 1}})
    assert text.index('"a"') < text.index('"b"') and text.index('"c"') < text.index('"d"') and "ü" in text and text.endswith("}\n")
    assert configuration.parse(text) == {"b": 1, "a": {"d": "ü", "c": 1}}


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_no_file_and_an_empty_one_hold_no_options(content: str | None) -> None:
    assert configuration.parse(content) == {}


@pytest.mark.parametrize("content", ["{", "[]", "1", '{"a": 1,}', "debug: true"])
def test_what_is_no_dictionary_is_refused(content: str) -> None:
    with pytest.raises(ValueError):
        configuration.parse(content)


# -- classification
@pytest.mark.parametrize(
    ("read", "wanted", "action"),
    [
        ({}, {}, "nothing"),
        ({"log-opts": {"a": "1", "b": "2"}}, {"log-opts": {"b": "2", "a": "1"}}, "nothing"),
        ({}, {"debug": False}, "reload"),
        ({"debug": True}, {"debug": False}, "reload"),
        ({"debug": True}, {}, "restart"),
        ({"debug": 1}, {"debug": True}, "reload"),
        ({}, {"labels": ["a=b"]}, "reload"),
        ({"labels": ["a=b"]}, {"labels": []}, "reload"),
        ({"labels": ["a=b"]}, {}, "restart"),
        ({"insecure-registries": ["a"]}, {}, "restart"),
        ({"registry-mirrors": ["https://a"]}, {}, "restart"),
        ({"runtimes": {"x": {"path": "/x"}}}, {"runtimes": {}}, "reload"),
        ({"runtimes": {"x": {"path": "/x"}}}, {}, "restart"),
        ({"default-runtime": "x"}, {"default-runtime": "runc"}, "reload"),
        ({"default-runtime": "x"}, {}, "restart"),
        ({"shutdown-timeout": 30}, {}, "restart"),
        ({"default-shm-size": "1M"}, {"default-shm-size": "2M"}, "reload"),
        ({"default-shm-size": "1M"}, {}, "restart"),
        ({"default-ipc-mode": "private"}, {}, "restart"),
        ({"default-cgroupns-mode": "private"}, {}, "restart"),
        (
            {"max-concurrent-downloads": 7, "max-concurrent-uploads": 7, "max-download-attempts": 7, "network-diagnostic-port": 7},
            {},
            "reload",
        ),
        ({"features": {"buildkit": False}}, {}, "reload"),
        ({"features": {"buildkit": False}}, {"features": {"buildkit": True}}, "reload"),
        ({}, {"features": {"containerd-snapshotter": True}}, "restart"),
        ({"features": {"containerd-snapshotter": True}}, {"features": {"containerd-snapshotter": True, "buildkit": True}}, "reload"),
        ({}, {"log-driver": "json-file"}, "restart"),
        ({}, {"authorization-plugins": ["x"]}, "restart"),
        ({}, {"log-level": "debug"}, "restart"),
        ({}, {"proxies": {"http-proxy": "http://x"}}, "restart"),
        ({}, {"labels": ["a=b"], "log-driver": "local"}, "restart"),
        ({}, {"nri-opts": {"enable": True}, "default-stop-timeout": 30}, "reload"),
        ({"default-stop-timeout": 30}, {"default-stop-timeout": 0}, "reload"),
        ({"default-stop-timeout": 30}, {}, "restart"),
        ({"nri-opts": {"enable": True}}, {}, "restart"),
        ({}, {"min-api-version": "1.44"}, "restart"),
        ({}, {"features": {"swarm-nftables": True}}, "restart"),
        ({}, {"unheard-of": 1}, "restart"),
    ],
)
def test_what_the_engine_needs(read: dict[str, Any], wanted: dict[str, Any], action: str) -> None:
    assert configuration.needed(read, wanted) == action


# -- the unit
@pytest.mark.parametrize(
    ("unit", "command"),
    [
        (DEBIAN, "/usr/sbin/dockerd --containerd=/run/containerd/containerd.sock $DOCKER_OPTS"),
        (DOCKER_CE, "/usr/bin/dockerd --containerd=/run/containerd/containerd.sock"),
        (FEDORA, "/usr/bin/dockerd --exec-opt native.cgroupdriver=systemd $OPTIONS $DOCKER_STORAGE_OPTIONS"),
        ("[Service]\nExecStart=/usr/bin/dockerd -Hfd:// -H=tcp://127.0.0.1:1 --host unix:///x -l info", "/usr/bin/dockerd -l info"),
        ("[Service]\nExecStart=-/usr/bin/dockerd -H fd:// --label 'a=b c' \"-D\"", "-/usr/bin/dockerd --label 'a=b c' \"-D\""),
    ],
)
def test_drop_in_is_the_command_without_hosts(unit: str, command: str) -> None:
    text = configuration.drop_in([unit]) or ""
    assert text.splitlines()[1:] == ["[Service]", "ExecStart=", f"ExecStart={command}"]
    assert configuration.exec_start([unit, text]) == command
    assert configuration.drop_in([unit, text]) is None


@pytest.mark.parametrize(
    "texts", [[], ["[Service]\nExecStart=/usr/bin/dockerd --debug"], ["[Install]\nExecStart=/usr/bin/dockerd -H fd://"]]
)
def test_no_drop_in_where_the_command_has_no_hosts(texts: list[str]) -> None:
    assert configuration.drop_in(texts) is None


def test_drop_in_of_somebody_else_counts() -> None:
    assert configuration.drop_in([DEBIAN, "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd"]) is None
    assert "ExecStart=/opt/dockerd -D\n" in (
        configuration.drop_in([DEBIAN, "[Service]\nExecStart=\nExecStart=/opt/dockerd -D -H fd://"]) or ""
    )


def test_flags_for_the_validation() -> None:
    environment = configuration.parse_environment('# comment\nOPTIONS="--selinux-enabled --log-driver=journald"\n\nOTHER=1\n')
    command = configuration.exec_start([FEDORA]) or ""
    assert configuration.daemon_arguments(command, environment) == [
        "--host=fd://",
        "--exec-opt",
        "native.cgroupdriver=systemd",
        "--selinux-enabled",
        "--log-driver=journald",
    ]
    given = "/usr/bin/dockerd --config-file /x --config-file=/y --label 'a=b c' --root=${OTHER}/x"
    assert configuration.daemon_arguments(given, environment) == ["--label", "a=b c", "--root=1/x"]


# -- the engine's words
@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            'time="x" level=info msg="Starting up"\nfailed to start daemon: error initializing graphdriver: driver not supported: x\n',
            "failed to start daemon: error initializing graphdriver: driver not supported: x",
        ),
        (
            "unable to configure the Docker daemon with file /etc/docker/daemon.json: the following directives don't match: x",
            "the following directives don't match: x",
        ),
        ('time="x" level=fatal msg="Error validating \\"x\\": no"\ntime="y" level=info msg="done"', 'Error validating "x": no'),
        ('level=info msg="Starting up"\nlevel=error msg="first"\nlevel=error msg="second"\nlevel=info msg="third"', "second"),
        ('level=error msg="of the one that was stopped"\n', ""),
        (
            'level=error msg="old"\nlevel=info msg="Starting up"\nUnable to get the root\ndocker.service: Unset variable',
            "Unable to get the root",
        ),
        ("Status: something\n", "Status: something"),
        ('time="x" level=info msg="Starting up"', ""),
        ("", ""),
    ],
)
def test_last_words(log: str, words: str) -> None:
    assert configuration.last_words(log) == words


def test_words_on_a_reload_are_not_those_of_a_task() -> None:
    task = 'time="x" level=error msg="fatal task error" module=node/agent'
    assert configuration.reload_words(task) == ""
    failed = "level=error msg=\"Error reconfiguring the daemon: specified default runtime 'x' does not exist\""
    assert configuration.reload_words(f"{failed}\n{task}") == "specified default runtime 'x' does not exist"


def test_reason_of_a_refused_reload_stands_beside_the_message() -> None:
    line = 'time="x" level=error msg="Error reconfiguring the daemon" error="invalid mirror: \\"x\\" is no URL"'
    assert configuration.reload_words(line) == 'invalid mirror: "x" is no URL'
    assert configuration.message_of('level=error msg="failed to load" error=none') == "failed to load"
    assert configuration.message_of('no line of the log has error="x"') == 'no line of the log has error="x"'


def test_a_newer_engine_says_of_any_reason_that_it_has_not_reloaded() -> None:
    line = 'time="x" level=error msg="Error reloading configuration" error="something new"'
    assert configuration.reload_words(line) == "something new"
