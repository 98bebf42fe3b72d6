# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.apiary.swarm.plugins.filter.image_overlays import FilterModule

image_overlays = FilterModule().filters()["image_overlays"]

REGISTRY = "10.0.0.5:5000"
IMAGES = [
    {"project": "shop", "service": "web", "name": "shop/web:1a", "repository": "shop/web"},
    {"project": "shop", "service": "db", "name": "shop/db:2b", "repository": "shop/db"},
    {"project": "blog", "service": "web", "name": "blog/web:3c", "repository": "blog/web"},
    {"name": "redis:8", "repository": "redis"},
]


def test_each_project_gets_its_images_by_digest() -> None:
    digests = {"shop/web:1a": "sha256:aa", "shop/db:2b": "sha256:bb", "blog/web:3c": "sha256:cc", "redis:8": "sha256:dd"}
    assert image_overlays(IMAGES, REGISTRY, digests) == {
        "shop": {
            "services": {
                "web": {"image": "10.0.0.5:5000/shop/web:1a@sha256:aa"},
                "db": {"image": "10.0.0.5:5000/shop/db:2b@sha256:bb"},
            }
        },
        "blog": {"services": {"web": {"image": "10.0.0.5:5000/blog/web:3c@sha256:cc"}}},
    }


def test_an_image_whose_digest_is_unknown_is_named_by_its_tag() -> None:
    overlays = image_overlays(IMAGES, REGISTRY, {"shop/web:1a": None})
    assert overlays["shop"]["services"] == {"web": {"image": "10.0.0.5:5000/shop/web:1a"}, "db": {"image": "10.0.0.5:5000/shop/db:2b"}}


def test_images_that_are_only_pushed_make_no_definition() -> None:
    assert image_overlays(IMAGES[-1:], REGISTRY, {"redis:8": "sha256:dd"}) == {}
