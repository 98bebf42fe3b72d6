# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long wait is done in parts, each by a process of its own, so that somebody can be told in between how it goes.

What one part has to hand on to the next is plain data and holds no secret.
"""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import dataclass
from typing import Any, Callable, TypeVar

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, connect
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack.sources import unpack

PAUSE = 1.0
# Ansible puts stars in the place of each password of the task wherever it stands in a result, also within other text.
# With a password of one letter not even base64 would arrive whole. No password is written in these 256 characters.
BRAILLE = 0x2800
Kind = TypeVar("Kind")


@dataclass
class Time:
    """The time of a wait, all its parts together: plain data.

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


class Timed:
    """A dataclass with a time, which another process takes up as plain data."""

    @classmethod
    def of(cls: type[Kind], data: dict[str, Any]) -> Kind:
        """From plain data."""
        return cls(**{**data, "time": Time(**data["time"])})


def wait(
    look: Callable[[], list[str]],
    spent: Time,
    seconds: float = 0,
    pause: float = PAUSE,
    final: Callable[[SwarmError], bool] = lambda error: False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[list[str], str]:
    """Look until nothing is waited for any more, or the time is over.

    A look that fails is made again: a change of leader passes, and so does a restart of the Engine.

    :param look: what is still waited for.
    :param seconds: how long this part lasts at the most; 0: as long as there is time.
    :param final: the failures that do not pass.
    :returns: (what is still waited for, what was wrong with the last look).
    """
    begin = clock()
    if spent.stopped is not None:
        spent.used += max(0.0, begin - spent.stopped)
    before, left = spent.used, [""]
    length = min(seconds or spent.limit, spent.limit - before)
    while True:
        trouble = ""
        try:
            left = look()
        except SwarmError as error:
            if final(error):
                raise
            trouble = str(error)
        spent.stopped = clock()
        spent.used = before + spent.stopped - begin
        if not (left or trouble) or spent.used - before >= length:
            return left, trouble
        sleep(pause)
        pause = min(pause * 1.5, PAUSE)


def part(client: Client, progress: list[str], **rest: Any) -> dict[str, Any]:
    """The result of a part that is not the last.

    :param progress: what a person is told.
    :param rest: what the next part goes on with.
    """
    data = json.dumps({**rest, "api_version": client.api_version})
    return {"progress": progress, "unfinished": "".join(chr(BRAILLE + byte) for byte in zlib.compress(data.encode()))}


def rest_of(bundle: dict[str, Any]) -> dict[str, Any]:
    """What the part before has handed on; nothing in the first part."""
    text = bundle.get("unfinished", "")
    return json.loads(zlib.decompress(bytes(ord(character) - BRAILLE for character in text))) if text else {}


def connected(params: dict[str, Any]) -> Client:
    """A client for the Engine. In a later part that may be away for a moment, so it is only called when it is asked for something."""
    rest = rest_of(unpack(params["_bundle"]))
    if not rest:
        return connect(params)
    found: list[Client] = []

    def transport(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        if not found:
            found.append(connect(params))
        return found[0].raw(method, path, headers, body)

    return Client(transport, rest["api_version"])
