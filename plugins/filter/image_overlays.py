# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_overlays
short_description: Name the images of each project exactly
version_added: 0.1.0
author: The apiary.swarm authors (@apiary)
description:
  - Makes one Compose definition a project from its images and the registry's digests.
positional: registry, digests
options:
  _input:
    description: The images, from P(apiary.swarm.project_images#lookup).
    type: list
    elements: dict
    required: true
  digests:
    description: The answer of M(apiary.swarm.registry_info); an image that is not in it is named by its tag alone.
    type: dict
    required: true
  registry:
    description: Address of the registry, as C(host:port).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Name the images by their digests
  ansible.builtin.set_fact:
    overlays: "{{ images | apiary.swarm.image_overlays('10.0.0.5:5000', answer.digests) }}"
"""

RETURN = r"""
_value:
  description: Project name to Compose definition.
  type: dict
"""

from typing import Any


def image_overlays(images: list[dict[str, Any]], registry: str, digests: dict[str, str | None]) -> dict[str, Any]:
    """{project: {services: {service: {image: registry/repository:tag@digest}}}} of the images that are built."""
    overlays: dict[str, Any] = {}
    for image in images:
        if "project" not in image:
            continue
        name, digest = image["name"], digests.get(image["name"])
        services = overlays.setdefault(image["project"], {"services": {}})["services"]
        services[image["service"]] = {"image": f"{registry}/{name}" + (f"@{digest}" if digest else "")}
    return overlays


class FilterModule:
    """The filter image_overlays."""

    def filters(self) -> dict[str, Any]:
        return {"image_overlays": image_overlays}
