# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a manager: commands by turns, so that what else goes on there weighs on all alike.

    rounds.py LOG ROUNDS     {name: command} on stdin; {name: [seconds of each round, requests of the last one]} on stdout

The first round is not counted. LOG is that of the door.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import time

REQUEST = re.compile(r"^(?:GET|HEAD|POST|PUT|DELETE) .*$", re.MULTILINE)


def main(log: pathlib.Path, rounds: int) -> None:
    """Run and tell."""
    commands = json.load(sys.stdin)
    told: dict[str, list] = {name: [[], []] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            log.write_text("")
            begin = time.monotonic()
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            seconds = time.monotonic() - begin
            if done.returncode:
                sys.exit(f"{name}: {done.stdout.decode()}")
            told[name] = [told[name][0] + ([seconds] if number else []), REQUEST.findall(log.read_text())]
    json.dump(told, sys.stdout)


main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
