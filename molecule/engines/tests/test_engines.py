# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On each engine of the distribution's packages the modules do what they say."""

from __future__ import annotations

import copy
import json
import os
import re

import pytest
from stack_stories import NO_IMAGE, PLACE, Stack, plan_of, service

ENGINE = os.environ["ENGINE"]
API = {"20.10": "1.41", "26.1": "1.45", "28.5": "1.51"}
# The Compose files of the CLI know jobs since 23.0.
KNOWS_JOBS = ENGINE != "20.10"
HOSTS = ("manager2", "worker1")

# As many words of Compose files as one service can have at a time, and the same with other values.
WORDS = {
    "environment": {"A": "1", "EMPTY": ""},
    "labels": {"l": ""},
    "ports": [{"target": 80, "published": 18080, "mode": "host"}],
    "healthcheck": {"test": ["CMD", "true"], "interval": "1s", "timeout": "5s", "retries": 3, "start_period": "1s"},
    "entrypoint": ["env"],
    "networks": {"back": {"aliases": ["w"]}},
    "volumes": [
        {"type": "volume", "source": "data", "target": "/data", "volume": {"nocopy": True}},
        {"type": "tmpfs", "target": "/scratch", "tmpfs": {"size": 1048576}},
        {"type": "bind", "source": "/etc/hostname", "target": "/name", "read_only": True},
    ],
    "secrets": [{"source": "pw", "target": "pw", "mode": 0o400}],
    "configs": ["conf"],
    "dns": ["192.0.2.53"],
    "dns_search": ["example.org"],
    "logging": {"driver": "json-file", "options": {"max-size": "1m"}},
    "user": "root",
    "working_dir": "/tmp",
    "hostname": "web",
    "extra_hosts": ["x:192.0.2.1"],
    "cap_add": ["NET_ADMIN"],
    "cap_drop": ["MKNOD"],
    "ulimits": {"nofile": {"soft": 1000, "hard": 2000}},
    "sysctls": {"net.core.somaxconn": "1024"},
    "read_only": True,
    "stop_signal": "SIGINT",
    "tty": True,
}
DEPLOY = {
    "replicas": 2,
    "labels": {"s": ""},
    "resources": {"limits": {"memory": "64M", "cpus": "0.5"}, "reservations": {"memory": "16M"}},
    "rollback_config": {"parallelism": 0, "failure_action": "pause", "monitor": "1s"},
}
# No two of these tasks may publish the same port of a node.
DEPLOY["update_config"] = {"parallelism": 1, "monitor": "300ms", "order": "stop-first"}
OTHERS = {
    "environment": {"A": "2"},
    "labels": {"m": "1"},
    "ports": [{"target": 81, "published": 18081, "mode": "host", "protocol": "udp"}],
    "healthcheck": {"disable": True},
    "networks": {"back": {}, "front": {}},
    "volumes": [{"type": "volume", "source": "data", "target": "/other"}],
    "secrets": ["pw"],
    "dns": ["192.0.2.54"],
    "logging": {"driver": "json-file", "options": {"max-size": "2m"}},
    "user": "nobody",
    "working_dir": "/",
    "hostname": "other",
    "extra_hosts": ["y:192.0.2.1"],
    "cap_add": ["SYS_TIME"],
    "ulimits": {"nofile": {"soft": 1001, "hard": 2000}},
    "read_only": False,
    "stop_signal": "SIGTERM",
}


def words(given, **deploy):
    """The service of all words."""
    return service(**copy.deepcopy(given), deploy={**copy.deepcopy(DEPLOY), "replicas": 1, **deploy})


@pytest.fixture(scope="module")
def definition(tmp_path_factory):
    """A stack with its files."""
    folder = tmp_path_factory.mktemp("files")
    given = {
        "version": "3.9",
        "services": {"web": words(WORDS), "side": service(networks=["back", "front"], secrets=["pw"], configs=["conf"])},
        "networks": {"back": {"attachable": True, "driver_opts": {"a": "b"}, "labels": {"x": ""}}, "front": {}},
        "volumes": {"data": {"labels": {"v": ""}}},
    }
    for kind, name in (("secrets", "pw"), ("configs", "conf")):
        (folder / name).write_text(f"first {name}", encoding="utf-8")
        given[kind] = {name: {"file": str(folder / name)}}
    return given


@pytest.fixture(scope="module")
def stack(lab, tmp_path_factory):
    """The stack, in the end removed."""
    stack = Stack(lab, tmp_path_factory.mktemp("results"), "engine")
    stack.run(state="absent")
    yield stack
    stack.run(state="absent")


def run(lab, module, host="manager2", check=False, **options):
    """One run of a module, through Ansible."""
    ansible = lab.host(host).ansible
    try:
        return ansible(f"apiary.swarm.{module}", json.dumps(options) if options else None, check=check)
    except ansible.AnsibleException as error:
        return error.result


def three_runs(lab, module, **options):
    """Predict, do and do again: what was done. A second run is one too many."""
    predicted, done, again = (run(lab, module, check=check, **options) for check in (True, False, False))
    assert predicted["changed"] and done["changed"] and not again["changed"], (predicted, done, again)
    if "plan" in done:
        assert predicted["plan"] == done["plan"]
    return done


def deployed(stack, definition, **options):
    """Predict, do and predict again; {short name: entry} of what was done."""
    given = {"definitions": [definition], **options}
    predicted, done, again = stack.runs({"check": True}, {}, {"check": True}, **given)
    for result in (predicted, done, again):
        assert not result.get("failed"), result["msg"]
    assert predicted["plan"] == done["plan"] and predicted["diff"] == done["diff"]
    assert done["changed"] and not again["changed"], again["diff"]
    return plan_of(done)


def content(lab, path, one="engine_side"):
    """What a file of a service's container holds."""
    task = lab.running(one)[0]["Status"]["ContainerStatus"]["ContainerID"]
    return lab.host("worker1").check_output(f"docker exec {task} cat {path}")


# -- the swarm
def test_the_hosts_have_this_engine_and_speak_its_api(lab):
    told = run(lab, "swarm_info", services=True, tasks=True)
    assert told["versions"]["engine"].startswith(f"{ENGINE}.") and told["versions"]["api"] == API[ENGINE]
    assert {node["hostname"]: node["state"] for node in told["nodes"]} == dict.fromkeys(HOSTS, "ready")
    assert all(node["engine_version"].startswith(f"{ENGINE}.") for node in told["nodes"])
    assert told["quorum"]["healthy"] and told["certificate"]["days_left"] > 0 and told["tasks"]
    assert {one["name"]: one["running"] for one in told["services"]} == {"registry_registry": 1}
    told = run(lab, "swarm_info", host="worker1")
    assert (told["state"], told["role"], told["control_available"]) == ("active", "worker", False) and told["cluster_id"]


def test_the_options_of_the_swarm_change_alone(lab):
    before = lab.get("/swarm")["Spec"]
    three_runs(lab, "swarm_init", task_history_limit=4, dispatcher_heartbeat="6s")
    after = lab.get("/swarm")["Spec"]
    assert after["Orchestration"].pop("TaskHistoryRetentionLimit") == 4 and after["Dispatcher"].pop("HeartbeatPeriod") == 6 * 10**9
    history, beat = before["Orchestration"].pop("TaskHistoryRetentionLimit"), before["Dispatcher"].pop("HeartbeatPeriod")
    assert after == before
    three_runs(lab, "swarm_init", task_history_limit=history, dispatcher_heartbeat=f"{beat // 10**9}s")


def test_nodes_are_labelled(lab):
    three_runs(lab, "node_label", labels={"rack": "7", "empty": ""}, nodes=["worker1", {"name": "manager2", "labels": {"rack": "8"}}])
    nodes = {name: node["Spec"]["Labels"] for name, node in lab.nodes().items()}
    assert nodes == {"manager2": {"rack": "8", "empty": ""}, "worker1": {"rack": "7", "empty": "", "registry": "true"}}
    three_runs(lab, "node_label", labels=["rack", "empty"], state="absent")
    assert lab.nodes()["worker1"]["Spec"]["Labels"] == {"registry": "true"}


def test_a_node_is_drained_until_it_is_empty_and_comes_back(lab):
    three_runs(lab, "node", nodes=["worker1"], availability="drain")
    assert not lab.host("worker1").check_output("docker ps --quiet")
    three_runs(lab, "node", nodes=["worker1"], availability="active")
    lab.until(lambda: lab.running("registry_registry"), "the registry's return")


# -- the engine
def test_options_are_reloaded_where_that_is_enough(lab):
    host = lab.host("worker1")
    pid, before = host.check_output("cat /run/docker.pid"), host.check_output("cat /etc/docker/daemon.json")
    for debug in (True, False):
        wanted = {"options": {"debug": debug, "max-concurrent-downloads": 4}, "apply": "reload"}
        results = [run(lab, "daemon_config", host="worker1", check=check, **wanted) for check in (True, False, False)]
        assert [one["changed"] for one in results] == [True, True, False] and {one["action"] for one in results[:2]} == {"reload"}
        assert lab.get("/info", "worker1")["Debug"] is debug
    assert host.check_output("cat /run/docker.pid") == pid
    # A reload leaves debug as it is when the option goes.
    back = run(lab, "daemon_config", host="worker1", options=json.loads(before), exclusive=True, apply="restart")
    assert back["action"] == "restart" and host.check_output("cat /run/docker.pid") != pid
    assert host.check_output("cat /etc/docker/daemon.json") == before
    lab.until(lambda: lab.running("registry_registry"), "the registry's return")


def test_an_engine_that_refuses_an_option_has_its_old_ones_back(lab):
    host = lab.host("worker1")
    before = host.check_output("cat /etc/docker/daemon.json")
    refused = run(lab, "daemon_config", host="worker1", options={"log-driver": "nosuch"}, apply="restart")
    assert "nosuch" in refused["msg"] and "The old options were restored" in refused["msg"], refused
    assert host.check_output("cat /etc/docker/daemon.json") == before
    lab.until(lambda: lab.running("registry_registry"), "the registry's return")


# -- the registry
def test_the_registry_follows_its_options_and_answers(lab):
    given = {"image": "apiary-lab/registry:2.8", "mode": "host", "constraints": ["node.labels.registry == true"]}
    assert not run(lab, "registry_stack", check=True, **given)["changed"]
    address = three_runs(lab, "registry_stack", delete_enabled=True, **given)["address"]
    assert address == f"{lab.addresses['worker1']}:5000" and lab.http(f"http://{address}/v2/")[0] == 200
    assert run(lab, "registry_info", address=address, images=["nothing/here:1"])["digests"] == {"nothing/here:1": None}
    image = f"{address}/lab/python:1"
    lab.host("worker1").check_output(f"docker tag apiary-lab/python:13 {image} && docker push --quiet {image} && docker image rm {image}")
    assert run(lab, "registry_info", address=address, images=["lab/python:1"])["digests"]["lab/python:1"].startswith("sha256:")
    three_runs(lab, "registry_stack", **given)


# -- the stack
def test_all_words_of_a_stack_are_planned_and_done(lab, stack, definition):
    plan = deployed(stack, definition)
    assert {entry["action"] for entry in plan.values()} == {"create"} and {"web", "side", "back", "front"} <= set(plan)
    told = run(lab, "stack_info", name="engine")
    assert told["exists"] and {name: one["running"] for name, one in told["services"].items()} == {"engine_web": 1, "engine_side": 1}
    assert len(told["releases"]) == 1


def test_other_values_change_that_service_alone(lab, stack, definition):
    before = stack.services(), stack.tasks()
    definition["services"]["web"] = words({**WORDS, **OTHERS}, replicas=1, labels={"s": "1"})
    plan = deployed(stack, definition)
    assert set(plan) == {"web"} and plan["web"]["replaces_tasks"] == "all"
    changed = {change[0].split(".")[0] for change in plan["web"]["changes"]}
    assert changed >= set(OTHERS), set(OTHERS) - changed
    after = stack.services(), stack.tasks()
    assert after[0]["side"]["Version"] == before[0]["side"]["Version"] and after[1]["side"] == before[1]["side"]
    assert after[0]["web"]["PreviousSpec"] == before[0]["web"]["Spec"], "written once"


def test_scaling_replaces_no_task(stack, definition):
    definition["services"]["side"]["deploy"]["replicas"] = 3
    before = stack.tasks()["side"]
    assert deployed(stack, definition)["side"]["replaces_tasks"] == "no" and before < stack.tasks()["side"]


def test_configs_and_secrets_rotate_and_only_the_kept_versions_stay(lab, stack, definition):
    for number in ("second", "third"):
        for kind, name in (("secrets", "pw"), ("configs", "conf")):
            with open(definition[kind][name]["file"], "w", encoding="utf-8") as file:
                file.write(f"{number} {name}")
        plan = deployed(stack, definition, keep_versions=1)
        assert {"web", "side"} < set(plan)
        assert content(lab, "/run/secrets/pw") == f"{number} pw" and content(lab, "/conf") == f"{number} conf"
    assert {item["Spec"]["Name"] for item in lab.get("/secrets")} == {"engine_pw-2", "engine_pw-3"}
    again = stack.run(definitions=[definition], keep_versions=1)
    assert not again["changed"]


def test_what_is_wrong_fails_before_a_write(stack, definition):
    before = {name: item["Version"] for name, item in stack.services().items()}
    wrong = [copy.deepcopy(definition) for _number in range(5)]
    wrong[0]["services"]["side"]["foo"] = 1
    wrong[1]["services"]["side"]["deploy"].update(mode="global", replicas=None)
    wrong[2]["networks"]["back"]["attachable"] = False
    wrong[3]["services"]["side"]["deploy"]["resources"] = {"limits": {"memory": "1M"}}
    wrong[4]["services"]["side"]["deploy"]["placement"] = {"constraints": ["nonsense"]}
    del wrong[1]["services"]["side"]["deploy"]["replicas"]
    said = ("foo is not allowed", "cannot become Global", r"differs \(attachable\)", "service 'engine_side'", "service 'engine_side'")
    for result, sentence in zip(stack.runs(*({"definitions": [one]} for one in wrong)), said):
        assert result["failed"] and re.search(sentence, result["msg"]), result["msg"]
        assert result["msg"].startswith("Could not deploy stack 'engine': ")
    assert {name: item["Version"] for name, item in stack.services().items()} == before


def test_a_deployment_that_does_not_work_fails_and_is_taken_back(lab, stack, definition):
    wrong = copy.deepcopy(definition)
    wrong["services"]["side"]["image"] = "apiary-lab/nowhere:1"
    result = stack.run(definitions=[wrong], rollback=True)
    assert result["failed"] and re.search(NO_IMAGE, result["msg"]) and "rolled back" in result["msg"], result["msg"]
    wrong = copy.deepcopy(definition)
    wrong["services"]["side"].update(command=["sh", "-c", "echo because; exit 3"])
    wrong["services"]["side"]["deploy"]["update_config"] = {"failure_action": "rollback", "monitor": "2s", "parallelism": 0}
    result = stack.run(definitions=[wrong])
    assert result["failed"] and "rolled back" in result["msg"] and "(3)" in result["msg"], result["msg"]
    mended = stack.run(definitions=[definition])
    assert not mended.get("failed") and len(lab.running("engine_side")) == 3


@pytest.mark.skipif(not KNOWS_JOBS, reason="the Compose files of this CLI know no jobs")
def test_a_job_runs_once(stack, definition):
    job = {"mode": "replicated-job", "endpoint_mode": "dnsrr", "restart_policy": {"condition": "none"}, "placement": PLACE["placement"]}
    definition["services"]["job"] = {**service("true"), "deploy": job}
    deployed(stack, definition)
    assert stack.run(definitions=[definition])["services"]["engine_job"] == "1/1 completed"
    assert stack.services()["job"]["JobStatus"]["JobIteration"].get("Index", 0) == 0
    del definition["services"]["job"]
    deployed(stack, definition, prune=True)


@pytest.mark.skipif(KNOWS_JOBS, reason="the Compose files of this CLI know jobs")
def test_a_job_is_refused_in_a_sentence(stack, definition):
    wrong = copy.deepcopy(definition)
    wrong["services"]["side"]["deploy"] = {"mode": "replicated-job"}
    result = stack.run(definitions=[wrong])
    assert result["failed"] and "Unknown mode: replicated-job" in result["msg"]


def test_a_stack_goes_back_to_a_release(lab, stack, definition):
    three = [{"state": "rolled_back", "check": check} for check in (True, False, False)]
    before = stack.services()["side"]["Spec"]
    changed = copy.deepcopy(definition)
    changed["services"]["side"]["environment"] = {"NEW": "1"}
    deployed(stack, changed)
    predicted, done, again = stack.runs(*three)
    for result in (predicted, done, again):
        assert not result.get("failed"), result["msg"]
    assert predicted["plan"] == done["plan"] and done["changed"] and not again["changed"]
    assert stack.services()["side"]["Spec"]["TaskTemplate"]["ContainerSpec"] == before["TaskTemplate"]["ContainerSpec"]
    assert run(lab, "stack_info", name="engine")["releases"][0]["release"] == done["release"]
    assert not stack.run(definitions=[definition], check=True)["changed"]


def test_what_is_no_longer_named_is_pruned(stack, definition):
    del definition["services"]["web"]
    orphaned = stack.run(definitions=[definition], check=True)
    assert not orphaned["changed"] and plan_of(orphaned)["web"]["action"] == "orphan"
    assert deployed(stack, definition, prune=True)["web"]["action"] == "remove"
    assert set(stack.services()) == {"side"}


def test_a_removed_stack_is_gone_when_the_module_returns(lab, stack, definition):
    gone, again = stack.runs({"state": "absent"}, {"state": "absent"})
    assert gone["changed"] and not again["changed"]
    left = [item["Spec"]["Name"] for kind in ("services", "configs", "secrets") for item in lab.get(f"/{kind}")]
    left += [item["Name"] for item in lab.get("/networks")]
    assert not [name for name in left if name.startswith("engine_")]
    deployed(stack, definition)
