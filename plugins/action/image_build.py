# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs a build context on the controller, and sends it to the host that builds."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from ansible import constants as C
from ansible_collections.apiary.swarm.plugins.plugin_utils._builds import SETTINGS, pack_image
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError
from ansible_collections.apiary.swarm.plugins.plugin_utils._images import decrypted, finder, full_name, images_of
from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import ActionWithProgress, packed


class ActionModule(ActionWithProgress):
    """The action of M(apiary.swarm.image_build)."""

    TRANSFERS_FILES = False  # the folder for it is made when there is something to send
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build one image, unless the registry has it."""
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            {
                "project": {"type": "dict", "required": True},
                "service": {"type": "str", "required": True},
                "registry": {"type": "str", "required": True},
                "docker_host": {"type": "str"},
                "timeout": {"type": "int"},
            }
        )
        try:
            image = self._image(options["project"], options["service"])
        except ComposeError as error:
            return {**result, "failed": True, "msg": str(error)}
        asked = {"address": options["registry"], "images": [image["name"]]}
        answer = self._execute_module(module_name="apiary.swarm.registry_info", module_args=asked, task_vars=task_vars)
        digest = (answer.get("digests") or {}).get(image["name"])
        # In check mode the registry may be one that the same run would deploy.
        if (answer.get("failed") and not self._task.check_mode) or answer.get("unreachable"):
            return {**result, **answer}
        full = full_name(image, options["registry"])
        if digest:
            return {**result, "changed": False, "image": full, "digest": digest}
        data = {"image": full, "buildkit": image["buildkit"], **{name: image[name] for name in SETTINGS}}
        try:
            return {**result, **self._built(image, options, data, task_vars)}
        except ComposeError as error:
            return {**result, "failed": True, "msg": str(error)}
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _image(self, project: dict[str, Any], service: str) -> dict[str, Any]:
        """What is to be built."""
        name = project.get("name")
        if not name:
            raise ComposeError(f"Could not build service '{service}': its project has no name. Give it one.")
        found = images_of([{**project, "state": "present"}], [], finder(self), decrypted(self._loader))
        for image in found:
            if image["service"] == service:
                return image
        known = ", ".join(image["service"] for image in found) or "none"
        raise ComposeError(
            f"Could not build service '{service}': project '{name}' has no service of that name with build. Use one of those that have it "
            f"({known})."
        )

    def _built(
        self, image: dict[str, Any], options: dict[str, Any], data: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Send the context and run the module; in check mode nothing is sent."""
        if not self._task.check_mode:
            with tempfile.NamedTemporaryFile(dir=C.DEFAULT_LOCAL_TMP, suffix=".tar.gz") as archive:
                data["dockerfile"] = pack_image(image, archive)  # type: ignore[arg-type]  # the wrapper of a file is not an IO by its type
                archive.flush()
                self._report(f"image {image['name']}: sending a context of {os.path.getsize(archive.name) / 1e6:.1f} MB, and building it")
                folder = self._make_tmp_path()
                data["archive"] = self._connection._shell.join_path(folder, "context.tar.gz")
                self._transfer_file(archive.name, data["archive"])
                self._fixup_perms2((folder, data["archive"]))
        arguments = {name: value for name, value in options.items() if value is not None}
        # The project may hold secrets, and the module needs no more of it than its name.
        arguments.update(project={"name": image["project"]}, _controller_data=packed(data))
        return self._execute_module(module_name="apiary.swarm.image_build", module_args=arguments, task_vars=task_vars)
