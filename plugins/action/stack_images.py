# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Compose files on the controller, and asks a registry for the images that they build."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError
from ansible_collections.apiary.swarm.plugins.plugin_utils._images import decrypted, definitions, finder, full_name, images_of, untagged


class ActionModule(ActionBase):
    """The action of M(apiary.swarm.stack_images)."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """List the images, and ask for all at once."""
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            {
                "projects": {"type": "list", "elements": "dict", "default": []},
                "push": {"type": "list", "elements": "str", "default": []},
                "registry": {"type": "str", "required": True},
                "timeout": {"type": "int", "default": 30},
            }
        )
        try:
            images = images_of(options["projects"], options["push"], finder(self), decrypted(self._loader))
        except ComposeError as error:
            return {**result, "failed": True, "msg": str(error)}
        if not images:
            return {**result, "changed": False, "images": [], "missing": [], "untagged": [], "definitions": {}}
        names = list(dict.fromkeys(name for image in images for name in (image["name"], image.get("tag")) if name))
        asked = {"address": options["registry"], "images": names, "timeout": options["timeout"]}
        answer = self._execute_module(module_name="apiary.swarm.registry_info", module_args=asked, task_vars=task_vars)
        digests = answer.get("digests") or {}
        # At -v everything is shown that a task returns.
        registry = options["registry"]
        images = [
            {**without_arguments(image), "image": full_name(image, registry), "digest": digests.get(image["name"])} for image in images
        ]
        told = {
            "images": images,
            "missing": [image for image in images if not image["digest"]],
            "untagged": untagged(images, digests),
            "definitions": definitions(images, registry),
        }
        failure = {"failed": True, "msg": answer.get("msg", "")} if answer.get("failed") or answer.get("unreachable") else {}
        return {**result, "changed": False, **told, **failure}


def without_arguments(image: dict[str, Any]) -> dict[str, Any]:
    """An image without what may be a secret: M(apiary.swarm.image_build) reads it again."""
    return {name: value for name, value in image.items() if name not in ("args", "dockerfile_inline")}
