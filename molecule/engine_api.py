# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Engine API of a node, asked from here through SSH: a question costs milliseconds, for it starts no process over there."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import shlex
import socket
import subprocess
import time


class OverSsh(http.client.HTTPConnection):
    """HTTP through a socket of this machine."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__("docker", timeout=60)
        self.path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class EngineApi:
    """One node's Engine.

    :param host: the variables of its inventory.
    :param path: where the socket is made that leads to the Engine's own.
    """

    def __init__(self, host: dict, path: pathlib.Path) -> None:
        self.host, self.path = host, path
        self.process: subprocess.Popen | None = None

    def open(self) -> None:
        """Make the way to the Engine, unless it is there. A host that was switched off has broken it."""
        if self.process and self.process.poll() is None:
            return
        self.path.unlink(missing_ok=True)
        host = self.host
        key = os.path.expanduser(host["ansible_ssh_private_key_file"])
        command = ["ssh", "-N", "-i", key, *shlex.split(host["ansible_ssh_common_args"])]
        for option in ("IdentitiesOnly=yes", "ExitOnForwardFailure=yes", "ServerAliveInterval=5", "ConnectTimeout=10", "ControlPath=none"):
            command += ["-o", option]
        command += ["-L", f"{self.path}:/var/run/docker.sock", f"{host['ansible_user']}@{host['ansible_host']}"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # ssh ends by itself where nothing answers. It makes the socket a moment before it listens there.
        while not self.listens() and self.process.poll() is None:
            time.sleep(0.02)

    def listens(self) -> bool:
        """Whether ssh takes connections."""
        with socket.socket(socket.AF_UNIX) as attempt:
            return attempt.connect_ex(str(self.path)) == 0

    def get(self, path: str):
        """The answer to GET path; an AssertionError where there is none, or a refusal."""
        self.open()
        connection = OverSsh(self.path)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise AssertionError(f"the Engine of {self.host['ansible_host']} does not answer GET {path}: {error!r}") from error
        finally:
            connection.close()
        assert answer.status < 400, f"GET {path}: {answer.status} {text}"
        return json.loads(text)

    def close(self) -> None:
        """Take the way away again."""
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.path.unlink(missing_ok=True)
