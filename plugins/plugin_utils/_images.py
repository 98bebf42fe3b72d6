# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images of Compose projects: which there are, and how a stack names them exactly."""

from __future__ import annotations

import os
from typing import Any, Callable

from ansible.errors import AnsibleError
from ansible_collections.apiary.swarm.plugins.plugin_utils._builds import builds_of, read_file
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError, as_list


def images_of(
    projects: list[dict[str, Any]], push: list[str], find: Callable[[str], str], read: Callable[[str], bytes] = read_file
) -> list[dict[str, Any]]:
    """The images that projects build, and those that are only pushed.

    :param find: where a Compose file is on the controller.
    :param read: what is in it, decrypted where it is vaulted.
    :raises ComposeError: a file cannot be read.
    """
    images: list[dict[str, Any]] = []
    for project in projects:
        if project.get("state", "present") == "present":
            images += builds_of({**project, "files": [find(path) for path in as_list(project.get("files"))]}, read)
    images = with_names_once(images)
    for name in push:
        repository, colon, tag = name.rpartition(":")
        tagged = colon and "/" not in tag
        images.append({"name": name if tagged else f"{name}:latest", "repository": repository if tagged else name})
    return images


def with_names_once(images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of services that have the same image under the same name the first one gives it that name; between two it would move in each run.

    :raises ComposeError: what they have under that name is not the same.
    """
    first: dict[str, dict[str, Any]] = {}
    found = []
    for image in images:
        other = first.setdefault(image["tag"], image) if image["tag"] else image
        found.append(image if other is image else {**image, "tag": ""})
        if other["name"].rpartition(":")[2] != image["name"].rpartition(":")[2]:
            raise ComposeError(
                f"Could not build service '{image['service']}' of project '{image['project']}': its image has the name '{image['tag']}', "
                f"as that of service '{other['service']}' of project '{other['project']}', and something else in it. Give it another one."
            )
    return found


def full_name(image: dict[str, Any], registry: str) -> str:
    """What an image is called in a registry."""
    return f"{registry}/{image['name']}"


def definitions(images: list[dict[str, Any]], registry: str) -> dict[str, Any]:
    """{project: {services: {service: {image: registry/repository:tag@digest}}}} of the images that are built."""
    found: dict[str, Any] = {}
    for image in images:
        if "project" in image:
            services = found.setdefault(image["project"], {"services": {}})["services"]
            digest = f"@{image['digest']}" if image["digest"] else ""
            services[image["service"]] = {"image": f"{full_name(image, registry)}{digest}"}
    return found


def untagged(images: list[dict[str, Any]], digests: dict[str, Any]) -> list[dict[str, Any]]:
    """The images that the registry does not have, or not in this content, under the name that their Compose file gives.

    :param images: with C(digest), and C(tag) where one is given.
    :param digests: name -> digest of what the registry has.
    """
    return [image for image in images if image.get("tag") and (not image["digest"] or digests.get(image["tag"]) != image["digest"])]


def decrypted(loader: Any) -> Callable[[str], bytes]:
    """Reads files as Ansible's own loader does, which knows the vault's passwords."""

    def read(path: str) -> bytes:
        real = loader.get_real_file(path, decrypt=True) if os.path.isfile(path) else path
        try:
            return read_file(real)
        finally:
            loader.cleanup_tmp_file(real)

    return read


def finder(action: Any) -> Callable[[str], str]:
    """Finds Compose files where the action of the stack looks for them. One that is nowhere keeps its name: reading it will say so.

    :param action: an action plugin.
    """

    def find(path: str) -> str:
        try:
            return str(action._find_needle("files", path))
        except AnsibleError:
            return path

    return find
