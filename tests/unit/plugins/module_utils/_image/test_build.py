# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._image.build import Build, builder, push, with_buildkit, with_engine
from docker.errors import APIError
from requests.exceptions import ConnectionError

IMAGE = "127.0.0.1:5000/shop/web:0f6d"
SECRET = "s3cret-value"


@pytest.fixture
def archive(tmp_path: Path) -> str:
    path = tmp_path / "context.tar.gz"
    path.write_bytes(b"archive")
    return str(path)


class Api:
    """The SDK's client: what it was asked for, and what it answers."""

    def __init__(self, *answer: Any) -> None:
        self.answer = answer
        self.asked: dict[str, Any] = {}

    def build(self, fileobj: Any, **options: Any) -> Any:
        """As docker.APIClient's."""
        self.asked = {**options, "sent": fileobj.read()}
        return self.told()

    def push(self, repository: str, **options: Any) -> Any:
        """As docker.APIClient's."""
        self.asked = {"repository": repository, **options}
        return self.told()

    def told(self) -> Any:
        """Errors of the Engine are raised in their turn."""
        for item in self.answer:
            if isinstance(item, Exception):
                raise item
            yield item


class Refusing(Api):
    """One that refuses before it answers."""

    def told(self) -> Any:
        """Not even the first bit."""
        raise self.answer[0]


# -- who builds
@pytest.mark.parametrize(
    ("network", "args", "needs", "has", "who"),
    [
        ("", {}, False, True, "buildkit"),
        ("host", {"A": ""}, True, True, "buildkit"),
        ("back", {}, False, True, "engine"),
        ("", {"HOME": "/app"}, False, True, "engine"),
        ("", {}, False, False, "engine"),
        ("", {}, True, False, "this host has no docker buildx. Install docker-buildx there"),
        ("back", {}, True, True, "BuildKit has no network 'back'. Remove build.network"),
        (
            "",
            {"HOME": "/", "DOCKER_CONFIG": "/", "HOMES": ""},
            True,
            True,
            "the docker command reserves DOCKER_CONFIG, HOME",
        ),
    ],
)
def test_buildkit_builds_where_it_is_and_can(network: str, args: dict[str, str], needs: bool, has: bool, who: str) -> None:
    build = Build(IMAGE, network=network, args=args, buildkit=needs)
    if who in ("buildkit", "engine"):
        assert builder(build, "/bin/docker" if has else None) == ("/bin/docker" if who == "buildkit" else None)
        return
    with pytest.raises(SwarmError) as caught:
        builder(build, "/bin/docker" if has else None)
    assert str(caught.value).startswith(f"Could not build image '{IMAGE}': its Dockerfile requires BuildKit") and who in str(caught.value)


# -- BuildKit
def test_buildkit_gets_all_settings_and_arguments_in_no_list_of_processes(archive: str) -> None:
    seen: list[Any] = []

    def run(command: list[str], environment: dict[str, str], path: str) -> tuple[int, str]:
        seen.extend([command, environment, path])
        return 0, ""

    build = Build(IMAGE, "docker/Dockerfile", archive, True, {"PW": SECRET, "A": "1"}, "dev", "host", {"l": "v"}, "1g", "linux/arm64")
    with_buildkit(build, "/bin/docker", "unix:///x", {"PATH": "/bin"}, run)
    command, environment, path = seen
    assert " ".join(command) == (
        f"/bin/docker --host unix:///x buildx build --builder default --load --progress plain --tag {IMAGE} --file docker/Dockerfile"
        " --target dev --network host --platform linux/arm64 --allow network.host --shm-size 1g --label l=v --build-arg A --build-arg PW -"
    )
    assert environment == {"PATH": "/bin", "BUILDX_NO_DEFAULT_ATTESTATIONS": "1", "A": "1", "PW": SECRET} and path == archive


def test_a_failed_build_says_why_without_the_values_of_arguments(archive: str) -> None:
    output = (
        f"#5 [2/2] RUN make\n#5 0.123 make: {SECRET}: no rule\n#5 ERROR: process\n------\nERROR: failed to solve: make {SECRET} did not\n"
    )
    with pytest.raises(SwarmError) as caught:
        with_buildkit(Build(IMAGE, "Dockerfile", archive, args={"PW": SECRET}), "docker", "unix:///x", {}, lambda *_given: (1, output))
    text = str(caught.value)
    assert text.startswith(f"Could not build image '{IMAGE}': failed to solve: make ") and text.endswith("Check the end of its log.")
    assert caught.value.details["log"][1].startswith("make: ") and SECRET not in text + repr(caught.value.details)


# -- the Engine's own builder
def test_the_engine_gets_all_settings(archive: str) -> None:
    api = Api({"stream": "Step 1/1 : FROM scratch\n"}, {"aux": {"ID": "sha256:1"}})
    with_engine(Build(IMAGE, "Dockerfile", archive, False, {"A": "1"}, "dev", "back", {"l": "v"}, "1g", "linux/arm64"), api)
    assert api.asked["sent"] == b"archive" and api.asked["custom_context"] and api.asked["encoding"] == "gzip"
    wanted = {"tag": IMAGE, "dockerfile": "Dockerfile", "buildargs": {"A": "1"}, "target": "dev", "network_mode": "back", "shmsize": 2**30}
    assert {name: api.asked[name] for name in wanted} == wanted
    assert (api.asked["labels"], api.asked["platform"]) == ({"l": "v"}, "linux/arm64")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (({"stream": f"make: {SECRET}\n"}, {"error": f"The command 'make {SECRET}' returned 2"}), "The command 'make "),
        ((APIError("bad", explanation="dockerfile parse error on line 3"),), "dockerfile parse error on line 3"),
    ],
)
def test_what_the_engine_refuses_is_a_sentence(archive: str, answer: tuple[Any, ...], words: str) -> None:
    with pytest.raises(SwarmError) as caught:
        with_engine(Build(IMAGE, "Dockerfile", archive, args={"PW": SECRET}), Api(*answer))
    assert words in str(caught.value) and SECRET not in str(caught.value) + repr(caught.value.details)


def test_what_is_refused_at_once_or_breaks_off_is_a_sentence(archive: str) -> None:
    for error in (APIError("bad", explanation="no such image"), ConnectionError("broken pipe")):
        for use in (with_engine, push):
            with pytest.raises(SwarmError, match=f"Could not build image '{IMAGE}': (no such image|broken pipe)"):
                use(Build(IMAGE, "Dockerfile", archive), Refusing(error))
    with pytest.raises(SwarmError, match="Could not build image .*lots"):
        with_engine(Build(IMAGE, "Dockerfile", archive, shm_size="lots"), Api())


# -- the registry
def test_the_digest_is_that_of_the_registry() -> None:
    api = Api({"status": "Pushing"}, {"aux": {"Tag": "0f6d", "Digest": "sha256:9b", "Size": 1}}, {"status": "done"})
    assert push(Build(IMAGE), api) == "sha256:9b"
    assert (api.asked["repository"], api.asked["tag"]) == ("127.0.0.1:5000/shop/web", "0f6d")


def test_a_refused_push_is_a_sentence() -> None:
    with pytest.raises(SwarmError, match=f"Could not push image '{IMAGE}': no basic auth credentials. Check the registry"):
        push(Build(IMAGE), Api({"error": "no basic auth credentials"}))
