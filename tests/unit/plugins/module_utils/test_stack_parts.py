# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of a wait have in common: their time, what they hand on, and an Engine that is away for a moment."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import parts
from ansible_collections.apiary.swarm.plugins.module_utils._stack.parts import Time
from ansible_collections.apiary.swarm.tests.unit.stack_runs import bundle


class Clock:
    """A host's clock."""

    def __init__(self) -> None:
        self.now = 1000.0

    def wait(self, look: Callable[[], list[str]], spent: Time, seconds: float = 0, **more: Any) -> tuple[list[str], str]:
        """Wait on this clock."""
        return parts.wait(look, spent, seconds, clock=lambda: self.now, sleep=self.sleep, **more)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def test_parts_add_up_to_the_whole_with_the_time_between_them() -> None:
    clock, spent, length = Clock(), Time(20), []
    while not spent.over:
        begin = clock.now
        assert clock.wait(lambda: ["web"], spent, 4) == (["web"], "")
        length.append(clock.now - begin)
        spent = Time(**json.loads(json.dumps(vars(spent))))  # another process
        clock.sleep(3)  # it takes its time to start
    assert length == [4, 4, 4, 0], "the last one looks once"
    assert spent.used == 3 * (4 + 3)


def test_a_part_that_comes_too_late_looks_once_nevertheless() -> None:
    clock, looks = Clock(), []
    spent = Time(20, used=18, stopped=clock.now)
    clock.sleep(3600)
    assert clock.wait(lambda: looks.append(1) or [], spent, 4) == ([], "")
    assert looks == [1]


def test_the_clock_of_a_host_that_was_started_anew_takes_no_time_away() -> None:
    clock, spent = Clock(), Time(20, used=5, stopped=99999.0)
    clock.wait(lambda: ["web"], spent, 4)
    assert spent.used == 9


def test_a_look_that_fails_is_made_again_unless_that_is_final() -> None:
    answers = [SwarmError("away"), EngineError("ask", 503, "no leader"), []]

    def look() -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, SwarmError):
            raise answer
        return answer

    assert Clock().wait(look, Time(20)) == ([], "")
    answers += [SwarmError("away")] * 30
    assert Clock().wait(look, Time(20)) == ([""], "away")
    with pytest.raises(SwarmError, match="away"):
        Clock().wait(look, Time(20), final=lambda error: True)


@pytest.mark.parametrize("password", ["1", "web", "e", "unfinished", '"'])
def test_a_password_within_what_is_handed_on_does_not_spoil_it(password: str) -> None:
    rest = {"ending": {"waiting": {"stack": "web1", "touched": {"web1_web": "create"}}, "failure": "1" * 999}}
    part = parts.part(Client(no_engine().raw, "1.47"), ["web1_web: 1 of 2"], **rest)
    sent = json.loads(json.dumps(remove_values(part, {password})))
    assert "web1" not in sent["unfinished"]
    assert parts.rest_of(sent) == {**rest, "api_version": "1.47"}
    assert parts.rest_of({"definitions": []}) == {}


def test_only_the_first_part_needs_the_engine_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [SwarmError("nothing listens there"), Client(lambda *_all: (200, {}, b'{"ID": 1}'), "1.47")]

    def connect(params: dict[str, Any]) -> Client:
        answer = answers.pop(0)
        if isinstance(answer, SwarmError):
            raise answer
        return answer

    monkeypatch.setattr(parts, "connect", connect)
    with pytest.raises(SwarmError, match="nothing listens there"):
        parts.connected({"_bundle": None})
    answers.insert(0, SwarmError("nothing listens there"))
    unfinished = parts.part(Client(no_engine().raw, "1.45"), [])["unfinished"]
    client = parts.connected({"_bundle": bundle(unfinished=unfinished)})
    assert client.api_version == "1.45"
    with pytest.raises(SwarmError, match="nothing listens there"):
        client.info()
    assert [client.info(), client.info()] == [{"ID": 1}, {"ID": 1}]
