# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, Outcome
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmConflict, SwarmError


class Counter:
    """An object of one number, whose version each look tells.

    :ivar conflicts: how many writes come too late.
    """

    def __init__(self, number: int, conflicts: int = 0) -> None:
        self.number, self.conflicts, self.looks = number, conflicts, 0
        self.writes: list[tuple[int, int, int]] = []

    def observe(self) -> tuple[int, int]:
        self.looks += 1
        return self.number, self.looks

    def apply(self, before: int, after: int, version: int) -> int | None:
        if self.conflicts:
            self.conflicts -= 1
            raise SwarmConflict("count", 500, "update out of sequence")
        self.number = after
        self.writes.append((before, after, version))
        return None

    def converge(self, wanted: int, check: bool = False, **more: Any) -> Outcome:
        return Converge(check)(self.observe, lambda _before, _version: wanted, self.apply, **more)


def test_what_differs_is_written_once_and_the_context_given_back() -> None:
    counter = Counter(1)
    outcome = counter.converge(2)
    assert outcome == (True, 1, 2, 1) and outcome.diff == {"before": 1, "after": 2}
    assert counter.writes == [(1, 2, 1)]


def test_what_is_equal_is_not_written_but_verified() -> None:
    counter = Counter(2)
    assert counter.converge(2, verify=lambda after, version: (after, version)) == (False, 2, 2, (2, 1))
    assert counter.converge(2) == (False, 2, 2, 2)
    assert counter.writes == []


def test_check_mode_neither_writes_nor_verifies() -> None:
    def never(*_any: Any) -> None:
        raise AssertionError

    counter = Counter(1)
    assert counter.converge(2, check=True, verify=never) == (True, 1, 2, 1)
    assert counter.converge(1, check=True, verify=never) == (False, 1, 1, 2)
    assert counter.writes == []


def test_apply_may_leave_another_context() -> None:
    outcome = Converge(False)(lambda: (1, "seen"), lambda _before, _context: 2, lambda _before, _after, context: context + " and written")
    assert outcome.context == "seen and written"


def test_after_a_conflict_it_is_observed_and_computed_again() -> None:
    counter = Counter(1, conflicts=2)
    assert counter.converge(5, observed=(0, 0)) == (True, 1, 5, 2)
    assert counter.writes == [(1, 5, 2)]


def test_what_was_observed_just_now_is_not_observed_again() -> None:
    counter = Counter(1)
    assert counter.converge(5, observed=(1, 0)) == (True, 1, 5, 0)
    assert counter.looks == 0


def test_third_conflict_is_an_error_that_nobody_takes_for_a_conflict() -> None:
    counter = Counter(1, conflicts=3)
    with pytest.raises(SwarmError, match="update out of sequence") as caught:
        counter.converge(2)
    assert not isinstance(caught.value, SwarmConflict) and counter.looks == 3
