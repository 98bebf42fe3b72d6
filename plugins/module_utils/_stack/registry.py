# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry as a stack: its Compose definition, its address, and whether it answers."""

from __future__ import annotations

import http.client
import re
from dataclasses import asdict
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core import values
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import FIRST_PAUSE, Stopwatch, wait_in_part
from ansible_collections.apiary.swarm.plugins.module_utils._stack.apply import part
from ansible_collections.apiary.swarm.plugins.module_utils._stack.deployment import manages
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import as_value
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup

STORAGE = "/var/lib/registry"
INSIDE_PORT = 5000
# The mesh answers here on every node, whichever manager is asked, and engines trust it without TLS.
MESH = "127.0.0.1"


def definition(options: dict[str, Any]) -> dict[str, Any]:
    """The Compose definition of a registry, from the module's options."""
    source, volume = options["storage"]["source"], options["storage"]["type"] == "volume"
    environment = {
        "REGISTRY_HTTP_ADDR": f"0.0.0.0:{INSIDE_PORT}",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": STORAGE,
        **({"REGISTRY_STORAGE_DELETE_ENABLED": "true"} if options["delete_enabled"] else {}),
        **{name: as_value(value) for name, value in options["environment"].items()},
    }
    deploy: dict[str, Any] = {
        "replicas": 1,
        "placement": {"constraints": options["constraints"]},
        # Two registries must never write to one storage.
        "update_config": {"order": "stop-first"},
    }
    if options["mode"] == "host":
        deploy["endpoint_mode"] = "dnsrr"
    service = {
        "image": literal(options["image"]),
        "environment": {name: literal(value) for name, value in environment.items()},
        "volumes": [{"type": options["storage"]["type"], "source": "data" if volume else literal(source), "target": STORAGE}],
        "ports": [{"target": INSIDE_PORT, "published": options["port"], "protocol": "tcp", "mode": options["mode"]}],
        "deploy": deploy,
    }
    return {
        "version": "3.8",
        "services": {"registry": service},
        **({"volumes": {"data": {"name": literal(source)}}} if volume else {}),
    }


def literal(text: str) -> str:
    """Text in which Compose finds nothing to fill in."""
    return text.replace("$", "$$")


def address(client: Client, stack: str, mode: str, port: int, constraints: list[str]) -> str:
    """Where to push to: C(host:port), or nothing if it is not known."""
    if not manages(client):
        return ""
    if mode == "ingress":
        return values.join_address(MESH, port)
    tasks = client.tasks({"service": {f"{stack}_registry": True}, "desired-state": {"running": True}}) if exists(client, stack) else []
    running = [task["NodeID"] for task in tasks if task["Status"]["State"] == "running"]
    nodes = client.nodes()
    here = [node for node in nodes if node["ID"] in running] or [node for node in nodes if may_run(node, constraints)]
    host = lookup.node_address(here[0]) if len(here) == 1 else ""
    return values.join_address(host, port) if host else ""


def may_run(node: dict[str, Any], constraints: list[str]) -> bool:
    """Whether the registry can be placed on a node."""
    labels = {f"node.labels.{name}": value for name, value in (node["Spec"].get("Labels") or {}).items()}
    engine = ((node.get("Description") or {}).get("Engine") or {}).get("Labels") or {}
    facts = {
        "node.id": node["ID"],
        "node.hostname": lookup.node_hostname(node),
        "node.role": node["Spec"]["Role"],
        **labels,
        **{f"engine.labels.{name}": value for name, value in engine.items()},
    }
    ready = node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active"
    return ready and all(holds(facts, constraint) for constraint in constraints)


def holds(facts: dict[str, str], constraint: str) -> bool:
    """Whether C(key==value) or C(key!=value) holds; Swarm compares without case."""
    match = re.match(r"^\s*(\S+?)\s*(==|!=)\s*(.*?)\s*$", constraint)
    if not match:
        return False
    key, operator, value = match.groups()
    return (facts.get(key, "").lower() == value.lower()) == (operator == "==")


def exists(client: Client, stack: str) -> bool:
    """Whether the registry's service is there; tasks of a service that is not cannot be asked for."""
    return any(service["Spec"]["Name"] == f"{stack}_registry" for service in client.services())


def wait_until_it_answers(
    client: Client, stack: str, where: str, mode: str, stopwatch: Stopwatch, seconds: float = 0, ask: Callable[[str], str] | None = None
) -> dict[str, Any]:
    """Wait for C(GET /v2/): 200, or 401 where accounts are asked for.

    :param seconds: come back after so long at the latest; 0: when it is over.
    :returns: nothing; or C(progress) and C(checkpoint), to go on with.
    :raises SwarmError: the time is over.
    """

    def observe() -> list[str]:
        cause = (ask or trouble)(where)
        return [cause] if cause else []

    causes, _trouble = wait_in_part(observe, stopwatch, seconds, FIRST_PAUSE)
    if not causes:
        return {}
    if not stopwatch.over:
        return part(client, [f"no answer at '{where}' yet: {causes[0]}"], {"registry": {"stopwatch": asdict(stopwatch), "address": where}})
    mesh = ", or choose mode 'host' if the kernel has no IPVS" if mode == "ingress" else ""
    raise could_not(
        f"deploy registry '{stack}': no answer at '{where}' within {stopwatch.limit:g} s",
        causes[0],
        f"Check the logs of service '{stack}_registry' and the firewalls between this host and that address{mesh}",
    )


def trouble(where: str) -> str:
    """What is wrong with the registry at an address; empty when it answers."""
    connection = http.client.HTTPConnection(where, timeout=5)
    try:
        connection.request("GET", "/v2/")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if status in (200, 401) else f"it answered {status}"
