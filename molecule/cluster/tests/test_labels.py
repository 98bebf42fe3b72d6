# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels follow the inventory, empty values included."""

from __future__ import annotations

import json

from stories import MANAGERS, ROOT, WORKERS

KEPT = {"registry": "true", "dockercoins.redis": "true"}


def labels(lab):
    return {name: node["Spec"]["Labels"] for name, node in lab.nodes().items()}


def versions(lab):
    return {name: node["Version"]["Index"] for name, node in lab.nodes().items()}


def node_label(lab, *arguments):
    """One task on one manager, as a person at the prompt would run it."""
    return lab.play(str(ROOT / "molecule" / "cluster" / "label.yml"), "-e", json.dumps({"label": dict(arguments)}))


def changed(result):
    return result[1]["manager2"]["changed"]


def test_label_for_all_nodes_is_one_write_a_node_and_none_the_second_time(lab):
    before = versions(lab)
    assert changed(node_label(lab, ("labels", {"zone": "a", "empty": ""}))) == 1
    after = versions(lab)
    assert all(after[name] > before[name] for name in MANAGERS + WORKERS)
    assert all(value["zone"] == "a" and value["empty"] == "" for value in labels(lab).values())
    assert changed(node_label(lab, ("labels", {"zone": "a", "empty": ""}))) == 0
    assert versions(lab) == after


def test_only_the_node_that_differs_is_written(lab):
    before = versions(lab)
    assert changed(node_label(lab, ("labels", {"zone": "a"}), ("nodes", [{"name": "worker2", "labels": {"zone": "b"}}, "manager1"]))) == 1
    after = versions(lab)
    assert [name for name in after if after[name] != before[name]] == ["worker2"]


def test_label_with_empty_value_is_removed(lab):
    assert changed(node_label(lab, ("labels", ["empty"]), ("state", "absent"))) == 1
    assert not [name for name, value in labels(lab).items() if "empty" in value]
    assert changed(node_label(lab, ("labels", ["empty"]), ("state", "absent"))) == 0


def test_site_leaves_foreign_labels_alone_unless_told_otherwise(lab):
    lab.site("--tags", "cluster")
    assert all("zone" in value for value in labels(lab).values())
    lab.site("--tags", "cluster", "-e", json.dumps({"cluster_labels_exclusive": True}))
    assert labels(lab) == {**dict.fromkeys(MANAGERS + WORKERS, {}), "worker1": KEPT}
