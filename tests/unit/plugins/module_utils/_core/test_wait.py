# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long wait in parts: their time together, and an Engine that is away for a moment."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core import wait
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import Stopwatch


class Clock:
    """A host's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(wait, "clock", lambda: self.now)
        monkeypatch.setattr(wait, "sleep", self.sleep)

    def wait(self, observe: Callable[[], list[str]], stopwatch: Stopwatch, seconds: float = 0, **more: Any) -> tuple[list[str], str]:
        """Wait on this clock."""
        return wait.wait_in_part(observe, stopwatch, seconds, **more)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(no_waiting: None, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock of this test's own."""
    return Clock(monkeypatch)


def test_parts_add_up_to_the_whole_with_the_time_between_them(clock: Clock) -> None:
    stopwatch, length = Stopwatch(20), []
    while not stopwatch.over:
        begin = clock.now
        assert clock.wait(lambda: ["web"], stopwatch, 4) == (["web"], "")
        length.append(clock.now - begin)
        stopwatch = Stopwatch(**json.loads(json.dumps(vars(stopwatch))))  # another process
        clock.sleep(3)  # it takes its time to start
    assert length == [4, 4, 4, 0], "the last one observed once"
    assert stopwatch.used == 3 * (4 + 3)


def test_a_part_that_comes_too_late_observes_once_nevertheless(clock: Clock) -> None:
    observed: list[int] = []
    stopwatch = Stopwatch(20, used=18, stopped=clock.now)
    clock.sleep(3600)
    assert clock.wait(lambda: observed.append(1) or [], stopwatch, 4) == ([], "")
    assert observed == [1]


def test_the_clock_of_a_host_that_was_started_anew_takes_no_time_away(clock: Clock) -> None:
    stopwatch = Stopwatch(20, used=5, stopped=99999.0)
    clock.wait(lambda: ["web"], stopwatch, 4)
    assert stopwatch.used == 9


def test_an_observation_that_fails_is_made_again_unless_that_is_final(clock: Clock) -> None:
    answers = [SwarmError("away"), EngineError("ask", 503, "no leader"), []]

    def observe() -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, SwarmError):
            raise answer
        return answer

    assert clock.wait(observe, Stopwatch(20)) == ([], "")
    answers += [SwarmError("away")] * 30
    assert clock.wait(observe, Stopwatch(20)) == ([""], "away")
    with pytest.raises(SwarmError, match="away"):
        clock.wait(observe, Stopwatch(20), final=lambda error: True)
