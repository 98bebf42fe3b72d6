# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._engine import plan as engine_plan

RIGHT: dict[str, Any] = {"action": "nothing", "changed": False, "changed_options": [], "before": {}, "after": {}, "problems": []}
JOURNALD = {"changed": True, "before": {"log-driver": "json-file"}, "after": {"log-driver": "journald"}, "changed_options": ["log-driver"]}
MEMBER = {"state": "active", "error": None, "node_id": "id-1", "hostname": "w1", "role": "worker", "nodes": None}
NOBODY = {"state": "inactive", "error": None, "node_id": None, "role": None, "nodes": None}


def host(swarm: dict[str, Any] | None = None, daemon: dict[str, Any] | None = None, **roles: Any) -> dict[str, Any]:
    """A Debian host on which the engine is as it should be otherwise."""
    look = {
        "system": {"family": "Debian", "distribution": "Debian", "version": "13"},
        "packages": {"docker.io": "26.1.5", "docker-cli": "26.1.5", "python3-docker": "7.1.0"},
        "holds": [],
        "unit": {"installed": True, "active": True, "enabled": True, "starts_blocked": False},
        "kernel": {"sysctl": {}, "features": {}},
        "files": {},
        "daemon": {**RIGHT, **(daemon or {})},
        "engine": {"replaced": False},
        "swarm": {**MEMBER, **(swarm or {})},
    }
    return {"look": look, "roles": {"engine_kernel_files": False, **roles}, "addresses": []}


def plan(renewed: dict[str, list[str]] | None = None, **hosts: Any) -> Any:
    """The plan of these hosts."""
    return engine_plan.plan(hosts, renewed or {})


def lines(found: Any) -> list[tuple[str, str, str]]:
    """The changes as (host, verb, text)."""
    return [(change.host, change.verb, change.text) for change in found.changes]


def test_engine_that_is_right_needs_nothing() -> None:
    found = plan(w1=host())
    assert (found.changes, found.problems, found.data["configure"]) == ([], [], [])
    assert found.data["restart"] == {"worker": [], "manager": [], "leader": []}


def test_option_that_a_reload_carries_is_set_at_once() -> None:
    found = plan(w1=host(daemon={"changed": True, "action": "reload", "before": {}, "after": {"debug": True}}))
    assert lines(found) == [("w1", "reload", "debug true")] and found.data["configure"] == ["w1"]


@pytest.mark.parametrize(
    ("swarm", "kind"),
    [
        ({"role": "worker"}, "worker"),
        ({"role": "manager", "nodes": [{"id": "id-1", "leader": False}]}, "manager"),
        ({"role": "manager", "nodes": [{"id": "id-1", "leader": True}]}, "leader"),
        ({"role": None, "state": "pending"}, "worker"),
    ],
)
def test_option_that_needs_a_restart_waits_for_its_turn(swarm: dict[str, Any], kind: str) -> None:
    found = plan(w1=host(swarm, {**JOURNALD, "action": "restart"}))
    assert lines(found) == [("w1", "restart", "log-driver json-file → journald (in its turn)")]
    assert found.data["restart"][kind] == ["w1"] and found.data["configure"] == []


def test_engine_in_no_swarm_restarts_at_once() -> None:
    found = plan(w1=host(NOBODY, {**JOURNALD, "action": "restart"}))
    assert lines(found) == [("w1", "restart", "log-driver json-file → journald")]
    assert found.data["configure"] == ["w1"] and found.data["hosts"]["w1"]["alone"]


def test_option_that_is_written_and_not_read_is_told() -> None:
    found = plan(
        w1=host(
            daemon={
                "changed": True,
                "action": "restart",
                "changed_options": ["mtu"],
                "before": {"(engine)": "has not read mtu"},
                "after": {},
            }
        )
    )
    assert lines(found) == [("w1", "restart", "mtu not read yet (in its turn)")]


def test_renewed_certificate_restarts_an_engine_that_serves_its_api() -> None:
    assert lines(plan({"w1": ["tlscert"]}, w1=host(engine_remote_api=True))) == [("w1", "restart", "tlscert is renewed (in its turn)")]
    assert plan({"w1": ["tlscert"]}, w1=host()).changes == []


REPLACE = {"engine_version": "28.5*", "engine_replace": True}


@pytest.mark.parametrize(
    ("swarm", "kind"),
    [({"role": "worker"}, "worker"), ({"role": "manager", "nodes": [{"id": "id-1", "leader": True}]}, "leader")],
)
def test_an_engine_that_is_replaced_waits_for_its_turn(swarm: dict[str, Any], kind: str) -> None:
    found = plan(w1=host(swarm, **REPLACE))
    text = "docker.io=28.5*, docker-cli=28.5* instead of docker.io 26.1.5, docker-cli 26.1.5 (in its turn)"
    assert lines(found) == [("w1", "replace", text), ("w1", "hold", "docker.io=28.5*, docker-cli=28.5*")]
    assert found.data["restart"][kind] == ["w1"] and found.data["configure"] == [] and found.data["hosts"]["w1"]["replaces"]


def test_what_else_changes_on_a_host_whose_engine_is_replaced_is_done_at_once() -> None:
    found = plan(w1=host(daemon={"changed": True, "action": "reload", "before": {}, "after": {"debug": True}}, **REPLACE))
    assert lines(found)[-1] == ("w1", "reload", "debug true")
    assert found.data["restart"]["worker"] == ["w1"] and found.data["configure"] == []
    later = host(**REPLACE)
    later["look"]["unit"]["enabled"] = False
    assert plan(w1=later).data["configure"] == ["w1"], "to start at boot takes no restart"


def test_an_engine_in_no_swarm_is_replaced_at_once() -> None:
    found = plan(w1=host(NOBODY, **REPLACE))
    assert found.data["configure"] == ["w1"] and not found.data["hosts"]["w1"]["replaces"]
    assert found.data["restart"] == {"worker": [], "manager": [], "leader": []}
    assert "in its turn" not in lines(found)[0][2]


def test_an_engine_that_still_runs_its_old_program_restarts_where_it_may_be_replaced() -> None:
    old = host(engine_replace=True)
    old["look"]["engine"]["replaced"] = True
    found = plan(w1=old)
    assert lines(found) == [("w1", "restart", "its program was replaced since it started (in its turn)")]
    assert found.data["restart"]["worker"] == ["w1"] and found.warnings == []
    old["look"]["swarm"] = NOBODY
    found = plan(w1=old)
    assert lines(found) == [("w1", "restart", "its program was replaced since it started")] and found.data["configure"] == ["w1"]


def test_an_engine_that_still_runs_its_old_program_is_left_alone_otherwise_and_told() -> None:
    old = host()
    old["look"]["engine"]["replaced"] = True
    found = plan(w1=old)
    assert found.changes == [] and found.warnings == [
        "The engine of 'w1' still runs a binary that its package has replaced, and runs the new one after a restart. Set engine_replace to "
        "true to have it restarted in its turn."
    ]


LOCKS = {"role": "manager", "nodes": [{"id": "id-1", "leader": True}], "options": {"autolock": True}}
RESTART = {**JOURNALD, "action": "restart"}


def test_managers_that_a_restart_would_lock_need_the_key() -> None:
    other = {"role": "manager", "nodes": [], "node_id": "id-2"}
    (problem,) = plan(m1=host(LOCKS, RESTART), m2=host(other, RESTART)).problems
    assert problem == (
        "Could not restart the engines of m2, m1: the swarm locks managers that restart (autolock), and cluster_unlock_key is not given. "
        "Put the key that 'docker swarm unlock-key' shows into a vault, and give it as cluster_unlock_key."
    )
    (problem,) = plan(m1=host(LOCKS, **REPLACE)).problems
    assert problem.startswith("Could not restart the engine of 'm1': ")
    assert engine_plan.plan({"m1": host(LOCKS, RESTART)}, {}, can_unlock=True).problems == []


def test_without_a_quorum_a_managers_own_key_tells_that_it_is_locked() -> None:
    lost = {"role": "manager", "nodes": None, "options": None, "locks": True}
    assert len(plan(m1=host(lost, RESTART)).problems) == 1
    assert plan(m1=host({**lost, "locks": False}, RESTART)).problems == []


def test_workers_are_never_locked() -> None:
    assert plan(m1=host(LOCKS), w1=host({"node_id": "id-2"}, RESTART)).problems == []
    unlocked = {**LOCKS, "options": {"autolock": False}}
    assert plan(m1=host(unlocked, RESTART)).problems == []


def test_missing_package_is_installed_before_the_options_are_set() -> None:
    bare = host(NOBODY, {"changed": True, "before": {}, "after": {"icc": False}})
    bare["look"]["packages"] = {}
    bare["look"]["unit"] = {"installed": False, "active": False, "enabled": False, "starts_blocked": False}
    found = plan(w1=bare)
    assert [change.subject for change in found.changes][0] == "packages"
    assert lines(found)[-1] == ("w1", "start", "icc false") and found.data["configure"] == ["w1"]


def test_problems_of_all_hosts_are_told_at_once() -> None:
    wrong = host(daemon={"problems": ["Could not set daemon option 'x' of host 'w1': no. Do."]}, engine_restart_batch="many")
    found = plan(w1=wrong, w2=host(daemon={"problems": ["Could not set daemon option 'x' of host 'w2': no. Do."]}))
    assert len(found.problems) == 3 and "engine_restart_batch 'many'" in found.problems[-1]


def test_host_that_did_not_answer_is_not_planned() -> None:
    assert plan(w1={"look": None, "roles": {}, "addresses": []}).data["hosts"] == {}
