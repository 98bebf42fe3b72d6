# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker and a manager change places in the very run that restarts all engines, and the swarm never loses its quorum."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml
from predictions import done, planned
from stories import ROOT, Lab, Watch

RESTART = ["-e", json.dumps({"engine_metrics_addr": "127.0.0.1:9323"})]
# Both are managers before and after, so that one of them can always be asked.
STAY = ("manager1", "manager2")


@pytest.fixture(name="other")
def other_lab(lab):
    """The same hosts, with worker1 among the managers and manager3 among the workers."""
    # As deep as the lab's own: its variables name files beside it.
    folder = ROOT / "build" / "role_change"
    shutil.copytree(lab.inventory, folder, dirs_exist_ok=True)
    path = folder / "hosts.yml"
    inventory = yaml.safe_load(path.read_text(encoding="utf-8"))
    managers, workers = (inventory["swarm"]["children"][group]["hosts"] for group in ("swarm_managers", "swarm_workers"))
    managers["worker1"], workers["manager3"] = workers.pop("worker1"), managers.pop("manager3")
    path.write_text(yaml.safe_dump(inventory), encoding="utf-8")
    other = Lab(folder)
    yield other
    other.close()
    shutil.rmtree(folder)


def lost(lab):
    """How many more managers may not be lost: members that are needed, less those that are reachable; None while nobody answers."""
    for name in STAY:
        try:
            members = [node["ManagerStatus"] for node in lab.get("/nodes", name) if "ManagerStatus" in node]
        except AssertionError:
            continue  # its engine restarts, or there is an election
        return len(members) // 2 + 1 - sum(member["Reachability"] == "reachable" for member in members)
    return None


def managers(lab):
    """The names of the managers."""
    return {name for name, node in lab.nodes("manager1").items() if "ManagerStatus" in node}


def test_two_hosts_change_places_while_all_engines_restart(lab, other):
    starts = lab.engine_starts()
    lines = planned(other, *RESTART)
    assert {("worker1", "node", "promote"), ("manager3", "node", "demote")} <= {line[:3] for line in lines}
    assert {line[0] for line in lines if line[1:3] == ("engine", "restart")} == set(lab.addresses)
    with Watch(lambda: lost(lab)) as quorum:
        assert done(other, *RESTART) == lines
    seen = [one for one in quorum.seen if one is not None]
    assert max(seen) <= 0 and len(seen) > 20, quorum.seen
    assert managers(lab) == {*STAY, "worker1"}
    assert not [name for name, start in lab.engine_starts().items() if start == starts[name]]
    before = other.at_rest("manager1")
    _rc, recap, _text = other.site(*RESTART)
    assert not any(counts["changed"] for counts in recap.values()) and not other.changes_since(before, "manager1")


def test_the_hosts_change_back(lab):
    with Watch(lambda: lost(lab)) as quorum:
        lab.site()
    assert max(one for one in quorum.seen if one is not None) <= 0
    lab.until(lambda: managers(lab) == {*STAY, "manager3"}, "the managers of the lab's inventory")
