# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What daemon_config writes and refuses."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._engine import rollout
from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import DROP_IN, RECORD, Host
from ansible_collections.apiary.swarm.tests.unit.fake_host import CONFIG, UNIT, Machine, result, run, twice, without_diff


# -- writing
def test_bare_host_gets_the_file_and_needs_nothing(empty: Machine) -> None:
    real = twice(empty, {"b": 1, "a": {"y": 1, "x": 2}, "hosts": ["fd://"]}, allow_unknown=True)
    assert without_diff(real) == result(True, "nothing", False)
    assert empty.read(CONFIG) == json.dumps(empty.options(), indent=4, sort_keys=True) + "\n"
    assert os.stat(empty.root + CONFIG).st_mode & 0o777 == 0o644 and empty.read(DROP_IN) is None


@pytest.mark.parametrize("apply", ["none", "reload", "restart"])
def test_bare_host_is_the_same_whatever_may_be_applied(empty: Machine, apply: str) -> None:
    assert without_diff(twice(empty, {"debug": True}, apply=apply)) == result(True, "nothing", False)


def test_no_options_make_no_file(empty: Machine) -> None:
    assert not twice(empty, {})["changed"] and empty.options() is None


def test_merging_and_exclusive(host: Machine) -> None:
    twice(host, {"debug": True, "labels": ["a=b"]})
    assert host.options() == {"debug": True, "labels": ["a=b"], "log-driver": "json-file"}
    twice(host, {"debug": None, "labels": ["a=c"]})
    assert host.options() == {"labels": ["a=c"], "log-driver": "json-file"}
    real = twice(host, {"debug": False}, exclusive=True)
    assert host.options() == {"debug": False}
    assert real["diff"] == {"before": {"labels": ["a=c"], "log-driver": "json-file"}, "after": {"debug": False}}


def test_file_that_says_the_same_in_another_form_is_left_alone(host: Machine) -> None:
    host.put(CONFIG, '{ "log-driver" :\n"json-file"}')
    host.start()
    assert not twice(host, {"log-driver": "json-file"}, exclusive=True)["changed"]


def test_invalid_file_is_an_error_unless_it_is_replaced(host: Machine) -> None:
    host.put(CONFIG, '{"splunk-token": "cafe0815",}')
    before = host.snapshot()
    for check in (True, False):
        with pytest.raises(
            SwarmError, match="^Could not set the daemon options of 'host1': the file '/etc/docker/daemon.json' is not valid"
        ):
            run(host, {"debug": True}, check=check)
    assert host.snapshot() == before
    real = twice(host, {"debug": True}, exclusive=True)
    assert real["diff"]["before"] == {"(file)": '{"splunk-token": "********",}'} and real["action"] == "restart"


def test_secrets_are_in_no_result(host: Machine) -> None:
    options = {"log-driver": "splunk", "log-opts": {"splunk-token": "cafe0815"}, "proxies": {"http-proxy": "http://joe:secret0815@proxy"}}
    real = twice(host, options)
    assert "0815" not in json.dumps(real) and "0815" in host.input
    assert real["diff"]["after"]["log-opts"] == {"splunk-token": "********"}


def test_record_is_for_root_only(host: Machine) -> None:
    run(host, {"debug": True}, apply="reload")
    assert [os.stat(path).st_mode & 0o777 for path in (host.root + RECORD, os.path.dirname(host.root + RECORD))] == [0o600, 0o700]


# -- refusals
@pytest.mark.parametrize("apply", ["none", "reload", "restart"])
def test_bad_options_are_refused_before_anything_is_written(host: Machine, apply: str) -> None:
    before = host.snapshot()
    for check in (True, False):
        with pytest.raises(SwarmError) as caught:
            run(host, {"live-restore": True, "debug": "yes"}, check=check, apply=apply)
        assert str(caught.value) == (
            "Could not set daemon option 'debug' of host 'host1': it is a string and must be a boolean. "
            "Write true or false, without quotes. "
            "Could not set daemon option 'live-restore' of host 'host1': Swarm does not work with it. "
            "Set it to false, or to null to remove it."
        )
    assert host.snapshot() == before


def test_what_the_file_has_already_counts_for_what_swarm_refuses(host: Machine) -> None:
    host.put(CONFIG, '{"live-restore": true, "tlsverify": true}')
    with pytest.raises(SwarmError, match="'live-restore' .*'tlsverify' "):
        run(host, {"debug": True})
    assert twice(host, {"live-restore": None, "tlsverify": None})["changed"]


@pytest.mark.parametrize("apply", ["none", "reload", "restart"])
def test_what_the_daemon_refuses_is_not_written(host: Machine, apply: str) -> None:
    host.refused = "no such user joe:secret0815"
    before = host.snapshot()
    words = (
        r"^Could not apply the daemon options of 'host1' \(proxies, userns-remap\): dockerd refuses them: no such user \*+\. Nothing was"
    )
    for check in (True, False):
        with pytest.raises(SwarmError, match=words):
            run(host, {"userns-remap": "x", "proxies": {"http-proxy": "http://joe:secret0815@x"}}, check=check, apply=apply)
    assert host.snapshot() == before


def test_files_of_tls_may_come_later_in_check_mode(host: Machine) -> None:
    host.refused = "no such file"
    options = {"tlsverify": True, "tlscacert": "/ca.pem", "tlscert": "/cert.pem", "tlskey": "/key.pem"}
    assert run(host, options, check=True)["changed"]
    before = host.snapshot()
    for apply in ("none", "reload", "restart"):
        with pytest.raises(SwarmError, match="no such file"):
            run(host, options, apply=apply)
    assert host.snapshot() == before


def test_engine_that_is_too_old_for_an_option_is_told(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "daemon", lambda _texts: "/usr/bin/dockerd")
    monkeypatch.setattr(host, "execute", lambda *_any: (0, "Docker version 26.1.5+dfsg1, build a72d7cd\n"))
    monkeypatch.setattr(host, "command", host.execute)
    before = host.snapshot()
    with pytest.raises(SwarmError, match=r"'min-api-version' of host 'host1': the engine is 26\.1\.5, and the option was added in 29\.0"):
        run(host, {"min-api-version": "1.44"})
    assert host.snapshot() == before


def test_registries_on_loopback_stay_trusted(host: Machine) -> None:
    assert twice(host, {"insecure-registries": ["registry:5000"]})["changed"]
    assert host.options()["insecure-registries"] == ["registry:5000", "127.0.0.0/8", "::1/128"]


def test_only_root_may(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout.os, "geteuid", lambda: 1000)
    with pytest.raises(SwarmError, match=r"^Could not set the daemon options of 'host1': it requires root. Run the task as root"):
        run(host, {})


# -- the daemon's validation
def validated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str]) -> tuple[str | None, list[list[str]]]:
    calls: list[list[str]] = []

    def command(arguments: list[str], content: str | None, timeout: float) -> tuple[int, str]:
        calls.append([*arguments, content or ""])
        return answer

    monkeypatch.setattr(rollout.Host.refusal.__globals__["shutil"], "which", lambda name, path: name)
    host = Host(CONFIG, 5, lambda: Client(lambda *_any: (500, {}, b"")), command, str(tmp_path))
    (tmp_path / "lib/systemd/system").mkdir(parents=True)
    (tmp_path / "lib/systemd/system/docker.service").write_text(UNIT)
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / "etc/default/docker").write_text('DOCKER_OPTS="--label a=b"\n')
    return host.refusal(rollout.Files('{"x": 1}', None)), calls


def test_validation_has_the_flags_of_the_unit_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, calls = validated(tmp_path, monkeypatch, (0, "configuration OK"))
    flags = ["-H", "fd://", "--containerd=/x", "--label", "a=b"]
    assert words is None and calls == [["/usr/sbin/dockerd", "--validate", "--config-file", "/dev/stdin", *flags, '{"x": 1}']]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            (1, "unable to configure the Docker daemon with file /dev/stdin: the following directives don't match: x\n"),
            "the following dir.*: x$",
        ),
        ((1, ""), "exit status 1"),
        ((125, "unknown flag: --validate\nSee 'dockerd --help'."), None),
        ((127, "No such file or directory"), None),
    ],
)
def test_words_of_the_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str], words: str | None) -> None:
    given, _calls = validated(tmp_path, monkeypatch, answer)
    assert given is None if words is None else re.match(words, given or "")


def test_file_is_as_open_as_it_was_and_closed_where_it_holds_a_secret(host: Machine) -> None:
    os.chmod(host.root + CONFIG, 0o640)
    run(host, {"debug": True})
    assert os.stat(host.root + CONFIG).st_mode & 0o777 == 0o640
    run(host, {"proxies": {"http-proxy": "http://user:p@ss@proxy:3128"}})
    assert os.stat(host.root + CONFIG).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("proxy", ["http://user:p@ss@proxy:3128", "user:p@ss@proxy:3128"])
def test_password_with_the_sign_that_ends_it_is_hidden_whole(host: Machine, proxy: str) -> None:
    shown = str(run(host, {"proxies": {"http-proxy": proxy}})["diff"])
    assert "user" not in shown and "ss@" not in shown and "proxy:3128" in shown
