# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineMissing, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._engine import observe, rollout
from ansible_collections.apiary.swarm.tests.unit.fake_host import CONFIG, Machine, run

PARAMS = {"docker_host": "unix:///var/run/docker.sock", "timeout": 5}
RUNNING = {"installed": True, "state": "running"}


def wanted(options: dict[str, Any], exclusive: bool = False) -> dict[str, Any]:
    return {"options": options, "exclusive": exclusive, "allow_unknown": False}


# -- packages
def test_packages_and_holds_are_asked_of_the_familys_own_tools(empty: Machine) -> None:
    empty.answers["dpkg-query"] = 1, "docker.io installed 26.1.5\ndpkg-query: no packages found matching docker-ce\n"
    empty.put("/etc/apt/preferences.d/apiary-swarm", "# mine\nPin: version 26*\n")
    assert observe.packages(empty, "Debian", ["docker.io", "docker-ce"]) == {"docker.io": "26.1.5"}
    assert empty.commands[0].endswith("docker.io docker-ce") and len(empty.commands) == 1
    assert observe.holds(empty, "Debian") == ["# mine", "Pin: version 26*"] and observe.holds(empty, "RedHat") == []


def test_a_system_of_an_unknown_family_has_no_packages(empty: Machine) -> None:
    assert observe.packages(empty, "Alpine", ["docker"]) == {} and observe.holds(empty, "Alpine") == []
    assert observe.packages(empty, "Debian", []) == {} and empty.commands == []


def brought(host: Machine, *installed: str) -> Machine:
    """The host has these of what an engine brings along, and an engine that needs them."""
    host.answers["dpkg-query"] = 0, "".join(f"{name} installed 1\n" for name in installed)
    host.answers["apt-cache"] = 0, "x\nReverse Depends:\n  docker.io\n"
    host.answers["ctr"] = 0, "moby\n"
    return host


def test_an_engine_alone_with_its_containerd_leaves_nothing(empty: Machine) -> None:
    assert observe.others(brought(empty, "containerd", "runc"), "Debian", ["docker.io"]) == {}
    assert [command.split()[0] for command in empty.commands] == ["dpkg-query", "apt-cache", "apt-cache", "ctr"]
    assert observe.others(empty, "Alpine", ["docker.io"]) == {}


def test_others_are_seen_by_their_namespaces_and_packages(empty: Machine) -> None:
    brought(empty, "containerd.io").answers["ctr"] = 0, "k8s.io\nmoby\n"
    assert observe.others(empty, "Debian", ["docker.io"]) == {"containerd.io": ["containers in its namespace 'k8s.io'"]}
    assert empty.commands[1].endswith(" containerd.io containerd runc"), "others ask for it by the distribution's names"
    brought(empty, "runc").answers["apt-cache"] = 0, "runc\nReverse Depends:\n |podman\n"
    assert observe.others(empty, "Debian", ["docker.io"]) == {"runc": ["the package podman"]}


def test_a_silent_containerd_stays_if_it_was_ever_used(empty: Machine) -> None:
    brought(empty, "containerd").answers["ctr"] = 1, "ctr: failed to dial"
    assert observe.others(empty, "Debian", ["docker.io"]) == {}, "it has never been started"
    empty.put(observe.CONTAINERD_DATA, "moby")
    assert observe.others(empty, "Debian", ["docker.io"]) == {"containerd": ["it does not answer, and may run containers of others"]}
    brought(empty).answers["ctr"] = 127, "No such file or directory"
    assert observe.others(empty, "Debian", ["docker.io"]) == {}, "it is not installed any more, and an earlier reset was cut off"


# -- the unit
def test_a_unit_is_told_in_one_question(host: Machine) -> None:
    assert observe.unit(host) == {"installed": True, "state": "running", "active": True, "enabled": True, "starts_blocked": False}
    assert len(host.commands) == 1


def test_a_bare_host_has_no_unit(empty: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(empty, "command", lambda *_any: (0, "ActiveState=inactive\nSubState=dead\nUnitFileState=\n"))
    assert observe.unit(empty) == {"installed": False, "state": "dead", "active": False, "enabled": False, "starts_blocked": False}


@pytest.mark.parametrize(
    ("word", "enabled"), [("enabled-runtime", True), ("static", True), ("disabled", False), ("masked", False), ("", False)]
)
def test_a_unit_is_enabled_as_systemctl_says_it(empty: Machine, monkeypatch: pytest.MonkeyPatch, word: str, enabled: bool) -> None:
    monkeypatch.setattr(empty, "command", lambda *_any: (0, f"ActiveState=reloading\nSubState=reload\nUnitFileState={word}\n"))
    found = observe.unit(empty)
    assert found["enabled"] is enabled and found["active"] is True


def test_without_systemd_the_process_tells(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "command", lambda *_any: (127, "No such file or directory"))
    found = observe.unit(host)
    assert (found["state"], found["active"], found["enabled"]) == (None, True, False)


def test_an_installation_that_was_cut_off_is_seen(empty: Machine) -> None:
    empty.put("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")
    assert observe.unit(empty)["starts_blocked"]
    empty.put("/usr/sbin/policy-rc.d", "#!/bin/sh\n# the operator's\nexit 101\n")
    assert not observe.unit(empty)["starts_blocked"]


# -- the engine
@pytest.mark.parametrize("state", ["dead", "failed", "auto-restart"])
def test_an_engine_that_is_stopped_is_not_asked_because_that_would_start_it(
    host: Machine, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(observe, "connect_for_reading", lambda _params: pytest.fail("it was asked"))
    client, info, error = observe.reach(host, PARAMS, {"installed": True, "state": state})
    assert client and info and info["Swarm"]["LocalNodeState"] == "inactive"
    assert error == (
        f"Could not connect to the Docker Engine of 'host1': its unit is {state}. Start it. Check 'journalctl -u docker' on this host."
    )
    with pytest.raises(pytest.fail.Exception):
        observe.reach(host, {**PARAMS, "docker_host": "unix:///run/other.sock"}, {"installed": True, "state": state})


def test_no_engine_is_in_no_swarm_and_a_silent_one_is_unknown(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[SwarmError] = [EngineMissing("none", sdk=False), SwarmError("denied")]

    def fail(_params: Any) -> None:
        raise answers.pop(0)

    monkeypatch.setattr(observe, "connect_for_reading", fail)
    client, info, error = observe.reach(host, PARAMS, RUNNING)
    assert client and info and (info["HasSdk"], error) == (False, "none")
    assert observe.reach(host, PARAMS, RUNNING) == (None, None, "denied")


def test_options_in_force_and_in_the_file_are_told_without_secrets(host: Machine) -> None:
    run(host, {"log-driver": "splunk", "log-opts": {"splunk-token": "secret0815"}})
    found = observe.engine(host, no_engine(), no_engine().info(), "stopped")
    assert found == {
        "answers": False,
        "error": "stopped",
        "version": None,
        "api": None,
        "replaced": False,
        "data_root": "/var/lib/docker",
        "options": {"log-driver": "json-file"},
        "file_options": {"log-driver": "splunk", "log-opts": {"splunk-token": "********"}},
    }
    host.put(CONFIG, '{"data-root": "/srv/docker"}')
    assert observe.engine(host, None, None, "denied")["data_root"] == "/srv/docker"
    host.put(CONFIG, "{rubbish")
    found = observe.engine(host, None, None, "denied")
    assert (found["options"], found["file_options"], found["data_root"]) == (None, None, "/var/lib/docker")


def test_an_engine_that_answers_says_where_its_data_lies(host: Machine) -> None:
    info = {"ServerVersion": "28.1", "DockerRootDir": "/data"}
    found = observe.engine(host, no_engine(), info, None)
    assert (found["answers"], found["version"], found["data_root"], found["error"]) == (True, "28.1", "/data", None)
    assert found["api"] == no_engine().api_version


# -- what new options would need
@pytest.mark.parametrize(
    "options",
    [{"log-driver": "json-file"}, {"debug": True}, {"log-driver": "journald"}, {"labels": ["a=b"], "log-driver": None}],
)
@pytest.mark.parametrize("exclusive", [False, True])
def test_a_look_foretells_what_the_module_does(host: Machine, options: dict[str, Any], exclusive: bool) -> None:
    before = host.snapshot()
    look = observe.daemon(host, wanted(options, exclusive))
    assert host.snapshot() == before
    done = run(host, options, exclusive=exclusive, apply="reload")
    assert {name: look[name] for name in ("action", "pending", "changed", "changed_options")} == {
        name: done[name] for name in ("action", "pending", "changed", "changed_options")
    }
    assert look["problems"] == []
    whole = run(host, options, exclusive=exclusive, apply="restart")
    if not done["changed"]:
        assert {name: look[name] for name in ("before", "after")} == whole["diff"]


def test_a_pending_restart_is_told_with_what_it_will_bring(host: Machine) -> None:
    look = observe.daemon(host, wanted({"log-driver": "journald"}))
    assert (look["action"], look["pending"], look["changed"]) == ("restart", True, False)
    assert look["before"] == {"(engine)": "has not read log-driver", "log-driver": "json-file"}
    assert look["after"] == {"(engine)": rollout.RUNS, "log-driver": "journald"}


def test_a_bare_host_will_have_the_file_and_no_engine_to_read_it(empty: Machine) -> None:
    look = observe.daemon(empty, wanted({"icc": False}, exclusive=True))
    assert look == {
        "action": "nothing",
        "pending": False,
        "changed": True,
        "changed_options": [],
        "before": {},
        "after": {"icc": False},
        "problems": [],
    }


def test_an_engine_that_is_stopped_will_be_started(host: Machine) -> None:
    host.stop()
    look = observe.daemon(host, wanted({"log-driver": "json-file"}))
    assert (look["action"], look["pending"], look["changed"]) == ("restart", False, True)


def test_options_that_are_refused_are_problems(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    look = observe.daemon(host, wanted({"live-restore": True}))
    assert look["action"] is None and not look["changed"] and "live-restore" in look["problems"][0]
    host.refused = "no such driver"
    assert "dockerd refuses them: no such driver" in observe.daemon(host, wanted({"debug": True}))["problems"][0]
    monkeypatch.setattr(rollout.os, "geteuid", lambda: 1000)
    assert "it requires root" in observe.daemon(host, wanted({}))["problems"][0]


def test_secrets_among_the_options_are_not_told(host: Machine, tmp_path: Path) -> None:
    look = observe.daemon(host, wanted({"log-driver": "splunk", "log-opts": {"splunk-token": "secret0815"}}))
    assert "secret0815" not in str(look)


@pytest.mark.parametrize(
    ("image", "listed"),
    [
        ("nginx", "nginx:latest"),
        ("docker.io/library/alpine:3.20", "alpine:3.20"),
        ("index.docker.io/shop/web", "shop/web:latest"),
        ("docker.io/alpine", "alpine:latest"),
        ("127.0.0.1:5000/shop/web", "127.0.0.1:5000/shop/web:latest"),
        ("127.0.0.1:5000/library/web:1", "127.0.0.1:5000/library/web:1"),
        ("shop/web:1", "shop/web:1"),
    ],
)
def test_an_image_is_found_by_every_name_that_it_has(image: str, listed: str) -> None:
    assert observe.familiar(image) == listed
