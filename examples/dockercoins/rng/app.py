# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer GET /<count> with that many random bytes."""

from __future__ import annotations

import logging
import os
import signal
import sys

LIMIT = 1024 * 1024


def refusal(count: int) -> str | None:
    """Why this many bytes are not given, or None when they are."""
    if 1 <= count <= LIMIT:
        return None
    return f"Could not give {count} bytes: ask for 1 to {LIMIT}.\n"


def create_app():
    from flask import Flask, Response

    app = Flask(__name__)

    @app.get("/<int:count>")
    def draw(count: int):
        sentence = refusal(count)
        if sentence:
            return Response(sentence, 400, mimetype="text/plain")
        return Response(os.urandom(count), mimetype="application/octet-stream")

    @app.get("/healthz")
    def healthz():
        return Response("ok\n", mimetype="text/plain")

    return app


def main() -> None:
    from werkzeug.serving import make_server

    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    # A line for each of many requests a second would hide the lines that matter.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    make_server("0.0.0.0", int(os.environ.get("PORT", "80")), create_app(), threaded=True).serve_forever()


if __name__ == "__main__":
    main()
