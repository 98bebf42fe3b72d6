# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker CLI and what it reads and talks to: Compose files in a private folder, its run, a server on a private unix socket."""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import json
import os
import pathlib
import re
import shutil
import socketserver
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Callable, Iterator

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import passes
from ansible_collections.apiary.swarm.plugins.module_utils._stack.redaction import redact
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import Request, as_value

# Folders in memory: what is written there never reaches a disk.
MEMORY_FOLDERS = ("/dev/shm", "/run")
# Our folders carry the number of their process.
ABANDONED = re.compile(r"apiary-(\d+)-")
# Seconds. The command does not wait for services, but it may ask a slow registry for the digest of each image.
SHORTEST_LIMIT = 300.0
# The CLI knows Docker Hub by this name.
DOCKER_HUB = "https://index.docker.io/v1/"
# What the CLI gets of this host's environment, and only where it has to ask the helpers that hold a user's logins. All else would end up
# in services that ask for it, and in those that give it as empty: who deploys must not matter.
HELPERS_NEED = ("PATH", "HOME")
NO_LEADER = "Run again when the managers have a leader and answer in time"
# Notices about what this collection does itself.
NOISE = (
    re.compile(r"^Since --detach=false was not specified"),
    re.compile(r"^In a future release, --detach=false will become the default"),
    re.compile(r"^(Creating|Updating) (network|service|secret|config) "),
    # Said of services that are updated alone; plan.warnings says it of all.
    re.compile(r"^image \S+ could not be accessed on a registry to record its digest"),
)
# The images role builds from these; a stack need not be warned of them.
BUILD = re.compile(r"^(Ignoring unsupported options: )(.*)$")
# One warning of the CLI is broken into lines.
BROKEN_LINE = re.compile(r"\n(?=its digest\. |possibly leading to |versions of the image\.)")


# -- Compose files
@dataclass(frozen=True)
class Sources:
    """What the CLI reads.

    :ivar paths: Compose files, merged from left to right.
    :ivar env: values for C(${NAME}) in them.
    :ivar folder: where carried files lie during the run; empty when there are none.
    :ivar shown: {path in the folder: path as the user wrote it}.
    """

    paths: list[str]
    env: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    shown: dict[str, str] = field(default_factory=dict)

    def as_the_user_knows_them(self, text: str) -> str:
        """Put the user's own paths into a message of the CLI."""
        for path, shown in self.shown.items():
            text = text.replace(path, shown)
        return text.replace(self.folder + "/", "") if self.folder else text


@contextlib.contextmanager
def prepare(request: Request) -> Iterator[Sources]:
    """Lay the files out for the CLI, in a folder that only this user can enter, and take them away again."""
    for path in request.files:
        require_readable(request.name, path)
    above = memory_folder() or tempfile.gettempdir()
    remove_abandoned(above)
    with tempfile.TemporaryDirectory(prefix=f"apiary-{os.getpid()}-", dir=above) as folder:  # made with mode 0700
        shown: dict[str, str] = {}
        for origin, name, content in request.packed + request.attached:
            shown[store(folder, name, base64.b64decode(content))] = origin
        paths = [os.path.abspath(path) for path in request.files]
        paths += [os.path.join(folder, name) for _origin, name, _content in request.packed]
        version = compose_version(paths[0]) if paths else ""
        for number, definition in enumerate(request.definitions):
            wanted = {"version": version, **definition} if version else definition
            text = json.dumps(wanted, ensure_ascii=False)
            paths.append(store(folder, f"definition-{number}.yml", text.encode()))
            shown[paths[-1]] = f"definitions[{number}]"
        env = {name: as_value(value) for name, value in request.env.items()}
        yield Sources(paths, env, folder, shown)


def require_readable(stack: str, path: str) -> None:
    """Fail with a sentence where a Compose file is not on this host."""
    if not os.path.isfile(path) or not os.access(path, os.R_OK):
        raise could_not(
            f"deploy stack '{stack}'",
            f"there is no file '{path}' on this host that can be read",
            "Correct files, or leave remote_src out if it is on the controller",
        )


def digest(files: list[str]) -> str:
    """Tells Compose files on this host from what becomes of them later: nobody else changes what the controller sends."""
    return hashlib.sha256(b"".join(pathlib.Path(path).read_bytes() for path in files)).hexdigest() if files else ""


def memory_folder() -> str | None:
    """A folder that is not on a disk, where there is one."""
    return next((path for path in MEMORY_FOLDERS if os.path.ismount(path) and os.access(path, os.W_OK | os.X_OK)), None)


def remove_abandoned(above: str) -> None:
    """Take away what killed runs of this user could not."""
    for path in glob.glob(os.path.join(glob.escape(above), "apiary-*")):
        match = ABANDONED.match(os.path.basename(path))
        if match and not lives(int(match.group(1))) and belongs_to_us(path):
            shutil.rmtree(path, ignore_errors=True)  # follows no link


def belongs_to_us(path: str) -> bool:
    """Whether it is this user's."""
    try:
        return os.lstat(path).st_uid == os.getuid()
    except OSError:  # another run took it away just now
        return False


def lives(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def store(folder: str, name: str, content: bytes) -> str:
    """Write one file for this user alone."""
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    return path


def compose_version(path: str) -> str:
    """The C(version:) of a Compose file: files that are merged must have the same, or none."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    try:
        return str(json.loads(text).get("version") or "")  # JSON is YAML, too
    except (ValueError, AttributeError):
        match = re.search(r"""^["']?version["']?\s*:\s*["']?([\d.]+)""", text, re.MULTILINE)
        return match.group(1) if match else ""


# -- the CLI
def find(stack: str) -> str:
    """The docker command's path."""
    found = shutil.which("docker")
    if found is None:
        raise could_not(
            f"deploy stack '{stack}'",
            "the docker command is missing on this host",
            "Install docker-cli (docker-ce-cli of Docker's own packages), or let the role apiary.swarm.engine do it",
        )
    return found


def deploy(handle: Callable[..., Any], request: Request, sources: Sources) -> list[str]:
    """Run C(docker stack deploy) once against a server of its own; what it said to a person.

    :param handle: answers its requests.
    :raises SwarmError: it failed, with its own words, or did not end in time.
    """
    command, arguments = find(request.name), ["stack", "deploy", "--resolve-image", request.resolve_image]
    if request.with_registry_auth or request.registry_logins:
        arguments.append("--with-registry-auth")
    for path in sources.paths:
        arguments += ["--compose-file", path]
    helpers = HELPERS_NEED if request.with_registry_auth and not request.registry_logins else ()
    timeout = max(SHORTEST_LIMIT, request.wait_timeout)
    with listen(handle) as address:
        try:
            done = subprocess.run(
                [command, "--host", address, "--config", config_folder(request.registry_logins, sources), *arguments, request.name],
                env={**{name: os.environ[name] for name in helpers if name in os.environ}, **sources.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise could_not(
                f"deploy stack '{request.name}'",
                f"the docker command did not finish within {timeout:g} s",
                "Check whether the engine and the registries of the images answer, or increase wait_timeout",
            ) from None
    said = redact(spoken(sources.as_the_user_knows_them(done.stderr.decode("utf-8", "replace"))), request.hidden)
    if done.returncode:
        cause = "; ".join(said).replace(":; * ", ": ") or f"docker stack deploy exited with code {done.returncode}"
        advice = "Correct the stack's definition, or its dependencies"
        raise could_not(f"deploy stack '{request.name}'", cause, NO_LEADER if passes(cause) else advice)
    return said


def config_folder(logins: list[dict[str, str]], sources: Sources) -> str:
    """Where the CLI finds its logins: this user's own folder, or one with those of the task."""
    if not logins:
        return os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    folder = tempfile.mkdtemp(dir=sources.folder)
    store(folder, "config.json", login_file(logins))
    return folder


def login_file(logins: list[dict[str, str]]) -> bytes:
    """What C(docker login) would write."""
    auths = {
        DOCKER_HUB if login["registry"] in ("docker.io", "index.docker.io") else login["registry"]: {
            "auth": base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
        }
        for login in logins
    }
    return json.dumps({"auths": auths}).encode()


def spoken(text: str) -> list[str]:
    """The lines of the CLI that a person should read, each once."""
    lines = []
    for line in BROKEN_LINE.sub(" ", text).splitlines():
        line = re.sub(r"^(Error response from daemon|error|ERROR): ", "", line.strip())
        build = BUILD.match(line)
        if build:
            others = [name for name in build.group(2).split(", ") if name != "build"]
            line = build.group(1) + ", ".join(others) if others else ""
        if line and line not in lines and not any(pattern.search(line) for pattern in NOISE):
            lines.append(line)
    return lines


# -- the socket
class Handler(BaseHTTPRequestHandler):
    """Reads one request, asks the server's C(answer), writes the reply."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one piece

    def log_message(self, format: str, *args: Any) -> None:  # pylint: disable=redefined-builtin
        """Say nothing."""

    def _request_body(self) -> bytes | None:
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return body

    def _serve(self) -> None:
        answer = self.server.answer  # type: ignore[attr-defined]  # the attribute is our own Server's
        status, headers, body = answer(self.command, self.path, dict(self.headers.items()), self._request_body())
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "content-encoding", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The CLI may keep several connections open."""

    daemon_threads = True


@contextlib.contextmanager
def listen(answer: Callable[..., Any]) -> Iterator[str]:
    """Serve on a socket that only this user can reach; yields its address.

    The folder is not Ansible's: a socket's path must stay below 108 characters.
    """
    with tempfile.TemporaryDirectory(prefix="apiary-", dir="/tmp") as folder:  # made with mode 0700
        path = os.path.join(folder, "s")
        server = Server(path, Handler)
        server.answer = answer  # type: ignore[attr-defined]  # set here, read by the handler
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            server.server_close()
