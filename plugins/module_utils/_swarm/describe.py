# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of the Engine API in the words of this collection's results."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.certificate import Certificate

MODES = {
    "Replicated": "replicated",
    "Global": "global",
    "ReplicatedJob": "replicated-job",
    "GlobalJob": "global-job",
}


def describe_node(node: dict[str, Any]) -> dict[str, Any]:
    """A node in the words of RETURN."""
    manager = node.get("ManagerStatus") or {}
    return {
        "id": node["ID"],
        "hostname": lookup.node_hostname(node),
        "address": lookup.node_address(node),
        "role": node["Spec"]["Role"],
        "state": lookup.node_state(node),
        "availability": node["Spec"]["Availability"],
        "reachability": manager.get("Reachability"),
        "leader": bool(manager.get("Leader")),
        "labels": dict(node["Spec"].get("Labels") or {}),
        "engine_version": ((node.get("Description") or {}).get("Engine") or {}).get("EngineVersion"),
        "version": node["Version"]["Index"],
    }


def describe_service(service: dict[str, Any]) -> dict[str, Any]:
    """A service in the words of RETURN."""
    status = service.get("ServiceStatus") or {}
    mode = service["Spec"].get("Mode") or {}
    ports = (service["Spec"].get("EndpointSpec") or {}).get("Ports") or []
    return {
        "id": service["ID"],
        "name": service["Spec"]["Name"],
        "mode": next((word for key, word in MODES.items() if key in mode), None),
        "running": status.get("RunningTasks", 0),
        "desired": status.get("DesiredTasks", 0),
        "image": (service["Spec"]["TaskTemplate"].get("ContainerSpec") or {}).get("Image"),
        "ports": [f"{p.get('PublishedPort', '')}:{p['TargetPort']}/{p['Protocol']} {p['PublishMode']}" for p in ports],
        "version": service["Version"]["Index"],
    }


def describe_task(task: dict[str, Any]) -> dict[str, Any]:
    """A task in the words of RETURN."""
    return {
        "id": task["ID"],
        "service_id": task.get("ServiceID"),
        "node_id": task.get("NodeID"),
        "state": (task.get("Status") or {}).get("State"),
    }


def describe_certificate(certificate: Certificate | None, now: datetime) -> dict[str, Any] | None:
    """The certificate's end."""
    if certificate is None:
        return None
    not_after = certificate.not_after
    return {"not_after": not_after.strftime("%Y-%m-%dT%H:%M:%SZ"), "days_left": (not_after - now).days}
