# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module stack_info against a fake Engine."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules import stack_info
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine
from ansible_collections.apiary.swarm.tests.unit.stack_runs import run


def info(engine: StackEngine, name: str = "app") -> dict[str, Any]:
    """What stack_info returns."""
    return stack_info.run({"name": name}, engine.client, Converge(False))


def test_info_tells_what_runs_and_what_goes_wrong(engine: StackEngine) -> None:
    assert info(engine) == {"changed": False, "exists": False, "services": {}, "releases": []}
    engine.digests = {"web:1": "sha256:aa"}
    run(engine)
    web = info(engine)["services"]["app_web"]
    assert (web["image"], web["digest"], web["mode"]) == ("web:1", "sha256:aa", "replicated")
    assert web["tasks"] == [{"name": "app_web.1", "node": "one", "state": "running"}]
    assert web["errors"] == ""
    engine.task_state, engine.task_error = "failed", "task: non-zero exit (3)"
    assert info(engine)["services"]["app_web"]["errors"] == "app_web.1 on one: failed: task: non-zero exit (3)"
    with pytest.raises(SwarmError, match="Could not gather information about stack 'app': this host does not manage a swarm"):
        stack_info.run({"name": "app"}, StackEngine(manager=False).client, Converge(False))
