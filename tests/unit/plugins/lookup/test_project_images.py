# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.apiary.swarm.plugins.lookup import project_images

NAME = "apiary.swarm.project_images"


def images(*terms: Any, variables: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
    """What the lookup answers, with the options of its own documentation."""
    constants.config.initialize_plugin_configuration_definitions("lookup", NAME, yaml.safe_load(project_images.DOCUMENTATION)["options"])
    lookup = project_images.LookupModule(loader=DataLoader())
    lookup._load_name = NAME
    (answer,) = lookup.run(list(terms), variables, **options)
    return answer


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


def test_projects_may_be_one_list_or_several_terms(shop: dict[str, Any]) -> None:
    blog = {**shop, "name": "blog"}
    assert images([shop, blog]) == images(shop, blog) == images([shop], blog)
    assert [image["repository"] for image in images([shop, blog])] == ["shop/web", "blog/web"]


def test_no_projects_are_no_images() -> None:
    assert images([]) == []


def test_nothing_is_built_for_a_project_that_goes_or_goes_back(shop: dict[str, Any]) -> None:
    for state in ("absent", "rolled_back"):
        assert images([{**shop, "state": state, "files": ["/gone.yml"]}]) == []
        assert images([{"name": "shop", "state": state}]) == []
    assert images([{"name": "shop"}]) == []
    assert images([{**shop, "state": "present"}]) == images([shop])


def test_files_are_looked_for_where_the_stack_looks_for_them(shop: dict[str, Any], tmp_path: Path) -> None:
    relative = {"name": "shop", "files": "shop/compose.yml"}
    assert images([relative], variables={"ansible_search_path": [str(tmp_path)]}) == images([shop])


def test_what_cannot_be_read_is_one_sentence(shop: dict[str, Any]) -> None:
    with pytest.raises(AnsibleLookupError, match=r"Could not read Compose file '/gone\.yml': No such file or directory\."):
        images([{**shop, "files": ["/gone.yml"]}])
