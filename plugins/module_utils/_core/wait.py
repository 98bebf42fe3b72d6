# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that waits: poll until a condition holds, with a limit and a reason."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, TypeVar

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError

T = TypeVar("T")

# The first looks are close together, later ones a second apart (seconds).
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
# Seconds: managers without a leader have one again after 6 to 12.
ELECTION = 30.0
# What managers answer meanwhile.
CODES = ("code = Unavailable", "code = DeadlineExceeded", "(Unavailable)", "(DeadlineExceeded)")
PASSING = ("does not have a leader", "context deadline exceeded", *CODES)
# Seconds of this host's clock and since the epoch, and the way to let some pass. Looked up when they are used: a test has its own.
clock: Callable[[], float] = time.monotonic
now: Callable[[], float] = time.time
sleep: Callable[[float], None] = time.sleep


def wait_until(
    observe: Callable[[], T],
    satisfied: Callable[[T], bool],
    what: str,
    timeout: float,
    advice: str = "Check the engines' logs, or increase wait_timeout",
    explain: Callable[[T], str] = lambda seen: "",
) -> T:
    """Poll C(observe) until C(satisfied), and return what was seen last.

    An observation that fails is tried again until the time is over: a manager that has just been promoted,
    or lost its leader, answers with errors for a moment.

    :param what: what is waited for, e.g. C(see node 'worker1' ready): the error begins C(Could not <what>).
    :param timeout: seconds.
    :param explain: a cause from the last observation.
    :raises SwarmError: the time is over.
    """
    end, pause = clock() + timeout, FIRST_PAUSE
    while True:
        reason = ""
        try:
            seen = observe()
            if satisfied(seen):
                return seen
            reason = explain(seen)
        except SwarmError as error:
            reason = str(error)
        if clock() >= end:
            raise SwarmError(f"Could not {what} within {timeout:g} s{': ' if reason else ''}{reason.rstrip('.')}. {advice}.")
        sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def passes(cause: str) -> bool:
    """Whether an error is the trouble of managers that elect a leader or are slow, and of nothing that a person has asked for."""
    return any(text in cause for text in PASSING)


def patiently(look: Callable[[], T], limit: float) -> T:
    """What a look gives, made again while managers elect a leader or are slow.

    :param look: writes nothing.
    :param limit: seconds; an election's time at the most.
    :raises SwarmError: its own error, where that does not pass, or the last one.
    """
    end, pause = clock() + min(limit, ELECTION), FIRST_PAUSE
    while True:
        try:
            return look()
        except SwarmError as error:
            if not passes(str(error)) or clock() >= end:
                raise
        sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


@dataclass
class Stopwatch:
    """The time of a wait, all its parts together: plain data, for another process to go on with.

    :ivar limit: seconds that it may take.
    :ivar used: seconds so far.
    :ivar stopped: this host's clock when it was last looked at. It goes on between the parts, and starts anew with the host.
    """

    limit: float
    used: float = 0
    stopped: float | None = None

    @property
    def over(self) -> bool:
        """Whether all of it is used."""
        return self.used >= self.limit


def wait_in_part(
    observe: Callable[[], list[str]],
    stopwatch: Stopwatch,
    seconds: float = 0,
    pause: float = LONGEST_PAUSE,
    final: Callable[[SwarmError], bool] = lambda error: False,
) -> tuple[list[str], str]:
    """Observe until nothing is waited for any more, or this part of the wait is over.

    An observation that fails is made again: a change of leader passes, and so does a restart of the Engine.

    :param observe: what is still waited for.
    :param seconds: how long this part lasts at the most; 0: as long as there is time.
    :param final: the failures that do not pass.
    :returns: (what is still waited for, what was wrong with the last observation).
    """
    begin = clock()
    if stopwatch.stopped is not None:
        stopwatch.used += max(0.0, begin - stopwatch.stopped)
    before, left = stopwatch.used, [""]
    length = min(seconds or stopwatch.limit, stopwatch.limit - before)
    while True:
        trouble = ""
        try:
            left = observe()
        except SwarmError as error:
            if final(error):
                raise
            trouble = str(error)
        stopwatch.stopped = clock()
        stopwatch.used = before + stopwatch.stopped - begin
        if not (left or trouble) or stopwatch.used - before >= length:
            return left, trouble
        sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)
