# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each kind of single change to a stack does what its plan has predicted, and nothing else.

The tests build on each other.
"""

from __future__ import annotations

import copy

import pytest
from stack_stories import PLACE, Stack, plan_of, service

JOB = {"mode": "replicated-job", "endpoint_mode": "dnsrr", "restart_policy": {"condition": "none"}}
DELETED = object()
VOLUME = {"type": "volume", "source": "data", "target": "/data"}
LOCAL = "node.labels.registry == true"
# Each service is changed again and again: (kind, path, new value, path in the plan, whether tasks are replaced). The first
# changes of all services are one run, their second ones the next; a service without a next change has to stay as it is.
CHANGES = {
    "env": [
        ("environment added", "environment", {"A": "1", "B": "1"}, "environment.A", "all"),
        ("environment changed", "environment.A", "2", "environment.A", "all"),
        ("environment removed", "environment.A", DELETED, "environment.A", "all"),
        ("user", "user", "nobody", "user", "all"),
        ("host name", "hostname", "web", "hostname", "all"),
    ],
    "port": [
        ("port added", "ports", [{"target": 80, "published": 18080, "mode": "host"}], "ports", "all"),
        ("port changed", "ports", [{"target": 80, "published": 18081, "mode": "host"}], "ports", "all"),
        ("port removed", "ports", DELETED, "ports", "all"),
        ("dns", "dns", ["192.0.2.53"], "dns", "all"),
        ("extra host", "extra_hosts", ["x:192.0.2.1"], "extra_hosts", "all"),
    ],
    "health": [
        ("health check added", "healthcheck", {"test": ["CMD", "true"], "interval": "1s"}, "healthcheck.test", "all"),
        ("health check changed", "healthcheck.retries", 5, "healthcheck.retries", "all"),
        ("health check disabled", "healthcheck", {"disable": True}, "healthcheck.test", "all"),
        ("stop signal", "stop_signal", "SIGINT", "stop_signal", "all"),
        ("grace period", "stop_grace_period", "2s", "stop_grace_period", "all"),
    ],
    "limit": [
        ("memory limit", "deploy.resources", {"limits": {"memory": "64M"}}, "deploy.resources.limits.memory", "all"),
        ("cpu reservation", "deploy.resources.reservations", {"cpus": "0.05"}, "deploy.resources.reservations.cpus", "all"),
        ("limits removed", "deploy.resources", DELETED, "deploy.resources.limits.memory", "all"),
        ("ulimit", "ulimits", {"nofile": {"soft": 1000, "hard": 2000}}, "ulimits.nofile.soft", "all"),
        ("capability", "cap_add", ["NET_ADMIN"], "cap_add", "all"),
    ],
    "program": [
        ("command", "command", ["sleep", "99999"], "command", "all"),
        ("entrypoint", "entrypoint", ["env"], "entrypoint", "all"),
        ("init", "init", False, "init", "all"),
        ("working directory", "working_dir", "/tmp", "working_dir", "all"),
        ("image", "image", "apiary-lab/redis:8", "image", "all"),
    ],
    "net": [
        ("alias", "networks.back", {"aliases": ["w"]}, "networks.matrix_back.aliases", "all"),
        ("network added", "networks.front", {}, "networks.matrix_front.attached", "all"),
        ("network removed", "networks.front", DELETED, "networks.matrix_front.attached", "all"),
        ("logging", "logging", {"driver": "json-file", "options": {"max-size": "1m"}}, "logging.driver", "all"),
        ("read only", "read_only", True, "read_only", "all"),
    ],
    "mount": [
        ("mount", "volumes", [VOLUME], "volumes./data.type", "all"),
        ("volume option", "volumes", [{**VOLUME, "volume": {"nocopy": True}}], "volumes./data.volume.NoCopy", "all"),
        ("mount removed", "volumes", DELETED, "volumes./data.type", "all"),
        ("secret mode", "secrets", [{"source": "pw", "target": "pw", "mode": 0o400}], "secrets.pw.mode", "all"),
        ("config added", "configs", ["conf"], "configs.conf.source", "all"),
    ],
    "scale": [
        ("replicas up", "deploy.replicas", 3, "deploy.replicas", "no"),
        ("replicas down", "deploy.replicas", 2, "deploy.replicas", "no"),
        ("constraint", "deploy.placement.constraints", [LOCAL, "node.labels.x != y"], "deploy.placement", "some"),
        ("container label", "labels", {"l": ""}, "labels.l", "all"),
    ],
    "web": [
        ("service label", "deploy.labels", {"s": ""}, "deploy.labels.s", "no"),
        ("update config", "deploy.update_config.delay", "1s", "deploy.update_config.delay", "no"),
        ("rollback config", "deploy.rollback_config", {"parallelism": 0}, "deploy.rollback_config.parallelism", "no"),
        ("rollback config removed", "deploy.rollback_config", DELETED, "deploy.rollback_config.parallelism", "no"),
        ("restart policy", "deploy.restart_policy.delay", "2s", "deploy.restart_policy.delay", "all"),
    ],
}
ROUNDS = max(len(changes) for changes in CHANGES.values())
SINGLE = [
    pytest.param(number, name, where, replaces, id=kind)
    for name, changes in CHANGES.items()
    for number, (kind, _path, _value, where, replaces) in enumerate(changes)
]
BASE = {
    "version": "3.9",
    "services": {
        **{name: service(networks={"back": {}}, secrets=["pw"]) for name in CHANGES},
        "side": service(networks=["back", "front"], secrets=["pw"], configs=["conf"]),
        # A job takes no update config.
        "job": {**service("true"), "deploy": {**JOB, "placement": PLACE["placement"]}},
    },
    "networks": {"back": {"driver": "overlay", "attachable": True, "driver_opts": {"a": "b"}, "labels": {"x": ""}}, "front": {}},
    "volumes": {"data": {}},
}


def put(service_, path, value):
    """Set or delete what is at a dotted path of a service."""
    *parents, last = path.split(".")
    inner = service_
    for name in parents:
        inner = inner[name]
    if value is DELETED:
        del inner[last]
    else:
        inner[last] = value


@pytest.fixture(scope="module")
def so_far(tmp_path_factory):
    """The definition, with its files and all changes so far."""
    folder = tmp_path_factory.mktemp("files")
    definition = copy.deepcopy(BASE)
    for kind, name in (("secrets", "pw"), ("configs", "conf")):
        (folder / name).write_text(f"content of {name}\n", encoding="utf-8")
        definition[kind] = {name: {"file": str(folder / name)}}
    return definition


@pytest.fixture(scope="module")
def stack(lab, tmp_path_factory, so_far):
    """The stack, deployed, and in the end removed."""
    stack = Stack(lab, tmp_path_factory.mktemp("results"), "matrix")
    _gone, made = stack.runs({"state": "absent"}, {"definitions": [so_far]})
    assert made["changed"] and not made.get("failed"), made.get("msg")
    yield stack
    gone = stack.run(state="absent")
    assert gone["changed"] and not stack.services()


def versions(services):
    """What a write would change."""
    return {name: (item["Version"]["Index"], item.get("PreviousSpec")) for name, item in services.items()}


def predicted_and_done(stack, definition, **options):
    """Predict, do and predict again; (entry by name, services and tasks before, after)."""
    before = stack.services(), stack.tasks()
    given = {"definitions": [definition], **options}
    predicted, done, again = stack.runs({"check": True}, {}, {"check": True}, **given)
    for result in (predicted, done, again):
        assert not result.get("failed"), result["msg"]
    assert predicted["plan"] == done["plan"] and predicted["diff"] == done["diff"]
    assert not again["changed"], again["diff"]
    return plan_of(done), before, (stack.services(), stack.tasks())


def assert_others_untouched(before, after, *touched):
    for name in set(before[0]) - set(touched):
        assert versions(before[0])[name] == versions(after[0])[name], name
        assert before[1][name] == after[1][name], name


@pytest.fixture(scope="module")
def rounds(stack, so_far):
    """What was predicted and done in each round, and the state before and after it."""
    done = []
    for number in range(ROUNDS):
        for name, changes in CHANGES.items():
            for _kind, path, value, _where, _replaces in changes[number : number + 1]:
                put(so_far["services"][name], path, value)
        done.append(predicted_and_done(stack, so_far))
    return done


@pytest.mark.parametrize("number", range(ROUNDS))
def test_nothing_but_what_was_changed_is_touched(rounds, number):
    plan, before, after = rounds[number]
    changed = {name for name, changes in CHANGES.items() if len(changes) > number}
    assert set(plan) == changed
    assert_others_untouched(before, after, *changed)


@pytest.mark.parametrize(("number", "name", "where", "replaces"), SINGLE)
def test_a_single_change(rounds, number, name, where, replaces):
    plan, before, after = rounds[number]
    assert plan[name]["action"] == "update"
    assert any(change[0].startswith(where) for change in plan[name]["changes"]), plan[name]["changes"]
    assert plan[name]["replaces_tasks"] == replaces
    assert after[0][name]["PreviousSpec"] == before[0][name]["Spec"], "written once"
    kept = before[1][name] & after[1][name]
    if replaces == "all":
        assert not kept
    else:
        assert kept == before[1][name] or kept == after[1][name]


def test_new_content_of_a_config_updates_those_that_use_it(stack, so_far, tmp_path):
    (tmp_path / "conf").write_text("other\n", encoding="utf-8")
    so_far["configs"]["conf"] = {"file": str(tmp_path / "conf")}
    plan, before, after = predicted_and_done(stack, so_far)
    actions = sorted(entry["action"] for entry in plan.values())
    assert actions == ["create", "orphan", "update", "update"], plan
    assert_others_untouched(before, after, "mount", "side")


def test_a_changed_job_runs_again_and_an_unchanged_one_does_not(stack, so_far):
    so_far["services"]["job"]["command"] = ["echo", "again"]
    plan, before, after = predicted_and_done(stack, so_far)
    assert set(plan) - {name for name in plan if name.startswith("conf-")} == {"job"} and plan["job"]["replaces_tasks"] == "all"
    iterations = [services["job"]["JobStatus"]["JobIteration"].get("Index", 0) for services, _tasks in (before, after)]
    assert iterations[1] == iterations[0] + 1
    assert_others_untouched(before, after, "job")


def test_a_service_added_and_removed(stack, so_far):
    so_far["services"]["new"] = service()
    so_far["services"]["new"]["networks"] = ["front"]
    plan, before, after = predicted_and_done(stack, so_far)
    assert plan["new"]["action"] == "create"
    assert_others_untouched(before, after, "new")
    del so_far["services"]["new"]
    plan, before, after = predicted_and_done(stack, so_far)
    assert plan["new"]["action"] == "orphan"
    assert_others_untouched(before, after)
    plan, before, after = predicted_and_done(stack, so_far, prune=True)
    assert plan["new"]["action"] == "remove" and "new" not in after[0]
    assert_others_untouched(before, after, "new")


def test_drift_is_seen_and_mended(stack, so_far):
    host = stack.lab.host("manager2")
    host.check_output("docker service update --detach --env-add DRIFT=1 --replicas 1 matrix_scale")
    stack.lab.until(lambda: stack.update_state("scale") == "completed", "the update by hand")
    plan, before, after = predicted_and_done(stack, so_far)
    assert {change[0] for change in plan["scale"]["changes"]} == {"deploy.replicas", "environment.DRIFT"}
    assert_others_untouched(before, after, "scale")


def test_impossible_changes_fail_together_and_write_nothing(stack, so_far):
    wrong = copy.deepcopy(so_far)
    wrong["services"]["scale"]["deploy"]["mode"] = "global"
    del wrong["services"]["scale"]["deploy"]["replicas"]
    wrong["networks"]["back"]["attachable"] = False
    before = versions(stack.services())
    for result in stack.runs({"check": True}, {}, definitions=[wrong]):
        assert result["failed"] and "cannot become Global" in result["msg"] and "differs (attachable)" in result["msg"]
        assert {entry["action"] for entry in plan_of(result).values()} >= {"impossible"}
    assert versions(stack.services()) == before


def test_what_the_engine_would_refuse_fails_before_a_write(stack, so_far):
    before = versions(stack.services())
    wishes = [
        {"deploy": {**PLACE, "resources": {"limits": {"memory": "1M"}}}},
        {"deploy": {**PLACE, "placement": {"constraints": ["nonsense"]}}},
    ]
    wrong = [{**so_far, "services": {**so_far["services"], "side": {**so_far["services"]["side"], **wish}}} for wish in wishes]
    for result in stack.runs(*({"definitions": [one]} for one in wrong)):
        assert result["failed"] and "service 'matrix_side'" in result["msg"] and "Nothing was changed" in result["msg"]
    assert versions(stack.services()) == before


def test_a_value_that_is_empty_stays_empty_whoever_deploys(lab, tmp_path):
    """The docker command fills it from its own environment."""
    names = ("HOME", "DOCKER_HOST", "DOCKER_CONFIG", "TZ", "LANG", "USER", "SSH_CONNECTION")
    stack = Stack(lab, tmp_path, "empty")
    definition = {"services": {"web": service(environment=dict.fromkeys(names, ""))}}
    try:
        first, second = stack.runs({"definitions": [definition]}, {"definitions": [definition]})
        assert sorted(stack.services()["web"]["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"]) == sorted(f"{name}=" for name in names)
        assert first["changed"] and not second["changed"]
    finally:
        stack.run(state="absent")
