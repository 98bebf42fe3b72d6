# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a swarm can spare a node for a restart, and whether it is again what it was before."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import quorum
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.describe import describe_node, describe_service, describe_task
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import is_manager, lost_quorum, swarm_error

# What an engine sees: state, node_id, control_available, error, and nodes, services and tasks as swarm_info returns them;
# those are None where it does not control its swarm.
View = Dict[str, Any]
OVERRIDE = "or set engine_restart_without_quorum to true"


def membership_of(info: dict[str, Any]) -> View:
    """What C(GET /info) tells."""
    return {
        "state": info["Swarm"]["LocalNodeState"],
        "node_id": info["Swarm"].get("NodeID") or None,
        "control_available": is_manager(info) and not lost_quorum(info),
        "error": swarm_error(info) or lost_quorum(info),
        **dict.fromkeys(("nodes", "services", "tasks")),
    }


def observe(client: Client) -> View:
    """What this host sees of its swarm; one that does not control it is an answer, too."""
    view = membership_of(client.info())
    if not view["control_available"]:
        return view
    try:
        nodes = client.nodes()
        seen = {
            "nodes": [describe_node(node) for node in nodes],
            "services": [describe_service(service) for service in client.services(status=True)],
            "tasks": [describe_task(task) for task in client.tasks({"desired-state": {"running": True}})],
        }
    except SwarmError as error:
        return {**view, "control_available": False, "error": str(error)}
    # A leader that is alone believes in itself for some seconds.
    return {**view, **seen, "control_available": quorum.quorum_of(quorum.members_of(nodes))["healthy"]}


def spare_problem(view: View, name: str, node_id: str, members: dict[str, str]) -> str | None:
    """Why the engine of a node must not be restarted now; None where it may.

    A manager may only go if the others are a majority without it, and nobody goes while a member is away that should be there,
    because it may have been restarted just now.

    :param name: the node's name for the sentence.
    :param members: NodeID -> hostname, of the hosts that say they are members.
    """
    refusal = f"Could not restart the engine of '{name}'"
    if not view["control_available"] or view["nodes"] is None:
        reason = str(view["error"] or "the swarm has no quorum").rstrip(".")
        return f"{refusal}: no manager is in control ({reason}). Bring the managers back and run again, {OVERRIDE}."
    away = {node["id"] for node in view["nodes"] if node["state"] != "ready"}
    missed = sorted(title for member, title in members.items() if member != node_id and member in away)
    if missed:
        cause = f"{', '.join(missed)} should be Ready before it and is not"
        return f"{refusal}: {cause}. Check the log there ('journalctl -u docker') and run again."
    lost = quorum.absence_refusal(quorum.described_members(view["nodes"]), node_id)
    return f"{refusal}: {lost[0]}. {lost[1]} and run again, {OVERRIDE}." if lost else None


def leaving_problem(view: View, leaving: list[str]) -> str | None:
    """Why nodes must not leave for good; None where they may: all that live go, or a majority of managers stays.

    Where no manager is in control there is no majority to be lost.
    """
    nodes = view["nodes"] if view["control_available"] else None
    stay = [node["hostname"] for node in nodes or [] if node["id"] not in leaving and node["state"] != "down"]
    if nodes is None or not stay:
        return None
    members = quorum.described_members(nodes)
    _order, refused = quorum.demotion_order(members, [one.id for one in members if one.id in leaving])
    if not refused:
        return None
    names = {node["id"]: node["hostname"] for node in nodes}
    return (
        f"Could not take '{names[refused[0]]}' out of the swarm: {refused[1]}, and {', '.join(sorted(stay))} would remain in it. "
        "Remove all of its nodes in one run, or promote others first."
    )


def baseline_of(view: View, node_id: str) -> dict[str, Any]:
    """What a swarm should have again after the restart of a node: plain data, for C(regressions).

    :returns: C(control_available), C(state) (of the host that was asked) and, from a manager in control, C(ready) (NodeIDs),
        C(reachable) (a number), C(tasks) (IDs of those of the node), C(services) (ID -> name, version, running, job).
    """
    baseline: dict[str, Any] = {"control_available": view["control_available"], "state": view["state"]}
    if not view["control_available"]:
        return baseline
    services = {
        one["id"]: {**{key: one[key] for key in ("name", "version", "running")}, "job": str(one["mode"]).endswith("job")}
        for one in view["services"]
    }
    return {
        **baseline,
        "ready": sorted(node["id"] for node in view["nodes"] if node["state"] == "ready"),
        "reachable": quorum.quorum_of(quorum.described_members(view["nodes"]))["reachable"],
        "tasks": sorted(task["id"] for task in view["tasks"] if task["node_id"] == node_id),
        "services": services,
    }


def regressions(
    view: View, baseline: dict[str, Any], node_id: str, members: dict[str, str] | None = None, restarted: bool = True
) -> list[str]:
    """What a swarm had before and does not have now, each in some words.

    After an election managers may for some seconds give a node the description of another, with its hostname
    (moby issue 46167, seen on Engine 26.1); C(members) tells the two apart.

    :param members: NodeID -> hostname, of nodes that have said so themselves.
    :param restarted: the engine was restarted, which ends every task of the node; managers hear of that some seconds later.
    """
    if not baseline["control_available"]:
        return [] if view["state"] == baseline["state"] else [f"the host's own membership is '{view['state']}'"]
    if not view["control_available"] or view["nodes"] is None:
        return ["no manager is in control"]
    return [
        *node_regressions(view, baseline, node_id, members or {}),
        *service_regressions(view, baseline, restarted),
    ]


def node_regressions(view: View, baseline: dict[str, Any], node_id: str, members: dict[str, str]) -> list[str]:
    """Nodes that are not Ready any more, or not under their own names, and managers that are not reachable."""
    found = [] if any(node["id"] == node_id for node in view["nodes"]) else ["the node is not in the list of nodes"]
    for node in view["nodes"]:
        name = members.get(node["id"]) or node["hostname"]
        if node["state"] != "ready" and node["id"] in {node_id, *baseline["ready"]}:
            found.append(f"node '{name}' is '{node['state']}'")
        elif node["hostname"] != name:
            found.append(f"node '{name}' is listed as '{node['hostname']}'")
    had, has = baseline["reachable"], quorum.quorum_of(quorum.described_members(view["nodes"]))["reachable"]
    return [*found, f"{has} of {had} managers are reachable"] if has < had else found


def service_regressions(view: View, baseline: dict[str, Any], restarted: bool) -> list[str]:
    """Services with fewer running tasks; what was changed or removed meanwhile is somebody else's business, and jobs end."""
    ended = set(baseline["tasks"]) if restarted else set()
    runs = Counter(task["service_id"] for task in view["tasks"] if task["state"] == "running" and task["id"] not in ended)
    now = {service["id"]: service for service in view["services"]}
    found = []
    for key, service in baseline["services"].items():
        same = key in now and now[key]["version"] == service["version"] and not service["job"]
        wanted = min(service["running"], now[key]["desired"]) if same else 0
        if runs[key] < wanted:
            found.append(f"service '{service['name']}' runs {runs[key]} of {wanted} tasks")
    return found
