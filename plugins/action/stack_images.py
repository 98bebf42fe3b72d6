# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads Compose files on the controller, and asks a registry for the images that they build."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError
from ansible_collections.apiary.swarm.plugins.plugin_utils._images import decrypted, definitions, images_of, untagged


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
            images = images_of(options["projects"], options["push"], self._find, decrypted(self._loader))
        except ComposeError as error:
            return {**result, "failed": True, "msg": str(error)}
        if not images:
            return {**result, "changed": False, "images": [], "missing": [], "untagged": [], "definitions": {}}
        names = list(dict.fromkeys(name for image in images for name in (image["name"], image.get("tag")) if name))
        asked = {"address": options["registry"], "images": names, "timeout": options["timeout"]}
        answer = self._execute_module(module_name="apiary.swarm.registry_info", module_args=asked, task_vars=task_vars)
        digests = answer.get("digests") or {}
        for image in images:
            image["digest"] = digests.get(image["name"])
        told = {
            "images": images,
            "missing": [image for image in images if not image["digest"]],
            "untagged": untagged(images, digests),
            "definitions": definitions(images, options["registry"]),
        }
        failure = {"failed": True, "msg": answer.get("msg", "")} if answer.get("failed") or answer.get("unreachable") else {}
        return {**result, "changed": False, **told, **failure}

    def _find(self, path: str) -> str:
        """A Compose file where the action of the stack looks for it. One that is nowhere keeps its name: reading it will say so."""
        try:
            return str(self._find_needle("files", path))
        except AnsibleError:
            return path
