# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What daemon_config has the engine read, and the way back."""

from __future__ import annotations

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core import client
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineMissing, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import DROP_IN
from ansible_collections.apiary.swarm.tests.unit.fake_host import CONFIG, Machine, result, run, twice, without_diff


# -- reading
def test_reload_is_done(host: Machine) -> None:
    assert without_diff(twice(host, {"labels": ["a=b"]}, apply="reload")) == result(True, "reload", False, "labels")
    assert host.running == {"labels": ["a=b"], "log-driver": "json-file"}


def test_reload_that_does_not_suffice_writes_nothing(host: Machine) -> None:
    before = host.snapshot()
    real = twice(host, {"labels": ["a=b"], "log-driver": "local"}, apply="reload")
    assert without_diff(real) == result(False, "restart", True, "labels", "log-driver") and host.snapshot() == before


def test_written_only_is_pending_until_it_is_read(host: Machine) -> None:
    assert without_diff(twice(host, {"labels": ["a=b"]})) == result(True, "reload", True, "labels")
    assert without_diff(run(host, {"debug": True})) == result(True, "reload", True, "debug", "labels")
    assert without_diff(run(host, {"debug": True}, apply="reload")) == result(True, "reload", False, "debug", "labels")
    assert without_diff(run(host, {"debug": True})) == result(False, "nothing", False)


def test_restart_is_done(host: Machine) -> None:
    real = twice(host, {"log-driver": "local"}, apply="restart")
    assert without_diff(real) == result(True, "restart", False, "log-driver") and host.running == {"log-driver": "local"}
    assert real["diff"]["before"]["(engine)"] == "has not read log-driver"


def test_restart_only_where_reload_does_not_suffice(host: Machine) -> None:
    run(host, {"debug": True}, apply="restart")
    assert host.running == {"debug": True, "log-driver": "json-file"} and "systemctl restart docker.service" not in host.commands


def test_run_that_was_killed_before_the_restart_is_completed(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_anew: bool) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(host, "restart", killed)
        with pytest.raises(KeyboardInterrupt):
            run(host, {"log-driver": "local"}, apply="restart")
    assert host.options() == {"log-driver": "local"} and host.running == {"log-driver": "json-file"}
    assert without_diff(twice(host, {"log-driver": "local"}, apply="restart")) == result(True, "restart", False, "log-driver")


def test_engine_that_others_restarted_has_read_the_file(host: Machine) -> None:
    run(host, {"log-driver": "local"})
    host.start()
    assert without_diff(twice(host, {"log-driver": "local"}, apply="reload")) == result(False, "nothing", False)


def test_record_of_an_engine_that_was_restarted_since_does_not_count(host: Machine) -> None:
    run(host, {"debug": True}, apply="reload")
    host.put(CONFIG, '{"log-driver": "local"}')
    host.start()
    assert without_diff(run(host, {"debug": True}, apply="reload")) == result(True, "reload", False, "debug")
    assert host.running == {"debug": True, "log-driver": "local"}


def test_file_that_is_newer_than_an_engine_never_noted_needs_a_restart(host: Machine) -> None:
    host.put(CONFIG, '{"log-driver": "json-file", "mtu": 1400}')
    assert without_diff(twice(host, {"mtu": 1400}, apply="reload")) == result(False, "restart", True, "log-driver", "mtu")


def test_no_file_and_no_record_are_no_options(host: Machine) -> None:
    host.put(CONFIG, None)
    assert without_diff(run(host, {}, apply="reload")) == result(False, "nothing", False)


def test_renewed_certificate_needs_a_restart(host: Machine) -> None:
    for name in ("ca", "cert", "key"):
        host.put(f"/{name}.pem", "old")
    options = {"tlsverify": True, "tlscacert": "/ca.pem", "tlscert": "/cert.pem", "tlskey": "/key.pem"}
    run(host, options, apply="restart")
    host.put("/cert.pem", "new")
    assert without_diff(twice(host, options, apply="reload")) == result(False, "restart", True, "tlscert")
    assert without_diff(twice(host, options, apply="restart")) == result(True, "restart", False, "tlscert")


def test_an_engine_whose_program_was_replaced_restarts_where_that_is_asked_for(host: Machine) -> None:
    run(host, {"debug": True}, apply="restart")
    host.runs_program("/usr/bin/dockerd (deleted)")
    assert without_diff(run(host, {"debug": True}, apply="restart")) == result(False, "nothing", False)
    assert without_diff(twice(host, {"debug": True}, apply="reload", restart_replaced=True)) == result(False, "restart", True)
    real = twice(host, {"debug": True}, apply="restart", restart_replaced=True)
    assert without_diff(real) == result(True, "restart", False)
    assert real["diff"]["before"]["(engine)"] == "runs a program that was replaced since"


@pytest.mark.parametrize(
    ("apply", "action", "runs"), [("none", "nothing", False), ("reload", "restart", True), ("restart", "restart", True)]
)
def test_engine_that_does_not_run(host: Machine, apply: str, action: str, runs: bool) -> None:
    host.stop()
    assert without_diff(twice(host, {"log-driver": "local"}, apply=apply)) == result(True, action, False)
    assert (host.running is not None) == runs


def test_engine_that_does_not_run_is_started_also_without_a_change(host: Machine) -> None:
    host.stop()
    real = twice(host, {}, apply="restart")
    assert without_diff(real) == result(True, "restart", False)
    assert (real["diff"]["before"]["(engine)"], real["diff"]["after"]["(engine)"]) == ("is stopped", "runs with these options")


def test_reload_starts_an_engine_but_never_restarts_one(host: Machine) -> None:
    host.stop()
    run(host, {"log-driver": "local"}, apply="reload")
    assert host.running == {"log-driver": "local"}
    assert without_diff(run(host, {"log-driver": "journald"}, apply="reload")) == result(False, "restart", True, "log-driver")
    assert host.running == {"log-driver": "local"}


@pytest.mark.parametrize("check", [False, True])
def test_renewal_that_is_foretold_needs_a_restart(host: Machine, check: bool) -> None:
    options = {"tlscert": "/t/cert.pem", "tlskey": "/t/key.pem", "tlscacert": "/t/ca.pem", "tlsverify": True}
    for path in ("/t/cert.pem", "/t/key.pem", "/t/ca.pem"):
        host.put(path, "x")
    run(host, options, apply="restart")
    assert not run(host, options, check=check, apply="reload")["pending"]
    foretold = run(host, options, check=check, apply="reload", renewed=["tlscert"])
    assert without_diff(foretold) == result(False, "restart", True, "tlscert")


def test_a_data_root_that_nobody_names_is_not_left_behind(host: Machine) -> None:
    host.put("/etc/docker/daemon.json", '{"data-root": "/srv/docker"}')
    options = {"exclusive": True, "apply": "restart"}
    assert run(host, {"log-driver": "local"}, check=True, **options)["changed"], "there is no such folder"
    host.put("/srv/docker", "")
    for check in (True, False):
        with pytest.raises(SwarmError, match="^Could not take daemon option 'data-root' of host 'host1' out: .* behind in '/srv/docker'"):
            run(host, {"log-driver": "local"}, check=check, **options)
    assert host.options() == {"data-root": "/srv/docker"}
    for named in ("/srv/docker", "/var/lib/docker"):
        assert run(host, {"data-root": named}, check=True, **options)["changed_options"] is not None


def test_data_root_of_a_node_is_not_left_behind(host: Machine) -> None:
    before = host.snapshot()
    assert run(host, {"data-root": "/data"}, check=True, apply="restart")["changed"]
    host.put("/var/lib/docker/swarm/docker-state.json", "{}")
    with pytest.raises(SwarmError, match="Could not set daemon option 'data-root' of host 'host1' to '/data': this host is a node"):
        run(host, {"data-root": "/data"}, apply="restart")
    assert host.options() == {"log-driver": "json-file"} and len(host.snapshot()) == len(before) + 1
    host.put("/data/swarm/docker-state.json", "{}")
    assert run(host, {"data-root": "/data"}, apply="restart")["changed"]


def test_process_of_another_kind_is_no_engine(host: Machine) -> None:
    host.put("/proc/7/comm", "bash\n")
    assert without_diff(run(host, {"log-driver": "local"}, apply="none")) == result(True, "nothing", False)


def test_engine_that_is_just_starting_is_waited_for(host: Machine) -> None:
    host.state = "start"
    with pytest.raises(SwarmError, match="^Could not see the engine of 'host1' settled within 5 s: its state is start. Check 'journalctl"):
        run(host, {"debug": True}, apply="reload")
    assert run(host, {"debug": True})["pending"]


def test_engine_that_dies_again_and_again_is_not_waited_for(host: Machine) -> None:
    host.stop()
    host.state = "auto-restart"
    assert run(host, {"log-driver": "local"}, apply="restart")["action"] == "restart"


def test_engine_without_a_unit_is_not_restarted(host: Machine) -> None:
    host.put("/usr/lib/systemd/system/docker.service", None)
    before = host.snapshot()
    with pytest.raises(SwarmError, match="^Could not restart the engine of 'host1': there is no unit docker.service"):
        run(host, {"log-driver": "local"}, apply="restart")
    assert host.snapshot() == before


def test_sdk_is_needed_only_where_the_engine_is_asked(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Client:
        raise EngineMissing("Could not connect to the Docker Engine: the SDK is missing.", sdk=False)

    monkeypatch.setattr(client, "HAS_SDK", False)
    host.connect = missing
    before = host.snapshot()
    for options in ({"debug": True}, {"log-driver": "local"}):
        with pytest.raises(SwarmError, match="the SDK is missing"):
            run(host, options, apply="restart")
    assert host.snapshot() == before
    assert run(host, {"log-driver": "local"})["pending"]


# -- the drop-in
HOSTS = {"hosts": ["fd://", "tcp://127.0.0.1:2375"]}


def test_hosts_come_with_a_drop_in_and_go_with_it(host: Machine) -> None:
    real = twice(host, HOSTS, apply="restart")
    assert without_diff(real) == result(True, "restart", False, "hosts")
    assert "-H" not in host.command_line
    assert real["diff"]["before"]["(drop-in)"] == [] and "ExecStart=" in real["diff"]["after"]["(drop-in)"]
    assert without_diff(twice(host, {"hosts": None}, apply="restart")) == result(True, "restart", False, "hosts")
    assert host.read(DROP_IN) is None and "-H fd://" in host.command_line


def test_sockets_are_made_anew_with_other_hosts_only(host: Machine) -> None:
    run(host, {"log-driver": "local"}, apply="restart")
    assert "systemctl stop docker.socket docker.service" not in host.commands
    run(host, HOSTS, apply="restart")
    assert host.commands.index("systemctl stop docker.socket docker.service") < host.commands.index("systemctl restart docker.service", 5)


def test_drop_in_that_is_missing_is_seen(host: Machine) -> None:
    run(host, HOSTS, apply="restart")
    host.put(DROP_IN, None)
    real = twice(host, HOSTS)
    assert real["changed"] and host.read(DROP_IN) and real["action"] == "nothing"


def test_drop_in_of_the_administrator_is_enough(host: Machine) -> None:
    host.put("/etc/systemd/system/docker.service.d/override.conf", "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd\n")
    twice(host, HOSTS)
    assert host.read(DROP_IN) is None


def test_order_of_writing_leaves_an_engine_that_starts(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, bool]] = []
    real = host.replace

    def replace(path: str, content: str | None, mode: int, folder_mode: int = 0o755) -> None:
        real(path, content, mode, folder_mode)
        seen.append(("hosts" in (host.options() or {}), host.read(DROP_IN) is not None))

    monkeypatch.setattr(host, "replace", replace)
    run(host, HOSTS)
    run(host, {"hosts": None})
    assert (True, False) not in seen and (True, True) in seen and seen[-1] == (False, False)


# -- the way back
def test_engine_that_does_not_start_gets_the_old_options_back(host: Machine) -> None:
    host.dies_of = "storage-driver"
    before, options = host.options(), {"storage-driver": "x", "proxies": {"http-proxy": "http://joe:secret0815@x"}}
    with pytest.raises(SwarmError) as caught:
        run(host, options, apply="restart")
    assert str(caught.value) == (
        "Could not apply the daemon options of 'host1' (proxies, storage-driver): the engine did not start: "
        "failed to start daemon: no storage-driver secret0815. "
        "The old options were restored and the engine runs with them; correct proxies, storage-driver and run the task again."
    )
    assert host.options() == before == host.running
    restarts = [command for command in host.commands if "reset-failed" in command or "restart" in command]
    assert restarts == ["systemctl reset-failed docker.service docker.socket", "systemctl restart docker.service"] * 2
    assert without_diff(run(host, {}, apply="reload")) == result(False, "nothing", False)


def test_drop_in_comes_back_too(host: Machine) -> None:
    run(host, HOSTS, apply="restart")
    text = host.read(DROP_IN)
    host.dies_of = "storage-driver"
    with pytest.raises(SwarmError, match=r"\(hosts, storage-driver\): the engine did not start"):
        run(host, {"hosts": None, "storage-driver": "x"}, apply="restart")
    assert host.read(DROP_IN) == text and host.running == {**HOSTS, "log-driver": "json-file"}
    host.dies_of = ""
    run(host, {"hosts": None}, apply="restart")
    host.dies_of = "storage-driver"
    with pytest.raises(SwarmError):
        run(host, {**HOSTS, "storage-driver": "x"}, apply="restart")
    assert host.read(DROP_IN) is None and host.running == {"log-driver": "json-file"}


def test_what_comes_back_is_what_the_engine_ran_with_and_not_what_a_killed_run_left(host: Machine) -> None:
    host.dies_of = "storage-driver"
    run(host, {"storage-driver": "x"})
    with pytest.raises(SwarmError, match="The old options were restored and the engine runs with them"):
        run(host, {"storage-driver": "x"}, apply="restart")
    assert host.options() == {"log-driver": "json-file"} == host.running


def test_first_start_that_fails_leaves_no_file(empty: Machine) -> None:
    empty.install()
    empty.dies_of = "storage-driver"
    with pytest.raises(
        SwarmError, match="There was no earlier file, so the new one was removed and the engine runs with none; correct storage-d"
    ):
        run(empty, {"storage-driver": "x"}, apply="restart")
    assert empty.options() is None and empty.running == {}


def test_engine_that_starts_with_neither_is_told(host: Machine) -> None:
    host.dies_of = "log-driver"
    with pytest.raises(
        SwarmError, match="The old options were restored, but the engine does not start with them either: failed to start.*journalctl"
    ):
        run(host, {"mtu": 1400}, apply="restart")
    assert host.options() == {"log-driver": "json-file"} and host.running is None


def test_engine_that_does_not_start_by_itself_has_nothing_to_go_back_to(host: Machine) -> None:
    host.stop()
    host.dies_of = "log-driver"
    with pytest.raises(SwarmError, match="^Could not start the engine of 'host1': failed to start daemon.* There are no earlier options"):
        run(host, {}, apply="restart")


def test_reload_that_fails_gets_the_old_options_back(host: Machine) -> None:
    host.deaf_to = "default-runtime"
    with pytest.raises(
        SwarmError, match=r"\(default-runtime\): the engine rejected them: no default-runtime. The old options were restored"
    ):
        run(host, {"default-runtime": "x"}, apply="reload")
    assert host.options() == {"log-driver": "json-file"} == host.running
    assert without_diff(run(host, {}, apply="reload")) == result(False, "nothing", False)


def test_reload_that_nobody_sees_fails_in_time(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "send", lambda pid, number: None)
    with pytest.raises(SwarmError, match="rejected them: Could not see the options read within 5 s"):
        run(host, {"debug": True}, apply="reload")
    assert host.options() == {"log-driver": "json-file"}


MEMBER = "swarm/docker-state.json"


@pytest.mark.parametrize("inside", ["", "231072.231072/"])
def test_user_namespaces_do_not_take_a_node_out_of_its_swarm(host: Machine, inside: str) -> None:
    host.put(f"/var/lib/docker/{inside}{MEMBER}", "{}")
    with pytest.raises(SwarmError, match="^Could not set daemon option 'userns-remap' of host 'host1' to 'default': .* as nobody. Have"):
        run(host, {"userns-remap": "default"}, apply="restart")


@pytest.mark.parametrize("content", [None, "{ broken", '{"data-root": "/mnt/new"}'])
def test_the_root_that_an_engine_runs_with_is_kept_whatever_has_become_of_the_file(host: Machine, content: str | None) -> None:
    run(host, {"data-root": "/srv/docker", "debug": True}, apply="restart")
    host.put(f"/srv/docker/{MEMBER}", "{}")
    host.put("/etc/docker/daemon.json", content)
    with pytest.raises(SwarmError, match="^Could not set daemon option 'data-root' of host 'host1' to '.*': this host is a node of"):
        run(host, {"debug": True}, apply="restart", exclusive=content == "{ broken")
    run(host, {"data-root": "/srv/docker", "debug": True}, apply="restart", exclusive=True)
    assert host.options() == {"data-root": "/srv/docker", "debug": True}
