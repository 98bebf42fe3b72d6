# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's membership and a node's way out of its role: what several modules here do with a client."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core import values
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, plain_error
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup, quorum
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.certificate import Certificate, parse_certificate
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.lookup import node_gone

# A task in one of these states holds, or is about to hold, a container on its node.
BUSY = ("assigned", "accepted", "preparing", "ready", "starting", "running")
SIOCGIFADDR = 0x8915
# address, index, prefix length, scope, flags, name (proc(5)).
IF_INET6, SCOPE_GLOBAL = "/proc/net/if_inet6", "00"
# Where engines keep their data, for one that cannot be asked.
DOCKER_ROOT = "/var/lib/docker"
DAEMON_CONFIG = "/etc/docker/daemon.json"


# -- this host
def host_name(info: dict[str, Any]) -> str:
    """The host's name for sentences."""
    return info.get("Name") or socket.gethostname()


def is_manager(info: dict[str, Any]) -> bool:
    """This host is an active manager (with or without a quorum)."""
    return info["Swarm"]["LocalNodeState"] == "active" and bool(info["Swarm"].get("ControlAvailable"))


def lost_quorum(info: dict[str, Any]) -> str | None:
    """Why this manager cannot control its swarm; None where it can, and on all other hosts."""
    swarm = info["Swarm"]
    if not is_manager(info) or (not swarm.get("Error") and (swarm.get("Cluster") or {}).get("ID")):
        return None
    return swarm_error(info) or "the swarm has no leader"


def swarm_error(info: dict[str, Any]) -> str | None:
    """What the Engine says is wrong with the membership, without gRPC's wrapping."""
    return plain_error(info["Swarm"].get("Error") or "") or None


def configured_root() -> str:
    """Where the Engine of this host keeps its data, as its configuration tells.

    :raises SwarmError: the configuration cannot be read.
    """
    try:
        with open(DAEMON_CONFIG, "rb") as file:
            config = json.loads(file.read().decode() or "{}")
        return str(config.get("data-root") or config.get("graph") or DOCKER_ROOT)
    except (FileNotFoundError, NotADirectoryError):
        return DOCKER_ROOT
    except PermissionError as error:
        raise could_not(f"read the file '{DAEMON_CONFIG}'", str(error.strerror), "Run the task as root (become: true)") from error
    except (OSError, ValueError, AttributeError) as error:
        raise could_not(f"read the file '{DAEMON_CONFIG}'", str(error), "Correct the file") from error


def swarm_file(info: dict[str, Any], name: str) -> bytes | None:
    """A file of the Engine's swarm folder on this host; None where there is none.

    :raises SwarmError: this user may not read it.
    """
    path = os.path.join(info.get("DockerRootDir") or configured_root(), "swarm", name)
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise could_not(f"read the file '{path}'", str(error.strerror), "Run the task as root (become: true)") from error


def silent_member(info: dict[str, Any]) -> str | None:
    """Why a host without an engine that answers is a member of a swarm nevertheless; None where it is none."""
    if info.get("ServerVersion") or swarm_file(info, "docker-state.json") is None:
        return None
    if not info.get("HasSdk", True):
        return "it is a member of a swarm, but the Docker SDK for Python is missing on it"
    return "it is a member of a swarm, but its engine does not answer"


def refuse_silent(info: dict[str, Any], action: str) -> None:
    """Refuse a member of a swarm that cannot be asked."""
    silent = silent_member(info)
    if silent:
        raise could_not(action, silent, "Start the engine" if info.get("HasSdk", True) else "Install python3-docker")


def own_certificate(info: dict[str, Any]) -> Certificate | None:
    """This node's swarm certificate; None where it has none."""
    pem = swarm_file(info, "certificates/swarm-node.crt")
    if pem is None:
        return None
    try:
        return parse_certificate(pem)
    except ValueError as error:
        raise could_not(
            f"read the swarm certificate of host '{host_name(info)}'",
            str(error),
            "Repair the node or let it leave the swarm",
        ) from error


def is_key_locked(info: dict[str, Any]) -> bool | None:
    """Whether this manager's key is encrypted, so that its engine is locked after a restart (autolock); None where nobody can tell."""
    try:
        pem = swarm_file(info, "certificates/swarm-node.key")
    except SwarmError:
        return None
    return None if pem is None else b"ENCRYPTED" in pem


def interface_address(name: str) -> str | None:
    """The address of a network interface as the Engine takes it: IPv4 before IPv6; None where it has none."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, struct.pack("256s", name[:15].encode()))
        except OSError:
            return ipv6_address(name)
    return socket.inet_ntoa(answer[20:24])


def ipv6_address(name: str) -> str | None:
    """The first IPv6 address of a network interface that is not of its link only."""
    try:
        with open(IF_INET6, encoding="ascii") as file:
            lines = [line.split() for line in file]
    except OSError:
        return None
    found = [words[0] for words in lines if words[5:] == [name] and words[3] == SCOPE_GLOBAL]
    return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(found[0])) if found else None


def local_addresses(info: dict[str, Any]) -> dict[str, str | None]:
    """The address options that this member was started with, and C(node_addr); None where it cannot be known."""
    try:
        state = json.loads(swarm_file(info, "docker-state.json") or b"{}")
    except (SwarmError, ValueError):
        state = {}
    node_addr = info["Swarm"].get("NodeAddr") or None
    return {
        "advertise_addr": state.get("AdvertiseAddr") or node_addr,
        "listen_addr": state.get("ListenAddr"),
        "data_path_addr": state.get("DataPathAddr") or (node_addr if state else None),
        "node_addr": node_addr,
    }


def check_local_addresses(info: dict[str, Any], params: dict[str, Any], action: str, advice: str) -> list[str]:
    """Compare the address options that are given with what this member was started with, see compare_addresses."""
    return compare_addresses(params, local_addresses(info), interface_address, action, advice)


def compare_addresses(
    params: dict[str, Any], known: dict[str, str | None], address_of: Callable[[str], str | None], action: str, advice: str
) -> list[str]:
    """Compare address options with those that a member was started with.

    :param params: C(advertise_addr), C(listen_addr) and C(data_path_addr); None where one is not given.
    :param known: see local_addresses.
    :param address_of: the address of that host's network interface.
    :returns: warnings, where it cannot be known.
    :raises SwarmError: one differs; it could only be changed by leaving the swarm.
    """
    given = {option: params[option] for option in ("advertise_addr", "listen_addr", "data_path_addr") if params[option] is not None}
    # The Engine lets an advertised address without a port have the port that it listens on.
    listen_addr = known["listen_addr"] or params["listen_addr"]
    listen_port = values.split_address("listen_addr", listen_addr)[1] if listen_addr else values.SWARM_PORT
    warnings = []
    for option, text in given.items():
        default_port = listen_port if option == "advertise_addr" else values.SWARM_PORT
        wanted, actual = values.split_address(option, text, default_port), known[option]
        if not actual:
            warnings.append(f"Option '{option}' was not compared: the engine's swarm directory cannot be read by this user.")
            continue
        host, port = values.split_address(option, actual)
        wanted_host = wanted[0] if values.is_ip(wanted[0]) else address_of(wanted[0]) or wanted[0]
        if option == "data_path_addr" or actual == known["node_addr"]:
            port = wanted[1]  # there is none, or it is not told
        if (wanted_host, wanted[1]) != (host, port):
            raise could_not(action, f"{option} is '{actual}' and not '{text}', and cannot be changed on a member", advice)
    return warnings


# -- other nodes, through a manager
def busy_tasks(client: Client, node_id: str) -> list[dict[str, Any]]:
    """The tasks of services that hold a container on that node, also those that are told to stop."""
    tasks = client.tasks({"node": {node_id: True}})
    return [task for task in tasks if task.get("ServiceID") and (task.get("Status") or {}).get("State") in BUSY]


def wait_until_empty(client: Client, node_id: str, title: str, timeout: float) -> None:
    """Wait until no task of a service runs on a drained node; of one that is Down nothing more is ever heard."""

    def explain(tasks: list[dict[str, Any]]) -> str:
        listed = ", ".join(f"{task['ID']} ({task['Status']['State']})" for task in tasks[:5])
        return f"{len(tasks)} task{'s' if len(tasks) > 1 else ''} still there: {listed}"

    def observe() -> list[dict[str, Any]]:
        tasks = busy_tasks(client, node_id)
        return [] if tasks and node_gone(get_node(client, node_id, "find node")[0]) else tasks

    wait_until(
        observe,
        lambda tasks: not tasks,
        f"empty node '{title}'",
        timeout,
        "Check the stop grace period of the services, or increase wait_timeout",
        explain,
    )


def get_node(client: Client, node_id: str, action: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A node by its ID, and all nodes."""
    nodes = client.nodes()
    return lookup.find_node(nodes, node_id, action), nodes


def refuse_demotion(nodes: list[dict[str, Any]], node: dict[str, Any]) -> None:
    """Refuse to demote a manager that cannot be spared."""
    refusal = quorum.demotion_refusal(quorum.members_of(nodes), node["ID"])
    if refusal:
        title = lookup.node_title(node, nodes)
        raise could_not(f"demote node '{title}'", refusal, "Bring the other managers back, or promote another node first")


def change_node(client: Client, node_id: str, change: dict[str, str], cached: list[dict[str, Any]] | None = None) -> None:
    """Change a node's Role or Availability, whole spec for whole spec; never below quorum.

    :param change: keys of the node's spec.
    :param cached: the nodes where they have just been read.
    """

    def described(nodes: list[dict[str, Any]]) -> tuple[Any, Any]:
        node = lookup.find_node(nodes, node_id, "update node")
        return node["Spec"], (node, nodes)

    def desire(spec: Any, context: Any) -> Any:
        node, nodes = context
        if change.get("Role") == "worker" and spec["Role"] == "manager":
            refuse_demotion(nodes, node)
        return {**spec, **change}

    def apply(_before: Any, after: Any, context: Any) -> None:
        client.node_update(node_id, context[0]["Version"]["Index"], after)

    Converge(check=False)(lambda: described(client.nodes()), desire, apply, observed=described(cached) if cached else None)


def demote_self(client: Client, node_id: str, title: str, timeout: float, change: dict[str, str] | None = None) -> None:
    """This manager becomes a worker, and it is waited for."""
    change_node(client, node_id, {"Role": "worker", **(change or {})})
    wait_until(
        client.info,
        lambda info: info["Swarm"]["LocalNodeState"] == "active" and not is_manager(info),
        f"see node '{title}' as a worker",
        timeout,
        explain=lambda info: swarm_error(info) or "it is still a manager",
    )


def settled_info(client: Client, timeout: float) -> dict[str, Any]:
    """C(GET /info) of a host that is not just starting; a member that cannot reach its swarm stays C(pending)."""

    def settled(info: dict[str, Any]) -> bool:
        if info["Swarm"]["LocalNodeState"] == "pending":
            return own_certificate(info) is None
        if info["Swarm"]["LocalNodeState"] == "active" and not is_manager(info):
            try:
                certificate = own_certificate(info)
            except SwarmError:
                return True
            return certificate is None or certificate.role == "worker"
        return True

    info = client.info()
    if settled(info):
        return info
    try:
        return wait_until(client.info, settled, "see this host settled", timeout)
    except SwarmError:
        return client.info()
