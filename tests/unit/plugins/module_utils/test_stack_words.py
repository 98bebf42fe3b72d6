# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words around a deployment: reasons, logs, files on the manager."""

from __future__ import annotations

import base64
import os
import stat
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import cli, reasons, sources
from ansible_collections.apiary.swarm.plugins.module_utils._stack.converge import of_the_last_update
from ansible_collections.apiary.swarm.plugins.module_utils._stack.recorder import Memory, Recorder
from ansible_collections.apiary.swarm.plugins.module_utils._stack.rules import Rules


def task(state: str, second: int, err: str = "", code: int = 0, slot: int = 1, **more: Any) -> dict[str, Any]:
    """A task of 2026-01-01 00:00, and so many seconds."""
    when = f"2026-01-01T00:00:{second:02}Z"
    status = {"State": state, "Err": err, "ContainerStatus": {"ExitCode": code, "ContainerID": "c"}}
    return {
        "ID": f"t{second}",
        "Slot": slot,
        "NodeID": "n",
        "DesiredState": "running",
        "UpdatedAt": when,
        "CreatedAt": when,
        "Status": status,
        **more,
    }


def test_reasons_come_newest_first_and_equal_ones_are_counted() -> None:
    tasks = [
        task("failed", 1, "exit (1)", 1),
        task("rejected", 5, "No such image: x"),
        task("failed", 9, "exit (1)", 1),
        task("running", 9),
    ]
    assert reasons.reasons("web", tasks, {"n": "node1"}, 0) == (
        "web.1 on node1: failed: exit (1) [2 times]; web.1 on node1: rejected: No such image: x"
    )


def test_an_exit_code_is_told_once() -> None:
    assert reasons.error_of(task("failed", 1, "task: non-zero exit (3)", 3)) == "task: non-zero exit (3)"
    assert reasons.error_of(task("failed", 1, "oom", 137)) == "oom (exit code 137)"


def test_without_errors_it_says_where_the_tasks_hang() -> None:
    now = 1767225660.0  # 2026-01-01 00:01
    assert reasons.reasons("web", [task("preparing", 10)], {}, now) == "web.1: preparing for 50 s"
    assert reasons.reasons("web", [task("running", 10)], {}, now) == "no task reports an error"


def test_failures_from_before_the_update_are_not_blamed_on_it() -> None:
    tasks = [task("failed", 1), task("failed", 8)]
    service = {"UpdateStatus": {"StartedAt": "2026-01-01T00:00:05.5Z"}}
    assert of_the_last_update(service, tasks) == tasks[1:]
    assert of_the_last_update({}, tasks) == tasks


def test_log_lines_come_out_of_their_frames_and_of_a_terminal() -> None:
    frames = b"".join(struct.pack(">BxxxI", 1 + n % 2, 5) + b"line%d" % n for n in range(3))
    assert reasons.log_text(frames.replace(b"line", b"lin\n")) == "lin | 0lin | 1lin | 2"
    assert reasons.log_text(b"one\r\n\r\ntwo\r\n") == "one | two"
    assert reasons.log_text(b"") == ""


def test_the_last_words_are_those_of_the_newest_failed_task_that_can_be_asked() -> None:
    asked: list[str] = []

    def transport(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        asked.append(path)
        return 200, {}, b"too bad\n"

    tasks = [task("failed", 3), task("failed", 5), task("failed", 9, NodeID="dead"), task("running", 9)]
    assert reasons.last_words(Client(transport), tasks, {"dead"}) == "too bad"
    assert len(asked) == 1
    assert "/tasks/t5/logs" in asked[0]

    def silent(*args: Any) -> tuple[int, dict[str, str], bytes]:
        raise SwarmError("the engine does not answer")

    assert reasons.last_words(Client(silent), tasks, set()) == ""


def test_carried_files_lie_where_only_this_user_can_read_and_are_gone_afterwards(tmp_path: Path) -> None:
    there = tmp_path / "compose.yml"
    there.write_text("version: '3.9'\n")
    bundle = {
        "files": [["on/the/controller.yml", "0-controller.yml", base64.b64encode(b"version: 3.9").decode()]],
        "attached": [["pw", "attached-0-pw", base64.b64encode(b"s\xff").decode()]],
    }
    with sources.prepare("app", [str(there)], [{"services": {"ä": {}}}], {"A": True, "B": None, "C": 1}, bundle) as laid_out:
        folder = Path(laid_out.folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "attached-0-pw").read_bytes() == b"s\xff"
        assert stat.S_IMODE((folder / "attached-0-pw").stat().st_mode) == 0o600
        assert [os.path.basename(path) for path in laid_out.paths] == ["compose.yml", "0-controller.yml", "definition-0.yml"]
        assert (folder / "definition-0.yml").read_text() == '{"version": "3.9", "services": {"ä": {}}}'
        assert laid_out.env == {"A": "true", "B": "", "C": "1"}
        told = laid_out.as_the_user_knows_them(f"open {folder}/0-controller.yml: bad; {folder}/other: gone; definition {laid_out.paths[2]}")
        assert told == "open on/the/controller.yml: bad; other: gone; definition definitions[0]"
    assert not folder.exists()


def test_what_a_killed_run_left_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "memory_folder", lambda: str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone, running, foreign = (tmp_path / name for name in (f"apiary-{ended.pid}-x", f"apiary-{os.getpid()}-x", "apiary-other"))
    for folder in (gone, running, foreign):
        folder.mkdir()
        (folder / "attached-0-pw").write_text("s")
    (tmp_path / f"apiary-{ended.pid}-link").symlink_to(foreign)
    with sources.prepare("app", [], [], {}, {}) as laid_out:
        assert Path(laid_out.folder).name.startswith(f"apiary-{os.getpid()}-")
    assert not gone.exists()
    assert (running / "attached-0-pw").exists()
    assert (foreign / "attached-0-pw").exists()


def test_notices_of_the_command_are_left_out_and_broken_warnings_made_whole() -> None:
    text = (
        "Since --detach=false was not specified, tasks will be created in the background.\n"
        "In a future release, --detach=false will become the default.\n"
        "image a could not be accessed on a registry to record\nits digest. Each node will access a independently,\n"
        "possibly leading to different nodes running different\nversions of the image.\n\n"
        "Error response from daemon: bad\n"
    )
    assert cli.spoken(text) == [
        "image a could not be accessed on a registry to record its digest. Each node will access a independently, "
        "possibly leading to different nodes running different versions of the image.",
        "bad",
    ]


def test_a_variable_of_this_hosts_environment_is_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "docker"
    command.write_text("#!/bin/sh\necho A=$A B=$B HOME=$HOME >&2\n")
    command.chmod(0o755)
    for name in ("A", "B"):
        monkeypatch.setenv(name, "of this host")
    monkeypatch.setenv("HOME", "/home")
    laid_out = sources.Sources([], {"B": "given"}, ["A", "HOME"])
    recorder = Recorder(Client(lambda *_: (200, {}, b"")), False, Memory(), Rules("app"))
    assert cli.deploy(str(command), recorder, "app", laid_out, cli.Flags()) == (0, ["A= B=given HOME=/home"])
