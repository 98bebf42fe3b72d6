# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core import wait
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules import swarm_hold
from ansible_collections.apiary.swarm.plugins.plugin_utils import _owner
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module

ALICE, BOB = "alice@here (process 1)", "bob@there (process 2)"


def hold(engine: Engine, owner: str = ALICE, check: bool = False, **params: Any) -> tuple[bool, bool, str | None]:
    """(changed, held, holder)."""
    result = run_module(swarm_hold, engine, {"owner": owner, **params}, check)
    return result["changed"], result["held"], result["holder"]


def test_one_run_at_a_time_holds_a_swarm(manager: Engine, swarm: Swarm) -> None:
    assert hold(manager, check=True) == (True, True, ALICE) and swarm.configs == {}
    assert hold(manager) == (True, True, ALICE)
    assert hold(manager) == (False, True, ALICE)
    assert hold(manager, BOB) == (False, False, ALICE)
    assert hold(manager, BOB, state="absent") == (False, True, ALICE), "the hold of another stays"
    assert hold(manager, state="absent") == (True, True, None) and swarm.configs == {}
    assert hold(manager, state="absent") == (False, True, None)
    assert hold(manager, BOB) == (True, True, BOB)


def test_of_two_that_ask_at_once_the_quicker_one_holds_it(manager: Engine, swarm: Swarm) -> None:
    swarm.interrupted_by(lambda: swarm.add_config(swarm_hold.NAME, {swarm_hold.OWNER: BOB, swarm_hold.UNTIL: "99999999999"}))
    assert hold(manager) == (False, False, BOB)


def test_of_two_that_take_over_the_quicker_one_holds_it(manager: Engine, swarm: Swarm) -> None:
    key = swarm.add_config(swarm_hold.NAME, {swarm_hold.OWNER: "carol", swarm_hold.UNTIL: "1"}, "eAo=")

    def quicker() -> None:
        swarm.configs[key]["Spec"]["Labels"] = {swarm_hold.OWNER: BOB, swarm_hold.UNTIL: "99999999999"}
        swarm.configs[key]["Version"]["Index"] += 1

    swarm.interrupted_by(quicker)
    assert hold(manager) == (False, False, BOB)


def test_a_hold_ends_with_its_time_or_with_its_owner(manager: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    hold(manager, BOB, expires=100)
    assert run_module(swarm_hold, manager, {"owner": ALICE})["seconds_left"] in (99, 100)
    assert hold(manager, from_owner="carol") == (False, False, BOB)
    assert hold(manager, from_owner=BOB) == (True, True, ALICE)
    now = wait.now()
    monkeypatch.setattr(wait, "now", lambda: now + 1801)
    assert hold(manager, BOB) == (True, True, BOB)


def test_a_config_of_somebody_else_is_no_hold_for_ever(manager: Engine, swarm: Swarm) -> None:
    swarm.add_config(f"{swarm_hold.NAME}-not", {})
    swarm.add_config(swarm_hold.NAME, {}, "eAo=")
    assert hold(manager) == (True, True, ALICE)


def test_a_worker_cannot_hold_a_swarm(worker: Engine) -> None:
    with pytest.raises(SwarmError, match="^Could not read the hold of the swarm: This node is not a swarm manager"):
        hold(worker)


def test_a_run_is_known_to_be_dead_on_its_own_controller_alone() -> None:
    here = socket.gethostname()
    assert not _owner.is_dead(_owner.owner())
    assert not _owner.is_dead(f"me@{here} (process {os.getpid()})")
    assert _owner.is_dead(f"me@{here} (process {2**30})")
    assert not _owner.is_dead(f"me@elsewhere.{here} (process {2**30})")
    assert not _owner.is_dead("somebody")
