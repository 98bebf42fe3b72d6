# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker is added by one more line in the inventory, and reported when that line goes."""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml
from predictions import done, planned
from stories import ROOT

MOLECULE = ROOT / "molecule"
EXTRA = str(MOLECULE / "cluster" / "inventory" / "worker3.yml")


@pytest.fixture(scope="module", autouse=True)
def sixth_host(lab):
    """A bare sixth host, gone again afterwards, also after a failure."""
    lab.play("-i", EXTRA, str(MOLECULE / "default" / "create.yml"))
    yield
    lab.play("-i", EXTRA, str(MOLECULE / "default" / "remove.yml"))


def test_worker_joins_the_others_are_not_written_and_no_token_is_printed(lab):
    before = lab.at_rest()
    lines = planned(lab, "-i", EXTRA)
    assert [line[:3] for line in lines] == [
        ("worker3", "engine", "start"),
        ("worker3", "node", "join"),
        ("worker3", "packages", "install"),
    ]
    _rc, recap, text = lab.site("-i", EXTRA, "-vvvv")
    assert "Join workers in parallel" in text and "SWMTKN" not in text
    assert not [token for token in lab.get("/swarm")["JoinTokens"].values() if token.rsplit("-", 1)[1] in text]
    assert {name for name, counts in recap.items() if counts["changed"]} == {"worker3"}
    node = lab.nodes()["worker3"]
    assert (node["Status"]["State"], node["Spec"]["Role"], node["Spec"]["Availability"]) == ("ready", "worker", "active")
    changed = lab.changes_since(before)
    assert not [key for key in changed if key in before], changed


def test_global_service_follows_to_the_new_worker(lab):
    node_id = lab.nodes()["worker3"]["ID"]
    lab.until(lambda: node_id in {task["NodeID"] for task in lab.running("dockercoins_rng")}, "rng on worker3")


def test_second_run_with_six_hosts_writes_nothing(lab):
    before = lab.at_rest()
    _rc, recap, _text = lab.site("-i", EXTRA)
    assert not any(counts["changed"] for counts in recap.values())
    assert not lab.changes_since(before)


def test_role_follows_the_group_as_planned(lab, tmp_path):
    """The sixth host becomes a manager, and a worker again."""
    inventory = yaml.safe_load(pathlib.Path(EXTRA).read_text(encoding="utf-8"))
    inventory["swarm_managers"] = inventory.pop("swarm_workers")
    (tmp_path / "manager.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    cluster = ["--tags", "cluster", "-e", json.dumps({"preflight_allow_even_managers": True})]
    for file, line in (
        (str(tmp_path / "manager.yml"), ("worker3", "node", "promote", "worker → manager")),
        (EXTRA, ("worker3", "node", "demote", "manager → worker")),
    ):
        lines = planned(lab, "-i", file, *cluster)
        assert lines == [line] and done(lab, "-i", file, *cluster) == lines
    lab.until(lambda: "ManagerStatus" not in lab.nodes()["worker3"], "worker3 out of raft")


def test_worker_without_a_line_is_reported_and_kept(lab):
    _rc, recap, text = lab.site("--tags", "cluster")
    assert "Node 'worker3'" in text and "cluster_prune" in text
    assert not any(counts["changed"] for counts in recap.values())
    assert "worker3" in lab.nodes()


def test_worker_without_a_line_is_removed_when_told_so(lab):
    prune = ["--tags", "cluster", "-e", json.dumps({"cluster_prune": True})]
    lines = planned(lab, *prune)
    assert lines == [("swarm", "node", "remove", "worker3")]
    assert done(lab, *prune) == lines
    assert "worker3" not in {node["Description"]["Hostname"] for node in lab.get("/nodes")}
