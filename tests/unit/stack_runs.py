# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the module stack on a fake engine, and what a test asks of their results."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._stack import content
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import STACK_LABEL
from ansible_collections.apiary.swarm.plugins.modules import stack
from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import data_of_part
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine, encoded

DEFINITION: dict[str, Any] = {
    "services": {"web": {"image": "web:1", "secrets": ["pw"]}, "db": {"image": "db:1"}},
    "networks": {"back": {}},
    "secrets": {"pw": {"text": "swordfish"}},
    "configs": {"conf": {"text": "hello"}},
}
DEFAULTS: dict[str, Any] = {
    **{name: option.get("default") for name, option in stack.OPTIONS.items()},
    "name": "app",
    "definitions": [DEFINITION],
    "keep_releases": 0,
}


def run(engine: StackEngine | Client, check: bool = False, **options: Any) -> dict[str, Any]:
    """The module's run with some options."""
    client = engine.client if isinstance(engine, StackEngine) else engine
    return stack.run({**DEFAULTS, **options}, client, Converge(check))


def sent_along(**data: Any) -> str:
    """The controller's data, as the action plugin packs it."""
    return base64.b64encode(json.dumps(data).encode()).decode()


def in_parts(engine: StackEngine, found: dict[str, Any] | None = None, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """A run whose waits are done in parts, each by a process of its own; its result, and what it reported in between.

    :param found: what the action plugin has found out.
    """
    given = {"definitions": options.pop("definitions", [DEFINITION]), **(found or {})}
    options["definitions"], reported = [], []
    first = part = run(engine, _controller_data=sent_along(**given), _checkpoint={"report_every": 4}, **options)
    while "checkpoint" in part:
        reported += part["progress"]
        checkpoint = json.loads(json.dumps(part["checkpoint"]))
        data = data_of_part(given, checkpoint)
        later = {"_controller_data": sent_along(**data)} if data else {}
        part = run(engine, _checkpoint={**checkpoint, "report_every": 4}, **later, **options)
    return {**first, **part}, reported


def actions(result: dict[str, Any]) -> dict[str, str]:
    """{name: action} of what is not unchanged."""
    return {item["name"]: item["action"] for item in result["plan"] if item["action"] != "unchanged"}


def changed(**services: Any) -> list[dict[str, Any]]:
    """DEFINITION with services changed; None takes one away."""
    definition = copy.deepcopy(DEFINITION)
    for name, item in services.items():
        definition["services"][name] = {**definition["services"].get(name, {}), **(item or {})}
        if item is None:
            del definition["services"][name]
    return [definition]


def names(engine: StackEngine, kind: str) -> set[str]:
    """The names of all secrets, configs or services."""
    return {item["Spec"]["Name"] for item in engine.objects[kind].values()}


def version(text: str) -> str:
    """The name of the version of config conf with this content, in the stack of DEFAULTS."""
    return content.config_name({"Name": "app_conf", "Labels": {STACK_LABEL: "app"}, "Data": encoded(text)})
