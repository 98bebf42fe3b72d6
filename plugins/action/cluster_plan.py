# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the plan of a run on the controller, once, and shows it; with any problem it fails before anything is written."""

from __future__ import annotations

import json
import os
from typing import Any, Callable

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.color import stringc
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Section, joined
from ansible_collections.apiary.swarm.plugins.plugin_utils import _deployments, _look, _plan, _sections
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError
from ansible_collections.apiary.swarm.plugins.plugin_utils._images import decrypted, finder
from ansible_collections.apiary.swarm.plugins.plugin_utils._progress import show
from ansible_collections.apiary.swarm.plugins.plugin_utils._roles import load_role

# The roles whose variables are read on the controller alone.
DEPLOYING = ("registry", "images", "stacks")
COLOURS = {"head": C.COLOR_HIGHLIGHT, "verb": C.COLOR_CHANGED, "warning": C.COLOR_WARN}


class ActionModule(ActionBase):
    """The action of M(apiary.swarm.cluster_plan)."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Plan, show, and end with the plan or with all problems."""
        result, variables = super().run(tmp, task_vars), task_vars or {}
        _checked, options = self.validate_argument_spec(
            {
                "roles": {"type": "list", "elements": "str", "choices": list(_plan.PARTS)},
                "look": {"type": "str", "default": "swarm_look"},
                "managers": {"type": "list", "elements": "str", "default": []},
                "workers": {"type": "list", "elements": "str", "default": []},
                "groups": {"type": "list", "elements": "str", "default": []},
                "sections": {"type": "dict"},
                "partial": {"type": "bool", "default": False},
                "plan_file": {"type": "path"},
                "show": {"type": "bool", "default": True},
            }
        )
        # The tags are those of site.yml, which names no roles.
        tags = ("ansible_run_tags", "ansible_skip_tags") if options["roles"] is None else ()
        run_tags, skip_tags = (list(variables.get(tag) or []) for tag in tags) if tags else ([], [])
        parts = _plan.parts_of(run_tags or ["all"], skip_tags, options["roles"] or list(_plan.PARTS))
        sections = {name: _plan.from_data(data) for name, data in (options["sections"] or {}).items()}
        try:
            if not sections:
                sections = self._hosts(parts, options, variables)
            if options["partial"]:
                return {**result, "changed": False, **partial(sections), "parts": parts}
            refused = self._refused(parts, variables)
            sections["deployed"] = Section(refused, [], [], {})
            # What deploying would change can only be said of variables that are what they should be.
            sections["deployments"] = Section([], [], [], {}) if refused else self._deployments(parts, variables, sections.get("cluster"))
        except (AnsibleError, ComposeError) as error:
            return {**result, "failed": True, "msg": str(error)}
        whole = joined(list(sections.values()))
        if whole.problems:
            return {**result, "failed": True, "msg": " ".join(whole.problems), "problems": whole.problems}
        hosts, check = list(variables.get("ansible_play_hosts") or []), bool(self._task.check_mode)
        if options["show"]:
            self._show(whole, hosts)
        self._write(options["plan_file"], whole)
        told = {"changed": bool(whole.changes), "diff": _plan.diff(whole)} if check else {"changed": False}
        return {
            **result,
            **told,
            "plan": {name: {**section.data, "act": not check and _sections.acts(section)} for name, section in sections.items()},
            "groups": [] if check else _plan.in_groups(_sections.groups(sections, hosts)),
            "changes": [change._asdict() for change in whole.changes],
            "notes": whole.warnings,
        }

    def _hosts(self, parts: list[str], options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Section]:
        """The parts that hosts can be asked about."""
        hostvars, names = variables["hostvars"], list(variables.get("ansible_play_hosts_all") or [])
        answering = set(variables.get("ansible_play_hosts") or [])
        members = [*options["managers"], *options["workers"]]
        hosts = {}
        for name in dict.fromkeys([*members, *names]):
            own = hostvars.get(name, {})
            look = own.get(options["look"]) if name in answering else None
            addresses = [str(own[key]) for key in ("ansible_host", "cluster_advertise_addr") if own.get(key)]
            roles = (look or {}).get("roles") or {}
            reached = {key: str(own.get(key) or "") for key in ("ansible_host", "ansible_port")}
            hosts[name] = {"look": look, "roles": roles, "addresses": addresses, **reached}
        missing = [name for name in names if name not in answering]
        controller = _sections.Controller(self._variable(variables), str(variables.get("ansible_limit") or ""), missing)
        return _sections.of_hosts(parts, hosts, options["managers"], options["workers"], options["groups"], controller)

    def _deployments(self, parts: list[str], variables: dict[str, Any], cluster: Section | None) -> Section:
        """Registry, images and stacks: what their check mode has said, or all of it where there is no swarm yet."""
        # A role that plans for itself has nothing to do with what was asked before it.
        about = set(parts) & set(DEPLOYING)
        if not about or cluster is None or cluster.problems or (cluster.data["locked"] and not cluster.data["in_control"]):
            return _deployments.plan(None, None, {})
        if cluster.data["in_control"]:
            own = variables["hostvars"][cluster.data["control"]]
            stacks = {answer["item"]: answer for answer in (answered(own.get("stacks_result")) or {}).get("results") or []}
            # Where they are and what they are called was asked also where this run leaves them out: the stacks need it.
            registry, images = answered(own.get("registry_result")), answered(own.get("images_result"))
            problems = _deployments.twice(self._variable(variables)("stacks_projects", []))
            if images is not None and "images" in parts:
                images = {**images, "builds": (answered(own.get("images_builds")) or {}).get("results") or []}
            elif images is not None:
                problems += _deployments.left_out(images) if "stacks" in parts else []
                images = None
            found = _deployments.plan(registry if "registry" in parts else None, images, stacks)
            return found._replace(problems=problems + found.problems)
        return _sections.before_there_is_a_swarm(parts, self._variable(variables), finder(self), decrypted(self._loader))

    def _refused(self, parts: list[str], variables: dict[str, Any]) -> list[str]:
        """What is wrong with the variables of the roles that deploy; a look does not return them, because they may hold secrets."""
        value, host, problems = self._variable(variables), str(variables.get("inventory_hostname", "")), []
        for role in [role for role in DEPLOYING if role in parts]:
            for name, option in load_role(role)[0].items():
                try:
                    problem = _look.checked(name, option, value(name), host)[1] if name in variables else None
                except AnsibleError:
                    continue  # such as an address that there is not yet: the role will ask again
                problems += [problem] if problem else []
        return problems

    def _variable(self, variables: dict[str, Any]) -> Callable[..., Any]:
        """Reads one variable as this task sees it, or gives a default."""

        def value(name: str, default: Any = None) -> Any:
            return self._templar.template(variables[name]) if name in variables else default

        return value

    def _show(self, whole: Section, hosts: list[str]) -> None:
        """The plan for a person."""
        for line in _plan.table(whole, _plan.unchanged(whole, hosts), lambda text, kind: stringc(text, COLOURS[kind])):
            show(self._display, line)

    def _write(self, path: str | None, whole: Section) -> None:
        """The plan as JSON, where that is asked for."""
        if not path:
            return
        content = json.dumps({"changes": [change._asdict() for change in whole.changes], "warnings": whole.warnings}, indent=2, default=str)
        try:
            with open(os.open(os.path.expanduser(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(content + "\n")
        except OSError as error:
            raise AnsibleActionFail(f"Could not write the plan to '{path}': {error.strerror}. Correct plan_file.") from None


def answered(answer: Any) -> Any:
    """The answer of a task; None of one that was skipped."""
    return answer if answer and not answer.get("skipped") else None


def partial(sections: dict[str, Section]) -> dict[str, Any]:
    """What hosts were asked about, for the rest of the plan, and the manager through which that is asked."""
    cluster = sections.get("cluster")
    control = cluster.data["control"] if cluster and cluster.data["in_control"] and not cluster.problems else None
    return {
        "sections": {name: _plan.as_data(section) for name, section in sections.items()},
        "groups": [{"host": control, "groups": ["swarm_control"]}] if control else [],
    }
