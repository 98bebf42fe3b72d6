# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a service that does not run as it should."""

from __future__ import annotations

import struct
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack.apply import last_log_lines
from ansible_collections.apiary.swarm.plugins.module_utils._stack.reasons import error_of, explain, log_text, of_the_last_update


def ended(state: str, second: int, err: str = "", code: int = 0, slot: int = 1, **more: Any) -> dict[str, Any]:
    """A task of 2026-01-01 00:00, and so many seconds."""
    when = f"2026-01-01T00:00:{second:02}Z"
    status = {"State": state, "Err": err, "ContainerStatus": {"ExitCode": code, "ContainerID": "c"}}
    return {
        "ID": f"t{second}",
        "Slot": slot,
        "NodeID": "n",
        "DesiredState": "running",
        "UpdatedAt": when,
        "CreatedAt": when,
        "Status": status,
        **more,
    }


def test_reasons_come_newest_first_and_equal_ones_are_counted() -> None:
    tasks = [
        ended("failed", 1, "exit (1)", 1),
        ended("rejected", 5, "No such image: x"),
        ended("failed", 9, "exit (1)", 1),
        ended("running", 9),
    ]
    assert explain("web", tasks, {"n": "node1"}, 0) == (
        "web.1 on node1: failed: exit (1) [2 times]; web.1 on node1: rejected: No such image: x"
    )


def test_an_exit_code_is_told_once() -> None:
    assert error_of(ended("failed", 1, "task: non-zero exit (3)", 3)) == "task: non-zero exit (3)"
    assert error_of(ended("failed", 1, "oom", 137)) == "oom (exit code 137)"


def test_without_errors_it_says_where_the_tasks_hang() -> None:
    now = 1767225660.0  # 2026-01-01 00:01
    assert explain("web", [ended("preparing", 10)], {}, now) == "web.1: preparing for 50 s"
    assert explain("web", [ended("running", 10)], {}, now) == "no task reports an error"


def test_failures_from_before_the_update_are_not_blamed_on_it() -> None:
    tasks = [ended("failed", 1), ended("failed", 8)]
    service = {"UpdateStatus": {"StartedAt": "2026-01-01T00:00:05.5Z"}}
    assert of_the_last_update(service, tasks) == tasks[1:]
    assert of_the_last_update({}, tasks) == tasks


def test_log_lines_come_out_of_their_frames_and_of_a_terminal() -> None:
    frames = b"".join(struct.pack(">BxxxI", 1 + n % 2, 5) + b"line%d" % n for n in range(3))
    assert log_text(frames.replace(b"line", b"lin\n")) == "lin | 0lin | 1lin | 2"
    assert log_text(b"one\r\n\r\ntwo\r\n") == "one | two"
    assert log_text(b"") == ""


def test_the_last_log_lines_are_those_of_the_newest_failed_task_that_can_be_asked() -> None:
    asked: list[str] = []

    def transport(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        asked.append(path)
        return 200, {}, b"too bad\n"

    tasks = [ended("failed", 3), ended("failed", 5), ended("failed", 9, NodeID="dead"), ended("running", 9)]
    assert last_log_lines(Client(transport), tasks, {"dead"}) == "too bad"
    assert len(asked) == 1
    assert "/tasks/t5/logs" in asked[0]

    def silent(*args: Any) -> tuple[int, dict[str, str], bytes]:
        raise SwarmError("the engine does not answer")

    assert last_log_lines(Client(silent), tasks, set()) == ""
