# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mine coins: hash random bytes for ever; a hash that begins with a zero is a coin."""

from __future__ import annotations

import functools
import http.client
import os
import signal
import sys
import time
import urllib.request
from dataclasses import dataclass, field

RNG_URL = os.environ.get("RNG_URL", "http://rng")
HASHER_URL = os.environ.get("HASHER_URL", "http://hasher")
REDIS_URL = os.environ.get("REDIS_URL", "redis://redis")
# The rest between two hashes makes the speed follow the number of workers rather than the machine's processors.
PAUSE = float(os.environ.get("PAUSE", "0.1"))
TIMEOUT = 2
BATCH_SECONDS = 1.0
LONGEST_DELAY = 5.0
WALLET_SIZE = 1000


def is_coin(digest: str) -> bool:
    return digest.startswith("0")


@dataclass
class Batch:
    """What was mined since redis was last told."""

    started: float
    hashes: int = 0
    coins: list[str] = field(default_factory=list)

    def add(self, digest: str) -> None:
        self.hashes += 1
        if is_coin(digest):
            self.coins.append(digest)

    def is_due(self, now: float) -> bool:
        return now - self.started >= BATCH_SECONDS


def delays():
    """Seconds to wait before each new attempt: twice as long every time, up to a limit."""
    delay = 0.25
    while True:
        yield delay
        delay = min(2 * delay, LONGEST_DELAY)


def insist(peer, attempt, *args, errors, say=print, sleep=time.sleep, clock=time.monotonic):
    """Return what the attempt returns, however long the peer is away; say so once, and once when it is back."""
    gone_since = None
    for delay in delays():
        try:
            result = attempt(*args)
        except errors as error:
            if gone_since is None:
                gone_since = clock()
                reason = str(getattr(error, "reason", error)).rstrip(".")
                say(f"{peer} does not answer ({reason}). Trying until it does.")
            sleep(delay)
        else:
            if gone_since is not None:
                say(f"{peer} answers again after {clock() - gone_since:.0f} s.")
            return result


def ask(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, body, timeout=TIMEOUT) as answer:
        return answer.read()


def save(store, batch: Batch) -> None:
    """Count the batch in one transaction. The wallet keeps the newest coins only, so redis does not grow for ever."""
    with store.pipeline() as pipe:
        pipe.incrby("hashes", batch.hashes)
        if batch.coins:
            pipe.incrby("coins", len(batch.coins))
            pipe.lpush("wallet", *batch.coins)
            pipe.ltrim("wallet", 0, WALLET_SIZE - 1)
        pipe.execute()


def main() -> None:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # Trying again is the business of insist(), which says so.
    store = redis.Redis.from_url(REDIS_URL, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0))
    reach = functools.partial(insist, errors=(OSError, http.client.HTTPException, redis.RedisError))
    print(f"Mining with {RNG_URL} and {HASHER_URL}.")
    batch = Batch(time.monotonic())
    while True:
        data = reach("rng", ask, f"{RNG_URL}/32")
        batch.add(reach("hasher", ask, HASHER_URL, data).decode())
        if batch.is_due(time.monotonic()):
            reach("redis", save, store, batch)
            batch = Batch(time.monotonic())
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
