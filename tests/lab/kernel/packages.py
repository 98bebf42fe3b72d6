# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes' way to packages, and to nothing else: packages.py ADDRESS PORT NAME=URL...; /NAME/file is URL/file."""

from __future__ import annotations

import shutil
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REQUEST_HEADERS = ("If-Modified-Since", "If-Range", "Range")
ANSWER_HEADERS = ("Content-Length", "Content-Range", "Content-Type", "Last-Modified")

mirrors = dict(argument.split("=", 1) for argument in sys.argv[3:])


class Packages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name, _slash, path = self.path.lstrip("/").partition("/")
        if name not in mirrors:
            self.answer(404)
            return
        headers = {header: self.headers[header] for header in REQUEST_HEADERS if header in self.headers}
        request = urllib.request.Request(f"{mirrors[name].rstrip('/')}/{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as found:
                self.answer(found.status, {header: found.headers[header] for header in ANSWER_HEADERS if header in found.headers})
                shutil.copyfileobj(found, self.wfile)
        except urllib.error.HTTPError as error:
            self.answer(error.code)
        except urllib.error.URLError:
            self.answer(502)

    def answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for header, value in (headers or {"Content-Length": "0"}).items():
            self.send_header(header, value)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Apt tells what it could not get."""


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Packages).serve_forever()
