# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core import client as docker_client
from ansible_collections.apiary.swarm.plugins.module_utils._core import converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, EngineMissing, SwarmConflict, SwarmError

PURGED, INSTALLED = None, "/usr/bin/dockerd"


def engine_fails(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """The SDK's client wraps what it met as the real one does: as the argument of an argument, and as the context."""

    class Wrapped(Exception):
        pass

    class Sdk:
        class errors:
            DockerException = Wrapped

        @staticmethod
        def APIClient(**_options: Any) -> None:
            try:
                raise ConnectionError(Exception("Connection aborted.", error))
            except ConnectionError as met:
                raise Wrapped(f"Error while fetching server API version: {met}")  # noqa: B904  # without "from", as the SDK does it

    monkeypatch.setattr(docker_client, "HAS_SDK", True)
    monkeypatch.setitem(sys.modules, "docker", Sdk)
    monkeypatch.setitem(sys.modules, "requests", Sdk)


@pytest.mark.parametrize(
    ("error", "daemon", "kind", "words"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied"),
            INSTALLED,
            SwarmError,
            r"permission denied. Run the task as root \(become: true\).",
        ),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), INSTALLED, SwarmError, "nothing listens there. Start the engine"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), PURGED, EngineMissing, "no engine behind this socket"),
        (TimeoutError("timed out"), INSTALLED, SwarmError, "no answer within 60 s. Check the engine's log"),
        (ValueError("rubbish"), INSTALLED, SwarmError, "rubbish.*Check the engine's log"),
    ],
)
def test_only_a_missing_engine_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, daemon: str | None, kind: type, words: str
) -> None:
    (tmp_path / "docker.sock").touch()
    engine_fails(monkeypatch, error)
    monkeypatch.setattr(docker_client.shutil, "which", lambda name, path: daemon)
    with pytest.raises(SwarmError, match=f"^Could not connect to the Docker Engine at 'unix://.*': .*{words}") as caught:
        docker_client.connect({"docker_host": f"unix://{tmp_path}/docker.sock", "timeout": 60})
    assert isinstance(caught.value, EngineMissing) == (kind is EngineMissing)


def test_no_socket_is_a_missing_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine_fails(monkeypatch, FileNotFoundError(errno.ENOENT, "No such file or directory"))
    with pytest.raises(EngineMissing, match="there is no such socket. Install and start the engine") as caught:
        docker_client.connect({"docker_host": f"unix://{tmp_path}/docker.sock", "timeout": 60})
    assert caught.value.sdk
    with pytest.raises(SwarmError) as remote:
        docker_client.connect({"docker_host": "tcp://10.0.0.1:2375", "timeout": 60})
    assert not isinstance(remote.value, EngineMissing)


class Ended(Exception):
    """The module has ended."""


class Module:
    """As much of AnsibleModule as C(execute) uses."""

    params = {"docker_host": "unix:///nowhere/docker.sock", "timeout": 60}
    _diff = False

    def __init__(self, check_mode: bool) -> None:
        self.check_mode = check_mode

    def fail_json(self, msg: str) -> None:
        raise Ended(msg)

    def exit_json(self, **result: Any) -> None:
        raise Ended(f"done {result['state']}")


@pytest.mark.parametrize(("check", "without_engine"), [(True, False), (False, True), (False, False)])
@pytest.mark.parametrize("sdk", [True, False])
def test_bare_host_is_no_error_in_check_mode_or_where_it_may_be(
    monkeypatch: pytest.MonkeyPatch, check: bool, without_engine: bool, sdk: bool
) -> None:
    engine_fails(monkeypatch, FileNotFoundError(errno.ENOENT, "No such file or directory"))
    monkeypatch.setattr(docker_client, "HAS_SDK", sdk)

    def run(_params: Any, client: Any, _converge: Any) -> dict[str, Any]:
        assert client.info()["HasSdk"] is sdk
        return {"state": client.info()["Swarm"]["LocalNodeState"]}

    with pytest.raises(Ended) as caught:
        converge.execute(Module(check), run, without_engine)
    if check or without_engine:
        assert str(caught.value) == "done inactive"
    else:
        assert ("no such socket" if sdk else "Install python3-docker") in str(caught.value)
        assert sdk or "start the engine" not in str(caught.value).lower()


@pytest.mark.parametrize("without_engine", [True, False])
def test_engine_that_may_not_be_asked_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, without_engine: bool) -> None:
    (tmp_path / "docker.sock").touch()
    engine_fails(monkeypatch, PermissionError(errno.EACCES, "Permission denied"))
    monkeypatch.setattr(Module, "params", {"docker_host": f"unix://{tmp_path}/docker.sock", "timeout": 60})
    with pytest.raises(Ended, match="permission denied"):
        converge.execute(Module(True), lambda *_all: {"state": "x"}, without_engine)


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        ("nodes", 503, "Could not list the nodes: no leader (the Docker Engine answered 503). Run the task on a manager in control"),
        ("nodes", 500, "Could not list the nodes: no leader (the Docker Engine answered 500). Check the engine's log on this host."),
        (
            "swarm_leave",
            503,
            "Could not leave the swarm: no leader (the Docker Engine answered 503). Check the engine's log on this host.",
        ),
    ],
)
def test_error_of_the_engine_says_what_to_do(call: str, status: int, words: str) -> None:
    client = docker_client.Client(lambda *_all: (status, {}, json.dumps({"message": "no leader."}).encode()))
    with pytest.raises(EngineError) as caught:
        getattr(client, call)()
    assert str(caught.value).startswith(words) and str(caught.value).endswith(".")


def test_conflict_says_what_to_do() -> None:
    assert str(SwarmConflict("update node 'a'", 500, "update out of sequence")).endswith(
        "Run the task again when nobody else changes the swarm."
    )


def answering(path: Path, *answers: bytes) -> list[bytes]:
    """A local socket behind which each request gets the next answer; the requests."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    asked: list[bytes] = []

    def serve() -> None:
        for answer in answers:
            connection = listener.accept()[0]
            asked.append(connection.recv(65536))
            connection.sendall(answer)
            connection.close()
        listener.close()

    threading.Thread(target=serve, daemon=True).start()
    return asked


PONG = b"HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nContent-Length: 2\r\n\r\nOK"
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n[{"a"\r\n5\r\n: 1}]\r\n0\r\n\r\n'


def test_a_local_engine_is_read_without_the_sdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(docker_client, "HAS_SDK", False)
    refused = b'HTTP/1.1 503 Unavailable\r\nContent-Length: 26\r\n\r\n{"message": "no leader..."}'[:-1]
    asked = answering(tmp_path / "s", PONG, CHUNKED, b'HTTP/1.1 200 OK\r\n\r\n{"to": "the end"}', refused)
    client = docker_client.connect_for_reading({"docker_host": f"unix://{tmp_path}/s", "timeout": 5})
    assert client.api_version == "1.47"
    assert client.nodes() == [{"a": 1}] and client.info() == {"to": "the end"}
    with pytest.raises(EngineError, match="no leader"):
        client.nodes()
    assert [one.split(b" HTTP")[0] for one in asked] == [b"GET /_ping", b"GET /v1.47/nodes", b"GET /v1.47/info", b"GET /v1.47/nodes"]


@pytest.mark.parametrize(
    "answer",
    [b"", b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nApi-V", PONG[:-1], CHUNKED[:-12], CHUNKED[:-20], b"HTTP/1.1 x y\r\n\r\n"],
)
def test_an_answer_that_is_cut_off_is_none(tmp_path: Path, answer: bytes) -> None:
    answering(tmp_path / "s", answer)
    with pytest.raises(
        SwarmError, match="^Could not connect to the Docker Engine at 'unix://.*': .*Check the engine's log on its host"
    ) as caught:
        docker_client.connect_for_reading({"docker_host": f"unix://{tmp_path}/s", "timeout": 5})
    assert not isinstance(caught.value, EngineMissing)


def test_an_engine_that_does_not_answer_in_time_is_there(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        with pytest.raises(SwarmError, match="no answer within 0.05 s") as caught:
            docker_client.connect_for_reading({"docker_host": f"unix://{tmp_path}/s", "timeout": 0.05})
    assert not isinstance(caught.value, EngineMissing)


def test_reading_finds_a_missing_engine_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match="there is no such socket"):
        docker_client.connect_for_reading({"docker_host": f"unix://{tmp_path}/s", "timeout": 5})
    monkeypatch.setattr(docker_client, "HAS_SDK", False)
    with pytest.raises(EngineMissing, match="SDK for Python is missing"):
        docker_client.connect_for_reading({"docker_host": "tcp://10.0.0.1:2375", "timeout": 5})
