# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of a module whose long waits are done in parts: in between a person is told how it goes."""

from __future__ import annotations

import base64
import json
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase

# Seconds between two reports of a long wait.
REPORT_EVERY = 4


class ActionWithProgress(ActionBase):
    """What the actions of modules with the option C(_bundle) share."""

    def _in_parts(
        self, module: str, what: str, arguments: dict[str, Any], bundle: dict[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Run a module to its end; its result.

        :param what: opens each line that is shown.
        :param bundle: what the module gets beside its arguments. Later parts get it when they have something to write.
        """

        def run(**content: Any) -> dict[str, Any]:
            given = {**arguments, "_bundle": packed({**content, "report_every": REPORT_EVERY})}
            return self._execute_module(module_name=module, module_args=given, task_vars=task_vars)

        part = run(**bundle)
        whole = dict(part)
        while "unfinished" in part:
            for line in part["progress"]:
                self._tell(f"{what}: {line}")
            rest = bundle if part.get("unwritten") else {}
            part = run(**rest, unfinished=part["unfinished"])
            whole.update({key: value for key, value in part.items() if key not in ("changed", "invocation")})
        if whole.get("failed"):
            whole.pop("services", None)
        for name in ("unfinished", "progress", "unwritten"):
            whole.pop(name, None)
        return whole

    def _tell(self, line: str) -> None:
        """Show a line at once. What a callback writes for programs to read must stay whole, so others get it beside that."""
        if not self._task.no_log:
            plain = C.DEFAULT_STDOUT_CALLBACK.rpartition(".")[2] in ("default", "minimal", "oneline")
            self._display.display(line, stderr=not plain)


def packed(bundle: dict[str, Any]) -> str:
    """What the module unpacks. Vaulted strings and dates of YAML become text."""
    return base64.b64encode(json.dumps(bundle, default=str).encode()).decode()
