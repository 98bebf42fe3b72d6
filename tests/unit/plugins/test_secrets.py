# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever option a secret comes in by, it lies in no file on a host: a contract for every module that there is or will be."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.apiary.swarm.plugins.plugin_utils._connection import ActionWithSecrets, pipelined

PLUGINS = "ansible_collections.apiary.swarm.plugins"
MODULES = sorted(path.stem for path in (Path(__file__).parents[3] / "plugins" / "modules").glob("[a-z]*.py"))
# Every secret that an option of a module may hold. A new one has to be thought of here.
SECRETS = {
    "daemon_config.options",
    "host_info.daemon",
    "host_info.daemon.options",
    "image_build._controller_data",
    "registry_stack._controller_data",
    "registry_stack.environment",
    "stack._controller_data",
    "stack.registry_logins.password",
    "swarm_join.join_token",
    "swarm_unlock.unlock_key",
}


def secret_options(options: dict[str, Any], above: str) -> Iterator[str]:
    """The options that are no_log, with what they are in."""
    for name, option in options.items():
        if option.get("no_log"):
            yield f"{above}.{name}"
        yield from secret_options(option.get("options") or {}, f"{above}.{name}")


def found() -> set[str]:
    """Those of all modules."""
    modules = {name: importlib.import_module(f"{PLUGINS}.modules.{name}") for name in MODULES}
    return {option for name, module in modules.items() for option in secret_options(getattr(module, "OPTIONS", {}), name)}


def test_every_secret_option_is_known() -> None:
    assert found() == SECRETS


@pytest.mark.parametrize("module", sorted({option.split(".")[0] for option in SECRETS}))
def test_a_module_that_gets_a_secret_has_an_action_that_keeps_it_out_of_files(module: str) -> None:
    action = importlib.import_module(f"{PLUGINS}.action.{module}")
    assert issubclass(action.ActionModule, ActionWithSecrets)


class Connection:
    """A connection with an option, or without it."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def get_option(self, name: str) -> Any:
        """As Ansible's own."""
        return self.options[name]

    def set_option(self, name: str, value: Any) -> None:
        """As Ansible's own."""
        self.options[name] = value

    def is_pipelining_enabled(self, wrap_async: bool = False) -> bool:
        """As Ansible's own."""
        return bool(self.options.get("pipelining")) and not wrap_async


def test_pipelining_is_on_while_a_module_with_secrets_runs() -> None:
    connection = Connection(pipelining=False)
    with pytest.raises(RuntimeError), pipelined(connection):
        assert connection.options == {"pipelining": True}
        raise RuntimeError
    assert connection.options == {"pipelining": False}
    without = Connection()
    with pipelined(without):
        assert without.options == {}


@pytest.mark.parametrize(("options", "warned"), [({"pipelining": False}, 0), ({}, 1)])
def test_where_it_cannot_be_on_somebody_says_so(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], warned: int) -> None:
    warnings: list[str] = []
    ran = []
    monkeypatch.setattr(ActionBase, "_execute_module", lambda self, **given: ran.append(given) or {"changed": False})
    module = importlib.import_module(f"{PLUGINS}.action.swarm_join").ActionModule
    action = module.__new__(module)
    action._connection = Connection(**options)
    action._task = SimpleNamespace(action="apiary.swarm.stack")
    action._display = SimpleNamespace(warning=warnings.append)
    assert action._execute_module(module_name="x") == {"changed": False}
    assert ran == [{"module_name": "x"}] and len(warnings) == warned
