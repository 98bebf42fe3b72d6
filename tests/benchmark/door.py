# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a manager: a door to the Engine that counts. Each request is a line "METHOD path" in the log file."""

from __future__ import annotations

import re
import socket
import socketserver
import sys
import threading

ENGINE, DOOR, LOG = "/var/run/docker.sock", sys.argv[1], sys.argv[2]
REQUEST = re.compile(rb"^(GET|HEAD|POST|PUT|DELETE) (\S+) HTTP/1\.1\r\n")


class Handler(socketserver.BaseRequestHandler):
    """Passes bytes on; a request begins where the CLI or the SDK begins to write."""

    def handle(self) -> None:
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(ENGINE)
        threading.Thread(target=self.pass_on, args=(engine, self.request), daemon=True).start()
        self.pass_on(self.request, engine, count=True)

    def pass_on(self, source: socket.socket, target: socket.socket, count: bool = False) -> None:
        """All that comes, until the end."""
        try:
            while True:
                data = source.recv(65536)
                found = REQUEST.match(data) if count else None
                if found:
                    with open(LOG, "ab") as log:
                        log.write(found.group(1) + b" " + found.group(2) + b"\n")
                if not data:
                    break
                target.sendall(data)
        except OSError:
            pass
        for side in (source, target):
            side.close()


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


Server(DOOR, Handler).serve_forever()
