# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a cluster in the CLI's words, and what the API makes of them: pure functions."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core import values
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not

ADDRESSES = ("advertise_addr", "listen_addr", "data_path_addr")
CANNOT_CHANGE = "Remove the option; a different value requires a new swarm"
INIT_ONLY = (*ADDRESSES, "data_path_port", "default_addr_pool", "default_addr_pool_mask_length", "availability")


def wanted_options(params: dict[str, Any]) -> dict[str, Any]:
    """The cluster options that are given, checked and in their normal form."""
    wanted = {key: params[key] for key in cluster_options({}) if params[key] is not None}
    for key, minimum in (("dispatcher_heartbeat", "1ms"), ("cert_expiry", "1h")):
        if key in wanted:
            wanted[key] = values.format_duration(values.parse_duration(key, wanted[key], minimum))
    for key, least in (("snapshot_interval", 1), ("max_snapshots", 0)):
        if wanted.get(key, least) < least:
            raise could_not(f"use the value '{wanted[key]}' of option '{key}'", "it is too small", f"Give at least {least}")
    for one in wanted.get("external_ca", []):
        one["options"] = values.label_values(f"use the external CA '{one['url']}'", one["options"] or {})
    if "labels" in wanted:
        wanted["labels"] = values.label_values("label the swarm", wanted["labels"])
    return wanted


def wanted_at_init(params: dict[str, Any]) -> dict[str, Any]:
    """The init-only options that are given, checked and in their normal form."""
    wanted = {key: params[key] for key in INIT_ONLY if params[key] is not None}
    for key in ADDRESSES:
        if key in wanted:
            values.split_address(key, wanted[key])
    if not 1024 <= wanted.get("data_path_port", 1024) <= 49151:
        raise could_not(
            f"use the port '{wanted['data_path_port']}' of option 'data_path_port'",
            "it is not between 1024 and 49151",
            "Give another port",
        )
    if "default_addr_pool_mask_length" in wanted and "default_addr_pool" not in wanted:
        raise could_not(
            f"use the mask length '{wanted['default_addr_pool_mask_length']}' of option 'default_addr_pool_mask_length'",
            "the engine accepts it only together with default_addr_pool",
            "Give default_addr_pool, too",
        )
    if "default_addr_pool" in wanted:
        wanted.setdefault("default_addr_pool_mask_length", 24)
        wanted["default_addr_pool"] = address_pools(wanted["default_addr_pool"], wanted["default_addr_pool_mask_length"])
    return wanted


def init_options(cluster: dict[str, Any]) -> dict[str, Any]:
    """What a swarm was initialised with, of the options that cannot be changed afterwards.

    :param cluster: C(Swarm.Cluster) of C(GET /info).
    """
    return {
        "data_path_port": cluster.get("DataPathPort") or 4789,
        "default_addr_pool": [str(pool) for pool in cluster.get("DefaultAddrPool") or []],
        "default_addr_pool_mask_length": cluster.get("SubnetSize"),
    }


def refuse_init_change(actual: dict[str, Any], params: dict[str, Any], at_init: dict[str, Any], action: str) -> None:
    """Refuse another value for an option that can only be given at init.

    :param actual: see init_options.
    :param params: the options as they are given, None where one is not.
    :param at_init: the same in their normal form, see wanted_at_init.
    """
    for option, value in actual.items():
        if params[option] is not None and at_init[option] != value:
            advice = CANNOT_CHANGE if option != "availability" else "Use apiary.swarm.node to change it"
            raise could_not(action, f"{option} is {value!r} and not {at_init[option]!r}, and can only be given at init", advice)


def address_pools(pools: list[str], mask_length: int) -> list[str]:
    """Address pools in their normal form, checked against the size of the networks cut from them."""
    option = "default_addr_pool"
    if not 8 <= mask_length <= 30:
        raise could_not(
            f"use the mask length '{mask_length}' of option 'default_addr_pool_mask_length'",
            "it is not between 8 and 30",
            "Give the prefix length of one overlay network, such as 24",
        )
    networks: list[ipaddress.IPv4Network] = []
    for pool in pools:
        try:
            network = ipaddress.IPv4Network(pool)
        except ValueError as error:
            raise could_not(
                f"use the address pool '{pool}' of option '{option}'",
                str(error),
                "Write an IPv4 network such as 10.20.0.0/16",
            ) from error
        if network.prefixlen > mask_length:
            raise could_not(
                f"use the address pool '{pool}' of option '{option}'",
                f"it is smaller than one network of /{mask_length}",
                "Give a larger pool, or a larger default_addr_pool_mask_length",
            )
        for other in networks:
            if network.overlaps(other):
                raise could_not(
                    f"use the address pool '{pool}' of option '{option}'",
                    f"it overlaps '{other}'",
                    "Give disjoint pools",
                )
        networks.append(network)
    return [str(network) for network in networks]


def init_body(wanted: dict[str, Any], at_init: dict[str, Any]) -> dict[str, Any]:
    """What C(POST /swarm/init) takes; what is left out keeps the Engine's default."""
    return {
        "ListenAddr": at_init.get("listen_addr", f"0.0.0.0:{values.SWARM_PORT}"),
        "AdvertiseAddr": at_init.get("advertise_addr", ""),
        "DataPathAddr": at_init.get("data_path_addr", ""),
        "DataPathPort": at_init.get("data_path_port", 0),
        "DefaultAddrPool": at_init.get("default_addr_pool"),
        "SubnetSize": at_init.get("default_addr_pool_mask_length", 0),
        "Availability": at_init.get("availability", "active"),
        "AutoLockManagers": wanted.get("autolock", False),
        "Spec": cluster_spec({"Labels": {}}, wanted),
    }


def cluster_options(spec: dict[str, Any]) -> dict[str, Any]:
    """The options of a cluster spec."""
    raft, authority = spec.get("Raft") or {}, spec.get("CAConfig") or {}
    return {
        "autolock": bool((spec.get("EncryptionConfig") or {}).get("AutoLockManagers")),
        "task_history_limit": (spec.get("Orchestration") or {}).get("TaskHistoryRetentionLimit"),
        "snapshot_interval": raft.get("SnapshotInterval", 0),
        "max_snapshots": raft.get("KeepOldSnapshots", 0),
        "dispatcher_heartbeat": values.format_duration((spec.get("Dispatcher") or {}).get("HeartbeatPeriod", 0)),
        "cert_expiry": values.format_duration(authority.get("NodeCertExpiry", 0)),
        "external_ca": [
            {
                "protocol": one.get("Protocol", "cfssl"),
                "url": one.get("URL", ""),
                "options": dict(one.get("Options") or {}),
            }
            for one in authority.get("ExternalCAs") or []
        ],
        "labels": dict(spec.get("Labels") or {}),
    }


def cluster_spec(spec: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The spec with those of the options that are given; all the rest of it stays as it is."""
    new: dict[str, Any] = json.loads(json.dumps(spec))

    def put(section: str, key: str, value: Any) -> None:
        new[section] = {**(new.get(section) or {}), key: value}

    simple = {
        "autolock": ("EncryptionConfig", "AutoLockManagers"),
        "task_history_limit": ("Orchestration", "TaskHistoryRetentionLimit"),
        "snapshot_interval": ("Raft", "SnapshotInterval"),
        "max_snapshots": ("Raft", "KeepOldSnapshots"),
    }
    for option, (section, key) in simple.items():
        if option in options:
            put(section, key, options[option])
    if "dispatcher_heartbeat" in options:
        put(
            "Dispatcher",
            "HeartbeatPeriod",
            values.parse_duration("dispatcher_heartbeat", options["dispatcher_heartbeat"]),
        )
    if "cert_expiry" in options:
        put("CAConfig", "NodeCertExpiry", values.parse_duration("cert_expiry", options["cert_expiry"]))
    if "external_ca" in options:
        known = {one.get("URL"): one.get("CACert") for one in (spec.get("CAConfig") or {}).get("ExternalCAs") or []}
        put(
            "CAConfig",
            "ExternalCAs",
            [
                {
                    "Protocol": one["protocol"],
                    "URL": one["url"],
                    "Options": one["options"],
                    **({"CACert": known[one["url"]]} if known.get(one["url"]) else {}),
                }
                for one in options["external_ca"]
            ],
        )
    if "labels" in options:
        new["Labels"] = options["labels"]
    return new
