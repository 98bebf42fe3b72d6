# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into a swarm: each manager in turn, and no half-joined state left behind."""

from __future__ import annotations

import socket
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core import values
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import own_certificate, swarm_error

# A manager that does not take a TCP connection within this time is not tried (seconds); the Engine would wait for 20.
PROBE_TIMEOUT = 3


def probe(host: str, port: int) -> str | None:
    """Why nothing takes a TCP connection there; None if something does."""
    try:
        with socket.create_connection((host, port), timeout=PROBE_TIMEOUT):
            return None
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__


def join_body(params: dict[str, Any], address: str) -> dict[str, Any]:
    """What C(POST /swarm/join) takes."""
    return {
        "ListenAddr": params["listen_addr"] or f"0.0.0.0:{values.SWARM_PORT}",
        "AdvertiseAddr": params["advertise_addr"] or "",
        "DataPathAddr": params["data_path_addr"] or "",
        "RemoteAddrs": [address],
        "JoinToken": params["join_token"].strip(),
        "Availability": params["availability"],
    }


def leave(client: Client, timeout: float) -> None:
    """Out of whatever this host is in, and wait for it."""
    client.swarm_leave(force=True)
    wait_until(
        client.info,
        lambda info: info["Swarm"]["LocalNodeState"] == "inactive",
        "see this host outside the swarm",
        timeout,
    )


def join(client: Client, params: dict[str, Any], action: str) -> str:
    """Join by the first manager that lets this host in; returns its address.

    An error of the Engine may leave the node inside, outside or between: what counts is its state afterwards.
    """
    reasons = []
    for text in params["remote_addrs"]:
        host, port = values.split_address("remote_addrs", text)
        address = values.join_address(host, port)
        reason = probe(host, port)
        if reason is None:
            try:
                client.swarm_join(join_body(params, address))
            except SwarmError as error:
                reason = str(getattr(error, "message", error)).replace(params["join_token"].strip(), "(the token)")
            info = client.info()
            if info["Swarm"]["LocalNodeState"] == "active":
                return address
            reason = reason or swarm_error(info)
            if info["Swarm"]["LocalNodeState"] != "inactive":
                if finished(client, params, info, action):
                    return address
                leave(client, params["wait_timeout"])
        reasons.append(f"{address} ({(reason or 'no reason given').strip().rstrip('.')})")
    raise could_not(
        action,
        f"no manager accepted it: {', '.join(reasons)}",
        "Check that the managers run, that port 2377 is open and the token valid",
    )


def finished(client: Client, params: dict[str, Any], info: dict[str, Any], action: str) -> bool:
    """Whether a join that the Engine no longer waits for comes to its end.

    The Engine gives up waiting after 20 s, and the join goes on in the background. With a certificate this host is a node of the swarm,
    and a manager may be a member of raft already: to leave by force then would take a member away from the quorum.

    :raises SwarmError: a manager's does not, and nobody but the swarm's own managers can tell whether it is in raft.
    """
    certificate = own_certificate(info)
    if certificate is None:
        return False
    limit = params["wait_timeout"]
    try:
        wait_until(client.info, lambda now: now["Swarm"]["LocalNodeState"] == "active", "see this host active in the swarm", limit)
    except SwarmError:
        if certificate.role == "manager":
            cause = f"it has received a manager's certificate, but was not active within {limit} s"
            advice = "Run again when it is active, or remove its node on a manager and let it leave with apiary.swarm.swarm_leave"
            raise could_not(action, cause, advice) from None
        return False
    return True
