# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go back to a release: its services as they were, planned and written as any other change."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import plan, releases, restore
from ansible_collections.apiary.swarm.plugins.module_utils._stack.deploy import (
    Wish,
    ending_of,
    in_control,
    result,
    unknown_plan,
    with_outcome,
)
from ansible_collections.apiary.swarm.plugins.module_utils._stack.finish import finish
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import Snapshot


def rolled_back(client: Client, check: bool, wish: Wish, number: int | None) -> dict[str, Any]:
    """The stack's services are those of a release; in check mode, what that would take."""
    if not in_control(client, check, wish.stack, "roll back"):
        return unknown_plan(wish.stack)
    snapshot = Snapshot(client)

    def way_back(release: dict[str, Any]) -> list[Operation]:
        return restore.way_back(release, snapshot, wish.stack, wish.rules.keep_replicas)

    stored = releases.of_stack(snapshot.all("configs"), wish.stack)
    release = releases.chosen(stored, wish.stack, number, lambda one: any(item.action != "unchanged" for item in way_back(one)))
    operations = way_back(release)
    outcome = {**result(operations, wish.mask_env), "warnings": [], "services": {}}
    problems = plan.problems(operations)
    if problems:
        text = f"Could not roll back stack '{wish.stack}' to release {release['release']}: {'; '.join(problems)}. Nothing was changed."
        raise SwarmError(text, {**outcome, "changed": False})
    if check:
        return outcome
    ending = ending_of(wish, operations, outcome)
    if ending.release:
        ending.release["back_to"] = release["release"]
    with_outcome(outcome, lambda: restore.write(client, operations, ending.written))
    if not wish.wait:
        return outcome
    return {**outcome, **with_outcome(outcome, lambda: finish(client, ending, wish.seconds))}
