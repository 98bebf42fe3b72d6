# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs this, in words that other runs can read."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
import socket

OWNER = re.compile(r".+@\S+ \(process (?P<process>\d+), (?P<place>[0-9a-f]+)-(?P<began>\d+)\)\Z")
# What tells the processes of one boot of one machine, or of one container on it, from all others of the same numbers.
PLACE = ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid")


def user() -> str:
    """Who runs this; in a container that may be a bare number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid={os.getuid()}"


def owner() -> str:
    """This run: C(alice@controller (process 4711, 5f3a9c2e-8812\\)), the process being ansible-playbook, whose worker this is.

    Hosts may share a name, and containers number their processes from 1 on, so that what follows the number tells them apart.
    """
    process = os.getppid()
    return f"{user()}@{socket.gethostname()} (process {process}, {place()}-{began(process) or 0})"


def place() -> str:
    """Where processes have their numbers."""
    boot, names = PLACE
    try:
        with open(boot, encoding="ascii") as file:
            known = f"{file.read().strip()} {os.stat(names).st_ino}"
    except OSError:  # no Linux
        known = socket.gethostname()
    return hashlib.sha256(known.encode()).hexdigest()[:12]


def began(process: int) -> int | None:
    """When a process was started, in ticks since the boot (proc(5\\), field 22); None where there is none of that number."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def is_dead(text: str) -> bool:
    """Whether a run has ended. Only of one with the processes of which this one is can that be known."""
    found = OWNER.match(text)
    if not found or found["place"] != place() or not os.path.isdir("/proc/self"):
        return False
    process = int(found["process"])
    since = began(process)
    if since is not None:
        return since != int(found["began"])
    # Who may not look into a process, as with hidepid, may still learn that it is there.
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        pass
    return False
