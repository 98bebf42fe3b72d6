# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker CLI, and the files that it reads on the manager."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
from pathlib import Path

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._stack import compose
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import Request


def test_carried_files_lie_where_only_this_user_can_read_and_are_gone_afterwards(tmp_path: Path) -> None:
    there = tmp_path / "compose.yml"
    there.write_text("version: '3.9'\n")
    packed = [["on/the/controller.yml", "0-controller.yml", base64.b64encode(b"version: 3.9").decode()]]
    attached = [["pw", "attached-0-pw", base64.b64encode(b"s\xff").decode()]]
    env, definitions = {"A": True, "B": None, "C": 1}, [{"services": {"ä": {}}}]
    request = Request("app", files=[str(there)], definitions=definitions, env=env, packed=packed, attached=attached)
    with compose.prepare(request) as laid_out:
        folder = Path(laid_out.folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "attached-0-pw").read_bytes() == b"s\xff"
        assert stat.S_IMODE((folder / "attached-0-pw").stat().st_mode) == 0o600
        assert [os.path.basename(path) for path in laid_out.paths] == ["compose.yml", "0-controller.yml", "definition-0.yml"]
        assert (folder / "definition-0.yml").read_text() == '{"version": "3.9", "services": {"ä": {}}}'
        assert laid_out.env == {"A": "true", "B": "", "C": "1"}
        reported = laid_out.as_the_user_knows_them(
            f"open {folder}/0-controller.yml: bad; {folder}/other: gone; definition {laid_out.paths[2]}"
        )
        assert reported == "open on/the/controller.yml: bad; other: gone; definition definitions[0]"
    assert not folder.exists()


def test_what_a_killed_run_left_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "memory_folder", lambda: str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    gone, running, foreign = (tmp_path / name for name in (f"apiary-{ended.pid}-x", f"apiary-{os.getpid()}-x", "apiary-other"))
    for folder in (gone, running, foreign):
        folder.mkdir()
        (folder / "attached-0-pw").write_text("s")
    (tmp_path / f"apiary-{ended.pid}-link").symlink_to(foreign)
    with compose.prepare(Request("app")) as laid_out:
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
    assert compose.spoken(text) == [
        "bad",
    ]


def test_a_variable_of_this_hosts_environment_is_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "docker"
    command.write_text("#!/bin/sh\necho A=$A B=$B C=$DOCKER_CONTEXT HOME=$HOME >&2\n")
    command.chmod(0o755)
    for name in ("A", "B", "DOCKER_CONTEXT"):
        monkeypatch.setenv(name, "of this host")
    monkeypatch.setenv("HOME", "/home")
    monkeypatch.setenv("PATH", str(tmp_path))
    laid_out = compose.Sources([], {"B": "given"})
    assert compose.deploy(lambda *_: (200, {}, b""), Request("app"), laid_out) == ["A= B=given C= HOME="]
    # The helpers of a user's own logins may need it.
    assert compose.deploy(lambda *_: (200, {}, b""), Request("app", with_registry_auth=True), laid_out) == ["A= B=given C= HOME=/home"]


def test_the_socket_and_the_logins_are_arguments_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "docker"
    command.write_text('#!/bin/sh\necho "$1 ${2%%:*} $3 $4 $DOCKER_HOST$DOCKER_CONFIG" >&2\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", "/mine")
    laid_out = compose.Sources([], folder=str(tmp_path))
    assert compose.deploy(lambda *_: (200, {}, b""), Request("app"), laid_out) == ["--host unix --config /mine"]
    login = {"registry": "r", "username": "u", "password": "p"}
    (said,) = compose.deploy(lambda *_: (200, {}, b""), Request("app", registry_logins=[login]), laid_out)
    assert said.startswith("--host unix --config tmp")  # in the folder, whose path is not shown


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("version: '3.8'\nservices: {}\n", "3.8"),
        ("services:\n  web:\n    version: 1\n", ""),
        ('"version" : 3.9\n', "3.9"),
        ('{"services": {"version": "1"}, "version": "3.8"}', "3.8"),
        ('{"services": {}}', ""),
        ("[]", ""),
        ("", ""),
    ],
)
def test_the_version_of_a_compose_file_is_found_in_yaml_and_json(tmp_path: Path, text: str, version: str) -> None:
    (tmp_path / "compose.yml").write_text(text)
    assert compose.compose_version(str(tmp_path / "compose.yml")) == version
