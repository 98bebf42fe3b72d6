# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes after the writes: wait, then remove what is left over; or go back, and fail.

What is still to be done, and how far it is, is plain data: each part of a long wait hands it on to the next.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import leftovers, parts, releases, restore, rules
from ansible_collections.apiary.swarm.plugins.module_utils._stack.converge import Waiting, wait_for_stack
from ansible_collections.apiary.swarm.plugins.module_utils._stack.normal import STACK_LABEL
from ansible_collections.apiary.swarm.plugins.module_utils._stack.parts import Time
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.remove import delete
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import Snapshot

NOT_BACK = "It could not be taken back to where it ran either"


@dataclass
class Ending:
    """The rest of a deployment.

    :ivar written: service name -> create or update, of those that this run has written.
    :ivar removals: what goes when all runs, as (kind, name, ID).
    :ivar rollback: go back when a service does not arrive.
    :ivar release: what to record when all runs; empty where nothing has changed.
    :ivar failure: why the stack was taken back; it is on its way there.
    :ivar keep_replicas: on the way back, too, a service keeps the number of tasks that it has.
    :ivar step: the services that must run before the next ones are written; nothing when all is written.
    :ivar learned: what the plan learned and the next writes need not ask again.
    """

    waiting: Waiting
    written: dict[str, str] = field(default_factory=dict)
    removals: list[list[str]] = field(default_factory=list)
    rollback: bool = False
    failure: str = ""
    release: dict[str, Any] = field(default_factory=dict)
    keep_replicas: bool = False
    step: Waiting | None = None
    learned: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, data: dict[str, Any]) -> Ending:
        """From plain data."""
        return cls(**{**data, "waiting": Waiting.of(data["waiting"]), "step": Waiting.of(data["step"]) if data["step"] else None})

    def wait_for(self, names: list[str]) -> Waiting:
        """These services, which have been written, must run before the next ones are."""
        waiting = self.waiting
        touched = {name: waiting.touched[name] for name in names}
        self.step = Waiting(waiting.stack, touched, waiting.time, waiting.max_failures)
        return self.step

    def past_the_step(self) -> None:
        """They run."""
        if self.step:
            self.waiting.touched.update(dict.fromkeys(self.step.touched, "unchanged"))
            self.waiting.time, self.step = self.step.time, None


def finish(client: Client, ending: Ending, seconds: float = 0) -> dict[str, Any]:
    """Wait, at most for some seconds, and bring the deployment to its end.

    :returns: C(services); or C(progress) and C(unfinished), to go on with, and C(unwritten) when that takes the definition.
    :raises SwarmError: a service did not arrive.
    """
    try:
        services, report = wait_for_stack(client, ending.step or ending.waiting, seconds)
    except SwarmError as error:
        return failed(client, ending, error, seconds)
    if services is None or ending.step:
        head = "going back: " if ending.failure else ""
        part = parts.part(client, [head + line for line in report], ending=asdict(ending))
        return {"services": {}, **part, **({} if services is None else {"unwritten": True})}
    if ending.failure:
        raise SwarmError(f"{ending.failure} The stack was taken back to where it ran.")
    leftovers.remove(client, [Operation(kind, name, "remove", object_id=ident) for kind, name, ident in ending.removals])
    if not ending.release:
        return {"services": services}
    return {"services": services, "release": releases.record(client, ending.waiting.stack, **ending.release)}


def failed(client: Client, ending: Ending, error: SwarmError, seconds: float = 0) -> dict[str, Any]:
    """Go back where that is asked for.

    :raises SwarmError: the error, when that is done or there is no way back.
    """
    if ending.failure:
        raise SwarmError(f"{ending.failure} {NOT_BACK}: {error}") from error
    if not ending.rollback or not ending.written:
        raise error  # what was wrong before this run is not undone by going back
    return go_back(client, ending, error, seconds)


def go_back(client: Client, ending: Ending, error: SwarmError, seconds: float = 0) -> dict[str, Any]:
    """Bring what this run has written back to where it ran, and wait for that: to the newest release, or else to what it was before.

    :raises SwarmError: the error, when that is done.
    """
    waiting = ending.waiting
    try:
        restored = to_release(client, ending)
        rest = {name: action for name, action in ending.written.items() if name not in restored}
        touched = {**undone(client, ending, rest), **restored}
    except SwarmError as second:
        raise SwarmError(f"{error} {NOT_BACK}: {second}") from second
    again = Ending(Waiting(waiting.stack, touched, Time(waiting.time.limit)), failure=str(error))
    return finish(client, again, seconds)


def to_release(client: Client, ending: Ending) -> dict[str, str]:
    """Make services what they were when the stack ran last. Others, which somebody may have changed since, stay.

    :returns: what was done to each; nothing where the release does not have it, or there is none that can be gone back to.
    """
    snapshot, stack = Snapshot(client), ending.waiting.stack
    stored = releases.of_stack(snapshot.all("configs"), stack)
    release = releases.read(stored[0]) if stored else {}
    operations = restore.way_back(release, snapshot, stack, ending.keep_replicas) if release else []
    operations = [operation for operation in operations if operation.name in ending.written and operation.action != "remove"]
    if any(operation.problem for operation in operations):
        return {}
    restore.write(client, operations, {})
    return {operation.name: operation.action for operation in operations}


def undone(client: Client, ending: Ending, written: dict[str, str]) -> dict[str, str]:
    """Undo what this run has done to services: created ones go, updated ones get their previous spec again.

    :param written: service name -> create or update.
    :returns: the services to wait for.
    """
    label = {f"{STACK_LABEL}={ending.waiting.stack}": True}
    there = {service["Spec"]["Name"]: service for service in client.services({"label": label})}
    for name, action in written.items():
        service = there.get(name)
        if service is not None and action == "create":
            delete(client, Operation("services", name, "remove", object_id=there.pop(name)["ID"]))
        elif service is not None and not (service.get("UpdateStatus") or {}).get("State", "").startswith("rollback"):
            previous = copy.deepcopy(service.get("PreviousSpec") or {})
            if ending.keep_replicas:
                rules.keep_replicas(previous, service["Spec"])
            if previous == service.get("PreviousSpec"):
                # As "docker service rollback" does.
                restore.update(client, service["ID"], name, service["Spec"], {"rollback": "previous"})
            else:
                restore.update(client, service["ID"], name, previous, {"registryAuthFrom": "previous-spec"})
    return {name: "unchanged" for name in ending.waiting.touched if name in there}
