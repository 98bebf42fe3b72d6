# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A swarm that locks managers when they restart goes through a change of options that restarts them all.

The tests build on each other; the last one ends where the story began.
"""

from __future__ import annotations

import json

import pytest
from predictions import planned
from stories import MANAGERS, Watch

ULIMITS = {"nofile": {"Name": "nofile", "Hard": 4096, "Soft": 4096}}
CHANGE = {"engine_ulimits": f"{{{{ {json.dumps(ULIMITS)} if inventory_hostname in groups.swarm_managers else none }}}}"}


@pytest.fixture(scope="module")
def secret(lab, tmp_path_factory):
    """The key, and a file with it, as from a vault."""
    lab.site("--tags", "cluster", "-e", "cluster_autolock=true")
    key = lab.get("/swarm/unlockkey")["UnlockKey"]
    path = tmp_path_factory.mktemp("vault") / "key.json"
    path.write_text(json.dumps({"cluster_unlock_key": key}), encoding="utf-8")
    return key, f"@{path}"


def run(lab, *arguments, check=True, **variables):
    """site.yml, the part that is about engines: (rc, {host: changes}, text)."""
    rc, recap, text = lab.site("--tags", "engine", "-e", json.dumps(variables), *arguments, check=check)
    return rc, {name: counts["changed"] for name, counts in recap.items()}, " ".join(text.split())


def test_without_the_key_nothing_is_restarted(lab, secret):
    files, starts = lab.daemon_files(), lab.engine_starts()
    rc, changes, text = run(lab, check=False, **CHANGE)
    assert rc != 0 and not any(changes.values())
    assert "the swarm locks managers that restart (autolock), and cluster_unlock_key is not given" in text
    assert secret[0] not in text
    assert (lab.daemon_files(), lab.engine_starts()) == (files, starts)


def test_with_another_key_nothing_is_restarted(lab, secret):
    files, starts = lab.daemon_files(), lab.engine_starts()
    rc, changes, text = run(lab, check=False, **CHANGE, cluster_unlock_key="SWMKEY-1-7c37Cc8654o6p38HnroywCi19pllOnGtbdZEgtKxZu8")
    assert rc != 0 and not any(changes.values())
    assert "it is not the key of its swarm, or was rotated since" in text and secret[0] not in text
    assert (lab.daemon_files(), lab.engine_starts()) == (files, starts)


def test_with_the_key_managers_restart_one_by_one_and_are_unlocked(lab, secret):
    key, given = secret
    starts = lab.engine_starts()
    told = planned(lab, "--tags", "engine", "-e", json.dumps(CHANGE), "-e", given)
    assert [(host, verb) for host, _subject, verb, _text in told] == [(name, "restart") for name in MANAGERS]
    with Watch(lab.managers_listening) as quorum:
        _rc, done, text = run(lab, "-e", given, "-vvv", **CHANGE)
    assert min(quorum.seen) >= 2 and len(quorum.seen) > 20, quorum.seen
    # Its options, and the lock.
    assert {name: count for name, count in done.items() if count} == dict.fromkeys(MANAGERS, 2)
    assert key not in text
    now = lab.engine_starts()
    assert [name for name in starts if now[name] != starts[name]] == MANAGERS
    assert [lab.get("/info", name)["Swarm"]["LocalNodeState"] for name in MANAGERS] == ["active"] * 3
    for name in MANAGERS:
        assert key not in lab.host(name).check_output("journalctl --output=cat"), "the key is in no journal"
    before = lab.at_rest()
    _rc, again, _text = run(lab, "-e", given, **CHANGE)
    assert not any(again.values()) and not lab.changes_since(before)


def test_managers_that_were_restarted_by_hand_are_named_or_unlocked(lab, secret):
    key, given = secret
    both = ["--tags", "engine,cluster", "-e", json.dumps({**CHANGE, "cluster_autolock": True})]
    for names in (["manager3"], MANAGERS):
        for name in names:
            lab.host(name).check_output("systemctl restart docker")
        lab.until(
            lambda names=names: all(lab.get("/info", name)["Swarm"]["LocalNodeState"] == "locked" for name in names), "locked managers"
        )
        rc, recap, text = lab.site(*both, check=False)
        assert rc != 0 and "Unlock it with 'docker swarm unlock', or give cluster_unlock_key." in " ".join(text.split())
        assert not any(counts["changed"] for counts in recap.values())
        assert [line[:3] for line in planned(lab, *both, "-e", given)] == [(name, "manager", "unlock") for name in names]
        _rc, recap, text = lab.site(*both, "-e", given, "-vvv")
        assert [name for name, counts in recap.items() if counts["changed"]] == names and key not in text
        assert [lab.get("/info", name)["Swarm"]["LocalNodeState"] for name in MANAGERS] == ["active"] * 3
        lab.until(lambda: all(node["Status"]["State"] == "ready" for node in lab.get("/nodes")), "five nodes ready")


def test_a_locked_manager_can_be_unlocked_by_the_module_alone(lab, secret, tmp_path):
    key, given = secret
    lab.host("manager3").check_output("systemctl restart docker")
    assert lab.get("/info", "manager3")["Swarm"]["LocalNodeState"] == "locked"
    play = tmp_path / "unlock.json"
    task = {"name": "Unlock", "apiary.swarm.swarm_unlock": {"unlock_key": "{{ cluster_unlock_key }}"}}
    play.write_text(json.dumps([{"name": "Unlock", "hosts": "swarm", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    _rc, recap, text = lab.playbook(str(play), "-e", given, "-vvv")
    assert [name for name, counts in recap.items() if counts["changed"]] == ["manager3"] and key not in text
    assert lab.get("/info", "manager3")["Swarm"]["LocalNodeState"] == "active"


def test_the_story_ends_where_it_began(lab, secret):
    lab.until(lambda: all(node["Status"]["State"] == "ready" for node in lab.get("/nodes")), "five nodes ready")
    lab.site("-e", secret[1], "-e", "cluster_autolock=false")
    before = lab.at_rest()
    _rc, again, _text = lab.site()
    assert not any(counts["changed"] for counts in again.values()) and not lab.changes_since(before)
