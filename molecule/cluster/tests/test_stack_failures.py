# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that does not work is a failed task with its reason, in time, and one that works is not."""

from __future__ import annotations

import re

import pytest
from stack_stories import NO_IMAGE, PLACE, Stack, play, service

HEALTHY = service()


def broken(*command, policy=None, **deploy):
    """A service whose program does what it should not."""
    restart = {"delay": "1s", **(policy or {})}
    return service("sh", "-c", *command, deploy={**deploy, "restart_policy": restart})


def update(action, *command, monitor="20s"):
    """Options of an update with that failure action; a slow machine takes its time to see a program end."""
    return broken(*command, update_config={"monitor": monitor, "failure_action": action})


NO_NODE = {**PLACE, "placement": {"constraints": ["node.labels.nowhere == x"]}}
GREEDY = {**PLACE, "resources": {"reservations": {"memory": "9000G"}}}
SICK = {"healthcheck": {"test": ["CMD", "false"], "interval": "1s", "retries": 1}}
FLAPPING = update("pause", "sleep 6; exit 8", monitor="2s")
JOB = {"mode": "replicated-job", "endpoint_mode": "dnsrr", "placement": PLACE["placement"], "restart_policy": {"condition": "none"}}
# name: (services before or nothing, services, more options, words of the failure or nothing)
SCENARIOS = {
    "image": (None, {**HEALTHY, "image": "apiary-lab/nowhere:1"}, {}, f"could not be started.*{NO_IMAGE}"),
    "binary": (None, service("/nowhere", init=False), {}, "could not be started.*/nowhere"),
    "crash": (None, broken("echo because; exit 3"), {"max_failures": 3}, r"have failed [3-9] times.*\(3\).*last log lines: because"),
    "loop": (None, broken("sleep 2; exit 3", update_config={}), {"wait_timeout": 30}, r"tasks running after 30 s.*\(3\)"),
    "sick": (None, {**HEALTHY, **SICK}, {"max_failures": 2}, "have failed.*unhealthy container"),
    "placed": (None, {**HEALTHY, "deploy": NO_NODE}, {}, "finds no node.*no suitable node"),
    "memory": (None, {**HEALTHY, "deploy": GREEDY}, {}, "finds no node.*insufficient resources"),
    "attempts": (None, broken("exit 4", policy={"max_attempts": 1}), {}, r"starts no new ones.*\(4\)"),
    "job": (None, {**service("false"), "deploy": JOB}, {}, "its job failed"),
    "paused": (HEALTHY, update("pause", "exit 5"), {}, r"update is paused.*\(5\)"),
    "pausedimage": (HEALTHY, {**update("pause", "true"), "image": "apiary-lab/nowhere:1"}, {}, f"update is paused.*{NO_IMAGE}"),
    "back": (HEALTHY, update("rollback", "sleep 1; exit 6"), {}, r"was rolled back to the previous version.*\(6\)"),
    "onward": (HEALTHY, update("continue", "exit 7"), {"max_failures": 4}, r"have failed.*\(7\)"),
    # Swarm has monitored it and is content when it crashes later; the next run sees that.
    "flap": (FLAPPING, FLAPPING, {"max_failures": 3, "wait_timeout": 90}, r"\(8\)"),
    "moved": (HEALTHY, {**HEALTHY, "deploy": NO_NODE}, {}, "finds no node.*no suitable node"),
    "taken": (HEALTHY, update("pause", "exit 9"), {"rollback": True}, "update is paused.*The stack was rolled back"),
    "good": (HEALTHY, service("sleep", "99999"), {}, None),
    "once": (None, broken("exit 0", policy={"condition": "none"}), {}, None),
    "jobdone": (None, {**service("sleep", "8"), "deploy": JOB}, {}, None),
    "nowhere": (None, {**HEALTHY, "deploy": {**NO_NODE, "mode": "global"}}, {}, None),
}
ENDS = {"good": "1/1 running", "once": "ran to completion", "jobdone": "1/1 completed", "nowhere": "no node matches"}


def definition(one):
    return {"definitions": [{"version": "3.9", "services": {"one": one}}]}


@pytest.fixture(scope="module")
def outcomes(lab, tmp_path_factory):
    """What each scenario came to, and how its service is then."""
    folder = tmp_path_factory.mktemp("results")
    stacks = {name: Stack(lab, folder, f"fail{name}") for name in SCENARIOS}

    def series(names):
        """Deploy what was there before, if anything was, and then what the scenario is about."""
        runs = {stacks[name].name: [] for name in names}
        for name in names:
            before, after, options, _words = SCENARIOS[name]
            given = [definition(before)] if before and before != after else []
            runs[stacks[name].name] = [{"name": stacks[name].name, **run} for run in [*given, {**options, **definition(after)}]]
        return {name[len("fail") :]: results[-1] for name, results in play(lab, folder, runs).items()}

    # What has worked and crashes now is deployed before the others, and once more after two crashes: one may be an accident.
    again = [name for name, (before, after, *_more) in SCENARIOS.items() if before == after]
    play(lab, folder, {stacks[name].name: [{"name": stacks[name].name, **definition(SCENARIOS[name][0])}] for name in again})

    def crashed(name):
        return sum(task["Status"]["State"] == "failed" for task in stacks[name].all_tasks()) > 1

    results = series([name for name in SCENARIOS if name not in again])
    lab.until(lambda: all(crashed(name) for name in again), f"two crashes of {again}")
    results.update(series(again))
    services = {name: stacks[name].services().get("one") for name in SCENARIOS}
    yield {name: (results[name], services[name]) for name in SCENARIOS}
    gone = play(lab, folder, {stack.name: [{"name": stack.name, "state": "absent"}] for stack in stacks.values()})
    assert not [name for name, (result,) in gone.items() if result.get("failed")]


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario[3]])
def test_what_does_not_work_fails_with_its_reason(outcomes, name):
    result, _service = outcomes[name]
    assert result.get("failed"), result
    assert result["msg"].startswith(f"Could not deploy stack 'fail{name}': service 'fail{name}_one': ")
    assert re.search(SCENARIOS[name][3], result["msg"]), result["msg"]
    assert result["plan"], "the plan comes along"


@pytest.mark.parametrize("name", sorted(ENDS))
def test_what_works_does_not_fail(outcomes, name):
    result, _service = outcomes[name]
    assert not result.get("failed"), result["msg"]
    assert list(result["services"].values()) == [ENDS[name]]


def test_a_stack_that_was_taken_back_is_what_it_was(outcomes):
    _result, one = outcomes["taken"]
    assert one["Spec"]["TaskTemplate"]["ContainerSpec"]["Args"] == HEALTHY["command"]
