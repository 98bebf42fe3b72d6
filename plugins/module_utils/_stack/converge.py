# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until the services of a stack have arrived, or say why they do not."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import parts
from ansible_collections.apiary.swarm.plugins.module_utils._stack.normal import STACK_LABEL
from ansible_collections.apiary.swarm.plugins.module_utils._stack.parts import Time, Timed
from ansible_collections.apiary.swarm.plugins.module_utils._stack.reasons import error_of, last_words, reasons
from ansible_collections.apiary.swarm.plugins.module_utils._stack.verdict import LIVE, Look, Memory, Verdict, instant, judge, moment, state
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import lookup

NODES_EVERY = 10  # rounds
LINES = 10  # services a report names
# What of a task is remembered; its spec may hold passwords.
OF_TASKS = ("ID", "ServiceID", "Slot", "NodeID", "DesiredState", "Status", "CreatedAt", "UpdatedAt")


@dataclass
class Waiting(Timed):
    """A wait that can be put down and taken up again by another process: plain data.

    :ivar touched: service name -> create, update or unchanged.
    :ivar known: service name -> what the looks so far showed.
    :ivar verdicts: service name -> (good, text).
    :ivar max_failures: a service whose tasks have failed so often will not arrive; 0: never mind.
    :ivar listed: the stack's services, if nobody has written since they were read. For the first look: never put down.
    """

    stack: str
    touched: dict[str, str]
    time: Time
    max_failures: int = 0
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    verdicts: dict[str, list[Any]] = field(default_factory=dict)
    listed: list[dict[str, Any]] | None = field(default=None, repr=False)


class Watch:
    """What a wait knows of a stack; two requests a round, whatever the number of services, and one for the nodes now and then."""

    def __init__(self, client: Client, waiting: Waiting, now: Callable[[], float] = time.time) -> None:
        self._client, self._waiting, self._now = client, waiting, now
        self._stack, self._touched = waiting.stack, waiting.touched
        self._memories = {name: Memory(**waiting.known.get(name, {})) for name in waiting.touched}
        self._nodes: list[dict[str, Any]] | None = None
        self._rounds = 0
        self.verdicts = {name: Verdict(*verdict) for name, verdict in waiting.verdicts.items()}
        self.services: dict[str, dict[str, Any]] = {}

    def put_down(self) -> None:
        """Keep what was seen, for another watch to go on with."""
        for name, memory in self._memories.items():
            for ident, task in memory.failures.items():
                memory.failures[ident] = {key: task[key] for key in OF_TASKS if key in task}
            self._waiting.known[name] = asdict(memory)
        self._waiting.verdicts = {name: [verdict.good, verdict.text] for name, verdict in self.verdicts.items()}

    def report(self) -> list[str]:
        """What each open service is doing, in a line, with its newest error."""
        lines = []
        for name in self.open:
            memory, service = self._memories[name], self.services.get(name)
            newest = max(memory.failures.values(), key=moment, default=None)
            error = f", {len(memory.failures)} failed, the last one: {error_of(newest)}" if newest else ""
            lines.append(f"{name}: {progress(service) if service else 'not seen yet'}{error}")
        more = len(lines) - LINES
        return lines[:LINES] + ([f"and {more} more services"] if more > 0 else [])

    @property
    def open(self) -> list[str]:
        """The services without a verdict."""
        return [name for name in self._touched if name not in self.verdicts]

    def look(self) -> None:
        """One round."""
        label = {f"{STACK_LABEL}={self._stack}": True}
        listed, self._waiting.listed = self._waiting.listed, None
        if listed is None:
            listed = self._client.services({"label": label}, status=True)
        tasks = self._client.tasks({"label": label, "_up-to-date": {"true": True}})
        # Swarm no longer wants the tasks of a node that goes down: where all that it wants run, no node needs a look.
        if self._rounds % NODES_EVERY == 0:
            self._nodes = None
        if self._nodes is None and any(task["DesiredState"] in LIVE and state(task) != "running" for task in tasks):
            self._nodes = self._client.nodes()
        self._rounds += 1
        self.services = {service["Spec"]["Name"]: service for service in listed}
        now = self._now()
        for name in self.open:
            service = self.services.get(name)
            if service is None:
                self.verdicts[name] = Verdict(False, "somebody has removed it meanwhile")
                continue
            own = [task for task in tasks if task["ServiceID"] == service["ID"]]
            verdict = judge(
                Look(service, own, self.nodes_down(), now, self._touched[name], self._waiting.max_failures), self._memories[name]
            )
            if verdict:
                self.verdicts[name] = verdict

    def nodes_down(self) -> set[str]:
        """IDs of the nodes that are down."""
        return {node["ID"] for node in self._nodes or [] if node["Status"]["State"] == "down"}

    def explain(self, name: str, cause: str) -> str:
        """One sentence on a service: what is wrong, its tasks' errors, its last words."""
        service = self.services.get(name)
        if service is None:
            return f"service '{name}': {cause}"
        try:
            tasks = of_the_last_update(service, self._client.tasks({"service": {service["ID"]: True}}))
            self._nodes = self._client.nodes() if self._nodes is None else self._nodes
        except SwarmError:
            return f"service '{name}': {cause}"  # which tells that nobody answers
        names = {node["ID"]: lookup.node_hostname(node) for node in self._nodes}
        words = last_words(self._client, tasks, self.nodes_down())
        told = reasons(name, tasks, names, self._now())
        return f"service '{name}': {cause} ({told})" + (f", last log lines: {words}" if words else "")


def of_the_last_update(service: dict[str, Any], tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tasks made since the last update began: what failed before it is not its fault."""
    started = instant((service.get("UpdateStatus") or {}).get("StartedAt"))
    return [task for task in tasks if instant(task.get("CreatedAt")) >= started] or tasks


def progress(service: dict[str, Any]) -> str:
    """C(1 of 3 tasks running, update updating)."""
    status, update = service.get("ServiceStatus") or {}, service.get("UpdateStatus") or {}
    text = f"{status.get('RunningTasks', '?')} of {status.get('DesiredTasks', '?')} tasks running"
    return f"{text}, update {update['State']}" if update.get("State") else text


def wait_for_stack(
    client: Client,
    waiting: Waiting,
    seconds: float = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    now: Callable[[], float] = time.time,
) -> tuple[dict[str, str] | None, list[str]]:
    """Wait until every service has a verdict.

    :param seconds: come back after so long at the latest; 0: when it is over.
    :returns: (service name -> what it has come to, nothing) or (None, what each is doing) when there is more to wait.
    :raises SwarmError: a service failed, or the time is over.
    """
    watch = Watch(client, waiting, now)

    def look() -> list[str]:
        watch.look()
        return watch.open

    left, trouble = parts.wait(look, waiting.time, seconds, clock=clock, sleep=sleep)
    if (left or trouble) and not waiting.time.over:
        watch.put_down()
        return None, [trouble] if trouble else watch.report()
    failed = {name: verdict.text for name, verdict in watch.verdicts.items() if not verdict.good}
    for name in watch.open:
        seen = progress(watch.services[name]) if name in watch.services else "not seen"
        failed[name] = f"{seen} after {waiting.time.limit:g} s" + (f" ({trouble})" if trouble else "")
    if failed:
        told = "; ".join(watch.explain(name, cause) for name, cause in sorted(failed.items()))
        advice = "Correct it and run again" + (", or give a longer wait_timeout" if watch.open else "")
        raise SwarmError(f"Could not deploy stack '{waiting.stack}': {told}. {advice}.")
    return {name: watch.verdicts[name].text for name in sorted(waiting.touched)}, []
