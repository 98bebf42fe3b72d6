# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of a service: converged, failed, or still in progress? Pure functions on the API's dicts.

What Swarm says is not enough. A first deployment has no update state at all; an update that rolled back is
"completed"; a crash loop shows all tasks running for moments. So this needs the tasks of the current spec,
a period without failures, and what was seen before.
"""

from __future__ import annotations

import calendar
import time
from dataclasses import dataclass, field, replace
from typing import Any

LIVE = {"new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"}
# What Swarm wants of a task that it has not given up; that of a job shall complete.
WANTED = LIVE | {"complete"}
FAILED = {"failed", "rejected", "orphaned"}
# Seconds: the update monitor's default, how long a pending task may wait for a node, how long no task at all may
# be left before nobody is thought to start one, and how long rejections must last to be no passing hiccup.
MONITOR, PENDING, GAP, REJECTED_SPAN = 5.0, 30.0, 5.0, 15.0
# Seconds: what a stopping task may take beyond its grace period, and how long a program must have run for its end to
# be no sign of a crash loop that a deployment could wait out.
STOPPING, LONG_LIFE = 10.0, 120.0
REJECTED_TIMES = 3


@dataclass(frozen=True)
class Observation:
    """One service at one moment.

    :ivar service: as listed.
    :ivar tasks: its tasks of the current spec.
    :ivar nodes_down: IDs of the nodes that are down.
    :ivar nodes_unseen: IDs of those that the managers have no contact with, as after an election: what is told of their tasks is old.
    :ivar now: seconds since the epoch, when the managers were asked: what they answer may be over when the answer is there.
    :ivar answered: when all answers were there; by default at once.
    :ivar action: create, update or unchanged: what this run did to it.
    :ivar max_failures: after so many failed tasks it will not arrive; 0: never mind.
    :ivar stable_for: seconds that its tasks have to run without a failure, where that is longer than what the service itself asks for.
    """

    service: dict[str, Any]
    tasks: list[dict[str, Any]]
    nodes_down: set[str]
    now: float
    action: str
    max_failures: int = 0
    stable_for: float = 0
    nodes_unseen: frozenset[str] = frozenset()
    answered: float | None = None

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service["Spec"]["Name"]

    @property
    def update_state(self) -> str:
        """The state of its last update; empty when there was none."""
        return (self.service.get("UpdateStatus") or {}).get("State", "")

    @property
    def mode(self) -> dict[str, Any]:
        """Replicated, Global, ReplicatedJob or GlobalJob."""
        return self.service["Spec"]["Mode"]

    @property
    def place(self) -> str:
        """What tells the tasks of the service apart."""
        return "NodeID" if "Global" in self.mode or "GlobalJob" in self.mode else "Slot"


@dataclass
class History:
    """What earlier observations of a service showed: plain data. Swarm keeps five old tasks of a slot, so failures are kept here.

    :ivar known_failures: the IDs of the failures that an existing service had at first: they tell nothing of what this run has done.
    """

    good_since: float | None = None
    since: dict[str, float] = field(default_factory=dict)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed_at: dict[str, float] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    lived: dict[str, float] = field(default_factory=dict)
    known_failures: list[str] | None = None

    @property
    def new_failures(self) -> list[dict[str, Any]]:
        """The tasks that have failed since the first observation."""
        return [task for ident, task in self.failures.items() if ident not in (self.known_failures or [])]

    def holds_for(self, what: str, holds: bool, now: float, seconds: float) -> bool:
        """Whether a condition holds, and has held for some seconds."""
        if not holds:
            self.since.pop(what, None)
            return False
        return now - self.since.setdefault(what, now) >= seconds


@dataclass(frozen=True)
class Health:
    """What a service has come to."""

    good: bool
    text: str


def evaluate(observation: Observation, history: History) -> Health | None:
    """The health of a service, or None while it is in progress."""
    observation = of_this_iteration(observation)
    record(observation, history)
    if ran_to_completion(observation.service, observation.tasks):
        return Health(True, "ran to completion")
    if observation.update_state in ("paused", "rollback_paused"):
        return Health(False, "its update is paused" if observation.update_state == "paused" else "its rollback is paused")
    if observation.update_state == "rollback_completed" and observation.action == "update":
        return Health(False, "its update was rolled back to the previous version")
    if observation.update_state == "rollback_started":
        return None
    if 0 < observation.max_failures <= len(history.new_failures):
        return Health(False, f"its tasks have failed {len(history.new_failures)} times")
    if "ReplicatedJob" in observation.mode or "GlobalJob" in observation.mode:
        return evaluate_job(observation, history)
    live = live_tasks(observation.tasks)
    given_up_nodes = used_up(live, observation) if "Global" in observation.mode else set()
    if "Replicated" in observation.mode:
        wanted = observation.mode["Replicated"].get("Replicas", 1)
    else:
        wanted = len(places(live, observation.place) | given_up_nodes)
        nowhere = history.holds_for("nowhere", not wanted, observation.now, GAP)
        if not wanted:
            # Swarm makes the next task when one fails, unless its node is drained.
            through = ends(policy_of(observation.service)) and "complete" in {state(task) for task in newest(observation).values()}
            return Health(True, "ran to completion") if through else Health(True, "no node matches") if nowhere else None
    if history.holds_for("given up", bool(given_up_nodes and live), observation.now, GAP):
        count = len(given_up_nodes)
        return Health(False, f"on {count} of its {wanted} nodes its tasks have failed and its restart policy starts no new ones")
    enough = len(places(running_tasks(live, observation.nodes_down | observation.nodes_unseen), observation.place)) >= wanted
    return (
        unschedulable(live, observation, history)
        or (None if enough else rejected(observation, history))
        or (settled(live, wanted, observation, history) if enough else given_up(live, wanted, observation, history))
    )


def record(observation: Observation, history: History) -> None:
    """Keep when tasks started to run, which ones failed, and after how long."""
    for task in observation.tasks:
        ident = task["ID"]
        if state(task) == "running":
            history.started.setdefault(ident, changed_at(task))
        if state(task) in FAILED and ident not in history.failures:
            history.failures[ident] = task
            history.failed_at[ident] = min(changed_at(task), observation.now)
            # One that was never seen running lived at most since it was made.
            begun = history.started.get(ident) or epoch(task.get("CreatedAt")) or history.failed_at[ident]
            history.lived[ident] = max(0.0, history.failed_at[ident] - begun)
    if history.known_failures is None:
        history.known_failures = [] if observation.action == "create" else list(history.failures)


def of_this_iteration(observation: Observation) -> Observation:
    """Of a job only the tasks of its current iteration: earlier ones are another story."""
    iteration = ((observation.service.get("JobStatus") or {}).get("JobIteration") or {}).get("Index", 0)
    own = [task for task in observation.tasks if (task.get("JobIteration") or {}).get("Index", 0) == iteration]
    return replace(observation, tasks=own) if {"ReplicatedJob", "GlobalJob"} & set(observation.mode) else observation


def settled(live: list[dict[str, Any]], wanted: int, observation: Observation, history: History) -> Health | None:
    """All tasks run: good as soon as they have done so for the monitor period, counted from the last failure."""
    history.holds_for("gap", False, observation.now, GAP)
    if observation.update_state == "updating":
        history.good_since = None
        return None
    good = Health(True, f"{wanted}/{wanted} running")
    if observation.action == "update" and observation.update_state == "completed" and not (history.failures or observation.stable_for):
        return good  # Swarm has monitored it
    if history.good_since is None:
        # A service that nobody touched ran before we came: its tasks' age counts.
        started = [changed_at(task) for task in live]
        seen = observation.now if observation.answered is None else observation.answered
        history.good_since = min(max(started, default=0.0), seen) if observation.action == "unchanged" else seen
    period = ((observation.service["Spec"].get("UpdateConfig") or {}).get("Monitor") or MONITOR * 1e9) / 1e9
    if observation.action == "create":
        period = max(period, own_pace(observation.service["Spec"]))  # Swarm monitors no first deployment
    if history.failures:
        period = max(period, MONITOR) + crash_loop(observation, history)
    period = max(period, observation.stable_for)
    quiet_since = max([history.good_since, *history.failed_at.values()])
    return good if observation.now - quiet_since >= period else None


def own_pace(spec: dict[str, Any]) -> float:
    """How long a service takes to show that something is wrong, by its own word: until its next health check, or its next start."""
    task = spec.get("TaskTemplate") or {}
    check = (task.get("ContainerSpec") or {}).get("Healthcheck") or {}
    disabled = (check.get("Test") or ["NONE"])[0] == "NONE"
    return max(0 if disabled else check.get("Interval") or 0, (task.get("RestartPolicy") or {}).get("Delay") or 0) / 1e9


def crash_loop(observation: Observation, history: History) -> float:
    """How long a program that has failed more than once in one place has run at most: so long it may run again and fail."""
    lives: dict[Any, list[float]] = {}
    for ident, task in history.failures.items():
        if not never_started(task) and history.lived[ident] <= LONG_LIFE:
            lives.setdefault(task.get(observation.place), []).append(history.lived[ident])
    return max((max(spans) for spans in lives.values() if len(spans) > 1), default=0.0)


def given_up(live: list[dict[str, Any]], wanted: int, observation: Observation, history: History) -> Health | None:
    """Too few tasks run: final only when the restart policy starts no new ones."""
    history.good_since = None
    policy = policy_of(observation.service)
    stopped = (ends(policy) or bool(policy.get("MaxAttempts"))) and not live and observation.update_state != "updating"
    if history.holds_for("gap", stopped, observation.now, GAP):
        return Health(False, f"none of its {wanted} tasks is left and its restart policy starts no new ones")
    return None


def used_up(live: list[dict[str, Any]], observation: Observation) -> set[Any]:
    """The nodes on which a global service has failed for good: Swarm makes no new tasks there, which is no want of nodes."""
    policy = policy_of(observation.service)
    if observation.update_state == "updating" or not (ends(policy) or policy.get("MaxAttempts")):
        return set()
    failed = {node for node, task in newest(observation).items() if state(task) in FAILED}
    return failed - places(live, observation.place)


def newest(observation: Observation) -> dict[Any, dict[str, Any]]:
    """The newest task of each slot, or of each node that is not down. On one that was drained since, it was told to stop."""
    found = {task.get(observation.place): task for task in sorted(observation.tasks, key=changed_at)}
    return {place: task for place, task in found.items() if task.get("NodeID") not in observation.nodes_down}


def policy_of(service: dict[str, Any]) -> dict[str, Any]:
    """The restart policy of a service."""
    return service["Spec"].get("TaskTemplate", {}).get("RestartPolicy") or {}


def ends(policy: dict[str, Any]) -> bool:
    """Whether a restart policy lets a program come to a good end."""
    return policy.get("Condition") in ("none", "on-failure")


def ran_to_completion(service: dict[str, Any], tasks: list[dict[str, Any]]) -> bool:
    """Whether a one-shot service is through: all its slots complete, nothing left to run.

    Swarm takes the end of such a task for an early termination and may have paused the update.

    :param tasks: those of the current spec.
    """
    policy = policy_of(service)
    replicas = (service["Spec"]["Mode"].get("Replicated") or {}).get("Replicas", 0)
    complete = places([task for task in tasks if state(task) == "complete"], "Slot")
    return ends(policy) and 0 < replicas <= len(complete) and not live_tasks(tasks)


def unschedulable(live: list[dict[str, Any]], observation: Observation, history: History) -> Health | None:
    """A task that has found no node for long will not find one, if it does not wait for an old one's port."""
    waiting = any(state(task) == "pending" and task["Status"].get("Err") for task in live)
    if history.holds_for("pending", waiting, observation.now, pending_limit(observation.service)):
        return Health(False, "a task finds no node")
    return None


def pending_limit(service: dict[str, Any]) -> float:
    """How long a task may be pending: as long as the one before it may take to stop and free its port or history."""
    specs = [service["Spec"], service.get("PreviousSpec") or {}]
    containers = [(spec.get("TaskTemplate") or {}).get("ContainerSpec") or {} for spec in specs]
    return max(PENDING, *((container.get("StopGracePeriod") or 0) / 1e9 + STOPPING for container in containers))


def rejected(observation: Observation, history: History) -> Health | None:
    """The same start failure again and again in one place. What a program does after its start is not judged here:
    services wait for each other on a first deployment."""
    groups: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for task in history.failures.values():
        if never_started(task):
            groups.setdefault((task.get(observation.place), task["Status"].get("Err")), []).append(task)
    new = {(task.get(observation.place), task["Status"].get("Err")) for task in history.new_failures}
    for tasks in (group for key, group in groups.items() if key in new):
        times = [changed_at(task) for task in tasks]
        if len(tasks) >= REJECTED_TIMES and max(times) - min(times) >= REJECTED_SPAN:
            return Health(False, f"a task could not be started {len(tasks)} times")
    return None


def evaluate_job(observation: Observation, history: History) -> Health | None:
    """A job is done when every slot (or node) has a task that completed in the current iteration."""
    seen = places(observation.tasks, observation.place)
    complete = places([task for task in observation.tasks if state(task) == "complete"], observation.place)
    job = observation.mode.get("ReplicatedJob")
    total = len(seen) if job is None else job.get("TotalCompletions", job.get("MaxConcurrent", 1))
    nothing = history.holds_for("nothing", not seen, observation.now, GAP)
    if len(complete) >= total and (seen or nothing):
        return Health(True, f"{total}/{total} completed" if total else "no node matches")
    dead = seen - complete - places(live_tasks(observation.tasks), observation.place)
    if history.holds_for("dead", bool(dead), observation.now, GAP):
        return Health(False, f"its job failed with {len(complete)} of {total} tasks completed")
    return unschedulable(live_tasks(observation.tasks), observation, history) or rejected(observation, history)


def never_started(task: dict[str, Any]) -> bool:
    """Whether the task failed before its program ran."""
    code = (task["Status"].get("ContainerStatus") or {}).get("ExitCode") or 0
    return state(task) == "rejected" or code <= 0 or "starting container" in (task["Status"].get("Err") or "")


def live_tasks(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks that run or will."""
    return [task for task in tasks if task["DesiredState"] in WANTED and state(task) in LIVE]


def running_tasks(tasks: list[dict[str, Any]], unseen: set[str]) -> list[dict[str, Any]]:
    """Tasks that run, should run, and whose node can be seen."""
    return [task for task in tasks if state(task) == task["DesiredState"] == "running" and task.get("NodeID") not in unseen]


def places(tasks: list[dict[str, Any]], place: str) -> set[Any]:
    """The slots, or nodes, of tasks."""
    return {task.get(place) for task in tasks}


def state(task: dict[str, Any]) -> str:
    """The state a task is in."""
    return task["Status"]["State"]


def changed_at(task: dict[str, Any]) -> float:
    """When the task changed last, by the managers' clock (seconds since the epoch)."""
    return epoch(task.get("UpdatedAt") or task["Status"].get("Timestamp"))


def epoch(text: str | None) -> float:
    """A time of the API in seconds since the epoch; 0 for none."""
    try:
        return float(calendar.timegm(time.strptime((text or "")[:19], "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return 0.0


def converged(
    services: list[dict[str, Any]],
    tasks: list[dict[str, Any]],
    nodes_down: set[str],
    now: float,
    nodes_unseen: frozenset[str] = frozenset(),
) -> bool:
    """Whether all services run as they should, by one observation and without waiting.

    A service that Swarm has rolled back does not. Neither does one whose tasks have not yet run for its monitor period.

    :param services: as listed.
    :param tasks: those of their current specs.
    """
    own = {service["ID"]: [task for task in tasks if task["ServiceID"] == service["ID"]] for service in services}
    return bool(services) and all(
        healthy_now(Observation(service, own[service["ID"]], nodes_down, now, "unchanged", nodes_unseen=nodes_unseen))
        for service in services
    )


def healthy_now(observation: Observation) -> bool:
    """Whether a service that nobody has just written runs as it should."""
    history = History()
    health = evaluate(observation, history)
    if health is None and not observation.tasks:
        # Where there is no task, all that time can tell is that no node matches.
        health = evaluate(replace(observation, now=observation.now + GAP), history)
    return bool(health and health.good) and observation.update_state != "rollback_completed"
