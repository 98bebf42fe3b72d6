# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the Engine check the specs of a plan without storing any of them."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmConflict, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.recorder import Recorder
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import Snapshot


def refusals(recorder: Recorder) -> list[str]:
    """What the Engine would refuse of the services to write."""
    found = []
    for operation in recorder.operations:
        if operation.kind == "services" and operation.action in ("create", "update"):
            words = refusal(recorder, operation)
            if words:
                found.append(f"service '{operation.name}': {words}")
    return found


def refusal(recorder: Recorder, operation: Operation) -> str:
    """The Engine's words against one spec; empty when it would take it.

    It is asked in a way that goes through all of its checks and always fails at the last one: an update has the
    version 0, which is out of sequence, and a service to be created names a config that nobody can have.
    """
    spec, nobodys = without_planned(operation.spec, recorder.snapshot), uuid.uuid4().hex
    path, query = f"/services/{operation.object_id}/update", {"version": 0}
    if operation.action == "create":
        path, query = "/services/create", {}
        file = {"Name": nobodys, "UID": "0", "GID": "0", "Mode": 0o444}
        spec["TaskTemplate"]["ContainerSpec"]["Configs"].append({"ConfigID": nobodys, "ConfigName": nobodys, "File": file})
    try:
        recorder.client.call("check the service", "POST", path, query, spec)
    except SwarmConflict:
        return ""
    except SwarmError as error:
        return without_name(getattr(error, "message", str(error)).strip().rstrip("."), nobodys)
    return ""


def without_name(words: str, nobodys: str) -> str:
    """The Engine's words without the config that nobody has, which it names together with others that it has not found."""
    if nobodys not in words:
        return words
    _head, found, names = words.rpartition("not found: ")
    others = [name for name in names.split(", ") if found and nobodys not in name]
    return f"config not found: {', '.join(others)}" if others else ""


def without_planned(spec: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """A service's spec without what the same plan has yet to create."""
    spec = copy.deepcopy(spec)
    task, names = spec["TaskTemplate"], snapshot.network_names
    task["Networks"] = [item for item in task.get("Networks") or [] if item["Target"] in {*names, *names.values()}]
    container = task["ContainerSpec"]
    for kind, key in (("Secrets", "SecretID"), ("Configs", "ConfigID")):
        container[kind] = [item for item in container.get(kind) or [] if not item[key].startswith("planned-")]
    return spec
