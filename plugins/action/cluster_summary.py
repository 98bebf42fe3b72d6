# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes when a phase of a run begins, and shows at its end what the run has done."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.apiary.swarm.plugins.plugin_utils import _summary
from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import show

# Where the phases of this run are kept: a fact of the controller, from one play to the next.
PHASES = "swarm_phases"


class ActionModule(ActionBase):
    """The action of M(apiary.swarm.cluster_summary)."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Note a phase, or show all."""
        result = super().run(tmp, task_vars)
        _checked, options = self.validate_argument_spec(
            {
                "phase": {"type": "str"},
                "changes": {"type": "list", "elements": "dict", "default": []},
                "services": {"type": "list", "elements": "dict", "default": []},
            }
        )
        now = time.time()
        phases = list(((task_vars or {})["hostvars"].get("localhost") or {}).get(PHASES) or [])
        if options["phase"]:
            return {**result, "changed": False, "ansible_facts": {PHASES: [*phases, {"name": options["phase"], "epoch": now}]}}
        told = _summary.lines(options["changes"], phases, options["services"], now)
        for line in told:
            show(self._display, line)
        return {**result, "changed": False, "summary": told}
