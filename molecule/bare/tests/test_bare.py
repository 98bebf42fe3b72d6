# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare cluster comes up.

The tests build on each other.
"""

from __future__ import annotations

import json
import re

from predictions import done, planned
from stories import MANAGERS, WORKERS

# A stack of one service, from an image that every node can pull.
EXTRA = """
services:
  one:
    image: apiary-lab/python:13
    command: [sleep, infinity]
    networks: {net: {}}
    deploy:
      replicas: 1
      endpoint_mode: dnsrr
      placement: {constraints: [node.hostname == worker1]}
networks: {net: {}}
"""
IMAGES = {"dockercoins/rng", "dockercoins/hasher", "dockercoins/worker", "dockercoins/webui", "apiary-lab/redis"}


def by_stack(lines):
    """Lines in which a stack that is new is one thing; what it consists of is only known where there is a Swarm."""
    new = {text.split("_")[0] for _host, subject, verb, text in lines if (subject, verb) == ("service", "create")}
    parts = {"service": "create", "network": "create", "config": "create", "secret": "create", "release": "record"}
    kept = [line for line in lines if not (parts.get(line[1]) == line[2] and re.split("[_ ]", line[3])[0] in new)]
    named = [(host, "stack" if subject == "registry" else subject, verb, text.replace("stack ", "")) for host, subject, verb, text in kept]
    return sorted([*named, *(("swarm", "stack", "deploy", name) for name in new)])


def test_check_mode_on_bare_hosts_fails_nowhere_and_writes_nothing(lab):
    _rc, recap, text = lab.site("--check", "--diff")
    assert sum(counts["changed"] for counts in recap.values()) == 1
    for words in ("docker.io", "as manager", "as worker", "dockercoins.redis (none) → true", "dockercoins/rng", "stack registry"):
        assert words in text, words
    assert set(lab.everywhere("ls -d /etc/docker /var/lib/apiary-swarm 2>/dev/null || true").values()) == {""}


def test_first_run_does_what_was_planned_line_by_line(lab):
    lines = planned(lab)
    assert set(lab.everywhere("ls -d /etc/docker /var/lib/apiary-swarm 2>/dev/null || true").values()) == {""}
    assert by_stack(done(lab)) == by_stack(lines)


def test_three_managers_are_reachable(lab):
    reachable = {name for name, node in lab.nodes().items() if node.get("ManagerStatus", {}).get("Reachability") == "reachable"}
    assert reachable == set(MANAGERS)


def test_five_nodes_are_ready_and_active(lab):
    states = {name: (node["Status"]["State"], node["Spec"]["Availability"]) for name, node in lab.nodes().items()}
    assert states == dict.fromkeys(MANAGERS + WORKERS, ("ready", "active"))


def test_labels_are_those_of_the_inventory(lab):
    labels = {name: node["Spec"]["Labels"] for name, node in lab.nodes().items()}
    assert labels == {**dict.fromkeys(MANAGERS + WORKERS, {}), "worker1": {"registry": "true", "dockercoins.redis": "true"}}


def test_swarm_carries_its_environment(lab):
    assert lab.get("/swarm")["Spec"]["Labels"] == {"environment": "lab"}


def test_engines_rotate_their_logs(lab):
    for name in MANAGERS + WORKERS:
        options = json.loads(lab.host(name).file("/etc/docker/daemon.json").content_string)
        assert options["log-opts"] == {"max-size": "10m", "max-file": "3"}, name


def test_registry_lists_the_images(lab):
    status, text = lab.http(f"http://{lab.addresses['worker1']}:5000/v2/_catalog")
    assert status == 200
    assert set(json.loads(text)["repositories"]) >= IMAGES


def test_nodes_run_images_of_the_registry_by_digest(lab):
    registry = re.escape(f"{lab.addresses['worker1']}:5000")
    for service in ("rng", "hasher", "worker", "webui"):
        for task in lab.running(f"dockercoins_{service}"):
            assert re.fullmatch(rf"{registry}/dockercoins/{service}:\w+@sha256:\w+", task["Spec"]["ContainerSpec"]["Image"]), task["Spec"][
                "ContainerSpec"
            ]["Image"]


def test_rng_runs_on_every_node_and_redis_on_the_labelled_one(lab):
    nodes = {node["ID"]: name for name, node in lab.nodes().items()}
    assert sorted(nodes[task["NodeID"]] for task in lab.running("dockercoins_rng")) == sorted(MANAGERS + WORKERS)
    assert [nodes[task["NodeID"]] for task in lab.running("dockercoins_redis")] == ["worker1"]


def test_page_answers_on_a_host_port_of_every_node(lab):
    for name, address in lab.addresses.items():
        status, text = lab.http(f"http://{address}:8000/")
        assert status == 200 and "<html" in text, name


def test_count_of_coins_grows(lab):
    def coins():
        status, text = lab.http(f"http://{lab.addresses['manager1']}:8000/json")
        return json.loads(text)["coins"] if status == 200 else None

    first = lab.until(lambda: coins() is not None and [coins()], "the page's data")[0]
    lab.until(lambda: (coins() or 0) > first, "more coins")


def test_second_run_writes_nothing(lab):
    before = lab.at_rest()
    _rc, recap, _text = lab.site()
    assert {name: (counts["changed"], counts["failed"]) for name, counts in recap.items()} == dict.fromkeys(MANAGERS + WORKERS, (0, 0))
    assert not lab.changes_since(before)


def test_change_run_does_what_was_planned_line_by_line(lab, tmp_path):
    """A reload, a restart, a label, an availability, an option of the swarm, an image, a service that changes and a stack that is new."""
    (tmp_path / "compose.yml").write_text(EXTRA, encoding="utf-8")
    change = {
        "cluster_task_history_limit": 8,
        "registry_delete_enabled": True,
        "engine_daemon_options": "{{ {'debug': true} if inventory_hostname == 'worker1' else {} }}",
        "engine_metrics_addr": "{{ '127.0.0.1:9323' if inventory_hostname == 'worker2' else '' }}",
        "cluster_labels": "{{ {'zone': ''} if inventory_hostname == 'manager3' else {} }}",
        "cluster_availability": "{{ 'drain' if inventory_hostname == 'manager2' else 'active' }}",
        "images_push": ["apiary-lab/redis:8", "apiary-lab/python:13"],
        "stacks_projects": [{"name": "extra", "files": [str(tmp_path / "compose.yml")]}],
    }
    arguments = ["-e", json.dumps(change)]
    before = lab.at_rest()
    lines = planned(lab, *arguments)
    _rc, _recap, text = lab.site("--check", "--diff", *arguments)
    assert "task_history_limit" in text and "REGISTRY_STORAGE_DELETE_ENABLED" in text
    assert not lab.changes_since(before)
    assert {(host, subject, verb) for host, subject, verb, _text in lines} == {
        ("worker1", "engine", "reload"),
        ("worker2", "engine", "restart"),
        ("manager3", "node", "label"),
        ("manager2", "node", "drain"),
        ("swarm", "swarm", "set"),
        ("swarm", "service", "update"),
        ("swarm", "image", "push"),
        ("swarm", "network", "create"),
        ("swarm", "service", "create"),
        ("swarm", "release", "record"),
    }
    assert done(lab, *arguments) == lines
    after = lab.at_rest()
    _rc, again, _text = lab.site(*arguments)
    assert sum(counts["changed"] for counts in again.values()) == 0
    assert not lab.changes_since(after)


def test_impossible_stack_stops_a_run_before_an_option_is_written(lab, tmp_path):
    (tmp_path / "compose.yml").write_text(EXTRA.replace("replicas: 1", "mode: global").replace("sleep", "SLEEP"), encoding="utf-8")
    change = {
        "engine_metrics_addr": "{{ '127.0.0.1:9324' if inventory_hostname == 'worker2' else '' }}",
        "engine_daemon_options": "{{ {'log-opts': {'max-file': 3}} if inventory_hostname == 'worker1' else {} }}",
        "stacks_projects": [{"name": "extra", "files": [str(tmp_path / "compose.yml")]}],
    }
    before, files = lab.at_rest(), lab.daemon_files()
    rc, _recap, text = lab.site("-e", json.dumps(change), check=False)
    plain = " ".join(text.split())
    assert rc != 0 and "cannot become Global" in plain and "Could not set daemon option 'log-opts'" in plain
    assert not lab.changes_since(before) and lab.daemon_files() == files
