# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action of cluster_plan says of bare hosts in check mode what a run does."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible_collections.apiary.swarm.plugins.action.cluster_plan import ActionModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Section

BARE = json.loads((Path(__file__).parents[3] / "benchmark" / "looks" / "bare.json").read_text(encoding="utf-8"))


class Action(ActionModule):
    """The action on a controller."""

    def __init__(self, check: bool) -> None:
        loader = DataLoader()
        self._loader, self._templar = loader, Templar(loader, {})
        arguments = {"managers": ["m1"], "workers": ["w1"], "groups": ["swarm"], "show": False}
        self._task = SimpleNamespace(args=arguments, check_mode=check, action="cluster_plan")  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})


def planned(
    check: bool, own: dict[str, dict[str, Any]] | None = None, options: dict[str, Any] | None = None, everywhere: Any = None, **roles: Any
) -> dict[str, Any]:
    """What the action answers of two bare hosts.

    :param own: variables of the hosts in the inventory.
    :param options: of the task.
    :param everywhere: variables of the play.
    """
    hostvars: dict[str, Any] = {}
    for number, name in enumerate(("m1", "w1")):
        look = copy.deepcopy(BARE)
        look["system"]["hostname"] = name
        look["roles"].update(preflight_require_ipvs=False, cluster_advertise_addr=f"10.0.0.{number}", **roles)
        hostvars[name] = {"swarm_look": look, "ansible_host": f"10.0.0.{number}", **(own or {}).get(name, {})}
    names = list(hostvars)
    variables = {"hostvars": hostvars, "ansible_play_hosts": names, "ansible_play_hosts_all": names, "inventory_hostname": "m1"}
    action = Action(check)
    action._task.args.update(options or {})
    return action.run(task_vars={**variables, **(everywhere or {})})


@pytest.mark.parametrize("check", [True, False])
def test_bare_hosts_without_an_address_of_dockers_packages_are_refused_alike(check: bool) -> None:
    result = planned(check, engine_source="docker", engine_repository_url="")
    assert result["failed"] and len(result["problems"]) == 2 and "groups" not in result
    assert result["problems"][0].startswith("Could not use engine_source 'docker' on 'm1': engine_repository_url is empty. Set it to")


def test_bare_hosts_with_the_distributions_packages_have_a_plan() -> None:
    result = planned(True)
    assert result["changed"] and ("m1", "install") in [(change["host"], change["verb"]) for change in result["changes"]]


@pytest.mark.parametrize(("ports", "refused"), [((2222, 2200), False), ((2222, 2222), True)])
def test_hosts_behind_one_address_are_told_apart_by_their_ports(ports: tuple[int, int], refused: bool) -> None:
    result = planned(True, {name: {"ansible_host": "127.0.0.1", "ansible_port": port} for name, port in zip(("m1", "w1"), ports)})
    assert bool(result.get("failed")) is refused


@pytest.mark.parametrize("projects", [[{"files": ["a.yml"]}], "text", ["text"]])
def test_projects_that_are_none_are_named_with_all_that_is_wrong(projects: Any) -> None:
    result = planned(True, engine_source="docker", engine_repository_url="", everywhere={"stacks_projects": projects})
    problems = result["problems"]
    assert (
        result["failed"] and any("stacks_projects" in one for one in problems) and any("engine_repository_url" in one for one in problems)
    )


def test_a_plan_that_cannot_be_written_down_is_a_sentence(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "plan.json")
    with pytest.raises(AnsibleActionFail, match=f"^Could not write the plan to '{path}': No such file or directory. Correct plan_file.$"):
        planned(True, options={"plan_file": path})


def test_a_role_that_plans_for_itself_is_not_about_stacks_that_were_asked_about_before() -> None:
    """As in a swarm whose registry has no place yet, where the first plan has passed over what stacks said."""
    cluster = Section([], [], [], {"control": "m1", "in_control": True, "locked": []})
    said = {"results": [{"item": "shop", "msg": "Could not deploy stack 'shop'."}]}
    variables: dict[str, Any] = {
        "hostvars": {"m1": {"stacks_result": said, "registry_result": {"address": None, "plan": [], "converged": False}}}
    }
    assert Action(False)._deployments(["cluster"], variables, cluster).problems == []
    assert Action(False)._deployments(["cluster", "registry", "images", "stacks"], variables, cluster).problems == []
