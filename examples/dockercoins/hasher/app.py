# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answer POST / with the SHA-256 of the body, in hexadecimal."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import sys

LIMIT = 1024 * 1024


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def create_app():
    from flask import Flask, Response, request

    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LIMIT

    @app.post("/")
    def hash_body():
        # The raw body, whatever content type the client names.
        return Response(digest(request.get_data(parse_form_data=False)), mimetype="text/plain")

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
