# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said and done in the later parts of a deployment, and once all services run."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine
from ansible_collections.apiary.swarm.tests.unit.stack_runs import DEFINITION, changed, in_parts, run

SECRET = "hunter2secret"
NO_LEADER = 503, {"message": "rpc error: code = Unknown desc = The swarm does not have a leader."}


def image(engine: StackEngine) -> str:
    """What the service web runs."""
    return engine.named("services", "app_web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]


def failing_releases(engine: StackEngine, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """So many attempts to record a release meet managers without a leader."""
    store, left = engine.store, [times]

    def refuse(kind: str, path: str, body: dict[str, Any]) -> Any:
        if kind == "configs" and "release" in body.get("Name", "") and left[0]:
            left[0] -= 1
            return NO_LEADER
        return store(kind, path, body)

    monkeypatch.setattr(engine, "store", refuse)


@pytest.mark.parametrize(
    "found", [{"env": {"PW": SECRET}}, {"registry_logins": [{"registry": "r:5", "username": "u", "password": SECRET}]}]
)
def test_no_later_part_tells_a_secret(engine: StackEngine, found: dict[str, Any]) -> None:
    engine.task_state, engine.task_error = "rejected", f"starting container failed: exec: --password={SECRET}: not found"
    with pytest.raises(SwarmError, match="--password=") as caught:
        in_parts(engine, found=found, wait_timeout=30)
    assert SECRET not in str(caught.value) + repr(caught.value.details)


def test_the_docker_command_tells_none_either(engine: StackEngine) -> None:
    for word in ("complain", "warn"):
        definitions = [{**DEFINITION, word: {f"invalid value {SECRET}": {}}}]
        try:
            said = repr(run(engine, definitions=definitions, env={"PW": SECRET}, check=True)["warnings"])
        except SwarmError as error:
            said = str(error)
        assert "(hidden)" in said and SECRET not in said, word


@pytest.mark.parametrize("attempt", [run, in_parts])
@pytest.mark.parametrize(("times", "error"), [(1, False), (10**6, True)])
def test_what_has_arrived_is_not_undone(
    engine: StackEngine, monkeypatch: pytest.MonkeyPatch, attempt: Callable[..., Any], times: int, error: bool
) -> None:
    run(engine, keep_releases=3)
    failing_releases(engine, monkeypatch, times)
    options: dict[str, Any] = {"definitions": changed(web={"image": "web:2"}), "keep_releases": 3, "rollback": True}
    if error:
        with pytest.raises(SwarmError, match="does not have a leader") as caught:
            attempt(engine, **options)
        assert "rolled back" not in str(caught.value)
    else:
        attempt(engine, **options)
    assert image(engine) == "web:2"
