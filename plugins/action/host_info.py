# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds to a look at a host what the roles need for their decisions, and their variables."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.validation import check_type_list
from ansible_collections.apiary.swarm.plugins.plugin_utils import _look
from ansible_collections.apiary.swarm.plugins.plugin_utils._connection import ActionWithSecrets, nothing_shown
from ansible_collections.apiary.swarm.plugins.plugin_utils._roles import load_role


class ActionModule(ActionWithSecrets):
    """The action of M(apiary.swarm.host_info)."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the module's options out of the roles' variables, and run it."""
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        roles = check_type_list(arguments.pop("roles", None) or [])
        host = str((task_vars or {}).get("inventory_hostname", ""))
        values, problems = self._variables(roles, task_vars or {}, host)
        wanted = [_look.look_arguments(role, values) for role in roles]
        # The module's options hold daemon options, and so secrets; it masks them, but a module that dies cannot.
        with nothing_shown(self._connection):
            answer = self._execute_module(
                module_name="apiary.swarm.host_info", module_args=_look.merged(arguments, wanted), task_vars=task_vars
            )
        result.update(answer)
        if roles:
            shown = {name: value for name, value in values.items() if not name.startswith("__")}
            result.update(roles=shown, roles_problems=problems)
        return result

    def _variables(self, roles: list[str], task_vars: dict[str, Any], host: str) -> tuple[dict[str, Any], list[str]]:
        """({variable: value} of roles for this host, what is wrong with them); a default stands where a value is refused."""
        files = {role: load_role(role) for role in roles}
        defaults = {name: value for role in roles for name, value in files[role][1].items()}
        private = {name: value for role in roles for name, value in files[role][2].items()}
        templar = self._templar.copy_with_new_env(available_variables=ChainMap(task_vars, private, defaults))
        values: dict[str, Any] = {}
        problems: list[str] = []
        for role in roles:
            options: dict[str, Any] = {name: option for name, option in files[role][0].items() if _look.may_return(name, option)}
            options.update((name, {"type": "raw"}) for name in _look.PRIVATE.get(role, ()))
            for name, option in options.items():
                for where in (task_vars, private, defaults):
                    if name not in where:
                        continue
                    try:
                        value, problem = _look.checked(name, option, templar.template(where[name]), host)
                    except AnsibleError as error:
                        value, problem = None, _look.refusal(name, host, str(error))
                    if problem is None:
                        values[name] = value
                        break
                    problems.append(problem)
        return values, problems
