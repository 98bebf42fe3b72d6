# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that talks to Docker: connection options and the API's words that this collection uses.

Paths, bodies and answers are those of the Docker Engine API (https://docs.docker.com/reference/api/engine/).
Every word raises L{EngineError} when the Engine refuses and L{SwarmConflict} when the object's version is old.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import time
from importlib.util import find_spec
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import (
    EngineError,
    EngineMissing,
    SwarmConflict,
    SwarmError,
    could_not,
)

# Importing it costs more than most modules' whole work, so that is left to who connects with it.
HAS_SDK = find_spec("docker") is not None and find_spec("requests") is not None

# Where an engine's daemon is, also for a user whose PATH does not tell.
DAEMON_PATH = "/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin:/snap/bin"

CONNECTION_OPTIONS: dict[str, dict[str, Any]] = {
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "timeout": {"type": "int", "default": 60},
}

# What the Engine of any host answers; everything else is a manager's business.
OWN_PATHS = ("/info", "/swarm/init", "/swarm/join", "/swarm/leave", "/swarm/unlock")
ASK_A_MANAGER = "Run the task on a manager in control of the swarm, or bring the managers back until a majority runs"

# (method, path with API version, headers, body) -> (status, headers, body); the body is bytes both ways.
Transport = Callable[[str, str, "dict[str, str]", "bytes | None"], "tuple[int, dict[str, str], bytes]"]


class Client:
    """The words of one Engine, over a transport.

    :param transport: sends one request and returns (status, headers, body).
    :param api_version: the negotiated version, e.g. C(1.45).
    """

    def __init__(self, transport: Transport, api_version: str = "1.41") -> None:
        self.raw = transport
        self.api_version = api_version

    def call(
        self,
        verb: str,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Send one request; the answer's JSON (None where there is none). C(verb) opens the error sentence."""
        data = None if body is None else json.dumps(body).encode()
        headers = {**({} if body is None else {"Content-Type": "application/json"}), **(headers or {})}
        status, _headers, answer = self.raw(method, f"/v{self.api_version}{path}{encode_query(query)}", headers, data)
        if status < 300:
            return json.loads(answer) if answer.strip() else None
        message = error_message(answer)
        if "update out of sequence" in message:
            raise SwarmConflict(verb, status, message)
        raise EngineError(verb, status, message, ASK_A_MANAGER if status == 503 and path not in OWN_PATHS else None)

    # -- this host
    def info(self) -> dict[str, Any]:
        """GET /info: C(Swarm.LocalNodeState) is inactive, pending, active, error or locked."""
        return self.call("read the state of the engine", "GET", "/info")

    def events(self, since: float, filters: dict[str, Any]) -> list[dict[str, Any]]:
        """GET /events from then to now; the Engine keeps the last 256."""
        query = {"since": f"{since:.9f}", "until": f"{time.time():.9f}", "filters": filters}
        status, _headers, answer = self.raw("GET", f"/v{self.api_version}/events{encode_query(query)}", {}, None)
        if status >= 300:
            raise EngineError("read the events of the engine", status, error_message(answer))
        return [json.loads(line) for line in answer.splitlines() if line.strip()]

    def swarm_init(self, body: dict[str, Any]) -> str:
        """POST /swarm/init: the new node's ID."""
        return self.call("initialise the swarm", "POST", "/swarm/init", body=body)

    def swarm_join(self, body: dict[str, Any]) -> None:
        """POST /swarm/join. Only the first of C(RemoteAddrs) is used by the Engine."""
        self.call("join the swarm", "POST", "/swarm/join", body=body)

    def swarm_leave(self, force: bool = False) -> None:
        """POST /swarm/leave."""
        self.call("leave the swarm", "POST", "/swarm/leave", {"force": "true" if force else "false"})

    def swarm_unlock(self, key: str) -> None:
        """POST /swarm/unlock, on a manager that is locked."""
        self.call("unlock the manager", "POST", "/swarm/unlock", body={"UnlockKey": key})

    def images(self) -> list[dict[str, Any]]:
        """GET /images/json."""
        return self.call("list the images", "GET", "/images/json")

    # -- the cluster; managers only
    def swarm(self) -> dict[str, Any]:
        """GET /swarm: ID, Version, Spec and JoinTokens."""
        return self.call("read the swarm", "GET", "/swarm")

    def swarm_unlock_key(self) -> str:
        """GET /swarm/unlockkey: the key; empty where the swarm does not lock its managers."""
        return self.call("read the unlock key of the swarm", "GET", "/swarm/unlockkey")["UnlockKey"]

    def swarm_update(self, version: int, spec: dict[str, Any]) -> None:
        """POST /swarm/update: replaces the whole spec."""
        self.call("update the swarm", "POST", "/swarm/update", {"version": version}, spec)

    def nodes(self) -> list[dict[str, Any]]:
        """GET /nodes."""
        return self.call("list the nodes", "GET", "/nodes")

    def node_update(self, node_id: str, version: int, spec: dict[str, Any]) -> None:
        """POST /nodes/{id}/update: replaces the whole spec (Name, Labels, Role, Availability)."""
        self.call(f"update node '{node_id}'", "POST", f"/nodes/{node_id}/update", {"version": version}, spec)

    def node_remove(self, node_id: str, force: bool = False) -> None:
        """DELETE /nodes/{id}."""
        self.call(f"remove node '{node_id}'", "DELETE", f"/nodes/{node_id}", {"force": "true" if force else "false"})

    def services(self, filters: dict[str, Any] | None = None, status: bool = False) -> list[dict[str, Any]]:
        """GET /services; with C(status) each has ServiceStatus (RunningTasks, DesiredTasks)."""
        query: dict[str, Any] = {"filters": filters} if filters else {}
        return self.call("list the services", "GET", "/services", {**query, **({"status": "true"} if status else {})})

    def tasks(self, filters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """GET /tasks."""
        return self.call("list the tasks", "GET", "/tasks", {"filters": filters} if filters else None)


def encode_query(query: dict[str, Any] | None) -> str:
    """C(?a=b); a dict or list (filters) becomes JSON, in the {name: {value: true}} form that every API version takes."""
    if not query:
        return ""
    from urllib.parse import urlencode

    return "?" + urlencode({k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in query.items()})


def error_message(answer: bytes) -> str:
    """The Engine's own words from an error body, without gRPC's wrapping."""
    try:
        message = str(json.loads(answer)["message"])
    except (ValueError, KeyError, TypeError):
        message = answer.decode("utf-8", "replace").strip() or "no reason given"
    return plain_error(message)


def plain_error(message: str) -> str:
    """The words of an error without gRPC's wrapping; what a code alone says stays (see wait.PASSING)."""
    codes = re.findall(r"rpc error: code = (Unavailable|DeadlineExceeded) desc = ", message)
    return re.sub(r"rpc error: code = \w+ desc = ", "", message) + (f" ({codes[0]})" if codes else "")


def sdk(params: dict[str, Any]) -> Any:
    """The Docker SDK's own client of the Engine of the connection options, C(docker.APIClient): for words whose answers come bit by bit.

    :raises EngineMissing: no SDK on this host, or no engine.
    :raises SwarmError: there is an engine, but no talking to it.
    """
    try:
        if not HAS_SDK:
            raise ImportError
        import docker
    except ImportError:
        raise EngineMissing(
            "Could not connect to the Docker Engine: the Docker SDK for Python is missing on this host. "
            "Install python3-docker, or let the role apiary.swarm.engine do it.",
            sdk=False,
        ) from None
    try:
        return docker.APIClient(base_url=params["docker_host"], version="auto", timeout=params["timeout"])
    except docker.errors.DockerException as error:
        raise connect_error(params["docker_host"], error, params["timeout"]) from error


def connect(params: dict[str, Any]) -> Client:
    """A client for the Engine of the connection options. Raises what C(sdk) raises."""
    api, host = sdk(params), params["docker_host"]
    import requests

    def transport(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        try:
            answer = api.request(method, api.base_url + path, headers=headers, data=body, timeout=params["timeout"])
        except requests.exceptions.RequestException as error:
            raise SwarmError(f"Could not connect to the Docker Engine at '{host}': {error}. Check the engine's log there.") from error
        return answer.status_code, dict(answer.headers), answer.content

    return Client(transport, api.api_version)


def connect_for_reading(params: dict[str, Any]) -> Client:
    """Like C(connect), and on the local socket without the SDK: for a look, which is quick and finds hosts that have none.

    :raises EngineMissing: no engine, or no SDK for an Engine that is not on a local socket.
    :raises SwarmError: there is an engine, but no talking to it.
    """
    host, timeout = params["docker_host"], params["timeout"]
    if not host.startswith("unix://"):
        return connect(params)
    path = socket_path(host)

    def transport(method: str, target: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        try:
            return socket_request(path, timeout, method, target, headers, body)
        except (OSError, ValueError) as error:
            raise connect_error(host, error, timeout) from error

    _status, answer, _body = transport("GET", "/_ping", {}, None)
    return Client(transport, answer.get("api-version", "1.41"))


def socket_path(host: str) -> str:
    """The path of C(unix://...)."""
    return "/" + host[len("unix://") :].lstrip("/")


def socket_request(
    path: str, timeout: float, method: str, target: str, headers: dict[str, str], body: bytes | None
) -> tuple[int, dict[str, str], bytes]:
    """One HTTP request over a local socket; the names of the answer's headers are in lower case.

    Python's http.client takes longer to import than an Engine to answer.

    :raises OSError: nobody answers, or not in time.
    :raises ValueError: the answer is truncated, or is not HTTP.
    """
    head = {"Host": "docker", "Connection": "close", **headers, **({"Content-Length": str(len(body))} if body is not None else {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        connection.sendall(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + (body or b""))
        with connection.makefile("rb") as answer:
            words = answer.readline().split(None, 2)
            if len(words) < 2:
                raise ValueError("the answer is not HTTP")
            status = int(words[1])
            found: dict[str, str] = {}
            for line in iter(answer.readline, b"\r\n"):
                if not line:
                    raise ValueError("the answer is truncated")
                name, _colon, value = line.decode("latin-1").partition(":")
                found[name.strip().lower()] = value.strip()
            if found.get("transfer-encoding") == "chunked":
                content = b"".join(iter(lambda: read_chunk(answer), b""))
            else:
                length = int(found.get("content-length", -1))
                content = answer.read(length)
                if len(content) < length:
                    raise ValueError("the answer is truncated")
    return status, found, content


def read_chunk(answer: Any) -> bytes:
    """The next piece of an answer in pieces; the last is empty."""
    length = int(answer.readline().split(b";")[0], 16)
    content = answer.read(length)
    if len(content) < length or not answer.readline().endswith(b"\n"):
        raise ValueError("the answer is truncated")
    return content


def connect_error(host: str, error: Exception, timeout: int) -> SwarmError:
    """What it means that an Engine could not be connected to."""
    action = f"connect to the Docker Engine at '{host}'"
    code = next((one.errno for one in error_chain(error) if isinstance(one, OSError) and one.errno), 0)
    if host.startswith("unix://"):
        path = socket_path(host)
        # Systemd leaves its socket behind when the engine's package is removed.
        left_behind = code == errno.ECONNREFUSED and not shutil.which("dockerd", path=DAEMON_PATH)
        if left_behind or no_such_file(path):
            cause = "there is no engine behind this socket" if left_behind else "there is no such socket"
            return EngineMissing(f"Could not {action}: {cause}. Install and start the engine, or correct docker_host.")
    if code in (errno.EACCES, errno.EPERM):
        return could_not(action, "permission denied", "Run the task as root (become: true)")
    if code == errno.ECONNREFUSED:
        return could_not(action, "nothing listens there", "Start the engine, or correct docker_host")
    if "timed out" in str(error) or code == errno.ETIMEDOUT:
        return could_not(action, f"no answer within {timeout} s", "Check the engine's log on its host, or increase timeout")
    return could_not(action, str(error), "Check the engine's log on its host, or correct docker_host")


def error_chain(error: BaseException | None) -> list[BaseException]:
    """An error and those that it came from; requests and urllib3 keep some of them as arguments."""
    chain: list[BaseException] = []
    todo = [error]
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and not any(one is known for known in chain):
            chain.append(one)
            todo += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return chain


def no_such_file(path: str) -> bool:
    """There is surely no such file; one that this user may not see may be there."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    return False


def no_engine(sdk: bool = True) -> Client:
    """Stands for a host without an engine: in no swarm, and nothing else can be asked.

    Check mode on a bare host and C(leave) on a purged one then go the ordinary way.

    :param sdk: it is the engine that is missing and not the SDK.
    """
    info = json.dumps({"ServerVersion": None, "HasSdk": sdk, "Swarm": {"LocalNodeState": "inactive", "ControlAvailable": False}})

    def transport(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        if method == "GET" and path.endswith("/info"):
            return 200, {}, info.encode()
        return 503, {}, b'{"message": "there is no Docker Engine on this host"}'

    return Client(transport)
