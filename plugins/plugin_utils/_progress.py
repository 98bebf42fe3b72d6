# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of a module whose long waits are done in parts: in between its progress is reported."""

from __future__ import annotations

import base64
import json
from typing import Any

from ansible import constants as C
from ansible_collections.apiary.swarm.plugins.plugin_utils._connection import ActionWithSecrets

# Seconds between two reports of a long wait.
REPORT_EVERY = 4
# What hides values in all that is told, and is needed for that until the end.
HIDES = ("env", "registry_logins", "environment")


class ActionWithProgress(ActionWithSecrets):
    """What the actions of modules with the options C(_controller_data) and C(_checkpoint) share."""

    def _in_parts(
        self, module: str, subject: str, arguments: dict[str, Any], data: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Run a module to its end; its result.

        :param subject: opens each line that is shown.
        :param data: the controller's data.
        """

        def run(checkpoint: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
            given = {**arguments, "_checkpoint": {**checkpoint, "report_every": REPORT_EVERY}}
            if data:
                given["_controller_data"] = packed(data)
            return self._execute_module(module_name=module, module_args=given, task_vars=task_vars)

        part = run({}, data)
        whole = dict(part)
        while "checkpoint" in part:
            for line in part["progress"]:
                self._report(f"{subject}: {line}")
            part = run(part["checkpoint"], data_of_part(data, part["checkpoint"]))
            whole.update({key: value for key, value in part.items() if key not in ("changed", "invocation")})
        if whole.get("failed"):
            whole.pop("services", None)
        for name in ("checkpoint", "progress"):
            whole.pop(name, None)
        return whole

    def _report(self, line: str) -> None:
        """Show a line at once."""
        if not self._task.no_log:
            show(self._display, line)


def data_of_part(data: dict[str, Any], checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The controller's data for a later part: all of it for one that has something to write, and what hides values for each."""
    return data if checkpoint.get("needs_definition") else {name: data[name] for name in HIDES if data.get(name)}


def show(display: Any, line: str) -> None:
    """Show a line to a person. What a callback writes for programs to read must stay whole, so there it goes beside that."""
    plain = C.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] in ("default", "minimal", "oneline")
    display.display(line, stderr=not plain)


def packed(data: dict[str, Any]) -> str:
    """What the module unpacks. Vaulted strings and dates of YAML become text."""
    return base64.b64encode(json.dumps(data, default=str).encode()).decode()
