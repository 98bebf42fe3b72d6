# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of services: has it arrived, will it never, or is it still on its way?"""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._stack.health import (
    LIVE,
    Health,
    History,
    Observation,
    changed_at,
    converged,
    evaluate,
)

NOW = 1_800_000_000.0


def stamp(ago: float) -> str:
    """A time of the API, some seconds ago."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(NOW - ago))


def task(
    state: str, slot: int = 1, ago: float = 0, err: str = "", code: int = 0, desired: str = "", ident: str = "", **more: Any
) -> dict[str, Any]:
    """A task as listed."""
    ended = state in ("failed", "rejected", "complete", "shutdown")
    return {
        "ID": ident or f"{state}{slot}{ago}",
        "Slot": slot,
        "NodeID": f"node{slot}",
        "DesiredState": desired or ("shutdown" if ended else "running"),
        "UpdatedAt": stamp(ago),
        "Status": {"State": state, **({"Err": err} if err else {}), "ContainerStatus": {"ExitCode": code}},
        **more,
    }


def service(mode: dict[str, Any] | None = None, update: str = "", policy: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A service as listed."""
    return {
        "ID": "s",
        "Spec": {"Name": "app_web", "Mode": mode or {"Replicated": {"Replicas": 2}}, "TaskTemplate": {"RestartPolicy": policy or {}}},
        **({"UpdateStatus": {"State": update}} if update else {}),
        **more,
    }


def watch(
    listed: dict[str, Any], tasks: list[dict[str, Any]], action: str = "create", seconds: int = 60, down: tuple[str, ...] = ()
) -> tuple[float, Health | None]:
    """Look every second at what does not change; when the health came, and which."""
    history = History()
    for second in range(seconds):
        health = evaluate(Observation(listed, tasks, set(down), NOW + second, action), history)
        if health:
            return second, health
    return seconds, None


RUNNING = [task("running", 1, 100), task("running", 2, 100)]
ONCE = {"Condition": "none"}


def test_a_healthy_service_nobody_touched_is_good_at_once() -> None:
    assert watch(service(), RUNNING, "unchanged") == (0, Health(True, "2/2 running"))


def test_a_service_nobody_touched_whose_tasks_are_young_is_watched() -> None:
    assert watch(service(), [task("running", 1, 2), task("running", 2, 100)], "unchanged") == (3, Health(True, "2/2 running"))


def test_a_new_service_is_good_after_the_monitor_period() -> None:
    assert watch(service(), RUNNING) == (5, Health(True, "2/2 running"))


def test_an_update_that_swarm_has_monitored_is_good() -> None:
    assert watch(service(update="completed"), RUNNING, "update") == (0, Health(True, "2/2 running"))


def test_a_failure_starts_the_period_anew() -> None:
    history = History()
    for second in range(4):
        assert evaluate(Observation(service(), RUNNING, set(), NOW + second, "create"), history) is None
    failed = [*RUNNING, task("failed", 1, -4, code=1)]
    assert evaluate(Observation(service(), failed, set(), NOW + 5, "create"), history) is None
    assert evaluate(Observation(service(), RUNNING, set(), NOW + 8, "create"), history) is None
    assert evaluate(Observation(service(), RUNNING, set(), NOW + 9, "create"), history) == Health(True, "2/2 running")


@pytest.mark.parametrize("action", ["create", "update"])
def test_after_two_crashes_a_program_must_outlive_them(action: str) -> None:
    # Before the second crash nothing is known of a loop.
    # It runs from second 0, 12, 24 and 36 on and ends 10 s later, but for the last time.
    history, healths = History(), {}
    for second in range(60):
        tasks = []
        for number, start in enumerate((0, 12, 24, 36)):
            if second >= start + 10 and start < 36:
                tasks.append(task("failed", 1, -start - 10, code=1, ident=f"t{number}"))
            elif second >= start:
                tasks.append(task("running", 1, -start, ident=f"t{number}"))
        healths[second] = evaluate(Observation(service({"Replicated": {"Replicas": 1}}), tasks, set(), NOW + second, action), history)
    good = [second for second, health in healths.items() if health and second > 22]
    assert good[0] == 36 + 10 + 5


def test_one_crash_is_no_loop_and_a_long_life_is_no_crash_loop() -> None:
    failed = [task("failed", 1, ago, code=1, CreatedAt=stamp(ago + 30)) for ago in (60, 20)]
    running = [task("running", 1, 19)]
    one = service({"Replicated": {"Replicas": 1}})
    assert watch(one, [*failed, *running], "unchanged") == (16, Health(True, "1/1 running"))
    assert watch(one, [failed[1], *running], "unchanged") == (0, Health(True, "1/1 running"))
    days = [{**item, "CreatedAt": stamp(3e5)} for item in failed]
    assert watch(one, [*days, *running], "unchanged") == (0, Health(True, "1/1 running"))
    elsewhere = [failed[0], {**failed[1], "Slot": 2}]
    assert watch(one, [*elsewhere, *running], "unchanged") == (0, Health(True, "1/1 running"))


@pytest.mark.parametrize("update", ["paused", "rollback_paused"])
@pytest.mark.parametrize("action", ["update", "unchanged"])
def test_a_paused_update_fails_although_tasks_run(update: str, action: str) -> None:
    second, health = watch(service(update=update), RUNNING, action)
    assert (second, health and health.good) == (0, False)


def test_a_rollback_of_our_update_fails_and_an_older_one_does_not() -> None:
    assert watch(service(update="rollback_completed"), RUNNING, "update")[1] == Health(
        False, "its update was rolled back to the previous version"
    )
    assert watch(service(update="rollback_completed"), RUNNING, "unchanged")[1] == Health(True, "2/2 running")


@pytest.mark.parametrize("update", ["updating", "rollback_started"])
def test_an_update_on_its_way_is_waited_for(update: str) -> None:
    assert watch(service(update=update), RUNNING, "update")[1] is None


def test_too_few_tasks_are_waited_for() -> None:
    assert watch(service(), [task("running", 1, 100), task("preparing", 2)])[1] is None


def test_what_was_answered_late_is_not_taken_for_what_is() -> None:
    # Each answer takes four seconds: what ran at the first one has run for one second when the managers are asked again, and then for six.
    history = History()

    def health_at(asked: float) -> Health | None:
        return evaluate(Observation(service(), RUNNING, set(), NOW + asked, "create", answered=NOW + asked + 4), history)

    assert [health_at(0), health_at(5), health_at(10)] == [None, None, Health(True, "2/2 running")]


def test_a_task_on_a_node_that_the_managers_have_no_contact_with_does_not_count() -> None:
    # Its program may have ended long ago: after an election managers hear nothing of a node until its agent has come back.
    unseen = frozenset({"node2"})
    for action in ("create", "unchanged"):
        history = History()
        for second in range(30):
            assert evaluate(Observation(service(), RUNNING, set(), NOW + second, action, nodes_unseen=unseen), history) is None
    assert not converged([service()], [{**one, "ServiceID": "s"} for one in RUNNING], set(), NOW, unseen)


def test_a_task_on_a_node_that_is_down_does_not_count() -> None:
    assert watch(service(), RUNNING, "unchanged", down=("node2",))[1] is None


def test_a_task_without_a_node_fails_after_a_while() -> None:
    pending = [task("pending", 1, err="no suitable node (scheduling constraints not satisfied on 5 nodes)"), task("running", 2)]
    assert watch(service(), pending) == (30, Health(False, "a task finds no node"))


@pytest.mark.parametrize("key", ["Spec", "PreviousSpec"])
def test_a_task_may_wait_for_the_port_of_one_that_stops_slowly(key: str) -> None:
    pending = [task("pending", 1, err="no suitable node (host-mode port already in use on 1 node)"), task("running", 2)]
    slow = service(update="updating", PreviousSpec={"TaskTemplate": {}})
    slow[key]["TaskTemplate"]["ContainerSpec"] = {"StopGracePeriod": 60 * 10**9}
    assert watch(slow, pending, "update", seconds=100) == (70, Health(False, "a task finds no node"))


def test_a_start_that_is_rejected_again_and_again_fails() -> None:
    rejected = [task("rejected", 1, ago, "No such image: web:9") for ago in (20, 10, 0)]
    assert watch(service(), [*rejected, task("ready", 1)])[1] == Health(False, "a task could not be started 3 times")


def test_rejections_in_a_short_time_may_pass() -> None:
    rejected = [task("rejected", 1, ago, "Pool overlaps with other one on this address space") for ago in (2, 1, 0)]
    assert watch(service(), [*rejected, task("ready", 1)])[1] is None


def test_a_program_that_ends_with_an_error_is_given_time() -> None:
    crashed = [task("failed", 1, ago, "task: non-zero exit (1)", code=1) for ago in (40, 20, 0)]
    assert watch(service(), [*crashed, task("ready", 1)])[1] is None


def test_a_one_shot_service_runs_to_completion_even_if_its_update_is_paused() -> None:
    done = [task("complete", 1), task("complete", 2)]
    assert watch(service(policy=ONCE), done)[1] == Health(True, "ran to completion")
    assert watch(service(policy=ONCE, update="paused"), done, "update")[1] == Health(True, "ran to completion")


def test_a_used_up_restart_policy_fails() -> None:
    for policy in (ONCE, {"Condition": "any", "MaxAttempts": 2}):
        second, health = watch(service(policy=policy), [task("failed", 1, code=1), task("failed", 2, code=1)])
        assert second == 5
        assert health and not health.good


def test_a_service_of_no_replicas_is_good() -> None:
    assert watch(service({"Replicated": {"Replicas": 0}}), [], "unchanged") == (0, Health(True, "0/0 running"))


def test_a_global_service_needs_all_nodes_that_have_a_task() -> None:
    assert watch(service({"Global": {}}), RUNNING, "unchanged")[1] == Health(True, "2/2 running")
    assert watch(service({"Global": {}}), [RUNNING[0], task("starting", 2)], "unchanged")[1] is None
    assert watch(service({"Global": {}}), []) == (5, Health(True, "no node matches"))


def test_a_job_is_done_when_all_its_slots_are() -> None:
    job = service({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 2}}, JobStatus={"JobIteration": {"Index": 3}})
    this = {"JobIteration": {"Index": 3}}
    assert watch(job, [task("complete", 1, **this), task("complete", 2, **this)])[1] == Health(True, "2/2 completed")
    assert watch(job, [task("complete", 1, **this), task("complete", 2, JobIteration={"Index": 2})])[1] is None
    failed = watch(job, [task("complete", 1, **this), task("failed", 2, **this)])
    assert failed == (5, Health(False, "its job failed with 1 of 2 tasks completed"))


def test_a_job_may_take_its_time() -> None:
    """Swarm wants a job's task to complete, from its beginning on."""
    for job, state in itertools.product(({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}, {"GlobalJob": {}}), LIVE):
        assert watch(service(job), [task(state, 1, desired="complete")])[1] is None, state


def test_a_job_on_every_node() -> None:
    job = service({"GlobalJob": {}})
    assert watch(job, [task("complete", 1), task("complete", 2)])[1] == Health(True, "2/2 completed")
    assert watch(job, [task("complete", 1), task("running", 2)])[1] is None


def test_a_time_that_cannot_be_read_is_long_ago() -> None:
    assert changed_at({"Status": {}}) == 0.0


def test_failures_of_another_time_are_not_counted() -> None:
    """A registry was away once, and a program has failed twice; since then all runs."""
    rejected = [task("rejected", 2, ago, "No such image: web:9") for ago in (4000, 3990, 3980)]
    crashed = [task("failed", 1, ago, "task: non-zero exit (3)", 3) for ago in (3000, 2000)]
    history, starting = History(), [task("running", 1, 5000), task("starting", 2), *rejected, *crashed]
    for second in range(30):
        assert evaluate(Observation(service(), starting, set(), NOW + second, "update", 2), history) is None
    again = [*starting, task("rejected", 2, -30, "No such image: web:9")]
    assert evaluate(Observation(service(), again, set(), NOW + 30, "update", 2), history) == Health(
        False, "a task could not be started 4 times"
    )
    assert evaluate(Observation(service(), [*RUNNING, *crashed], set(), NOW, "unchanged", 2), History()) == Health(True, "2/2 running")


def test_a_job_that_runs_again_is_not_blamed_for_its_last_iteration() -> None:
    job = service({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}, JobStatus={"JobIteration": {"Index": 7}})
    earlier = [task("rejected", 1, ago, "No such image: web:9", JobIteration={"Index": 3}) for ago in (40, 20, 0)]
    observation = Observation(job, [task("running", 1, desired="complete", JobIteration={"Index": 7}), *earlier], set(), NOW, "create", 1)
    assert evaluate(observation, History()) is None


def test_a_global_service_whose_restart_policy_is_used_up_fails() -> None:
    failed = [task("failed", 1, 100, code=1)]
    second, health = watch(service({"Global": {}}, policy={"Condition": "any", "MaxAttempts": 2}), failed)
    assert (second, health) == (5, Health(False, "none of its 1 tasks is left and its restart policy starts no new ones"))
    assert watch(service({"Global": {}}), failed) == (5, Health(True, "no node matches")), "one that was drained after a failure"
    done = [task("complete", 1, 100), task("complete", 2, 100)]
    assert watch(service({"Global": {}}, policy=ONCE), done) == (0, Health(True, "ran to completion"))


def test_a_global_service_that_is_used_up_on_one_of_its_nodes_fails() -> None:
    listed = service({"Global": {}}, policy={"Condition": "any", "MaxAttempts": 2})
    tasks = [RUNNING[0], task("failed", 2, 100, code=1)]
    told = "on 1 of its 2 nodes its tasks have failed and its restart policy starts no new ones"
    assert watch(listed, tasks) == watch(listed, tasks, "unchanged") == (5, Health(False, told))
    assert watch(listed, tasks, "unchanged", down=("node2",)) == (0, Health(True, "1/1 running"))
    again = [*tasks, task("running", 2, 90)]
    assert watch(listed, again, "unchanged")[1] == Health(True, "2/2 running"), "it has started there again"
    drained = [*tasks, task("shutdown", 2, 90)]
    assert watch(listed, drained, "unchanged") == (0, Health(True, "1/1 running")), "its node was drained since"
    once = service({"Global": {}}, policy=ONCE)
    assert watch(once, [RUNNING[0], task("failed", 2, 100), task("complete", 2, 90)], "unchanged")[1] == Health(True, "1/1 running")


@pytest.mark.parametrize(
    ("template", "seconds"),
    [
        ({}, 5),
        ({"RestartPolicy": {"Delay": 12 * 10**9}}, 12),
        ({"RestartPolicy": {"Delay": 10**9}}, 5),
        ({"ContainerSpec": {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 20 * 10**9}}, "RestartPolicy": {"Delay": 10**9}}, 20),
        ({"ContainerSpec": {"Healthcheck": {"Test": ["NONE"], "Interval": 20 * 10**9}}}, 5),
    ],
)
def test_a_first_deployment_is_watched_as_long_as_the_service_itself_asks_for(template: dict[str, Any], seconds: int) -> None:
    listed = service()
    listed["Spec"]["TaskTemplate"] = template
    assert watch(listed, RUNNING) == (seconds, Health(True, "2/2 running"))
    assert watch(listed, RUNNING, "unchanged")[0] == 0, "it runs for longer already"


@pytest.mark.parametrize(("action", "update"), [("create", ""), ("update", "completed"), ("update", "")])
def test_who_wants_to_see_it_run_for_longer_can(action: str, update: str) -> None:
    listed, history = service(update=update), History()
    seen = [evaluate(Observation(listed, RUNNING, set(), NOW + second, action, stable_for=30), history) for second in range(31)]
    assert seen[:30] == [None] * 30 and seen[30] == Health(True, "2/2 running")


# -- by one observation
DONE = {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}


@pytest.mark.parametrize(
    ("listed", "tasks", "down", "expected"),
    [
        (service(), RUNNING, set(), True),
        (service(update="completed"), RUNNING, set(), True),
        (service(), [task("running", 1, 2), task("running", 2, 100)], set(), False),
        (service(), RUNNING[:1], set(), False),
        (service(), [], set(), False),
        (service(), RUNNING, {"node2"}, False),
        (service(), [task("preparing", 1), task("running", 2, 100)], set(), False),
        (service(update="paused"), RUNNING, set(), False),
        (service(update="updating"), RUNNING, set(), False),
        (service(update="rollback_paused"), RUNNING, set(), False),
        (service(update="rollback_started"), RUNNING, set(), False),
        (service(update="rollback_completed"), RUNNING, set(), False),
        (service({"Replicated": {"Replicas": 0}}), [], set(), True),
        (service({"Global": {}}), RUNNING, set(), True),
        (service({"Global": {}}), [], set(), True),
        (service({"Global": {}}), [task("pending", 1, 100, "no suitable node")], set(), False),
        (service(policy=ONCE), [task("complete", 1), task("complete", 2)], set(), True),
        (service(policy=ONCE), [task("failed", 1, code=1), task("complete", 2)], set(), False),
        (service(DONE), [task("complete", 1)], set(), True),
        (service(DONE), [task("running", 1, desired="complete")], set(), False),
        (service(DONE), [task("failed", 1, code=1)], set(), False),
        (service({"GlobalJob": {}}), [], set(), True),
    ],
)
def test_a_stack_has_converged_when_all_runs_as_it_should(
    listed: dict[str, Any], tasks: list[dict[str, Any]], down: set[str], expected: bool
) -> None:
    own = [{**one, "ServiceID": "s"} for one in tasks]
    assert converged([listed], own, down, NOW) is expected
    assert converged([listed, {**service(update="paused"), "ID": "other"}], own, down, NOW) is False


def test_a_stack_without_services_has_not_converged() -> None:
    assert converged([], [], set(), NOW) is False
