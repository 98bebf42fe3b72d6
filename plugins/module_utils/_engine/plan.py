# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engines of hosts need: packages, kernel, options, and a restart in its turn."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Change, Section
from ansible_collections.apiary.swarm.plugins.module_utils._engine.configuration import NOTHING, RELOAD, RESTART
from ansible_collections.apiary.swarm.plugins.module_utils._engine.kernel import kernel_plan
from ansible_collections.apiary.swarm.plugins.module_utils._engine.packages import package_plan

BATCH = re.compile(r"([1-9][0-9]*|([1-9][0-9]?|100)%)\Z")
# Who restarts when: workers first, the leader last, because each change of leader makes the managers wait for an election.
KINDS = ("worker", "manager", "leader")
STALE = (
    "still runs a binary that its package has replaced, and runs the new one after a restart. "
    "Set engine_replace to true to have it restarted in its turn."
)
# What is done to packages in a host's turn where the engine is replaced, and at once everywhere else.
LATER = ("replace", "hold", "release")


def plan(hosts: dict[str, Any], renewed: dict[str, list[str]], can_unlock: bool = False) -> Section:
    """What the engines of these hosts need.

    :param hosts: name -> look (None where it did not answer) and roles.
    :param renewed: name -> the options of the engine whose files the role tls will write in this run.
    :param can_unlock: the unlock key of the swarm is given.
    :returns: data: C(hosts) (name -> what the role's tasks need of it), C(configure) (names of those that act now), C(restart)
        (kind -> names of those that wait for their turn) and C(members) (NodeID -> hostname, of hosts that say they are members).
    """
    problems: list[str] = []
    warnings: list[str] = []
    changes: list[Change] = []
    data: dict[str, Any] = {"hosts": {}, "configure": [], "restart": {kind: [] for kind in KINDS}, "members": {}}
    for name, host in hosts.items():
        if not host["look"]:
            continue
        found = host_plan(name, host["look"], host["roles"], renewed.get(name, []))
        problems += found.problems
        warnings += found.warnings
        changes += found.changes
        data["hosts"][name] = found.data["host"]
        swarm = host["look"]["swarm"]
        if swarm["state"] == "active":
            data["members"][swarm["node_id"]] = swarm["hostname"]
        if found.data["acts"]:
            data["configure"].append(name)
        if found.data["turn"]:
            data["restart"][found.data["turn"]].append(name)
    batches = {str(host["roles"].get("engine_restart_batch", "25%")) for host in hosts.values() if host["look"]}
    problems += [batch_problem(batch) for batch in sorted(batches) if not BATCH.match(batch)]
    problems += [] if can_unlock else locked_problems(hosts, [*data["restart"]["manager"], *data["restart"]["leader"]])
    return Section(problems, warnings, changes, data)


def locked_problems(hosts: dict[str, Any], restarting: list[str]) -> list[str]:
    """Why managers must not restart whose swarm locks them. A manager in control knows whether it does; without one their own keys tell.

    :param restarting: names of the managers that would.
    """
    told = [host["look"]["swarm"].get("options") or {} for host in hosts.values() if host["look"]]
    locks = any(options.get("autolock") for options in told) or any(hosts[name]["look"]["swarm"].get("locks") for name in restarting)
    if not restarting or not locks:
        return []
    engines = f"engine of '{restarting[0]}'" if len(restarting) == 1 else f"engines of {', '.join(restarting)}"
    return [
        str(
            could_not(
                f"restart the {engines}",
                "the swarm locks managers that restart (autolock), and cluster_unlock_key is not given",
                "Put the key that 'docker swarm unlock-key' shows into a vault, and give it as cluster_unlock_key",
            )
        )
    ]


def batch_problem(batch: str) -> str:
    """Why a number of workers that restart at once cannot be used."""
    return str(
        could_not(f"use engine_restart_batch '{batch}'", "it is neither a number of hosts nor a percentage", "Write, for example, 2 or 25%")
    )


def host_plan(name: str, look: dict[str, Any], variables: dict[str, Any], renewed: list[str]) -> Section:
    """What one host's engine needs.

    :returns: data: C(host) for the role's tasks, C(acts) whether the role has to run now, C(turn) a kind of KINDS or None.
    """
    packages = package_plan(
        look,
        variables.get("engine_source", "distribution"),
        str(variables.get("engine_version") or ""),
        bool(variables.get("engine_replace")),
        str(variables.get("engine_repository_url") or ""),
        name,
    )
    kernel = kernel_plan(
        look,
        bool(variables.get("engine_kernel_files", True)),
        variables.get("engine_sysctl") or {},
        variables.get("engine_kernel_modules") or [],
        name,
    )
    daemon = look["daemon"] or {"problems": [], "action": NOTHING, "changed": False, "changed_options": [], "before": {}, "after": {}}
    swarm = look["swarm"]
    # In no swarm, and not only silent.
    alone = swarm["state"] == "inactive" and not swarm["error"]
    options = daemon_changes(name, daemon, renewed if variables.get("engine_remote_api") else [], look["unit"]["active"], alone)
    in_turn = not alone and look["unit"]["active"]
    stale = bool(look["engine"]["replaced"])
    replace = bool(variables.get("engine_replace"))
    replaces = (packages["replaces"] or (stale and replace)) and in_turn
    if stale and replace:
        text = "its program was replaced since it started" + (" (in its turn)" if in_turn else "")
        options = [Change(name, "engine", "restart", text), *options]
    installs = [in_its_turn(change) for change in packages["changes"]] if replaces else packages["changes"]
    waits = replaces or (in_turn and any(change.verb == "restart" for change in options))
    acts = [*(change for change in installs if not replaces or change.verb not in LATER), *kernel["changes"], *([] if waits else options)]
    return Section(
        [*packages["problems"], *daemon["problems"]],
        [f"The engine of '{name}' {STALE}"] if stale and not replace else [],
        [*kernel["changes"], *installs, *options],
        {
            "host": {
                **{key: value for key, value in packages.items() if key not in ("problems", "changes")},
                "replaces": replaces,
                "kernel": kernel["differing"],
                "kernel_release": look["kernel"].get("release"),
                "family": look["system"]["family"].lower(),
                "codename": look["system"].get("codename"),
                "active": look["unit"]["active"],
                "alone": alone,
            },
            "acts": bool(acts),
            "turn": turn(swarm) if waits else None,
        },
    )


def in_its_turn(change: Change) -> Change:
    """A change of packages as it is told where the engine is replaced, and so restarts."""
    return change._replace(text=f"{change.text} (in its turn)") if change.verb == "replace" else change


def turn(swarm: dict[str, Any]) -> str:
    """When this node's engine restarts."""
    leads = any(node["leader"] and node["id"] == swarm["node_id"] for node in swarm["nodes"] or [])
    return "leader" if leads else str(swarm["role"] or "worker")


def daemon_changes(name: str, daemon: dict[str, Any], renewed: list[str], active: bool, alone: bool) -> list[Change]:
    """How the options of an engine change, in one line, with what that takes.

    :param active: the engine runs.
    :param alone: it is in no swarm.
    """
    if daemon["before"] == daemon["after"] and not renewed:
        return []
    verb = {NOTHING: "set", RELOAD: "reload", RESTART: "restart"}[RESTART if renewed else daemon["action"] or NOTHING]
    verb = verb if active else "start"
    told = [option_text(key, daemon["before"].get(key), daemon["after"].get(key)) for key in differing(daemon["before"], daemon["after"])]
    told += [f"{option} is renewed" for option in renewed]
    if not told and daemon["changed_options"]:
        told = [f"{', '.join(daemon['changed_options'])} not read yet"]
    turns = "" if verb != "restart" or alone else " (in its turn)"
    return [Change(name, "engine", verb, f"{', '.join(told) or 'starts'}{turns}", daemon["before"], daemon["after"])]


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The options that differ; what is no option stands in parentheses and is left out."""
    return [key for key in sorted({*before, *after}) if before.get(key) != after.get(key) and not key.startswith("(")]


def option_text(key: str, before: Any, after: Any) -> str:
    """One option in a line."""
    if before is None:
        return f"{key} {value_text(after)}"
    return f"{key} {value_text(before)} → {value_text(after)}"


def value_text(value: Any) -> str:
    """A value in a line."""
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."
