# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The docker CLI: find it, run C(docker stack deploy) against the recorder, read what it says."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from typing import Any, Sequence

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack.endpoint import listen
from ansible_collections.apiary.swarm.plugins.module_utils._stack.recorder import Recorder
from ansible_collections.apiary.swarm.plugins.module_utils._stack.sources import Sources, store

# Seconds. The command does not wait for services, but it may ask a slow registry for the digest of each image.
SHORTEST_LIMIT = 300.0
# The CLI knows Docker Hub by this name.
DOCKER_HUB = "https://index.docker.io/v1/"
# What would lead the CLI to another engine than the recorder.
OTHER_ENGINES = ("DOCKER_CONTEXT", "DOCKER_API_VERSION", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_TLS")
# What the CLI needs for itself.
ITS_OWN = {"PATH", "HOME", "DOCKER_CONFIG"}
# Notices about what this collection does itself.
NOISE = (
    re.compile(r"^Since --detach=false was not specified"),
    re.compile(r"^In a future release, --detach=false will become the default"),
    re.compile(r"^(Creating|Updating) (network|service|secret|config) "),
)
# The images role builds from these; a stack need not be warned of them.
BUILD = re.compile(r"^(Ignoring unsupported options: )(.*)$")
# One warning of the CLI is broken into lines.
BROKEN_LINE = re.compile(r"\n(?=its digest\. |possibly leading to |versions of the image\.)")


IMAGE_OPTIONS: dict[str, dict[str, Any]] = {
    "with_registry_auth": {"type": "bool", "default": False},
    "registry_logins": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "registry": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
        },
    },
    "refresh_registry_auth": {"type": "bool", "default": False},
    "resolve_image": {"type": "str", "choices": ["always", "changed", "never"], "default": "always"},
    "registry_unreachable": {"type": "str", "choices": ["keep", "fail"], "default": "keep"},
}


@dataclass(frozen=True)
class Login:
    """An account at a registry."""

    registry: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Flags:
    """Options of C(docker stack deploy)."""

    with_registry_auth: bool = False
    resolve_image: str = "always"
    logins: tuple[Login, ...] = ()

    def arguments(self) -> list[str]:
        """The words on the command line."""
        return ["--resolve-image", self.resolve_image] + (["--with-registry-auth"] if self.with_registry_auth or self.logins else [])


def find(stack: str) -> str:
    """The docker command's path."""
    found = shutil.which("docker")
    if found is None:
        raise SwarmError(
            f"Could not deploy stack '{stack}': the docker command is missing on this host. "
            "Install docker-cli (docker-ce-cli of Docker's own packages), or let the role apiary.swarm.engine do it."
        )
    return found


def deploy(
    command: str, recorder: Recorder, stack: str, sources: Sources, flags: Flags, timeout: float = SHORTEST_LIMIT
) -> tuple[int, list[str]]:
    """Run the CLI once against the recorder; its exit code and what it said to a person.

    :raises SwarmError: it did not end within that many seconds.
    """
    arguments = [command, "stack", "deploy", *flags.arguments()]
    for path in sources.paths:
        arguments += ["--compose-file", path]
    with listen(recorder.handle) as address:
        foreign = {*OTHER_ENGINES, *sources.unset} - ITS_OWN
        environment = {name: value for name, value in os.environ.items() if name not in foreign}
        environment.update(sources.env)
        environment["DOCKER_HOST"] = address
        if flags.logins:
            environment["DOCKER_CONFIG"] = tempfile.mkdtemp(dir=sources.folder)
            store(environment["DOCKER_CONFIG"], "config.json", login_file(flags.logins))
        try:
            done = subprocess.run(
                [*arguments, stack],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise SwarmError(
                f"Could not deploy stack '{stack}': the docker command has not ended within {timeout:g} s. "
                "Look whether the engine and the registries of the images answer, or give a longer wait_timeout."
            ) from None
    text = sources.as_the_user_knows_them(done.stderr.decode("utf-8", "replace"))
    return done.returncode, spoken(text)


def login_file(logins: Sequence[Login]) -> bytes:
    """What C(docker login) would write."""
    auths = {
        DOCKER_HUB if login.registry in ("docker.io", "index.docker.io") else login.registry: {
            "auth": base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
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
