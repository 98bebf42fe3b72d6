# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is in its swarm, and how the swarm is: what swarm_info and host_info both tell."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Sequence

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import quorum
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.certificate import Certificate
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.describe import (
    describe_certificate,
    describe_node,
    describe_service,
    describe_task,
)
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import (
    is_key_locked,
    is_manager,
    lost_quorum,
    own_certificate,
    silent_member,
    swarm_error,
)

# What is told only if it is asked for, for one request each.
EXTRAS = ("services", "tasks", "join_tokens")


def describe_host(info: dict[str, Any], certificate: Certificate | None, api: str, silent: str | None) -> dict[str, Any]:
    """What C(GET /info), the node's certificate and its key tell."""
    swarm = info["Swarm"]
    cluster, member = swarm.get("Cluster") or {}, swarm["LocalNodeState"] != "inactive"
    remotes = [one["Addr"] for one in swarm.get("RemoteManagers") or []]
    role = certificate.role if certificate else "worker" if swarm["LocalNodeState"] == "active" else None
    managers = None
    if is_manager(info):
        role = "manager"
        count = len(remotes)
        managers = {
            "managers": count,
            "reachable": None,
            "needed": quorum.majority(count),
            "leader": None,
            "healthy": False,
        }
    return {
        "state": swarm["LocalNodeState"],
        "control_available": is_manager(info) and not lost_quorum(info),
        "role": role if member else None,
        "locks": is_key_locked(info) if member and role == "manager" else None,
        "error": swarm_error(info) or lost_quorum(info) or silent,
        "hostname": info.get("Name"),
        "node_id": swarm.get("NodeID") or None,
        "node_addr": swarm.get("NodeAddr") or None,
        "cluster_id": cluster.get("ID") or (certificate.cluster_id if certificate and member else None),
        "cluster_version": (cluster.get("Version") or {}).get("Index"),
        "quorum": managers,
        "nodes": None,
        "versions": {"engine": info.get("ServerVersion"), "api": api if info.get("ServerVersion") else None},
        "certificate": describe_certificate(certificate if member else None, datetime.now(timezone.utc)),
        "remote_managers": sorted(remotes),
    }


def observe(client: Client, info: dict[str, Any], extras: Sequence[str] = ()) -> dict[str, Any]:
    """What this host is and, through a manager in control, how its swarm is; a swarm without a quorum is an answer, too.

    :param info: C(GET /info) of this host.
    :param extras: those of EXTRAS that are asked for; each is None on a host that does not control its swarm.
    :raises SwarmError: this user may not look.
    """
    silent = silent_member(info)
    try:
        certificate = own_certificate(info)
    except SwarmError:
        certificate = None
    result = {**describe_host(info, certificate, client.api_version, silent), **dict.fromkeys(extras)}
    if not result["control_available"]:
        return result
    try:
        nodes = client.nodes()
        result["nodes"] = sorted(map(describe_node, nodes), key=lambda node: (node["hostname"], node["id"]))
        result["quorum"] = quorum.quorum_of(quorum.members_of(nodes))
        result["control_available"] = result["quorum"]["healthy"]  # a leader that is alone believes in itself for some seconds
        if "services" in extras:
            result["services"] = sorted(map(describe_service, client.services(status=True)), key=lambda one: one["name"])
        if "tasks" in extras:
            tasks = client.tasks({"desired-state": {"running": True}})
            result["tasks"] = sorted(map(describe_task, tasks), key=lambda one: one["id"])
        if "join_tokens" in extras:
            tokens = client.swarm()["JoinTokens"]
            result["join_tokens"] = {"worker": tokens["Worker"], "manager": tokens["Manager"]}
    except SwarmError as error:
        result.update({"control_available": False, "error": str(error)})
        result["quorum"]["healthy"] = False
    return result


def identity(info: dict[str, Any]) -> dict[str, Any] | None:
    """Who this node is by its certificate, which needs no engine that answers; None where there is none, or it cannot be read."""
    try:
        certificate = own_certificate(info)
    except SwarmError:
        return None
    return certificate and {"node_id": certificate.node_id, "cluster_id": certificate.cluster_id, "role": certificate.role}


def unknown(error: str, extras: Sequence[str] = ()) -> dict[str, Any]:
    """The same of a host that has an engine and does not let this user, or anybody, ask it."""
    nothing = describe_host(no_engine().info(), None, "", None)
    return {**nothing, "state": None, "error": error, **dict.fromkeys(extras)}
