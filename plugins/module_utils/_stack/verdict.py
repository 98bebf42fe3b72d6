# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a service: has it arrived, will it never, or is it still on its way? Pure functions on the API's dicts.

What Swarm says is not enough. A first deployment has no update state at all; an update that rolled back is
"completed"; a crash loop shows all tasks running for moments. So a verdict needs the tasks of the current spec,
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
class Look:
    """One service at one moment.

    :ivar service: as listed.
    :ivar tasks: its tasks of the current spec.
    :ivar nodes_down: IDs of the nodes that are down.
    :ivar now: seconds since the epoch.
    :ivar touched: create, update or unchanged: what this run did to it.
    :ivar max_failures: after so many failed tasks it will not arrive; 0: never mind.
    """

    service: dict[str, Any]
    tasks: list[dict[str, Any]]
    nodes_down: set[str]
    now: float
    touched: str
    max_failures: int = 0

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
class Memory:
    """What earlier looks at a service showed. Swarm keeps five old tasks of a slot, so failures are kept here.

    :ivar old: the IDs of the failures that an existing service had at the first look: they tell nothing of what this run has done.
    """

    good_since: float | None = None
    since: dict[str, float] = field(default_factory=dict)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed_at: dict[str, float] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    lived: dict[str, float] = field(default_factory=dict)
    old: list[str] | None = None

    @property
    def new(self) -> list[dict[str, Any]]:
        """The tasks that have failed since the first look."""
        return [task for ident, task in self.failures.items() if ident not in (self.old or [])]

    def lasts(self, what: str, holds: bool, now: float, seconds: float) -> bool:
        """Whether a condition holds, and has held for some seconds."""
        if not holds:
            self.since.pop(what, None)
            return False
        return now - self.since.setdefault(what, now) >= seconds


@dataclass(frozen=True)
class Verdict:
    """The end of waiting for a service."""

    good: bool
    text: str


def judge(look: Look, memory: Memory) -> Verdict | None:
    """The verdict on a service, or None to look again."""
    look = of_this_iteration(look)
    remember(look, memory)
    if ran_to_completion(look.service, look.tasks):
        return Verdict(True, "ran to completion")
    if look.update_state in ("paused", "rollback_paused"):
        return Verdict(False, "its update is paused" if look.update_state == "paused" else "its rollback is paused")
    if look.update_state == "rollback_completed" and look.touched == "update":
        return Verdict(False, "its update was rolled back to the previous version")
    if look.update_state == "rollback_started":
        return None
    if 0 < look.max_failures <= len(memory.new):
        return Verdict(False, f"its tasks have failed {len(memory.new)} times")
    if "ReplicatedJob" in look.mode or "GlobalJob" in look.mode:
        return judge_job(look, memory)
    live = live_tasks(look.tasks)
    wanted = look.mode["Replicated"].get("Replicas", 1) if "Replicated" in look.mode else len(places(live, look.place))
    running = places(running_tasks(live, look.nodes_down), look.place)
    if "Global" in look.mode:
        nowhere = memory.lasts("nowhere", not wanted, look.now, GAP)
        if not wanted:
            return Verdict(True, "no node matches") if nowhere else None
    enough = len(running) >= wanted
    return (
        unschedulable(live, look, memory)
        or (None if enough else rejected(look, memory))
        or (settled(live, wanted, look, memory) if enough else given_up(live, wanted, look, memory))
    )


def remember(look: Look, memory: Memory) -> None:
    """Keep when tasks started to run, which ones failed, and after how long."""
    for task in look.tasks:
        ident = task["ID"]
        if state(task) == "running":
            memory.started.setdefault(ident, moment(task))
        if state(task) in FAILED and ident not in memory.failures:
            memory.failures[ident] = task
            memory.failed_at[ident] = min(moment(task), look.now)
            # One that was never seen running lived at most since it was made.
            begun = memory.started.get(ident) or instant(task.get("CreatedAt")) or memory.failed_at[ident]
            memory.lived[ident] = max(0.0, memory.failed_at[ident] - begun)
    if memory.old is None:
        memory.old = [] if look.touched == "create" else list(memory.failures)


def of_this_iteration(look: Look) -> Look:
    """Of a job only the tasks of its current iteration: earlier ones are another story."""
    iteration = ((look.service.get("JobStatus") or {}).get("JobIteration") or {}).get("Index", 0)
    own = [task for task in look.tasks if (task.get("JobIteration") or {}).get("Index", 0) == iteration]
    return replace(look, tasks=own) if {"ReplicatedJob", "GlobalJob"} & set(look.mode) else look


def settled(live: list[dict[str, Any]], wanted: int, look: Look, memory: Memory) -> Verdict | None:
    """All tasks run: good as soon as they have done so for the monitor period, counted from the last failure."""
    memory.lasts("gap", False, look.now, GAP)
    if look.update_state == "updating":
        memory.good_since = None
        return None
    good = Verdict(True, f"{wanted}/{wanted} running")
    if look.touched == "update" and look.update_state == "completed" and not memory.failures:
        return good  # Swarm has monitored it
    if memory.good_since is None:
        # A service that nobody touched ran before we came: its tasks' age counts.
        started = [moment(task) for task in live]
        memory.good_since = min(max(started, default=0.0), look.now) if look.touched == "unchanged" else look.now
    period = ((look.service["Spec"].get("UpdateConfig") or {}).get("Monitor") or MONITOR * 1e9) / 1e9
    if memory.failures:
        period = max(period, MONITOR) + crash_loop(look, memory)
    quiet_since = max([memory.good_since, *memory.failed_at.values()])
    return good if look.now - quiet_since >= period else None


def crash_loop(look: Look, memory: Memory) -> float:
    """How long a program that has failed more than once in one place has run at most: so long it may run again and fail."""
    lives: dict[Any, list[float]] = {}
    for ident, task in memory.failures.items():
        if not never_started(task) and memory.lived[ident] <= LONG_LIFE:
            lives.setdefault(task.get(look.place), []).append(memory.lived[ident])
    return max((max(spans) for spans in lives.values() if len(spans) > 1), default=0.0)


def given_up(live: list[dict[str, Any]], wanted: int, look: Look, memory: Memory) -> Verdict | None:
    """Too few tasks run: final only when the restart policy starts no new ones."""
    memory.good_since = None
    policy = look.service["Spec"].get("TaskTemplate", {}).get("RestartPolicy") or {}
    stopped = (ends(policy) or bool(policy.get("MaxAttempts"))) and not live and look.update_state != "updating"
    if memory.lasts("gap", stopped, look.now, GAP):
        return Verdict(False, f"none of its {wanted} tasks is left and its restart policy starts no new ones")
    return None


def ends(policy: dict[str, Any]) -> bool:
    """Whether a restart policy lets a program come to a good end."""
    return policy.get("Condition") in ("none", "on-failure")


def ran_to_completion(service: dict[str, Any], tasks: list[dict[str, Any]]) -> bool:
    """Whether a one-shot service is through: all its slots complete, nothing left to run.

    Swarm takes the end of such a task for an early termination and may have paused the update.

    :param tasks: those of the current spec.
    """
    policy = service["Spec"].get("TaskTemplate", {}).get("RestartPolicy") or {}
    replicas = (service["Spec"]["Mode"].get("Replicated") or {}).get("Replicas", 0)
    complete = places([task for task in tasks if state(task) == "complete"], "Slot")
    return ends(policy) and 0 < replicas <= len(complete) and not live_tasks(tasks)


def unschedulable(live: list[dict[str, Any]], look: Look, memory: Memory) -> Verdict | None:
    """A task that has found no node for long will not find one, if it does not wait for an old one's port."""
    waiting = any(state(task) == "pending" and task["Status"].get("Err") for task in live)
    if memory.lasts("pending", waiting, look.now, pending_limit(look.service)):
        return Verdict(False, "a task finds no node")
    return None


def pending_limit(service: dict[str, Any]) -> float:
    """How long a task may be pending: as long as the one before it may take to stop and free its port or memory."""
    specs = [service["Spec"], service.get("PreviousSpec") or {}]
    containers = [(spec.get("TaskTemplate") or {}).get("ContainerSpec") or {} for spec in specs]
    return max(PENDING, *((container.get("StopGracePeriod") or 0) / 1e9 + STOPPING for container in containers))


def rejected(look: Look, memory: Memory) -> Verdict | None:
    """The same start failure again and again in one place. What a program does after its start is not judged here:
    services wait for each other on a first deployment."""
    groups: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for task in memory.failures.values():
        if never_started(task):
            groups.setdefault((task.get(look.place), task["Status"].get("Err")), []).append(task)
    new = {(task.get(look.place), task["Status"].get("Err")) for task in memory.new}
    for tasks in (group for key, group in groups.items() if key in new):
        moments = [moment(task) for task in tasks]
        if len(tasks) >= REJECTED_TIMES and max(moments) - min(moments) >= REJECTED_SPAN:
            return Verdict(False, f"a task could not be started {len(tasks)} times")
    return None


def judge_job(look: Look, memory: Memory) -> Verdict | None:
    """A job is done when every slot (or node) has a task that completed in the current iteration."""
    seen = places(look.tasks, look.place)
    complete = places([task for task in look.tasks if state(task) == "complete"], look.place)
    job = look.mode.get("ReplicatedJob")
    total = len(seen) if job is None else job.get("TotalCompletions", job.get("MaxConcurrent", 1))
    nothing = memory.lasts("nothing", not seen, look.now, GAP)
    if len(complete) >= total and (seen or nothing):
        return Verdict(True, f"{total}/{total} completed" if total else "no node matches")
    dead = seen - complete - places(live_tasks(look.tasks), look.place)
    if memory.lasts("dead", bool(dead), look.now, GAP):
        return Verdict(False, f"its job failed with {len(complete)} of {total} tasks completed")
    return unschedulable(live_tasks(look.tasks), look, memory) or rejected(look, memory)


def never_started(task: dict[str, Any]) -> bool:
    """Whether the task failed before its program ran."""
    code = (task["Status"].get("ContainerStatus") or {}).get("ExitCode") or 0
    return state(task) == "rejected" or code <= 0 or "starting container" in (task["Status"].get("Err") or "")


def live_tasks(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tasks that run or will."""
    return [task for task in tasks if task["DesiredState"] in WANTED and state(task) in LIVE]


def running_tasks(tasks: list[dict[str, Any]], nodes_down: set[str]) -> list[dict[str, Any]]:
    """Tasks that run, should run, and whose node can be seen."""
    return [task for task in tasks if state(task) == task["DesiredState"] == "running" and task.get("NodeID") not in nodes_down]


def places(tasks: list[dict[str, Any]], place: str) -> set[Any]:
    """The slots, or nodes, of tasks."""
    return {task.get(place) for task in tasks}


def state(task: dict[str, Any]) -> str:
    """The state a task is in."""
    return task["Status"]["State"]


def moment(task: dict[str, Any]) -> float:
    """When the task changed last, by the managers' clock (seconds since the epoch)."""
    return instant(task.get("UpdatedAt") or task["Status"].get("Timestamp"))


def instant(text: str | None) -> float:
    """A time of the API in seconds since the epoch; 0 for none."""
    try:
        return float(calendar.timegm(time.strptime((text or "")[:19], "%Y-%m-%dT%H:%M:%S")))
    except ValueError:
        return 0.0
