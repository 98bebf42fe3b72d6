# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports the progress while a registry is deployed or removed, and hands on its environment, which may hold passwords."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import ActionWithProgress


class ActionModule(ActionWithProgress):
    """The action of M(apiary.swarm.registry_stack)."""

    TRANSFERS_FILES = False
    _requires_connection = True
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        result, name = super().run(tmp, task_vars), "apiary.swarm.registry_stack"
        if self._task.async_val:  # in the background nobody reads it
            done = self._execute_module(module_name=name, task_vars=task_vars, wrap_async=not self._connection.has_native_async)
            return {**result, **done}
        arguments = dict(self._task.args)
        environment = arguments.pop("environment", None)
        data = {"environment": environment} if environment else {}
        return {**result, **self._in_parts(name, f"stack {arguments.get('name', 'registry')}", arguments, data, task_vars)}
