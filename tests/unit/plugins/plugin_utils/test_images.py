# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.plugin_utils import _images
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError

REGISTRY = "10.0.0.5:5000"
IMAGES: list[dict[str, Any]] = [
    {"project": "shop", "service": "web", "name": "shop/web:1a", "repository": "shop/web", "digest": "sha256:aa"},
    {"project": "shop", "service": "db", "name": "shop/db:2b", "repository": "shop/db", "digest": "sha256:bb"},
    {"project": "blog", "service": "web", "name": "blog/web:3c", "repository": "blog/web", "digest": "sha256:cc"},
    {"name": "redis:8", "repository": "redis", "digest": "sha256:dd"},
]


def images(projects: list[dict[str, Any]], push: list[str] | None = None, base: str = "") -> list[dict[str, Any]]:
    """The images of projects whose files are where they say."""
    return _images.images_of(projects, push or [], lambda path: f"{base}{path}")


@pytest.fixture
def shop(tmp_path: Path) -> dict[str, Any]:
    """A project that builds one image."""
    folder = tmp_path / "files" / "shop"
    folder.mkdir(parents=True)
    (folder / "compose.yml").write_text("services: {web: {build: .}, db: {image: db}}")
    (folder / "Dockerfile").write_text("FROM scratch")
    return {"name": "shop", "files": [str(folder / "compose.yml")]}


@pytest.mark.parametrize(
    ("name", "full", "repository"),
    [
        ("redis:8", "redis:8", "redis"),
        ("redis", "redis:latest", "redis"),
        ("a/b", "a/b:latest", "a/b"),
        ("host:5000/a/b:1", "host:5000/a/b:1", "host:5000/a/b"),
        ("host:5000/a/b", "host:5000/a/b:latest", "host:5000/a/b"),
    ],
)
def test_an_image_to_push_has_its_tag_or_latest(name: str, full: str, repository: str) -> None:
    assert images([], push=[name]) == [{"name": full, "repository": repository}]


def test_builds_come_first_and_what_is_pushed_after_them(shop: dict[str, Any]) -> None:
    web, redis = images([shop], push=["redis:8"])
    assert (web["project"], web["service"], web["repository"]) == ("shop", "web", "shop/web")
    assert redis == {"name": "redis:8", "repository": "redis"}


def test_projects_come_in_their_order(shop: dict[str, Any]) -> None:
    assert [image["repository"] for image in images([shop, {**shop, "name": "blog"}])] == ["shop/web", "blog/web"]


def test_no_projects_are_no_images() -> None:
    assert images([]) == []


def test_nothing_is_built_for_a_project_that_goes_or_goes_back(shop: dict[str, Any]) -> None:
    for state in ("absent", "rolled_back"):
        assert images([{**shop, "state": state, "files": ["/gone.yml"]}]) == []
        assert images([{"name": "shop", "state": state}]) == []
    assert images([{"name": "shop"}]) == []
    assert images([{**shop, "state": "present"}]) == images([shop])


def test_files_are_looked_for_where_the_stack_looks_for_them(shop: dict[str, Any], tmp_path: Path) -> None:
    assert images([{"name": "shop", "files": "shop/compose.yml"}], base=f"{tmp_path}/files/") == images([shop])


def test_what_cannot_be_read_is_one_sentence(shop: dict[str, Any]) -> None:
    with pytest.raises(ComposeError, match=r"Could not read Compose file '/gone\.yml': No such file or directory\."):
        images([{**shop, "files": ["/gone.yml"]}])


def test_each_project_gets_its_images_by_digest() -> None:
    assert _images.definitions(IMAGES, REGISTRY) == {
        "shop": {
            "services": {
                "web": {"image": "10.0.0.5:5000/shop/web:1a@sha256:aa"},
                "db": {"image": "10.0.0.5:5000/shop/db:2b@sha256:bb"},
            }
        },
        "blog": {"services": {"web": {"image": "10.0.0.5:5000/blog/web:3c@sha256:cc"}}},
    }


def test_an_image_whose_digest_is_unknown_is_named_by_its_tag() -> None:
    found = _images.definitions([{**image, "digest": None} for image in IMAGES[:2]], REGISTRY)
    assert found["shop"]["services"] == {"web": {"image": "10.0.0.5:5000/shop/web:1a"}, "db": {"image": "10.0.0.5:5000/shop/db:2b"}}


def test_images_that_are_only_pushed_make_no_definition() -> None:
    assert _images.definitions(IMAGES[-1:], REGISTRY) == {}


def test_images_get_the_tags_of_their_compose_files_where_the_registry_lacks_them() -> None:
    new, there, moved, plain = ({**IMAGES[0], "tag": tag} for tag in ("web:1", "web:2", "web:3", ""))
    digests = {"web:2": "sha256:aa", "web:3": "sha256:old"}
    assert _images.untagged([new, there, moved, plain, IMAGES[3]], digests) == [new, moved]
    assert _images.untagged([{**there, "digest": None}], digests) == [{**there, "digest": None}], "its content is yet to be built"


def test_one_name_is_that_of_one_image(tmp_path: Path) -> None:
    """Between two it would move in each run."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text("FROM scratch")
    compose = tmp_path / "compose.yml"
    builds = {"web": "a", "job": "b"}
    services = [f"{name}: {{image: 'shop/app:1', build: {{context: {folder}, args: {{A: b}}}}}}" for name, folder in builds.items()]
    compose.write_text(f"services: {{{', '.join(services)}}}")
    project = {"name": "shop", "files": [str(compose)]}
    assert [image["tag"] for image in images([project])] == ["shop/app:1", ""], "the same in it"
    (tmp_path / "b" / "Dockerfile").write_text("FROM other")
    with pytest.raises(ComposeError) as caught:
        images([project])
    assert str(caught.value) == (
        "Could not build service 'job' of project 'shop': its image has the name 'shop/app:1', as that of service 'web' of project 'shop', "
        "and something else in it. Give it another one."
    )
