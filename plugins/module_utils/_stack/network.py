# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: their normal form, their form in a Compose file, and what becomes of one that the CLI asks for."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import (
    Operation,
    Snapshot,
    changed_paths,
    foreign,
    own_labels,
    spelled,
    stack_of,
    taken,
    with_rest,
    without_zeros,
)

WORDS = {"Driver": "driver", "Internal": "internal", "Attachable": "attachable", "Labels": "labels", "Options": "driver_opts"}


def normal(given: dict[str, Any]) -> dict[str, Any]:
    """A network, as listed or as asked for."""
    ipam = given.get("IPAM") or {}
    return without_zeros(
        {
            "Driver": given.get("Driver") or "overlay",
            "Internal": given.get("Internal"),
            "Attachable": given.get("Attachable"),
            "Labels": given.get("Labels"),
            "Options": {
                name: value
                for name, value in (given.get("Options") or {}).items()
                if name != "com.docker.network.driver.overlay.vxlanid_list"  # given by the Engine
            },
            "IPAM": {
                "Driver": ipam.get("Driver") or "default",
                "Subnets": sorted(spelled(item["Subnet"]) for item in ipam.get("Config") or [] if item.get("Subnet")),
            },
        }
    )


def with_chosen_subnets(live: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    """The desired network, with the subnets that the Engine chose if it was left to choose."""
    if desired["IPAM"].get("Subnets") or not live["IPAM"].get("Subnets"):
        return desired
    return {**desired, "IPAM": {**desired["IPAM"], "Subnets": live["IPAM"]["Subnets"]}}


def compose_form(normal_form: dict[str, Any]) -> dict[str, Any]:
    """A network as a Compose file has it."""
    rest = copy.deepcopy(normal_form)
    form = taken(rest, WORDS)
    form["labels"] = own_labels(form.get("labels", {}))
    ipam = rest.get("IPAM", {})
    form["ipam"] = taken(ipam, {"Driver": "driver", "Subnets": "config"})
    return with_rest(form, rest)


def plan(body: dict[str, Any], snapshot: Snapshot) -> Operation:
    """What becomes of a network that the CLI would create: docker never changes one that exists."""
    name, after = body["Name"], normal(body)
    live = snapshot.find("networks", name)
    if live is None:
        return Operation("networks", name, "create", None, after, spec=body)
    before = normal(live)
    if stack_of(before) != stack_of(after):
        return foreign("networks", name, body)
    after = with_chosen_subnets(before, after)
    drift = changed_paths(before, after)
    if not drift:
        return Operation("networks", name, "unchanged", before, before, object_id=live["Id"], spec=body)
    operation = Operation("networks", name, "impossible", before, after, drift, object_id=live["Id"], spec=body)
    shown = changed_paths(compose_form(before), compose_form(after)) or drift
    operation.problem = (
        f"network '{name}' exists and differs ({', '.join(shown)}), and docker "
        "never changes an existing network (remove the stack first, or define the network as it is)"
    )
    return operation
