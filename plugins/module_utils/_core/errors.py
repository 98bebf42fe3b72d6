# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors a user sees: each is one sentence that names its object and says what to do."""

from __future__ import annotations

from typing import Any


class SwarmError(Exception):
    """A failure whose text is fit for a user: C(Could not <verb> <object> '<name>': <cause>. <What to do>.).

    :ivar details: what else the task returns, as data.
    """

    def __init__(self, text: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.details = details or {}


class EngineMissing(SwarmError):
    """There is no Docker Engine to talk to on this host, or no SDK to talk with.

    :ivar sdk: the SDK is there; without it nothing is known of the engine.
    """

    def __init__(self, text: str, sdk: bool = True) -> None:
        super().__init__(text)
        self.sdk = sdk


class EngineError(SwarmError):
    """The Engine answered with an error.

    :ivar status: the HTTP status of the answer.
    :ivar message: the Engine's own words.
    """

    ADVICE = "Check the engine's log on this host"

    def __init__(self, verb: str, status: int, message: str, advice: str | None = None) -> None:
        cause = message.strip().rstrip(".") or "no reason given"
        super().__init__(f"Could not {verb}: {cause} (the Docker Engine answered {status}). {advice or self.ADVICE}.")
        self.status = status
        self.message = message


class SwarmConflict(EngineError):
    """Somebody else wrote the object in between (C(update out of sequence)): read again and redo."""

    ADVICE = "Run the task again when nobody else changes the swarm"


def could_not(action: str, cause: str, advice: str) -> SwarmError:
    """The error C(Could not <verb> <object> '<name>': <cause>. <What to do>.)."""
    return SwarmError(f"Could not {action}: {cause.strip().rstrip('.')}. {advice.rstrip('.')}.")
