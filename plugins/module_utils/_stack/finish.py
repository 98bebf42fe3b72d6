# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes after the writes: wait, then remove what is left over; or go back, and fail.

A long wait is done in parts, so that somebody can be told how it goes in between. What one part has to hand on to
the next is plain data and holds no secret.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._errors import EngineError, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import leftovers, releases
from ansible_collections.apiary.swarm.plugins.module_utils._stack.converge import Waiting, wait_for_stack
from ansible_collections.apiary.swarm.plugins.module_utils._stack.normal import STACK_LABEL
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.remove import delete


@dataclass
class Ending:
    """The rest of a deployment.

    :ivar written: service name -> create or update, of those that this run has written.
    :ivar removals: what goes when all runs, as (kind, name, ID).
    :ivar rollback: go back when a service does not arrive.
    :ivar release: what to record when all runs; empty where nothing has changed.
    :ivar failure: why the stack was taken back; it is on its way there.
    """

    waiting: Waiting
    written: dict[str, str] = field(default_factory=dict)
    removals: list[list[str]] = field(default_factory=list)
    rollback: bool = False
    failure: str = ""
    release: dict[str, Any] = field(default_factory=dict)

    def packed(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def unpacked(data: dict[str, Any]) -> Ending:
    """From plain data."""
    return Ending(**{**data, "waiting": Waiting(**data["waiting"])})


def finish(client: Client, ending: Ending, seconds: float = 0) -> dict[str, Any]:
    """Wait, at most for some seconds, and bring the deployment to its end.

    :returns: C(services); or C(progress) and C(unfinished), to go on with.
    :raises SwarmError: a service did not arrive.
    """
    try:
        services, report = wait_for_stack(client, ending.waiting, seconds)
    except SwarmError as error:
        if ending.failure:
            raise SwarmError(f"{ending.failure} It could not be taken back to what it was either: {error}") from error
        if not ending.rollback:
            raise
        return go_back(client, ending, error, seconds)
    if services is None:
        head = "going back: " if ending.failure else ""
        return {"services": {}, "progress": [head + line for line in report], "unfinished": ending.packed()}
    if ending.failure:
        raise SwarmError(f"{ending.failure} The stack was taken back to what it was before.")
    leftovers.remove(client, [Operation(kind, name, "remove", object_id=ident) for kind, name, ident in ending.removals])
    if not ending.release:
        return {"services": services}
    return {"services": services, "release": releases.record(client, ending.waiting.stack, **ending.release)}


def go_back(client: Client, ending: Ending, error: SwarmError, seconds: float = 0) -> dict[str, Any]:
    """Undo what this run has done to services, and wait for that: created ones go, updated ones get their previous spec again.

    :raises SwarmError: the error, when that is done.
    """
    waiting = ending.waiting
    label = {f"{STACK_LABEL}={waiting.stack}": True}
    there = {service["Spec"]["Name"]: service for service in client.services({"label": label})}
    for name, action in ending.written.items():
        if name not in there:
            continue
        if action == "create":
            service = there.pop(name)
            delete(client, Operation("services", name, "remove", object_id=service["ID"]))
        elif not (there[name].get("UpdateStatus") or {}).get("State", "").startswith("rollback"):
            take_back(client, there[name])
    stay = {name: "unchanged" for name in waiting.touched if name in there}
    again = Ending(Waiting(waiting.stack, stay, waiting.timeout), failure=str(error))
    return finish(client, again, seconds)


def take_back(client: Client, service: dict[str, Any]) -> None:
    """Give one service its previous spec, as C(docker service rollback) does."""
    name, query = service["Spec"]["Name"], {"version": service["Version"]["Index"], "rollback": "previous"}
    try:
        client.call(f"roll back service '{name}'", "POST", f"/services/{service['ID']}/update", query, service["Spec"])
    except EngineError as error:
        if "does not have a previous spec" not in error.message:
            raise
