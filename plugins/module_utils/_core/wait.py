# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that waits: poll until a condition holds, with a limit and a reason."""

from __future__ import annotations

import time
from typing import Callable, TypeVar

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError

T = TypeVar("T")

# The first looks are close together, later ones a second apart (seconds).
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0


def wait_until(
    observe: Callable[[], T],
    satisfied: Callable[[T], bool],
    what: str,
    timeout: float,
    advice: str = "Look at the engines' logs, or give a longer wait_timeout",
    explain: Callable[[T], str] = lambda seen: "",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
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
