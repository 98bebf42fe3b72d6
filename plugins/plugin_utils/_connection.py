# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions here share about their connection."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

from ansible.plugins.action import ActionBase


@contextmanager
def nothing_shown(connection: Any) -> Iterator[None]:
    """With -vvv, ssh shows all that a module answers, unless the connection's own play context says no_log."""
    context = connection._play_context
    before, context.no_log = context.no_log, True
    try:
        yield
    finally:
        context.no_log = before


@contextmanager
def pipelined(connection: Any) -> Iterator[None]:
    """With pipelining, which is off by default, a module and its options go through the connection and are in no file on the host."""
    try:
        before = connection.get_option("pipelining")
    except KeyError:  # the connection has no such option
        yield
        return
    connection.set_option("pipelining", True)
    try:
        yield
    finally:
        connection.set_option("pipelining", before)


class ActionWithSecrets(ActionBase):
    """What the actions of modules share whose options hold secrets: a run that is killed leaves nothing of them on the host."""

    def _execute_module(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Run a module with its options in no file."""
        with pipelined(self._connection):
            if not self._connection.is_pipelining_enabled(bool(options.get("wrap_async"))):
                self._display.warning(
                    f"The options of {self._task.action} contain secrets, and are in a file on the host while the module runs. "
                    "Do not use async, ANSIBLE_KEEP_REMOTE_FILES or su for this task."
                )
            return super()._execute_module(*args, **options)
