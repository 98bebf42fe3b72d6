# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each room plans, in the order in which it is done, and the groups that then act."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Change, Section, nothing
from ansible_collections.apiary.swarm.plugins.module_utils._engine import plan as engine_plan
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import plan as swarm_plan
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import preflight
from ansible_collections.apiary.swarm.plugins.module_utils._tls.variables import tls_variables
from ansible_collections.apiary.swarm.plugins.plugin_utils import _deployments
from ansible_collections.apiary.swarm.plugins.plugin_utils._images import images_of
from ansible_collections.apiary.swarm.plugins.plugin_utils._tls_files import plan_tls

# The groups that plays act on; they are filled by the plan and empty where nothing is to be done.
ACT_GROUPS = (
    "swarm_act_tls",
    "swarm_act_engine",
    "swarm_restart_worker",
    "swarm_restart_manager",
    "swarm_restart_leader",
    "swarm_act_clients",
    "swarm_act_cluster",
    "swarm_act_archives",
    "swarm_act_deploy",
)


# The parts that are deployed through a manager.
DEPLOYED = ("registry", "images", "stacks")
# The manager to work through.
CONTROL = "swarm_control"


class Controller(NamedTuple):
    """What the plan needs of the controller.

    :ivar variable: the value of a variable of the inventory, or the default that is given with its name.
    :ivar limit: C(--limit), empty where there is none.
    :ivar missing: hosts of the play that failed or could not be reached.
    """

    variable: Callable[..., Any]
    limit: str
    missing: list[str]


def of_hosts(
    parts: list[str], hosts: dict[str, Any], managers: list[str], workers: list[str], groups: list[str], controller: Controller
) -> dict[str, Section]:
    """The sections that hosts were asked about.

    :param hosts: all of the inventory: name -> look (None where it did not answer), roles and addresses.
    """
    sections: dict[str, Section] = {}
    wrong = [problem for host in hosts.values() for problem in (host["look"] or {}).get("roles_problems") or []]
    sections["variables"] = Section(wrong, [], [], {})
    if "preflight" in parts:
        sections["preflight"] = preflight.plan(hosts, managers, workers, groups)
    if any(section.problems for section in sections.values()):
        return sections
    if "tls" in parts:
        # Where the engines are planned, too, their variables say what role tls is to make.
        whole = any("engine_remote_api" in host["roles"] for host in hosts.values())
        wanted = tls_variables(hosts, managers) if whole else hosts
        sections["tls"] = plan_tls(wanted, controller.limit, controller.missing, lambda _host: controller.variable("tls_ca_passphrase", ""))
    if "engine" in parts:
        renewed = sections.get("tls", nothing()).data.get("renewed") or {}
        sections["engine"] = engine_plan.plan(hosts, renewed, bool(controller.variable("cluster_unlock_key", "")))
    if {"cluster", *DEPLOYED} & set(parts):
        found = swarm_plan.plan(hosts, managers, bool(controller.variable("cluster_unlock_key", "")))
        sections["cluster"] = found if "cluster" in parts else only_control(found)
    if "archives" in parts:
        sections["archives"] = archives(hosts)
    return sections


def only_control(cluster: Section) -> Section:
    """The manager to deploy through, where the run leaves the swarm itself as it is."""
    problems = []
    if not cluster.data["in_control"]:
        cause = "there is no swarm in control, and this run skips the part that creates it"
        problems = cluster.problems or [f"Could not deploy the stacks: {cause}. Run without --skip-tags cluster."]
    nothing_to_do = {"join": [], "former": [], "unmanaged": [], "init": False, "configure": False, "label": False, "prune": False}
    return Section(problems, [], [], {**cluster.data, **nothing_to_do})


def archives(hosts: dict[str, Any]) -> Section:
    """The images that hosts lack and have archives of.

    :returns: data: C(hosts) that load any.
    """
    changes = []
    for name, host in hosts.items():
        there = (host["look"] or {}).get("images") or {}
        wanted = host["roles"].get("images_archives") or []
        changes += [Change(name, "image", "load", f"{one['image']} from {one['path']}") for one in wanted if not there.get(one["image"])]
    return Section([], [], changes, {"hosts": list(dict.fromkeys(change.host for change in changes))})


def before_there_is_a_swarm(
    parts: list[str], value: Callable[[str, Any], Any], find: Callable[[str], str], read: Callable[[str], bytes]
) -> Section:
    """Registry, images and stacks of hosts that are no cluster yet.

    :param value: a variable of the inventory, or the default.
    :param find: a Compose file on the controller.
    :param read: what is in it.
    """
    registry = str(value("registry_name", "registry")) if "registry" in parts and value("registry_enabled", True) else None
    projects = [dict(project) for project in value("stacks_projects", [])]
    images = images_of(projects, value("images_push", []), find, read) if "images" in parts else []
    elsewhere = bool(value("images_registry", "") or value("registry_address", ""))
    return _deployments.before_there_is_a_swarm(registry, images, projects if "stacks" in parts else [], elsewhere)


def acts(section: Section) -> bool:
    """There is something to do, or to wait for."""
    return bool(section.changes) or bool(section.data.get("configure"))


def groups(sections: dict[str, Section], hosts: list[str]) -> dict[str, list[str]]:
    """Group -> the hosts that act in it."""
    found: dict[str, list[str]] = {name: [] for name in ACT_GROUPS}
    cluster, deployments = sections.get("cluster"), sections.get("deployments")
    if "tls" in sections and sections["tls"].data:
        found["swarm_act_tls"] = sections["tls"].data["work"]["hosts"]
        found["swarm_act_clients"] = sections["tls"].data["work"]["clients"]
    if "engine" in sections:
        found["swarm_act_engine"] = sections["engine"].data["configure"]
        for kind, names in sections["engine"].data["restart"].items():
            found[f"swarm_restart_{kind}"] = names
    if cluster is not None and cluster.data["control"]:
        found[CONTROL] = [cluster.data["control"]]
        if acts(cluster):
            found["swarm_act_cluster"] = hosts
        if deployments is not None and (deployments.changes or any(deployments.data.values())):
            found["swarm_act_deploy"] = [cluster.data["control"]]
    if "archives" in sections:
        found["swarm_act_archives"] = sections["archives"].data["hosts"]
    if any(members for name, members in found.items() if name != CONTROL):
        found["swarm_act_summary"] = found.get(CONTROL) or hosts[:1]
    return found
