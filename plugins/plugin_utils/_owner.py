# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs this, in words that other runs can read."""

from __future__ import annotations

import getpass
import os
import re
import socket

OWNER = re.compile(r".+@(?P<host>\S+) \(process (?P<process>\d+)\)\Z")


def user() -> str:
    """Who runs this; in a container that may be a bare number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid={os.getuid()}"


def owner() -> str:
    """This run: C(alice@controller (process 4711\\)), the process being ansible-playbook, whose worker this is."""
    return f"{user()}@{socket.gethostname()} (process {os.getppid()})"


def is_dead(text: str) -> bool:
    """Whether a run has ended. Only of one on this controller that can be known."""
    found = OWNER.match(text)
    if not found or found["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(found["process"]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False
