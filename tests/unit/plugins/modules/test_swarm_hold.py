# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.apiary.swarm.plugins.action import swarm_hold as action
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


def test_whoever_holds_it_has_the_whole_time_again_once_half_of_it_is_over(manager: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    now = wait.now()
    monkeypatch.setattr(wait, "now", lambda: now)
    hold(manager, expires=100)
    monkeypatch.setattr(wait, "now", lambda: now + 40)
    assert hold(manager, expires=100) == (False, True, ALICE)
    monkeypatch.setattr(wait, "now", lambda: now + 60)
    assert run_module(swarm_hold, manager, {"owner": ALICE, "expires": 100})["seconds_left"] == 100
    monkeypatch.setattr(wait, "now", lambda: now + 120)
    assert hold(manager, BOB, expires=100) == (False, False, ALICE), "it was renewed"
    monkeypatch.setattr(wait, "now", lambda: now + 161)
    assert hold(manager, BOB, expires=100) == (True, True, BOB)
    assert hold(manager, expires=100) == (False, False, BOB), "who was too slow gets to know it"


def test_hosts_of_one_run_that_let_go_at_once_do_not_disturb_each_other(manager: Engine, swarm: Swarm) -> None:
    hold(manager)
    swarm.interrupted_by(swarm.configs.clear)
    assert hold(manager, state="absent") == (False, True, None) and swarm.configs == {}


def test_a_run_is_known_to_be_dead_by_those_who_can_know(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, here = _owner.owner(), _owner.place()
    assert not _owner.is_dead(mine)
    assert not _owner.is_dead(f"me@here (process {os.getpid()}, {here}-{_owner.began(os.getpid())})")
    assert _owner.is_dead(f"me@here (process {os.getpid()}, {here}-1)"), "another process has its number now"
    assert _owner.is_dead(f"me@here (process {2**30}, {here}-1)")
    assert not _owner.is_dead(f"me@{socket.gethostname()} (process {2**30}, aa-1)"), "a container on this host"
    assert not _owner.is_dead(f"me@{socket.gethostname()} (process {2**30})") and not _owner.is_dead("somebody")
    monkeypatch.setattr(_owner, "began", lambda process: None)
    assert not _owner.is_dead(mine), "one that this user may not look into"
    assert _owner.is_dead(f"me@here (process {2**30}, {here}-1)") and _owner.is_dead(f"me@here (process {2**80}, {here}-1)")
    monkeypatch.setattr(_owner, "PLACE", ("/nowhere", "/nowhere"))
    assert not _owner.is_dead(mine) and _owner.owner() != mine


class Asked:
    """The action, with what the module answers in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.shown: list[str] = []
        monkeypatch.setattr(wait, "sleep", lambda seconds: None)
        monkeypatch.setattr(action, "show", lambda display, line: self.shown.append(line))
        monkeypatch.setattr(ActionBase, "run", lambda *_given: {})
        self.action = action.ActionModule.__new__(action.ActionModule)
        self.action._task = SimpleNamespace(args={"wait_timeout": 5}, check_mode=False)
        self.action._display = None
        self.action._execute_module = lambda **_given: self.answers.pop(0)

    def result(self) -> dict[str, Any]:
        """Of the task."""
        return self.action.run()


def test_a_run_that_waits_goes_on_while_the_other_one_restarts_the_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {"held": False, "holder": BOB, "seconds_left": 9}
    silent = [{"failed": True, "msg": "Could not read the hold of the swarm: no leader"}, {"unreachable": True, "msg": "ssh"}]
    asked = Asked(monkeypatch, theirs, *silent, theirs, {"held": True, "holder": ALICE, "changed": True})
    result = asked.result()
    assert result["held"] and result["waited"] and asked.shown == [f"Waiting for {BOB}, who holds the swarm for up to 9 s"]


def test_a_manager_that_cannot_hold_it_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Asked(monkeypatch, {"failed": True, "msg": "This node is not a swarm manager"}).result()["failed"]
    passing = {"failed": True, "msg": "The swarm does not have a leader"}
    assert Asked(monkeypatch, passing, {"held": True, "holder": ALICE}).result() == {"held": True, "holder": ALICE, "waited": False}
