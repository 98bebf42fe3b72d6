# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says who holds the swarm, waits while another run does, and knows of a dead one on this controller."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import passes, wait_until
from ansible_collections.apiary.swarm.plugins.plugin_utils._owner import is_dead, owner
from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import show

ADVICE = "Run again when it has ended; if nobody runs it any more, remove the config apiary.swarm.hold"


class ActionModule(ActionBase):
    """The action of M(apiary.swarm.swarm_hold)."""

    TRANSFERS_FILES = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask until this run holds the swarm."""
        result = super().run(tmp, task_vars)
        arguments = {"owner": owner(), **self._task.args}
        limit = float(arguments.get("wait_timeout") or 0)
        told: list[str] = []

        def ask() -> dict[str, Any]:
            answer = self._execute_module(module_name="apiary.swarm.swarm_hold", module_args=arguments, task_vars=task_vars)
            other = answer.get("holder") or ""
            if no_answer(answer):
                # The other run may have taken away the leader just now, or the manager that is asked.
                if told or passes(str(answer.get("msg", ""))):
                    raise SwarmError(str(answer.get("msg", "")))
                return answer
            if answer["held"]:
                return answer
            if is_dead(other):
                arguments["from_owner"] = other
            elif other not in told:
                told.append(other)
                show(self._display, f"Waiting for {other}, who holds the swarm for up to {answer['seconds_left']} s")
            return answer

        try:
            answer = wait_until(
                ask,
                lambda answer: no_answer(answer) or answer["held"] or bool(self._task.check_mode),
                "hold the swarm",
                limit,
                ADVICE,
                lambda answer: f"{answer.get('holder')} holds it",
            )
        except SwarmError as error:
            return {**result, "failed": True, "msg": str(error), "held": False}
        return {**result, **answer, "waited": bool(told)}


def no_answer(answer: dict[str, Any]) -> bool:
    """The manager could not be asked, or could not say."""
    return bool(answer.get("failed") or answer.get("unreachable") or "held" not in answer)
