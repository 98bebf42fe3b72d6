# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of host_info finds the roles' variables and asks for what their decisions need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.plugins.action import ActionBase
from ansible.template import Templar, trust_as_template
from ansible_collections.apiary.swarm.plugins.action.host_info import ActionModule


class Action(ActionModule):
    """The action on a controller whose one host answers at once."""

    def __init__(self, variables: dict[str, Any], **arguments: Any) -> None:
        loader = DataLoader()
        self._loader, self._templar = loader, Templar(loader, variables)
        self._task = SimpleNamespace(args=arguments, async_val=0)  # type: ignore[assignment]
        self._connection = SimpleNamespace(_play_context=PlayContext())  # type: ignore[assignment]
        self.variables, self.sent = variables, {}

    def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        assert self._connection._play_context.no_log is True
        self.sent = module_args
        return {"changed": False, "files": {}}

    def look(self) -> dict[str, Any]:
        result = self.run(task_vars=self.variables)
        assert self._connection._play_context.no_log is not True
        return result


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})


def host(**variables: Any) -> dict[str, Any]:
    return {"inventory_hostname": "host1", "ansible_host": "10.0.0.1", "group_names": [], **variables}


def test_without_roles_the_module_is_just_run() -> None:
    action = Action(host(), files=["/a"])
    assert action.look() == {"changed": False, "files": {}} and action.sent == {"files": ["/a"]}


def test_the_inventory_wins_over_the_roles_defaults() -> None:
    action = Action(host(engine_icc="yes", engine_remote_api=True, engine_kernel_files=False, port=2400), roles="engine,tls")
    result = action.look()
    assert (result["roles"]["engine_icc"], result["roles"]["engine_no_new_privileges"]) == (True, True)
    assert result["roles"]["tls_days"] == 365 and result["roles_problems"] == []
    assert action.sent["daemon"]["options"]["icc"] is True and action.sent["daemon"]["exclusive"] is True
    assert action.sent["files"] == [f"/etc/docker/tls/{name}.pem" for name in ("ca", "cert", "key")]
    assert "roles" not in action.sent and not [name for name in result["roles"] if name.startswith("__")]


def test_templates_are_resolved_for_this_host() -> None:
    template = trust_as_template("{{ ansible_host }}:{{ 2400 + 1 }}")
    result = Action(host(cluster_listen_addr=template), roles=["cluster"]).look()
    assert (result["roles"]["cluster_advertise_addr"], result["roles"]["cluster_listen_addr"]) == ("10.0.0.1", "10.0.0.1:2401")
    assert "cluster_data_path_addr" not in result["roles"], "what nobody has set is not there"


def test_a_wrong_value_is_a_problem_and_the_default_stands() -> None:
    undefined = trust_as_template("{{ nobody_has_set_this }}")
    action = Action(host(engine_icc="perhaps", cluster_role="boss", tls_names=undefined), roles=["engine", "cluster", "tls"])
    result = action.look()
    assert (result["roles"]["engine_icc"], result["roles"]["cluster_role"], result["roles"]["tls_names"]) == (False, "worker", [])
    told = [problem.partition(" of host 'host1': ")[0] for problem in result["roles_problems"]]
    assert told == [f"Could not use variable '{name}'" for name in ("engine_icc", "cluster_role", "tls_names")]


def test_secrets_go_to_the_module_and_nowhere_else() -> None:
    secret = {"log-driver": "splunk", "log-opts": {"splunk-token": "secret0815"}}
    variables = host(
        engine_daemon_options=secret, tls_ca_passphrase="secret0816", stacks_projects=[{"name": "a", "env": {"P": "secret0817"}}]
    )
    action = Action(variables, roles=["engine", "tls", "stacks"])
    result = action.look()
    assert action.sent["daemon"]["options"]["log-opts"] == {"splunk-token": "secret0815"}
    assert "secret08" not in str(result)
    assert "secret0816" not in str(action.sent) and "secret0817" not in str(action.sent)


def test_variables_that_hold_secrets_are_not_even_templated() -> None:
    broken = trust_as_template("{{ lookup('no_such_vault') }}")
    result = Action(host(stacks_projects=broken, tls_ca_passphrase=broken), roles=["stacks", "tls"]).look()
    assert result["roles_problems"] == [] and "stacks_projects" not in result["roles"]


def test_a_role_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AnsibleActionFail, match="Could not look for role 'storage'"):
        Action(host(), roles=["storage"]).look()
