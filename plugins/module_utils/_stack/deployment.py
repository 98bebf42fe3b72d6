# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment from its plan to its end: plan, write what differs, wait, prune, record; or roll back. What the modules call."""

from __future__ import annotations

import copy
from dataclasses import asdict
from functools import partial
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core import wait
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import Stopwatch
from ansible_collections.apiary.swarm.plugins.module_utils._stack import apply, compose, plan, prune, releases, service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.apply import Checkpoint, Rollout
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import Operation, Snapshot, delete, of_stack
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Plan
from ansible_collections.apiary.swarm.plugins.module_utils._stack.recorder import Recorder
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import Request

NOT_ROLLED_BACK = "It could not be rolled back either"


class Deployment:
    """Brings a stack to what its definition, or a release, says. Converge calls it; what has been written is in its checkpoint.

    :param services: all services as listed just now, if they are.
    :param seconds: how long a wait lasts before its progress is reported; 0: until it is over.
    :ivar first: the plan that the user gets: after a conflict there is another one.
    """

    def __init__(
        self,
        client: Client,
        request: Request,
        converge: Converge,
        seconds: float = 0,
        services: list[dict[str, Any]] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.client, self.request, self.converge, self._services = client, request, converge, services
        self.resumed = checkpoint is not None
        self.checkpoint = checkpoint or Checkpoint(Stopwatch(request.wait_timeout))
        self.rollout = Rollout(client, request, self.checkpoint, seconds)
        self.first: Plan | None = None
        # The release that this run records, and those that go for it; in check mode what they would be.
        self.release: int | None = None
        self.releases_removed: list[int] = []
        # All runs as it should: what fails after that undoes nothing.
        self.arrived = False

    def run(self) -> dict[str, Any]:
        """Plan, and outside check mode carry it out."""
        try:
            self.converge(self.observe, plan.desired, self.apply, self.verify)
        except SwarmError as error:
            self.fail(error)
        return self.result()

    def resume(self) -> dict[str, Any]:
        """Go on where another process has stopped."""
        if self.checkpoint.failure:
            self.wait_for_rollback()
            return self.result()
        try:
            if not self.checkpoint.unwritten:
                self.finish()
            elif self.rollout.settle():
                # Planned again: what was captured may hold passwords, so one process does not hand it on to the next.
                self.converge(self.observe, plan.desired, self.apply, self.verify)
        except SwarmError as error:
            self.fail(error)
        return self.result()

    # -- what Converge calls
    def observe(self) -> tuple[dict[str, Any], Plan]:
        """What there is, and the plan."""
        look = self.plan_release if self.request.state == "rolled_back" else self.plan_definition
        found = wait.patiently(look, self.request.wait_timeout)
        if self.first is None:
            self.first = found
            if not self.resumed:
                self.begin(found)
        return found.state, found

    def apply(self, _before: dict[str, Any], _after: dict[str, Any], found: Plan) -> None:
        """Write what differs, then finish the deployment."""
        if self.rollout.send(found):
            self.finish()

    def verify(self, _after: dict[str, Any], found: Plan) -> None:
        """Nothing differs: finish the deployment."""
        self.rollout.listed = found.snapshot.of_stack("services", self.request.name)
        self.finish()

    # -- the plan
    def plan_definition(self) -> Plan:
        """What the Compose files ask for.

        :raises SwarmError: with the CLI's own words.
        """
        request, services = self.request, self._services
        self._services = None
        with compose.prepare(request) as sources:
            recorder = Recorder(self.client, request, services, self.checkpoint.answers, assume=self.converge.check)
            said = recorder.run(sources)
            digest = compose.digest(request.files) if request.wait_for_dependencies else ""
        if self.checkpoint.digest and digest != self.checkpoint.digest:
            raise could_not(f"deploy stack '{request.name}'", "its files have changed since they were planned", "Run again")
        operations, snapshot = recorder.operations, recorder.snapshot
        self.client = self.rollout.client = recorder.client
        operations += prune.unnamed(operations, snapshot, request.name, request.prune, request.kept_versions)
        problems = plan.external(recorder.lacking) + plan.problems(operations) + plan.stray_mounts(operations, sources.folder)
        problems += plan.unresolved(recorder.unresolved, request.registry_unreachable) + apply.circles(request)
        problems += plan.refusals(self.client, operations, snapshot)
        warnings = plan.warnings(said, operations, recorder.unresolved)
        return Plan(f"deploy stack '{request.name}'", snapshot, operations, problems, warnings, request.mask_env, digest, request.hidden)

    def plan_release(self) -> Plan:
        """What a release has.

        :raises SwarmError: there is no such release.
        """
        request, snapshot = self.request, Snapshot(self.client)

        def way_back(release: dict[str, Any]) -> list[Operation]:
            return releases.way_back(release, snapshot, request.name, request.replicas == "keep")

        stored = releases.of_stack(snapshot.all("configs"), request.name)
        number = self.checkpoint.back_to or request.release
        release = releases.chosen(stored, request.name, number, lambda one: any(item.action != "unchanged" for item in way_back(one)))
        operations, self.checkpoint.back_to = way_back(release), release["release"]
        action = f"roll back stack '{request.name}' to release {release['release']}"
        return Plan(action, snapshot, operations, plan.problems(operations), mask_env=request.mask_env, secrets=request.hidden)

    def begin(self, found: Plan) -> None:
        """Note what is to be done after the writes, for other processes as well."""
        checkpoint, operations = self.checkpoint, found.operations
        checkpoint.actions = {item.name: item.action for item in operations if item.kind == "services" and item.after}
        checkpoint.prune = [[item.kind, item.name, item.object_id] for item in operations if item.action == "remove"]
        checkpoint.changes = releases.changes_of(found.public["plan"]) if self.request.keep_releases else []
        checkpoint.digest = found.digest
        if self.converge.check and checkpoint.changes:
            stored = releases.of_stack(found.snapshot.all("configs"), self.request.name)
            self.release, going = releases.foretell(stored, self.request.keep_releases)
            self.releases_removed = [releases.number_of(item) for item in going]

    # -- the end
    def finish(self) -> None:
        """Wait until all runs, at most for this part; then prune, and leave a release."""
        checkpoint, request = self.checkpoint, self.request
        if not request.wait or not self.rollout.wait(list(checkpoint.actions)):
            return
        self.arrived = True
        going = [Operation(kind, name, "remove", object_id=ident) for kind, name, ident in checkpoint.prune]
        wait.patiently(lambda: prune.prune(self.client, going), request.wait_timeout)
        if checkpoint.changes:
            arguments = request.name, request.who, checkpoint.changes, request.keep_releases, checkpoint.back_to
            record = wait.patiently(lambda: releases.record(self.client, *arguments), request.wait_timeout)
            self.release, self.releases_removed = record

    def fail(self, error: SwarmError) -> None:
        """Roll back where that is asked for.

        :raises SwarmError: the error, when that is done or there is nothing to roll back.
        """
        details = {} if self.resumed or self.first is None else self.first.public
        if self.arrived or not (self.request.rollback and self.checkpoint.written):
            error.details = error.details or details
            raise error  # what was wrong before this run is not undone by a rollback, nor is what has arrived
        rollback = Rollback(self.client, self.request, self.checkpoint)
        try:
            self.converge(rollback.observe, plan.desired, rollback.apply)
        except SwarmError as second:
            raise SwarmError(f"{error} {NOT_ROLLED_BACK}: {second}", details) from second
        self.checkpoint = Checkpoint(Stopwatch(self.request.wait_timeout), rollback.actions, failure=str(error))
        self.rollout.checkpoint = self.checkpoint
        self.wait_for_rollback(details)

    def wait_for_rollback(self, details: dict[str, Any] | None = None) -> None:
        """Wait until what ran before runs again, at most for this part.

        :raises SwarmError: why it was rolled back, when that is done.
        """
        failure = self.checkpoint.failure
        try:
            done = self.rollout.wait(list(self.checkpoint.actions))
        except SwarmError as second:
            raise SwarmError(f"{failure} {NOT_ROLLED_BACK}: {second}", details) from second
        if done:
            raise SwarmError(f"{failure} The stack was rolled back.", details)
        self.rollout.progress = [f"rolling back: {line}" for line in self.rollout.progress]

    def result(self) -> dict[str, Any]:
        """What the module returns."""
        first = {"changed": True} if self.resumed or self.first is None else self.first.public
        if self.rollout.progress:
            checkpoint = {"deployment": self.checkpoint.data, "needs_definition": bool(self.checkpoint.unwritten)}
            return {**first, "services": {}, **apply.part(self.client, self.rollout.progress, checkpoint)}
        found = {**first, "services": self.rollout.services, "converged": self.converged()}
        if self.checkpoint.changes and self.request.wait:
            found.update(release=self.release, releases_removed=self.releases_removed)
        return found

    def converged(self) -> bool:
        """Whether all services run as they should."""
        if self.request.wait and not self.converge.check:
            return True
        name = self.request.name
        if self.converge.check and self.first is not None:
            services = self.first.snapshot.of_stack("services", name)
        else:
            services = self.client.services(of_stack(name))
        return apply.converged(self.client, name, services)


class Rollback:
    """Takes back what a run has written: to the newest release, or else to what it was before. All other services stay as they are.

    :ivar actions: service name -> what was done to it, of all that are waited for then.
    """

    def __init__(self, client: Client, request: Request, checkpoint: Checkpoint) -> None:
        self.client, self.request, self.checkpoint = client, request, checkpoint
        self.actions: dict[str, str] = {}
        self._undone: list[str] = []

    def observe(self) -> tuple[dict[str, Any], Plan]:
        """What there is, and the way back."""
        return wait.patiently(self.plan, self.request.wait_timeout)

    def plan(self) -> tuple[dict[str, Any], Plan]:
        """The same, by one look."""
        snapshot, stack = Snapshot(self.client), self.request.name
        operations = self.to_release(snapshot)
        restored = {item.name for item in operations}
        there = {item["Spec"]["Name"]: item for item in snapshot.of_stack("services", stack)}
        for name in self.checkpoint.written:
            if name in there and name not in restored and name not in self._undone:
                operations += self.undo(there[name], snapshot)
        written = {name: action for name, action in self.actions.items() if action != "unchanged"}
        gone = {item.name for item in operations if item.action == "remove"}
        self.actions = {name: "unchanged" for name in self.checkpoint.actions if name in there and name not in gone}
        self.actions.update({**{item.name: item.action for item in operations if item.name in restored}, **written})
        found = Plan(f"roll back stack '{stack}'", snapshot, operations)
        return found.state, found

    def apply(self, _before: dict[str, Any], _after: dict[str, Any], found: Plan) -> None:
        """Write it."""
        for operation in plan.writes(found.operations):
            if operation.action == "remove":
                delete(self.client, operation)
            else:
                apply.send(self.client, operation, {})
            self._undone.append(operation.name)

    def to_release(self, snapshot: Snapshot) -> list[Operation]:
        """Make services what they were when the stack ran last.

        :returns: nothing where the release does not have one, or there is none that can be rolled back to.
        """
        stored = releases.of_stack(snapshot.all("configs"), self.request.name)
        release = releases.read(stored[0]) if stored else {}
        operations = releases.way_back(release, snapshot, self.request.name, self.request.replicas == "keep") if release else []
        operations = [item for item in operations if item.name in self.checkpoint.written and item.action != "remove"]
        return [] if any(item.problem for item in operations) else operations

    def undo(self, live: dict[str, Any], snapshot: Snapshot) -> list[Operation]:
        """A created service goes, an updated one gets its previous spec again, unless the Swarm sees to that."""
        if self.checkpoint.actions[live["Spec"]["Name"]] == "create":
            return [plan.removal("services", live, snapshot)]
        previous = copy.deepcopy(live.get("PreviousSpec") or {})
        if not previous or (live.get("UpdateStatus") or {}).get("State", "").startswith("rollback"):
            return []
        if self.request.replicas == "keep":
            service.keep_replicas(previous, live["Spec"])
        operation = service.plan(previous, live, snapshot.network_names)
        operation.path, operation.query = f"/services/{live['ID']}/update", {"registryAuthFrom": "previous-spec"}
        if previous == live["PreviousSpec"]:
            # As "docker service rollback" does.
            operation.spec, operation.query = live["Spec"], {"rollback": "previous"}
        return [operation]


# -- what the modules call
def present(client: Client, converge: Converge, request: Request, seconds: float = 0) -> dict[str, Any]:
    """The stack is there as its definition says and runs; in check mode, what that would take."""
    services = wait.patiently(lambda: all_services(client, converge.check, request.name), request.wait_timeout)
    if services is None:
        return unknown_plan(request.name)
    return Deployment(client, request, converge, seconds, services).run()


def rolled_back(client: Client, converge: Converge, request: Request, seconds: float = 0) -> dict[str, Any]:
    """The stack's services are those of a release; in check mode, what that would take."""
    if not in_control(client, converge.check, request.name, "roll back"):
        return unknown_plan(request.name)
    return Deployment(client, request, converge, seconds).run()


def absent(client: Client, converge: Converge, request: Request, seconds: float = 0) -> dict[str, Any]:
    """Nothing is left of the stack; in check mode, what would go."""
    if not in_control(client, converge.check, request.name, "remove"):
        return {"changed": False, "plan": [], "diff": [], "warnings": [], "services": {}, "converged": True}
    removal = prune.Removal(client, request.name, Stopwatch(request.wait_timeout), seconds)
    try:
        observe = partial(wait.patiently, removal.observe, request.wait_timeout)
        outcome = converge(observe, plan.desired, removal.apply, removal.verify)
    except SwarmError as error:
        error.details = removal.first.public if removal.first else {}
        raise
    return {**outcome.context.public, **removal_result(removal, converge.check)}


def removal_result(removal: prune.Removal, check: bool = False) -> dict[str, Any]:
    """What the module returns of a removal, beside its plan."""
    if not removal.progress:
        return {"services": {}, "converged": not check or removal.is_gone}
    checkpoint = {"removal": {"stopwatch": asdict(removal.stopwatch), "services": removal.services}}
    return {"services": {}, **apply.part(removal.client, removal.progress, checkpoint)}


def resume(client: Client, converge: Converge, request: Request, checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Go on with a deployment or removal that another process has begun."""
    seconds = checkpoint["report_every"]
    if "removal" in checkpoint:
        data = checkpoint["removal"]
        removal = prune.Removal(client, request.name, Stopwatch(**data["stopwatch"]), seconds, data["services"])
        removal.remove()
        return {"changed": True, **removal_result(removal)}
    return Deployment(client, request, converge, seconds, checkpoint=Checkpoint.of(checkpoint["deployment"])).resume()


# -- who can be asked
def manages(client: Client) -> bool:
    """Whether this host can be asked to deploy."""
    return bool(client.info()["Swarm"].get("ControlAvailable"))


def in_control(client: Client, check: bool, stack: str, verb: str) -> dict[str, Any]:
    """What the Engine says of itself, if the stacks can be asked for; nothing in check mode before there is a swarm.

    :raises SwarmError: only a manager knows the stacks.
    """
    info = client.info()
    if info["Swarm"].get("ControlAvailable"):
        return info
    if check and info["Swarm"]["LocalNodeState"] == "inactive":
        return {}
    cause, advice = "this host does not manage a swarm", "Run the task on a manager that is in control"
    raise could_not(f"{verb} stack '{stack}'", cause, advice)


def all_services(client: Client, check: bool, stack: str) -> list[dict[str, Any]] | None:
    """All services; nothing in check mode before there is a swarm. Only where they cannot be listed the Engine is asked what it is.

    :raises SwarmError: only a manager knows the stacks.
    """
    try:
        return client.services()
    except EngineError as error:
        if error.status == 503 and not in_control(client, check, stack, "deploy"):
            return None
        raise


def unknown_plan(stack: str) -> dict[str, Any]:
    """Check mode before there is a swarm: all that can be said is that the stack would be created."""
    return {
        "changed": True,
        "plan": [plan.entry(Operation("stacks", stack, "create"))],
        "diff": [{"before": "", "after": f"stack {stack}: all of it would be created, once this host manages a swarm\n"}],
        "warnings": [],
        "services": {},
        "converged": False,
    }
