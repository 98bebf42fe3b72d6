# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a fake engine under a fake systemd, for the module daemon_config."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import DROP_IN, PID_FILE, RECORD, Host
from ansible_collections.apiary.swarm.plugins.modules import daemon_config

CONFIG = "/etc/docker/daemon.json"
UNIT = "[Service]\nEnvironmentFile=-/etc/default/docker\nExecStart=/usr/sbin/dockerd -H fd:// --containerd=/x $DOCKER_OPTS\n"
PARAMS = {
    "options": {},
    "exclusive": False,
    "apply": "none",
    "allow_unknown": False,
    "renewed": [],
    "restart_replaced": False,
    "path": CONFIG,
    "wait_timeout": 5,
}


class Machine(Host):
    """A host whose files are in a folder, whose systemctl, dockerd and journalctl are here, and whose clock is counted.

    :ivar refused: the daemon's validation has this to say.
    :ivar dies_of: an option with which no engine starts.
    :ivar deaf_to: an option with which an engine does not reload.
    :ivar running: what the engine has read; None is no engine.
    :ivar answers: what other commands answer, by their name: (exit status, output).
    """

    def __init__(self, root: Path) -> None:
        super().__init__(CONFIG, 5, self.answer, self.execute, str(root))
        self.name = "host1"
        self.now = 1000.0
        self.commands: list[str] = []
        self.answers: dict[str, tuple[int, str]] = {}
        self.input = ""
        self.refused = self.dies_of = self.deaf_to = self.state = ""
        self.running: dict[str, Any] | None = None
        self.command_line = ""
        self.reloads = 0
        self.heard = ""

    # -- what a test does
    def put(self, path: str, content: str | None) -> None:
        """Somebody writes a file by hand."""
        target = Path(self.root + path)
        if content is None:
            target.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
        self.stamp(path)

    def options(self) -> Any:
        """What the file holds."""
        text = self.read(CONFIG)
        return None if text is None else json.loads(text)

    def snapshot(self) -> dict[str, tuple[int, str]]:
        """Every file with its time and content."""
        files = [path for path in Path(self.root).rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_text()) for path in files}

    def install(self) -> None:
        """The engine's package."""
        self.put("/usr/lib/systemd/system/docker.service", UNIT)

    def start(self) -> bool:
        """The engine reads what it reads at its start."""
        options = json.loads(self.read(CONFIG) or "{}")
        command = (self.read(DROP_IN) or UNIT).split("ExecStart=")[-1]
        if (self.dies_of and self.dies_of in options) or ("hosts" in options and "-H" in command):
            self.stop()
            return False
        self.running, self.command_line = options, command
        self.put(PID_FILE, "7\n")
        self.put("/proc/7/comm", "dockerd\n")
        self.runs_program("/usr/bin/dockerd")
        return True

    def runs_program(self, path: str) -> None:
        """What the kernel says that the engine runs; of a file that was replaced it adds that it is deleted."""
        link = Path(f"{self.root}/proc/7/exe")
        link.unlink(missing_ok=True)
        link.symlink_to(path)

    def stop(self) -> None:
        """The engine ends."""
        self.running = None
        for path in (PID_FILE, "/proc/7/comm"):
            Path(self.root + path).unlink(missing_ok=True)

    # -- what the module sees
    def stamp(self, path: str) -> None:
        self.now += 1
        os.utime(self.root + path, (self.now, self.now))

    def replace(self, path: str, content: str | None, mode: int, folder_mode: int = 0o755) -> None:
        if self.read(path) != content:
            super().replace(path, content, mode, folder_mode)
            if content is not None:
                self.stamp(path)

    def record(self, read: Any) -> None:
        super().record(read)
        self.stamp(RECORD)

    def refusal(self, files: Any) -> str | None:
        self.input = files.options or ""
        self.commands.append("dockerd --validate")
        return self.refused or None

    def execute(self, arguments: list[str], content: str | None, timeout: float) -> tuple[int, str]:
        self.commands.append(" ".join(arguments))
        if arguments[:2] == ["systemctl", "show"]:
            state = self.state or ("running" if self.running is not None else "dead")
            active = "active" if self.running is not None else "inactive"
            return 0, state if "--value" in arguments else f"ActiveState={active}\nSubState={state}\nUnitFileState=enabled\n"
        if arguments[:2] == ["systemctl", "stop"]:
            self.stop()
        if arguments[:2] == ["systemctl", "restart"]:
            return (0, "") if self.start() else (1, "Job for docker.service failed.\nSee the journal.")
        if arguments[0] == "journalctl":
            dead = f'time="x" level=info msg="Starting up"\nfailed to start daemon: no {self.dies_of} secret0815\n'
            return 0, dead if self.running is None else self.heard
        return self.answers.get(arguments[0], (0, ""))

    def send(self, pid: int, number: int) -> None:
        self.heard = ""
        options = json.loads(self.read(CONFIG) or "{}")
        if self.deaf_to in options:
            self.heard = f'level=error msg="Error reconfiguring the daemon: no {self.deaf_to}"'
            return
        self.running, self.reloads = options, self.reloads + 1

    def answer(self) -> Client:
        machine = self

        class Engine(Client):
            def info(self) -> dict[str, Any]:
                if machine.running is None:
                    raise SwarmError("Could not connect to the Docker Engine: nothing listens there.")
                return {"ServerVersion": "26.1.5"}

            def events(self, since: float, filters: dict[str, Any]) -> list[dict[str, Any]]:
                return [{}] if machine.reloads else []

        self.reloads = 0
        return Engine(lambda *_any: (500, {}, b""))


def run(host: Machine, options: dict[str, Any], check: bool = False, **params: Any) -> dict[str, Any]:
    return daemon_config.run({**PARAMS, "options": options, **params}, Converge(check), host)


def twice(host: Machine, options: dict[str, Any], **params: Any) -> dict[str, Any]:
    """Check, run, check, run: the prediction is true, and the second run writes nothing and asks the daemon nothing."""
    before = host.snapshot()
    predicted = run(host, options, check=True, **params)
    assert host.snapshot() == before
    real = run(host, options, **params)
    assert real == predicted
    before, host.commands = host.snapshot(), []
    for check in (True, False):
        again = run(host, options, check=check, **params)
        assert not again["changed"] and again["pending"] == real["pending"] and again["diff"]["before"] == again["diff"]["after"]
    asked = {"show"} if host.options() is None or not real["pending"] or real["changed"] else {"show", "--validate"}
    assert host.snapshot() == before and {command.split()[1] for command in host.commands} <= asked
    return real


def result(changed: bool, action: str, pending: bool, *names: str) -> dict[str, Any]:
    return {"changed": changed, "action": action, "pending": pending, "changed_options": list(names)}


def without_diff(given: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != "diff"}
