# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first manager is dead, and site.yml works through another."""

from __future__ import annotations

import json
import subprocess

import pytest
from stories import MANAGERS, WORKERS

DEAD, ALIVE = MANAGERS[0], MANAGERS[1:] + WORKERS


@pytest.fixture(scope="module", autouse=True)
def dead_manager(lab):
    """Power off, as sudden as it gets; and back on, so that the next story finds five hosts."""
    subprocess.run(["docker", "kill", lab.container(DEAD)], check=True, stdout=subprocess.DEVNULL)
    lab.until(lambda: state_of(lab, DEAD) == "down", f"{DEAD} down")
    yield
    subprocess.run(["docker", "start", lab.container(DEAD)], check=True, stdout=subprocess.DEVNULL)
    lab.until(lambda: reachable(lab) == set(MANAGERS), "all managers reachable")


def state_of(lab, name):
    return {node["Description"]["Hostname"]: node["Status"]["State"] for node in lab.get("/nodes")}[name]


def reachable(lab):
    return {
        node["Description"]["Hostname"]
        for node in lab.get("/nodes")
        if node.get("ManagerStatus", {}).get("Reachability") == "reachable" and node["Status"]["State"] == "ready"
    }


def test_run_does_all_the_rest_and_writes_nothing(lab):
    before = lab.at_rest()
    _rc, recap, _text = lab.site(check=False)
    assert recap[DEAD]["unreachable"] == 1
    assert {name: (recap[name]["changed"], recap[name]["failed"]) for name in ALIVE} == dict.fromkeys(ALIVE, (0, 0))
    assert not lab.changes_since(before)


def test_change_arrives_through_another_manager(lab):
    change = json.dumps({"cluster_task_history_limit": 7})
    _rc, recap, _text = lab.site("-e", change, check=False)
    assert [name for name in ALIVE if recap[name]["changed"]] == ["manager2"]
    assert lab.get("/swarm")["Spec"]["Orchestration"]["TaskHistoryRetentionLimit"] == 7


def test_dead_manager_is_not_taken_for_a_stray(lab):
    _rc, recap, _text = lab.site("--tags", "cluster", "-e", json.dumps({"cluster_prune": True}), check=False)
    assert {name: (recap[name]["changed"], recap[name]["failed"]) for name in ALIVE} == dict.fromkeys(ALIVE, (0, 0))
    assert state_of(lab, DEAD) == "down"


def test_host_that_comes_back_needs_nothing(lab):
    subprocess.run(["docker", "start", lab.container(DEAD)], check=True, stdout=subprocess.DEVNULL)
    lab.until(lambda: reachable(lab) == set(MANAGERS), "all managers reachable")
    lab.until(lambda: lab.http(f"http://{lab.addresses[DEAD]}:8000/healthz")[0] == 200, f"the page on {DEAD}")
    _rc, recap, _text = lab.site("-e", json.dumps({"cluster_task_history_limit": 7}))
    assert not any(counts["changed"] for counts in recap.values())
