# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry a plan out: write what differs, each service after those that it depends on, and wait until all run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Callable

from ansible.module_utils.common.parameters import remove_values
from ansible_collections.apiary.swarm.plugins.module_utils._core import wait
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, connect, encode_query
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import Stopwatch
from ansible_collections.apiary.swarm.plugins.module_utils._stack import health, reasons
from ansible_collections.apiary.swarm.plugins.module_utils._stack.content import with_ids
from ansible_collections.apiary.swarm.plugins.module_utils._stack.health import FAILED, LIVE, Health, History, Observation, state
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import Operation, of_stack
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Plan
from ansible_collections.apiary.swarm.plugins.module_utils._stack.redaction import redact_text
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import Request
from ansible_collections.apiary.swarm.plugins.module_utils._stack.service import image_of
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup

NODES_EVERY = 10  # rounds
LINES = 10  # services a report names
# What of a failed task is remembered; its spec may hold passwords.
OF_TASKS = ("ID", "ServiceID", "Slot", "NodeID", "DesiredState", "Status", "CreatedAt", "UpdatedAt")


@dataclass
class Checkpoint:
    """How far a deployment is: plain data without secrets, all that another process needs to go on.

    :ivar actions: service name -> create, update or unchanged, as planned.
    :ivar written: the services that this run has written.
    :ivar settled: those of them that run already, as others wait for them.
    :ivar history: service name -> what was observed so far.
    :ivar healths: service name -> (good, text) of those that are no longer waited for.
    :ivar prune: what goes when all runs, as (kind, name, ID).
    :ivar changes: what a release records when all runs; empty where none is made.
    :ivar back_to: the release that is rolled back to; 0: none.
    :ivar failure: why the stack is rolled back, while it is.
    :ivar answers: what registries answered when the rest was planned, by path.
    :ivar digest: tells the Compose files of that moment from what they may have become.
    """

    stopwatch: Stopwatch
    actions: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    history: dict[str, dict[str, Any]] = field(default_factory=dict)
    healths: dict[str, list[Any]] = field(default_factory=dict)
    prune: list[list[str]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    back_to: int = 0
    failure: str = ""
    answers: dict[str, list[Any]] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Checkpoint:
        """From plain data."""
        return cls(**{**data, "stopwatch": Stopwatch(**data["stopwatch"])})

    @property
    def data(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self if self.unwritten else replace(self, answers={}, digest=""))

    @property
    def unwritten(self) -> list[str]:
        """The services that are yet to be written."""
        return [name for name, action in self.actions.items() if action != "unchanged" and name not in self.written]

    def action(self, name: str) -> str:
        """What this run did to a service, as far as it still matters."""
        return "unchanged" if name in self.settled else self.actions[name]


class Rollout:
    """The writes and waits of one process.

    :param seconds: how long a wait lasts before its progress is reported; 0: until it is over.
    :ivar listed: the stack's services, if nobody has written since they were read: for the first observation.
    :ivar progress: lines for people when a wait is not over yet.
    :ivar services: service name -> what it has come to.
    """

    def __init__(self, client: Client, request: Request, checkpoint: Checkpoint, seconds: float = 0) -> None:
        self.client, self.request, self.checkpoint, self.seconds = client, request, checkpoint, seconds
        self.listed: list[dict[str, Any]] | None = None
        self.progress: list[str] = []
        self.services: dict[str, str] = {}

    def send(self, plan: Plan) -> bool:
        """Write what differs; wait between services where that is asked for.

        However often a run compares, it writes the services that were planned and no others, and each once.

        :returns: whether all is written; otherwise this part is over.
        """
        writes = [item for item in plan.operations if item.action in ("create", "update")]
        ids = {item.object_id: send(self.client, item, {}) for item in writes if item.kind != "services"}
        services = {item.name: item for item in writes if item.kind == "services" and item.name in self.checkpoint.unwritten}
        groups = steps(list(services), self.request.depends_on)
        for number, names in enumerate(groups):
            for name in names:
                send(self.client, services[name], ids)
                self.checkpoint.actions[name] = services[name].action
                self.checkpoint.written.append(name)
            if self.request.wait_for_dependencies and number + 1 < len(groups) and not self.settle():
                return False
        # What somebody else has written meanwhile as it should be needs no write of ours.
        self.checkpoint.actions.update(dict.fromkeys(self.checkpoint.unwritten, "unchanged"))
        return True

    def settle(self) -> bool:
        """Wait for what has been written, as the rest depends on it; whether it runs."""
        checkpoint = self.checkpoint
        if not self.wait([name for name in checkpoint.written if name not in checkpoint.settled]):
            return False
        checkpoint.settled, checkpoint.healths = list(checkpoint.written), {}
        return True

    def wait(self, names: list[str]) -> bool:
        """Wait until every one of these services has come to something.

        :returns: whether it is over; otherwise there is C(progress).
        :raises SwarmError: a service failed, or the time is over.
        """
        observer, stopwatch = Observer(self.client, self.request, self.checkpoint, names, self.listed), self.checkpoint.stopwatch
        self.listed, self.progress = None, []
        left, trouble = wait.wait_in_part(observer.observe, stopwatch, self.seconds)
        observer.save()
        if (left or trouble) and not stopwatch.over:
            self.progress = [trouble] if trouble else observer.report()
            return False
        failed = {name: found.text for name, found in observer.healths.items() if not found.good}
        for name in observer.open:
            seen = reasons.progress(observer.services[name]) if name in observer.services else "not seen"
            failed[name] = f"{seen} after {stopwatch.limit:g} s" + (f" ({trouble})" if trouble else "")
        if failed:
            causes = "; ".join(observer.explain(name, cause) for name, cause in sorted(failed.items()))
            advice = "Correct it and run again" + (", or increase wait_timeout" if observer.open else "")
            raise could_not(f"deploy stack '{self.request.name}'", causes, advice)
        self.services = {name: observer.healths[name].text for name in sorted(names)}
        return True


class Observer:
    """Observes services; two requests a round, whatever their number, and one for the nodes now and then."""

    def __init__(
        self,
        client: Client,
        request: Request,
        checkpoint: Checkpoint,
        names: list[str],
        listed: list[dict[str, Any]] | None = None,
    ) -> None:
        self._client, self._request, self._checkpoint, self._names, self._listed = client, request, checkpoint, names, listed
        self._history = {name: History(**checkpoint.history.get(name, {})) for name in names}
        self._nodes: list[dict[str, Any]] | None = None
        self._rounds = 0
        self.healths = {name: Health(*found) for name, found in checkpoint.healths.items() if name in names}
        self.services: dict[str, dict[str, Any]] = {}

    @property
    def open(self) -> list[str]:
        """The services that are still waited for."""
        return [name for name in self._names if name not in self.healths]

    def observe(self) -> list[str]:
        """One round; what is still waited for."""
        asked = wait.now()
        listed, self._listed = self._listed, None
        if listed is None:
            listed = self._client.services(of_stack(self._request.name), status=True)
        tasks = current_tasks(self._client, self._request.name)
        # A task that has failed before may have done so again where the managers lost sight of it.
        if self._rounds % NODES_EVERY == 0 or any_failed(tasks):
            self._nodes = None
        if self._nodes is None and needs_nodes(tasks):
            self._nodes = self._client.nodes()
        self._rounds += 1
        self.services = {service["Spec"]["Name"]: service for service in listed}
        for name in self.open:
            found = self._evaluate(name, tasks, asked)
            if found:
                self.healths[name] = found
        return self.open

    def _evaluate(self, name: str, tasks: list[dict[str, Any]], asked: float) -> Health | None:
        service, checkpoint = self.services.get(name), self._checkpoint
        if service is None:
            return Health(False, "it was removed meanwhile")
        own = [task for task in tasks if task["ServiceID"] == service["ID"]]
        failures = 0 if checkpoint.failure else self._request.max_failures
        action, stable_for = checkpoint.action(name), self._request.stable_for
        down, unseen = nodes_down(self._nodes), nodes_unseen(self._nodes)
        observation = Observation(service, own, down, asked, action, failures, stable_for, unseen, wait.now())
        return health.evaluate(observation, self._history[name])

    def save(self) -> None:
        """Keep what was seen, for another process to go on with."""
        for name, history in self._history.items():
            for ident, task in history.failures.items():
                history.failures[ident] = {key: task[key] for key in OF_TASKS if key in task}
            self._checkpoint.history[name] = asdict(history)
        self._checkpoint.healths = {name: [found.good, found.text] for name, found in self.healths.items()}

    def report(self) -> list[str]:
        """What each service that is still waited for is doing, in a line, with its newest error."""
        lines = []
        for name in self.open:
            failures, service = self._history[name].failures, self.services.get(name)
            newest = max(failures.values(), key=health.changed_at, default=None)
            error = f", {len(failures)} failed, the last one: {self._shown(reasons.error_of(newest), service)}" if newest else ""
            lines.append(f"{name}: {reasons.progress(service) if service else 'not seen yet'}{error}")
        more = len(lines) - LINES
        return lines[:LINES] + ([f"and {more} more services"] if more > 0 else [])

    def explain(self, name: str, cause: str) -> str:
        """One sentence on a service: what is wrong, its tasks' errors, its last log lines."""
        service = self.services.get(name)
        if service is None:
            return f"service '{name}': {cause}"
        try:
            tasks = reasons.of_the_last_update(service, self._client.tasks({"service": {service["ID"]: True}}))
            self._nodes = self._client.nodes() if self._nodes is None else self._nodes
        except SwarmError:
            return f"service '{name}': {cause}"  # which tells that nobody answers
        names = {node["ID"]: lookup.node_hostname(node) for node in self._nodes}
        lines = last_log_lines(self._client, tasks, nodes_down(self._nodes))
        why = reasons.explain(name, tasks, names, wait.now())
        told = f"{cause} ({why})" + (f", last log lines: {lines}" if lines else "")
        return f"service '{name}': {self._shown(told, service)}"

    def _shown(self, text: str, service: dict[str, Any] | None) -> str:
        """What tasks and logs say may hold what they were given."""
        return redact_text(text, self._request.hidden, image_of(service["Spec"]) if service else "")


def send(client: Client, operation: Operation, ids: dict[str, str]) -> str:
    """Write one object; its ID.

    :param ids: the ID that stood for an object that was yet to be created -> its own.
    :raises SwarmConflict: somebody else wrote it meanwhile.
    """
    query, what = operation.query, f"{operation.word} '{operation.name}'"
    if operation.action == "update" and "version" not in query:
        # The Swarm itself writes a service while it updates it, so that a version may be old at once.
        version = client.call(f"read {what}", "GET", f"/{operation.kind}/{operation.object_id}")["Version"]["Index"]
        query = {"version": version, **query}
    spec = with_ids(operation.spec, ids) if operation.kind == "services" else operation.spec
    headers = {"X-Registry-Auth": operation.auth} if operation.auth else {}
    reply = client.call(f"{operation.action} {what}", "POST", operation.path, query, spec, headers) or {}
    return reply.get("ID") or reply.get("Id") or operation.object_id


def steps(names: list[str], depends_on: dict[str, list[str]]) -> list[list[str]]:
    """Names in groups: each depends on earlier groups only, also by way of services that are not among the names.

    :param depends_on: service -> those that it depends on; without circles.
    """
    levels: dict[str, int] = {}

    def level(name: str) -> int:
        if name not in levels:
            levels[name] = 1 + max((level(other) for other in depends_on.get(name, [])), default=-1)
        return levels[name]

    found: dict[int, list[str]] = {}
    for name in sorted(names):
        found.setdefault(level(name), []).append(name)
    return [found[number] for number in sorted(found)]


def circle(depends_on: dict[str, list[str]]) -> list[str]:
    """Services that depend on themselves, by way of each other; nothing where there is no such circle."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for other in depends_on.get(name, []):
            found = walk(other, [*path, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for found in (walk(name, []) for name in sorted(depends_on)) if found), [])


def circles(request: Request) -> list[str]:
    """Services that wait for each other."""
    found = circle(request.depends_on)
    return [f"depends_on of service '{found[0]}' is circular by way of {', '.join(found[1:]) or 'itself'}"] if found else []


def current_tasks(client: Client, stack: str) -> list[dict[str, Any]]:
    """The tasks of the current specs of a stack's services."""
    return client.tasks({**of_stack(stack), "_up-to-date": {"true": True}})


def needs_nodes(tasks: list[dict[str, Any]]) -> bool:
    """Whether the nodes have to be looked at: Swarm no longer wants the tasks of one that goes down, so not where all that it wants run
    and nothing has failed."""
    return any_failed(tasks) or any(task["DesiredState"] in LIVE and state(task) != "running" for task in tasks)


def any_failed(tasks: list[dict[str, Any]]) -> bool:
    """Whether any of the tasks has failed."""
    return any(state(task) in FAILED for task in tasks)


def nodes_down(nodes: list[dict[str, Any]] | None) -> set[str]:
    """IDs of the nodes that are down."""
    return {node["ID"] for node in nodes or [] if node["Status"]["State"] == "down"}


def nodes_unseen(nodes: list[dict[str, Any]] | None) -> frozenset[str]:
    """IDs of the nodes that the managers have no contact with: unknown after an election, disconnected, or down."""
    return frozenset(node["ID"] for node in nodes or [] if node["Status"]["State"] != "ready")


def converged(client: Client, stack: str, services: list[dict[str, Any]]) -> bool:
    """Whether a stack's services run as they should, by one observation: at most two requests.

    :param services: those of the stack, as listed.
    """
    asked = wait.now()
    tasks = current_tasks(client, stack) if services else []
    nodes = client.nodes() if needs_nodes(tasks) else None
    return health.converged(services, tasks, nodes_down(nodes), asked, nodes_unseen(nodes))


def last_log_lines(client: Client, tasks: list[dict[str, Any]], nodes_down: set[str]) -> str:
    """The last log lines of the newest failed task whose node can be asked; empty when there are none."""
    ended = [
        task
        for task in tasks
        if (state(task) in FAILED or state(task) == "complete")
        and (task["Status"].get("ContainerStatus") or {}).get("ContainerID")
        and task.get("NodeID") not in nodes_down
    ]
    for task in sorted(ended, key=health.changed_at, reverse=True)[:1]:
        query = encode_query({"stdout": 1, "stderr": 1, "tail": reasons.LOG_LINES})
        try:
            status, _headers, body = client.raw("GET", f"/v{client.api_version}/tasks/{task['ID']}/logs{query}", {}, None)
        except SwarmError:
            return ""  # the message is worth more than its ornament
        return reasons.log_text(body) if status == 200 else ""
    return ""


# -- parts of a long wait
def part(client: Client, progress: list[str], checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The result of a part of a long wait that is not the last.

    :param progress: lines for people.
    :param checkpoint: what another process goes on with.
    """
    return {"progress": progress, "checkpoint": {**checkpoint, "api_version": client.api_version}}


def connected(params: dict[str, Any]) -> Client:
    """A client for the Engine. In a later part that may be away for a moment, so it is only called when it is asked for something."""
    version = (params["_checkpoint"] or {}).get("api_version")
    if not version:
        return connect(params)
    found: list[Client] = []

    def transport(method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        if not found:
            found.append(connect(params))
        return found[0].raw(method, path, headers, body)

    return Client(transport, version)


def redacted(passwords: list[str], work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of some work without passwords, which Ansible does not know. A checkpoint is no text for people and stays as it is."""
    try:
        result = work()
    except SwarmError as error:
        raise SwarmError(remove_values(str(error), passwords), remove_values(error.details, passwords)) from error
    kept = {name: result.pop(name) for name in ("checkpoint",) if name in result}
    return {**remove_values(result, passwords), **kept}
