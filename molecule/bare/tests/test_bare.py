# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare cluster comes up.

The tests build on each other.
"""

from __future__ import annotations

import json
import re

from stories import MANAGERS, WORKERS

IMAGES = {"dockercoins/rng", "dockercoins/hasher", "dockercoins/worker", "dockercoins/webui", "apiary-lab/redis"}


def test_check_mode_on_bare_hosts_fails_nowhere_and_writes_nothing(lab):
    _rc, recap, _text = lab.site("--check", "--diff")
    assert all(counts["changed"] for counts in recap.values())
    assert set(lab.everywhere("ls -d /etc/docker /var/lib/apiary-swarm 2>/dev/null || true").values()) == {""}


def test_first_run_arrives(lab):
    lab.site()


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


def test_check_mode_predicts_what_the_real_run_does(lab):
    """A change that touches swarm, node and service: predicted, untouched by the prediction, done, and then nothing left."""
    change = ["-e", json.dumps({"cluster_task_history_limit": 3, "registry_delete_enabled": True})]
    before = lab.at_rest()
    _rc, predicted, text = lab.site("--check", "--diff", *change)
    assert not lab.changes_since(before)
    assert "task_history_limit" in text and "REGISTRY_STORAGE_DELETE_ENABLED" in text
    _rc, done, _text = lab.site(*change)
    assert {n: c["changed"] for n, c in done.items()} == {n: c["changed"] for n, c in predicted.items()}
    assert sum(counts["changed"] for counts in done.values()) == 2
    after = lab.at_rest()
    _rc, again, _text = lab.site(*change)
    assert sum(counts["changed"] for counts in again.values()) == 0
    assert not lab.changes_since(after)
