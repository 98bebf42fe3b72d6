# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds one image from an archive, by BuildKit where docker's command has it and else by the Engine's own builder, and pushes it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack.redaction import redact, secret_values

# BuildKit makes no networks of its own; the Engine's builder takes any network of its host.
NETWORKS = ("", "default", "none", "host")
# What docker's command reads in its own environment, which is the way of arguments to BuildKit.
OWN_VARIABLES = re.compile(r"(?:HOME|PATH|(?:DOCKER|BUILDX|LD)_.*)\Z")
# Lines of a builder's log that a failure shows.
SHOWN_LINES = 40
# "#6 1.234 " before a line of BuildKit's log.
STEP = re.compile(r"^#\d+ (?:\d+\.\d+ )?")
ADVICE = "Check the end of its log"

# (command, environment, path of what it reads) -> (exit code, output)
Run = Callable[["list[str]", "dict[str, str]", str], "tuple[int, str]"]


@dataclass(frozen=True)
class Build:
    """What to build.

    :ivar image: its full name, C(registry/repository:tag).
    :ivar archive: the build context, a compressed tar file on this host.
    :ivar dockerfile: path of the Dockerfile in it.
    :ivar buildkit: the Dockerfile needs BuildKit.
    """

    image: str
    dockerfile: str = ""
    archive: str = ""
    buildkit: bool = False
    args: dict[str, str] = field(default_factory=dict)
    target: str = ""
    network: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    shm_size: str = ""
    platform: str = ""

    def error(self, cause: str, advice: str, log: list[str] | None = None) -> SwarmError:
        """The sentence that says why it cannot be built, without the values of its arguments."""
        secrets = secret_values(self.args.values())
        text = f"Could not build image '{self.image}': {redact(cause.strip().rstrip('.'), secrets)}. {advice}."
        return SwarmError(text, {"log": redact(log, secrets)} if log else {})


def run(command: list[str], environment: dict[str, str], path: str) -> tuple[int, str]:
    """Run a command that reads a file."""
    with open(path, "rb") as archive:
        done = subprocess.run(
            command,
            stdin=archive,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            check=False,
            text=True,
            errors="replace",
        )
    return done.returncode, done.stdout


def docker_command() -> str | None:
    """The path of docker's command where that can build with BuildKit."""
    docker = shutil.which("docker")
    if not docker:
        return None
    known = subprocess.run([docker, "buildx", "version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return docker if known.returncode == 0 else None


def builder(build: Build, docker: str | None) -> str | None:
    """The docker command to build with; None for the Engine's own builder.

    :param docker: the command that has BuildKit, where there is one.
    :raises SwarmError: neither can build it.
    """
    own = sorted(name for name in build.args if OWN_VARIABLES.match(name))
    if docker and build.network in NETWORKS and not own:
        return docker
    if not build.buildkit:
        return None
    cause = "its Dockerfile requires BuildKit, and "
    if docker and own:
        raise build.error(f"{cause}the docker command reserves {', '.join(own)}", "Give these arguments other names")
    if docker:
        raise build.error(
            f"{cause}BuildKit has no network '{build.network}'", "Remove build.network, or write the Dockerfile without BuildKit features"
        )
    advice = (
        "Install docker-buildx there (docker-buildx-plugin of Docker's own packages), or write the Dockerfile without BuildKit features"
    )
    raise build.error(f"{cause}this host has no docker buildx", advice)


def with_buildkit(build: Build, docker: str, host: str, environment: dict[str, str], run: Run = run) -> None:
    """Build into the Engine's store.

    :param host: where the Engine listens.
    :param environment: what of this host's environment the command gets. Values of arguments go there, too: no list of processes has them.
    """
    command = [docker, "--host", host, "buildx", "build", "--builder", "default", "--load", "--progress", "plain"]
    command += ["--tag", build.image, "--file", build.dockerfile]
    for option in ("target", "network", "platform"):
        if getattr(build, option):
            command += [f"--{option}", getattr(build, option)]
    if build.network == "host":
        command += ["--allow", "network.host"]
    if build.shm_size:
        command += ["--shm-size", build.shm_size]
    command += [word for name, value in sorted(build.labels.items()) for word in ("--label", f"{name}={value}")]
    command += [word for name in sorted(build.args) for word in ("--build-arg", name)]
    # Without attestations an image is one manifest, also in a store of containerd.
    code, output = run([*command, "-"], {**environment, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", **build.args}, build.archive)
    if code:
        lines = [STEP.sub("", line) for line in output.splitlines() if line.strip()]
        causes = [line.partition("ERROR: ")[2] for line in lines if line.startswith("ERROR: ")]
        raise build.error(causes[-1] if causes else f"docker buildx exited with code {code}", ADVICE, lines[-SHOWN_LINES:])


def with_engine(build: Build, api: Any) -> None:
    """Build with the builder that every Engine has.

    :param api: the SDK's client.
    """
    from docker.utils import parse_bytes

    with open(build.archive, "rb") as archive:
        options = {
            "fileobj": archive,
            "custom_context": True,
            "encoding": "gzip",
            "tag": build.image,
            "dockerfile": build.dockerfile,
            "buildargs": build.args,
            "target": build.target or None,
            "network_mode": build.network or None,
            "labels": build.labels,
            "platform": build.platform or None,
            "rm": True,
            "forcerm": True,
            "decode": True,
        }
        lines: list[str] = []
        for item in answers(build, lambda: api.build(**options, shmsize=parse_bytes(build.shm_size) if build.shm_size else None)):
            if item.get("error"):
                raise build.error(str(item["error"]), ADVICE, lines[-SHOWN_LINES:])
            lines += [line for line in str(item.get("stream", "")).splitlines() if line.strip()]


def push(build: Build, api: Any) -> str:
    """Push to the registry that the image's name begins with; the digest there."""
    repository, _colon, tag = build.image.rpartition(":")
    digest = ""
    for item in answers(build, lambda: api.push(repository, tag=tag, stream=True, decode=True)):
        if item.get("error"):
            raise SwarmError(
                f"Could not push image '{build.image}': {str(item['error']).rstrip('.')}. Check the registry, or log in to it."
            )
        digest = (item.get("aux") or {}).get("Digest", digest)
    return digest


def answers(build: Build, ask: Callable[[], Iterable[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The answer of the Engine bit by bit; what it refuses, at once or later, becomes a sentence."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield from ask()
    except (DockerException, RequestException) as error:
        raise build.error(str(getattr(error, "explanation", None) or error), "Check the engine's log on this host") from error
