# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules.registry_info import MANIFESTS, digests

ADDRESS = "10.0.0.5:5000"


class Registry:
    """Answers one status, or 404, and remembers what it was asked."""

    def __init__(self, answers: dict[str, tuple[int, dict[str, Any]]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, url: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(url)
        return self.answers.get(url, (404, {"msg": "HTTP Error 404: Not Found"}))


def test_what_the_registry_has_is_told_by_digest_and_what_it_lacks_by_none() -> None:
    registry = Registry({f"http://{ADDRESS}/v2/shop/web/manifests/1.4": (200, {"docker-content-digest": "sha256:9b"})})
    assert digests(ADDRESS, ["shop/web:1.4", "shop/worker:1.4"], registry) == {"shop/web:1.4": "sha256:9b", "shop/worker:1.4": None}
    assert registry.asked == [f"http://{ADDRESS}/v2/shop/web/manifests/1.4", f"http://{ADDRESS}/v2/shop/worker/manifests/1.4"]


def test_nothing_is_asked_for_no_images() -> None:
    registry = Registry({})
    assert digests(ADDRESS, [], registry) == {} and registry.asked == []


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (-1, {"msg": "Request failed: Connection refused"}, "does not answer (Request failed: Connection refused)"),
        (500, {"msg": "HTTP Error 500: Internal Server Error"}, "answers unexpectedly (HTTP Error 500: Internal Server Error)"),
        (401, {}, "answers unexpectedly (401)"),
        (301, {}, "answers unexpectedly (301)"),
    ],
)
def test_an_answer_that_is_neither_yes_nor_no_is_one_sentence(status: int, headers: dict[str, Any], words: str) -> None:
    with pytest.raises(SwarmError) as caught:
        digests(ADDRESS, ["shop/web:1.4"], lambda url: (status, headers))
    assert str(caught.value).startswith(f"Could not look up image 'shop/web:1.4': the registry at '{ADDRESS}' {words}. ")


@pytest.mark.parametrize("image", ["web", "shop/web", "web:", ":1", "", "host:5000/shop/web"])
def test_an_image_without_a_tag_is_refused_and_nothing_is_asked(image: str) -> None:
    registry = Registry({})
    with pytest.raises(SwarmError, match=f"^Could not look up image '{image}': it has no tag. Write it as repository:tag.$"):
        digests(ADDRESS, [image], registry)
    assert registry.asked == []


def test_every_kind_of_manifest_that_an_engine_can_pull_is_asked_for() -> None:
    assert MANIFESTS.split(", ") == [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    ]
