# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP server on a private unix socket, for the docker CLI to talk to."""

from __future__ import annotations

import contextlib
import os
import socketserver
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, Callable, Iterator


class Handler(BaseHTTPRequestHandler):
    """Reads one request, asks the server's C(answer), writes the reply."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one piece

    def log_message(self, format: str, *args: Any) -> None:  # pylint: disable=redefined-builtin
        """Say nothing."""

    def _request_body(self) -> bytes | None:
        if "chunked" not in (self.headers.get("Transfer-Encoding") or ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        body = b""
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return body

    def _serve(self) -> None:
        answer = self.server.answer  # type: ignore[attr-defined]  # the attribute is our own Server's
        status, headers, body = answer(self.command, self.path, dict(self.headers.items()), self._request_body())
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "content-encoding", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The CLI may keep several connections open."""

    daemon_threads = True


@contextlib.contextmanager
def listen(answer: Callable[..., Any]) -> Iterator[str]:
    """Serve on a socket that only this user can reach; yields its address.

    The folder is not Ansible's: a socket's path must stay below 108 characters.
    """
    with tempfile.TemporaryDirectory(prefix="apiary-", dir="/tmp") as folder:  # made with mode 0700
        path = os.path.join(folder, "s")
        server = Server(path, Handler)
        server.answer = answer  # type: ignore[attr-defined]  # set here, read by the handler
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            server.server_close()
