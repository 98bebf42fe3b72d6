# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the mining speed: a page, and the counters it draws as JSON."""

from __future__ import annotations

import logging
import os
import signal
import sys

REDIS_URL = os.environ.get("REDIS_URL", "redis://redis")
TIMEOUT = 2


def reading(clock: tuple[int, int], hashes: bytes | None, coins: bytes | None) -> dict[str, float]:
    """The counters at a moment of redis' own clock, which all replicas of this service share."""
    seconds, microseconds = clock
    return {"now": seconds + microseconds / 1e6, "hashes": int(hashes or 0), "coins": int(coins or 0)}


def read(store) -> dict[str, float]:
    with store.pipeline() as pipe:
        pipe.time()
        pipe.mget("hashes", "coins")
        clock, counters = pipe.execute()
    return reading(clock, *counters)


def create_app():
    import redis
    from flask import Flask, Response, jsonify
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    app = Flask(__name__)
    # One more attempt at once is for the connection that died with the redis before this one.
    store = redis.Redis.from_url(REDIS_URL, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 1))

    @app.get("/")
    def page():
        return app.send_static_file("index.html")

    @app.get("/json")
    def counters():
        try:
            return jsonify(read(store))
        except redis.RedisError as error:
            reason = str(error).rstrip(".")
            return jsonify(error=f"Could not read the counters: {reason}. Is the redis service running?"), 503

    @app.get("/healthz")
    def healthz():
        return Response("ok\n", mimetype="text/plain")

    @app.after_request
    def only_from_here(response):
        response.headers["Content-Security-Policy"] = "default-src 'self'"
        return response

    return app


def main() -> None:
    from werkzeug.serving import make_server

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # A line for each of many requests a second would hide the lines that matter.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_server("0.0.0.0", int(os.environ.get("PORT", "80")), create_app(), threaded=True).serve_forever()


if __name__ == "__main__":
    main()
