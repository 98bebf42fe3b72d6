# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the Engine check the specs of a plan without storing any of them."""

from __future__ import annotations

import copy
import re

from ansible_collections.apiary.swarm.plugins.module_utils._errors import SwarmConflict, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.recorder import Recorder

# A spec that is tried on another service fails with one of these when all that matters was fine.
NOT_OF_THE_SPEC = re.compile(r"renaming services|mode change")


def refusals(recorder: Recorder) -> list[str]:
    """What the Engine would refuse of the services to write.

    An update with version 0 goes through all of its checks and then always fails as out of sequence. A service that
    does not exist yet is tried on another one, if there is any; that it may not be renamed is the last check.
    """
    services = sorted(recorder.snapshot.all("services"), key=lambda item: len((item["Spec"].get("EndpointSpec") or {}).get("Ports") or []))
    found = []
    for operation in recorder.operations:
        if operation.kind != "services" or operation.action not in ("create", "update"):
            continue
        update = operation.action == "update"
        carrier = operation.object_id if update else services[0]["ID"] if services else ""
        words = carrier and refusal(recorder, operation, carrier)
        if words and (update or not NOT_OF_THE_SPEC.search(words)):
            found.append(f"service '{operation.name}': {words}")
    return found


def refusal(recorder: Recorder, operation: Operation, carrier: str) -> str:
    """The Engine's words against one spec; empty when it would take it."""
    spec = copy.deepcopy(operation.spec)
    task = spec["TaskTemplate"]
    container = task["ContainerSpec"]
    # Leave out what the same plan has yet to create.
    names = recorder.snapshot.network_names
    task["Networks"] = [item for item in task.get("Networks") or [] if item["Target"] in {*names, *names.values()}]
    for kind, key in (("Secrets", "SecretID"), ("Configs", "ConfigID")):
        container[kind] = [item for item in container.get(kind) or [] if not item[key].startswith("planned-")]
    try:
        recorder.client.call("check the service", "POST", f"/services/{carrier}/update", {"version": 0}, spec)
    except SwarmConflict:
        return ""
    except SwarmError as error:
        return getattr(error, "message", str(error)).strip().rstrip(".")
    return ""
