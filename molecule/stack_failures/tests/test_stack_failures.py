# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment that does not work is a failed task with its reason, in time, and one that works is not."""

from __future__ import annotations

import concurrent.futures

import pytest
from stack_stories import PLACE, Stack, service

# At once, on a small machine.
WORKERS = 4
HEALTHY = service()


def broken(*command, policy=None, **deploy):
    """A service whose program does what it should not."""
    restart = {"delay": "1s", **(policy or {})}
    return service("sh", "-c", *command, deploy={**deploy, "restart_policy": restart})


def update(action, *command, **more):
    """Options of an update with that failure action."""
    return broken(*command, update_config={"monitor": "2s", "failure_action": action}, **more)


NO_NODE = {**PLACE, "placement": {"constraints": ["node.labels.nowhere == x"]}}
GREEDY = {**PLACE, "resources": {"reservations": {"memory": "9000G"}}}
SICK = {"healthcheck": {"test": ["CMD", "false"], "interval": "1s", "retries": 1}}
JOB = {"mode": "replicated-job", "endpoint_mode": "dnsrr", "placement": PLACE["placement"], "restart_policy": {"condition": "none"}}
# name: (services before or nothing, services, more options, words of the failure or nothing)
SCENARIOS = {
    "image": (None, {**HEALTHY, "image": "apiary-lab/nowhere:1"}, {}, "could not be started.*No such image"),
    "binary": (None, service("/nowhere", init=False), {}, "could not be started.*/nowhere"),
    "crash": (None, broken("echo because; exit 3"), {"max_failures": 3}, r"have failed 3 times.*\(3\).*last log lines: because"),
    "loop": (None, broken("sleep 2; exit 3", update_config={}), {"wait_timeout": 30}, r"tasks running after 30 s.*\(3\)"),
    "sick": (None, {**HEALTHY, **SICK}, {"max_failures": 2}, "have failed.*unhealthy container"),
    "placed": (None, {**HEALTHY, "deploy": NO_NODE}, {}, "finds no node.*no suitable node"),
    "memory": (None, {**HEALTHY, "deploy": GREEDY}, {}, "finds no node.*insufficient resources"),
    "attempts": (None, broken("exit 4", policy={"max_attempts": 1}), {}, r"starts no new ones.*\(4\)"),
    "job": (None, {**service("false"), "deploy": JOB}, {}, "its job failed"),
    "paused": (HEALTHY, update("pause", "exit 5"), {}, r"update is paused.*\(5\)"),
    "pausedimage": (HEALTHY, {**update("pause", "true"), "image": "apiary-lab/nowhere:1"}, {}, "update is paused.*No such image"),
    "back": (HEALTHY, update("rollback", "sleep 1; exit 6"), {}, r"was rolled back to the previous version.*\(6\)"),
    "onward": (HEALTHY, update("continue", "exit 7"), {"max_failures": 4}, r"have failed.*\(7\)"),
    # Swarm has monitored it and is content when it crashes later; the next run sees that.
    "flap": (update("pause", "sleep 6; exit 8"), update("pause", "sleep 6; exit 8"), {"max_failures": 3, "wait_timeout": 90}, r"\(8\)"),
    "moved": (HEALTHY, {**HEALTHY, "deploy": NO_NODE}, {}, "finds no node.*no suitable node"),
    "taken": (HEALTHY, update("pause", "exit 9"), {"rollback": True}, "update is paused.*The stack was taken back to where it ran"),
    "good": (HEALTHY, service("sleep", "99999"), {}, None),
    "once": (None, broken("exit 0", policy={"condition": "none"}), {}, None),
    "jobdone": (None, {**service("true"), "deploy": JOB}, {}, None),
    "nowhere": (None, {**HEALTHY, "deploy": {**NO_NODE, "mode": "global"}}, {}, None),
}
ENDS = {"good": "1/1 running", "once": "ran to completion", "jobdone": "1/1 completed", "nowhere": "no node matches"}


def definition(one):
    return {"definitions": [{"version": "3.9", "services": {"one": one}}]}


@pytest.fixture(scope="module")
def outcomes(lab, tmp_path_factory):
    """What each scenario came to, the stack deployed once more unchanged, and how the service is then."""

    folder = tmp_path_factory.mktemp("results")

    def play(name):
        before, after, options, _words = SCENARIOS[name]
        (folder / name).mkdir()
        stack = Stack(lab, folder / name, f"fail{name}")
        runs = [definition(before)] if before else []
        stack.runs({"state": "absent"}, *runs)
        if before == after:
            # One crash may be an accident; after two of them the same life is waited for once more.
            lab.until(lambda: sum(task["Status"]["State"] == "failed" for task in stack.all_tasks()) > 1, f"two crashes of {name}")
        result = stack.run(**options, **definition(after))
        service_after = stack.services().get("one")
        stack.run(state="absent")
        return result, service_after

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        return dict(zip(SCENARIOS, pool.map(play, SCENARIOS)))


@pytest.mark.parametrize("name", [name for name, scenario in SCENARIOS.items() if scenario[3]])
def test_what_does_not_work_fails_with_its_reason(outcomes, name):
    import re

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
