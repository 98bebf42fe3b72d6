# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a service is not healthy, for people: its tasks' errors, their last log lines, and its progress."""

from __future__ import annotations

import struct
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._stack.health import FAILED, LIVE, WANTED, changed_at, epoch, state

# How many different errors and log lines a message carries.
REASONS, LOG_LINES = 3, 5


def explain(service: str, tasks: list[dict[str, Any]], nodes: dict[str, str], now: float) -> str:
    """The newest errors first, equal ones counted; without any, where the tasks hang.

    :param nodes: node ID -> name.
    """
    failed = [task for task in tasks if state(task) in FAILED or task["Status"].get("Err")]
    counts: dict[tuple[str, str], int] = {}
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for task in sorted(failed, key=changed_at, reverse=True):
        key = state(task), error_of(task)
        counts[key] = counts.get(key, 0) + 1
        newest.setdefault(key, task)
    found = [
        f"{task_name(service, task, nodes)}: {key[0]}: {key[1]}{f' [{counts[key]} times]' if counts[key] > 1 else ''}"
        for key, task in newest.items()
    ]
    hanging = [
        f"{task_name(service, task, nodes)}: {state(task)} for {max(0, now - changed_at(task)):.0f} s"
        for task in tasks
        if task["DesiredState"] in WANTED and state(task) in LIVE - {"running"}
    ]
    return "; ".join((found or hanging)[:REASONS]) or "no task reports an error"


def error_of(task: dict[str, Any]) -> str:
    """A task's own error, with its exit code if they do not have it."""
    status = task["Status"]
    text = status.get("Err") or status.get("Message") or state(task)
    code = (status.get("ContainerStatus") or {}).get("ExitCode") or 0
    return f"{text} (exit code {code})" if code > 0 and "exit" not in text else text


def task_name(service: str, task: dict[str, Any], nodes: dict[str, str]) -> str:
    """C(web.2 on node3)."""
    slot = f".{task['Slot']}" if task.get("Slot") else ""
    node = nodes.get(task.get("NodeID") or "", "")
    return f"{service}{slot} on {node}" if node else f"{service}{slot}"


def log_text(stream: bytes) -> str:
    """The lines of a log, which comes in frames (8 bytes: stream, 3 zeros, length) unless the task has a terminal."""
    text = b""
    rest = stream
    while len(rest) >= 8 and rest[0] in (0, 1, 2) and rest[1:4] == b"\0\0\0":
        size = struct.unpack(">I", rest[4:8])[0]
        text, rest = text + rest[8 : 8 + size], rest[8 + size :]
    lines = (text + rest).decode("utf-8", "replace").splitlines()
    return " | ".join([line.strip() for line in lines if line.strip()][-LOG_LINES:])


def of_the_last_update(service: dict[str, Any], tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks made since the last update began: what failed before it is not its fault."""
    started = epoch((service.get("UpdateStatus") or {}).get("StartedAt"))
    return [task for task in tasks if epoch(task.get("CreatedAt")) >= started] or tasks


def progress(service: dict[str, Any]) -> str:
    """C(1 of 3 tasks running, update updating)."""
    status, update = service.get("ServiceStatus") or {}, service.get("UpdateStatus") or {}
    text = f"{status.get('RunningTasks', '?')} of {status.get('DesiredTasks', '?')} tasks running"
    return f"{text}, update {update['State']}" if update.get("State") else text
