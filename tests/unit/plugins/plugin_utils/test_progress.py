# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person is reported how a long wait goes; programs that read the output are not disturbed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.apiary.swarm.plugins.action import registry_stack
from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import ActionWithProgress

PART = {
    "changed": True,
    "progress": ["app_web: 1 of 2 tasks running"],
    "checkpoint": {"api_version": "1.47"},
    "services": {},
    "invocation": 2,
}
FIRST = {**PART, "changed": False, "plan": [1], "invocation": 1}


def pretend(action: ActionWithProgress, parts: list[dict[str, Any]], **task: Any) -> ActionWithProgress:
    """Around an action, a module that answers in parts."""
    action.parts, action.reported, action.given = parts, [], []
    action._task = type("Task", (), {"no_log": False, "async_val": 0, "args": {}, **task})()
    action._connection = type("Connection", (), {"has_native_async": False})()
    action._display = type("Display", (), {"display": lambda _self, line, stderr: action.reported.append((line, stderr))})()

    def execute(module_name: str, module_args: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        action.given.append((module_name, more["wrap_async"] if module_args is None else dict(module_args)))
        for name in ("name", "_controller_data") if module_args else ():
            content = action.given[-1][1].pop(name, None)
            if name == "_controller_data" and content:
                action.given[-1][1].update(json.loads(base64.b64decode(content)))
        return action.parts.pop(0)

    action._execute_module = execute
    return action


class Action(registry_stack.ActionModule):
    """An action without Ansible around it."""

    def __init__(self, *parts: dict[str, Any], no_log: bool = False) -> None:
        pretend(self, list(parts), no_log=no_log)

    def whole(self) -> dict[str, Any]:
        """The result of all parts."""
        return self._in_parts("stack", "stack app", {"name": "app"}, {"definitions": ["d"]}, {})


@pytest.mark.parametrize(("callback", "stderr"), [("default", False), ("ansible.builtin.default", False), ("ansible.posix.json", True)])
def test_a_person_is_told_between_the_parts(monkeypatch: pytest.MonkeyPatch, callback: str, stderr: bool) -> None:
    monkeypatch.setattr(constants, "DEFAULT_STDOUT_CALLBACK", callback, raising=False)
    action = Action(FIRST, PART, {"changed": True, "services": {"app_web": "2/2 running"}})
    assert action.whole() == {"changed": False, "plan": [1], "services": {"app_web": "2/2 running"}, "invocation": 1}
    assert action.reported == [("stack app: app_web: 1 of 2 tasks running", stderr)] * 2
    later = {"_checkpoint": {"api_version": "1.47", "report_every": 4}}
    assert [content for _module, content in action.given] == [{"definitions": ["d"], "_checkpoint": {"report_every": 4}}, later, later]


def test_the_definition_is_sent_again_to_the_part_that_needs_it_and_to_no_other() -> None:
    writes = {"api_version": "1.47", "needs_definition": True}
    action = Action(FIRST, {**PART, "progress": [], "checkpoint": writes}, PART, {"changed": True, "services": {}})
    assert "checkpoint" not in action.whole()
    assert ["definitions" in content for _module, content in action.given] == [True, False, True, False]


def test_a_failure_in_a_later_part_comes_with_the_plan() -> None:
    action = Action(FIRST, {"failed": True, "msg": "no", "changed": False}, no_log=True)
    assert action.whole() == {"changed": False, "plan": [1], "failed": True, "msg": "no", "invocation": 1}
    assert action.reported == [], "a task with no_log tells nothing"


def test_what_was_done_in_one_part_is_handed_on_as_it_is() -> None:
    done = {"changed": False, "plan": [], "services": {}, "invocation": 1}
    assert Action(done).whole() == done


def test_a_registry_is_told_of_too_but_not_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda *_all: {})
    plain = pretend(object.__new__(registry_stack.ActionModule), [PART, {"changed": True, "address": "a:1"}])
    assert plain.run() == {"changed": True, "address": "a:1", "services": {}, "invocation": 2}
    assert [line for line, _stderr in plain.reported] == ["stack registry: app_web: 1 of 2 tasks running"]
    background = pretend(object.__new__(registry_stack.ActionModule), [{"started": 1}], async_val=60)
    assert background.run() == {"started": 1}
    assert background.given == [("apiary.swarm.registry_stack", True)]
