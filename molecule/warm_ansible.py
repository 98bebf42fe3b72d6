# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook for tests of modules: loaded once, and each run is a fork of the process that has done so.

What a run does is what the command does, down to its output and its code; only the second of loading is spared. It is a process of its own,
because the tests have threads, which a fork must not meet.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile

# What the command would load only when it runs.
LATE = (
    "ansible.executor.playbook_executor",
    "ansible.plugins.callback.default",
    "ansible.plugins.connection.ssh",
    "ansible.plugins.inventory.yaml",
    "ansible.plugins.strategy.linear",
)


class WarmAnsible:
    """The tests' side."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.process: subprocess.Popen | None = None

    def playbook(self, *arguments: str) -> tuple[int, str]:
        """Run with these arguments; (code, output)."""
        if self.process is None:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen([sys.executable, __file__], cwd=self.folder, stdin=pipe, stdout=pipe, text=True)
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as output:
            self.process.stdin.write(json.dumps({"arguments": arguments, "output": output.name}) + "\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline()), output.read()

    def close(self) -> None:
        """End it."""
        if self.process:
            self.process.stdin.close()
            self.process.wait()


def serve() -> None:
    """Read requests, a line each; answer with the code of each."""
    os.environ["ANSIBLE_FORCE_COLOR"] = "false"
    from ansible.cli.playbook import PlaybookCLI

    for name in LATE:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run(PlaybookCLI, **request)
        _child, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(cli, arguments: list[str], output: str) -> None:
    """The life of one fork."""
    code = 250
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), stream)
        cli.cli_executor(["ansible-playbook", *arguments])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
