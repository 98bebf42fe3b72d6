# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of this host as files, a process and a unit of systemd: what it has read, and how it comes to read more."""

from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from typing import Any, Callable, NamedTuple

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import DAEMON_PATH, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._engine import configuration, redaction
from ansible_collections.apiary.swarm.plugins.module_utils._engine.options import Version, parse_version

PID_FILE = "/run/docker.pid"
RECORD = "/var/lib/apiary-swarm/daemon.json"
UNIT = "docker.service"
# After the override.conf that "systemctl edit" writes: of two commands the last one counts.
DROP_IN = f"/etc/systemd/system/{UNIT}.d/zz-apiary-swarm.conf"
# Systemd's own order: of two files with one name the first is read.
UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
# What systemd says of a unit that is not on its way; one that dies again and again rests in between.
SETTLED = ("running", "exited", "dead", "failed", "auto-restart", "auto-restart-queued", "")
# A command that neither starts nor stops an engine answers at once.
QUICK = 30.0
LOOK_AT_THE_LOG = "Check 'journalctl -u docker' on this host"


class Files(NamedTuple):
    """What an engine reads when it starts: the texts of daemon.json and of the drop-in; None is no file."""

    options: str | None
    drop_in: str | None


class Read(NamedTuple):
    """What the running engine has read."""

    options: dict[str, Any]
    drop_in: str | None


# (arguments, input, seconds) -> (exit status, output)
Command = Callable[["list[str]", "str | None", float], "tuple[int, str]"]


def run_command(arguments: list[str], content: str | None, timeout: float) -> tuple[int, str]:
    """Run a command in the C locale; 124 is out of time, 127 not there."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/sbin:/bin:{DAEMON_PATH}"}
    try:
        done = subprocess.run(
            arguments,
            input=None if content is None else content.encode(),
            stdin=subprocess.DEVNULL if content is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {timeout:g} s"
    except OSError as error:
        return 127, str(error.strerror)
    return done.returncode, done.stdout.decode("utf-8", "replace")


class Host:
    """This host, as far as its engine's options go.

    :param path: daemon.json.
    :param timeout: how long the engine may take to start, or to take new options.
    :param connect: a client for the engine; raises SwarmError while it does not answer.
    :param root: goes before every path.
    """

    def __init__(self, path: str, timeout: float, connect: Callable[[], Client], command: Command = run_command, root: str = "") -> None:
        self.path, self.timeout, self.connect, self.command, self.root = path, timeout, connect, command, root
        self.name = socket.gethostname()

    # -- files
    def read(self, path: str) -> str | None:
        """A file's text; None where there is none."""
        try:
            with open(self.root + path, "rb") as file:
                return file.read().decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise could_not(f"read the file '{path}' of host '{self.name}'", str(error), "Fix the cause") from error

    def changed_at(self, path: str) -> float | None:
        """When a file's content was changed; None where there is none."""
        try:
            return os.stat(self.root + path).st_mtime
        except OSError:
            return None

    def replace(self, path: str, content: str | None, mode: int, folder_mode: int = 0o755) -> None:
        """Write a file at a stroke, or remove it; one that holds this content is left alone."""
        if self.read(path) == content:
            return
        target = os.path.realpath(self.root + path)
        try:
            if content is None:
                os.unlink(target)
                return
            os.makedirs(os.path.dirname(target), mode=folder_mode, exist_ok=True)
            handle, draft = tempfile.mkstemp(prefix=".apiary-", dir=os.path.dirname(target))
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    os.fchmod(handle, mode)
                    file.write(content)
                    file.flush()
                    os.fsync(handle)
                os.rename(draft, target)
            except BaseException:
                os.unlink(draft)
                raise
        except OSError as error:
            raise could_not(f"write the file '{path}' of host '{self.name}'", str(error), "Repair the file system") from error

    def mode_for(self, content: str | None) -> int:
        """Who may read daemon.json: whoever could before, but nobody else if it holds secrets."""
        try:
            secret = bool(redaction.secrets(configuration.parse(content)))
        except ValueError:
            secret = True
        if secret:
            return 0o600
        try:
            return stat.S_IMODE(os.stat(self.root + self.path).st_mode)
        except OSError:
            return 0o644

    def files(self) -> Files:
        """The files as they are."""
        return Files(self.read(self.path), self.read(DROP_IN))

    def write(self, files: Files) -> None:
        """Write what differs; an engine that is started between the two writes starts."""
        before = self.read(DROP_IN)
        if files.drop_in is not None:
            self.replace(DROP_IN, files.drop_in, 0o644)
        self.replace(self.path, files.options, self.mode_for(files.options))
        if files.drop_in is None:
            self.replace(DROP_IN, None, 0o644)
        if files.drop_in != before:
            self.command(["systemctl", "daemon-reload"], None, QUICK)

    # -- the unit
    def unit_texts(self, own: str | None = None) -> list[str]:
        """The unit and its drop-ins in the order in which they count, with C(own) for that of this collection.

        Without a unit there is nothing.
        """
        unit = next((text for text in (self.read(f"{folder}/{UNIT}") for folder in UNIT_FOLDERS) if text is not None), None)
        if unit is None:
            return []
        names: dict[str, str] = {}
        for folder in UNIT_FOLDERS:
            for found in glob.glob(f"{self.root}{folder}/{UNIT}.d/*.conf"):
                names.setdefault(os.path.basename(found), found[len(self.root) :])
        texts = {name: self.read(path) or "" for name, path in names.items()}
        texts.pop(os.path.basename(DROP_IN), None)
        if own is not None:
            texts[os.path.basename(DROP_IN)] = own
        return [unit, *(texts[name] for name in sorted(texts))]

    def wanted_drop_in(self, options: dict[str, Any], present: str | None) -> str | None:
        """The drop-in that goes with these options. On a host without a unit one that is there stays for the hosts."""
        if "hosts" not in options:
            return None
        texts = self.unit_texts()
        return configuration.drop_in(texts) if texts else present

    def unit_state(self) -> str:
        """What systemd says of the engine; nothing where there is no systemd."""
        status, answer = self.command(["systemctl", "show", "--property=SubState", "--value", UNIT], None, QUICK)
        return "" if status else answer.strip()

    def settle(self) -> None:
        """Wait until an engine that is just starting or stopping has done so: SIGHUP would end it."""
        wait_until(
            self.unit_state,
            lambda state: state in SETTLED,
            f"see the engine of '{self.name}' settled",
            self.timeout,
            LOOK_AT_THE_LOG,
            lambda state: f"its state is {state}",
        )

    # -- the process
    def pid(self) -> int | None:
        """The process of the running engine; None where none runs."""
        try:
            number = int(self.read(PID_FILE) or "")
        except ValueError:
            return None
        return number if (self.read(f"/proc/{number}/comm") or "").strip() == "dockerd" else None

    def record(self, read: Read) -> None:
        """Note what the running engine has read."""
        content = json.dumps({"drop_in": read.drop_in, "options": read.options}, indent=4, sort_keys=True) + "\n"
        if self.read(RECORD) == content:
            os.utime(self.root + RECORD)
        else:
            self.replace(RECORD, content, 0o600, 0o700)

    def recorded(self) -> Read | None:
        """What an engine had read when it was last noted."""
        try:
            content = json.loads(self.read(RECORD) or "")
            return Read(dict(content["options"]), content["drop_in"])
        except (ValueError, KeyError, TypeError):
            return None

    def noted(self) -> bool:
        """The record is of the engine that runs now."""
        started, noted = self.changed_at(PID_FILE), self.changed_at(RECORD)
        return started is not None and noted is not None and noted >= started and self.recorded() is not None

    def has_read(self, files: Files) -> Read | None:
        """What the running engine has read; None where nobody knows: the files are newer than it, and it was never noted."""
        if self.noted():
            return self.recorded()
        started = self.changed_at(PID_FILE) or 0.0
        times = [self.changed_at(path) for path in (self.path, DROP_IN)]
        if any(one is not None and one > started for one in times):
            return None
        try:
            return Read(configuration.parse(files.options), files.drop_in)
        except ValueError:
            return None

    def is_member(self, root: str) -> bool:
        """The identity of a swarm's node lies in this data-root, or in its folder for user namespaces, which is called after their IDs."""
        inner = [os.path.basename(path) for path in glob.glob(f"{self.root}{glob.escape(root)}/[0-9]*.[0-9]*")]
        folders = [root, *(f"{root}/{name}" for name in inner)]
        return any(self.changed_at(f"{folder}/swarm/docker-state.json") is not None for folder in folders)

    def program_replaced(self) -> bool:
        """Whether the engine runs a program that its package has replaced since; not every package restarts it."""
        try:
            return os.readlink(f"{self.root}/proc/{self.pid()}/exe").endswith(" (deleted)")
        except OSError:
            return False

    def renewed(self, options: dict[str, Any], names: tuple[str, ...]) -> list[str]:
        """Those of the options whose file is newer than the engine that runs with it."""
        started = self.changed_at(PID_FILE) or 0.0
        times = {name: self.changed_at(str(options[name])) for name in names if name in options}
        return [name for name, time_ in times.items() if time_ is not None and time_ > started]

    # -- what the engine thinks of it
    def daemon(self, texts: list[str]) -> str | None:
        """The engine's program, as its unit names it; None where there is none."""
        command = configuration.exec_start(texts) or "dockerd"
        return shutil.which(configuration.words_of(command)[0].lstrip("@-:+!|"), path=DAEMON_PATH)

    def version(self) -> Version | None:
        """The version of the engine's program; None where there is none."""
        daemon = self.daemon(self.unit_texts())
        status, answer = self.command([daemon, "--version"], None, QUICK) if daemon else (127, "")
        return None if status else parse_version(answer.partition("version ")[2])

    def refusal(self, files: Files) -> str | None:
        """Why the engine's own validation refuses these files; None where it does not, or cannot."""
        texts = self.unit_texts(files.drop_in)
        daemon = self.daemon(texts)
        if daemon is None:
            return None
        command = configuration.exec_start(texts) or "dockerd"
        environment: dict[str, str] = {}
        for line in configuration.service_values(texts, "Environment"):
            environment.update(configuration.parse_environment(line))
        for path in configuration.service_values(texts, "EnvironmentFile"):
            environment.update(configuration.parse_environment(self.read(path.lstrip("-")) or ""))
        # Through a pipe: no draft of the options is left behind, and check mode can ask, too.
        arguments = [daemon, "--validate", "--config-file", "/dev/stdin", *configuration.daemon_arguments(command, environment)]
        status, answer = self.command(arguments, files.options or "{}", QUICK)
        if status in (0, 124, 127) or "unknown flag: --validate" in answer:
            return None
        return configuration.message_of((answer.strip().splitlines() or [f"exit status {status}"])[-1])

    def log(self, since: float) -> str:
        """What the engine has logged since then."""
        arguments = ["journalctl", "--no-pager", "--quiet", "--output=cat", f"--since=@{since:.6f}", f"_SYSTEMD_UNIT={UNIT}"]
        return self.command(arguments, None, QUICK)[1]

    # -- making it read
    def reload(self, client: Client) -> str | None:
        """Let the engine read its options again; why it did not, or None."""
        since, pid = time.time(), self.pid()
        if pid is None:
            return "it does not run any more"
        self.send(pid, signal.SIGHUP)

        def observe() -> tuple[bool, str]:
            done = bool(client.events(since, {"type": {"daemon": True}, "event": {"reload": True}}))
            return done, "" if done else configuration.reload_words(self.log(since))

        try:
            done, words = wait_until(observe, lambda seen: seen[0] or bool(seen[1]), "see the options read", self.timeout)
        except SwarmError as error:
            return str(error).rstrip(".")
        return None if done else words

    def send(self, pid: int, number: int) -> None:
        """Send a signal."""
        os.kill(pid, number)

    def restart(self, anew: bool) -> str | None:
        """Restart or start the engine and wait until it answers; why it does not, or None.

        :param anew: the socket is made anew, too. An engine with C(unix://) of its own has replaced that of systemd.
        """
        since, end = time.time(), time.monotonic() + self.timeout
        # Three starts within a minute are all that the packaged unit allows.
        self.command(["systemctl", "daemon-reload"], None, QUICK)
        if anew:
            self.command(["systemctl", "stop", "docker.socket", UNIT], None, self.timeout)
        self.command(["systemctl", "reset-failed", UNIT, "docker.socket"], None, QUICK)
        status, answer = self.command(["systemctl", "restart", UNIT], None, max(end - time.monotonic(), 1))
        if status == 0:
            try:
                wait_until(lambda: self.connect().info(), lambda info: bool(info.get("ServerVersion")), "see it answer", self.timeout)
                return None
            except SwarmError as error:
                answer = str(error)
        return configuration.last_words(self.settled_log(since)) or (answer.strip().splitlines() or ["no reason given"])[0].rstrip(".")

    def settled_log(self, since: float) -> str:
        """The log of a start that failed: the journal may be a moment late."""
        try:
            return wait_until(lambda: self.log(since), lambda log: bool(configuration.last_words(log)), "read the log", 3)
        except SwarmError:
            return ""
