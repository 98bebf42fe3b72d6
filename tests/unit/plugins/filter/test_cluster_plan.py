# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.cluster_plan import FilterModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.modules import swarm_info
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module

cluster_plan = FilterModule().filters()["cluster_plan"]

MEMBERS = {"m1": "10.0.0.1", "m2": "10.0.0.2", "m3": "10.0.0.3", "w1": "10.0.0.4", "w2": "10.0.0.5"}
MANAGERS = ["m1", "m2", "m3"]
BARE: dict[str, Any] = {
    "state": "inactive",
    "control_available": False,
    "quorum": None,
    "error": None,
    "node_id": None,
    "cluster_id": None,
    "nodes": None,
}


def view(host: str, **info: Any) -> dict[str, Any]:
    """What a host says of itself; a bare one where nothing is given."""
    role = "manager" if host in MANAGERS else "worker"
    return {"host": host, "role": role, "address": MEMBERS.get(host, "10.0.0.9"), "info": {**BARE, **info}}


def node(host: str, **change: Any) -> dict[str, Any]:
    """A node as a manager sees it."""
    return {"id": f"id-{host}", "hostname": host, "address": MEMBERS.get(host, "10.0.0.9"), "state": "ready", **change}


def in_control(host: str, nodes: list[dict[str, Any]] | None = None, cluster: str = "c1") -> dict[str, Any]:
    """The view of a manager in control of a swarm of these nodes."""
    return view(
        host,
        state="active",
        control_available=True,
        quorum={"healthy": True},
        node_id=f"id-{host}",
        cluster_id=cluster,
        nodes=nodes if nodes is not None else [node(name) for name in MEMBERS],
    )


def member(host: str, **info: Any) -> dict[str, Any]:
    """The view of a member that controls nothing."""
    return view(host, **{"state": "active", "node_id": f"id-{host}", "cluster_id": "c1", **info})


def plan(*views: dict[str, Any]) -> dict[str, Any]:
    return cluster_plan(list(views), MANAGERS, {name: [address, ""] for name, address in MEMBERS.items()})


def only_problem(answer: dict[str, Any]) -> str:
    """The one problem, which is a sentence."""
    (problem,) = answer["problems"]
    assert problem.startswith("Could not ") and problem.endswith(".")
    return problem


def test_bare_hosts_make_a_swarm_of_the_first_manager_and_all_others_join() -> None:
    assert plan(*(view(host) for host in ("w1", "m2", "m1", "m3", "w2"))) == {
        "primary": "m1",
        "in_control": False,
        "join": ["w1", "m2", "m3", "w2"],
        "remote_addrs": ["10.0.0.1"],
        "strays": [],
        "unknown": [],
        "problems": [],
    }


def test_a_manager_that_is_silent_on_bare_hosts_may_hold_a_swarm() -> None:
    answer = plan(view("m1"), view("m3"), view("w1"))
    assert only_problem(answer).startswith("Could not initialise the swarm: m2 did not answer and may hold one.")
    assert not answer["in_control"]


def test_a_silent_manager_is_not_blamed_where_the_swarm_is_known() -> None:
    assert "none of the managers asked is in control" in only_problem(plan(member("m1"), view("m2")))


def test_a_worker_that_is_silent_on_bare_hosts_is_no_problem() -> None:
    assert plan(view("m1"), view("m2"), view("m3"), view("w1"))["problems"] == []


def test_a_whole_cluster_needs_nothing() -> None:
    answer = plan(*(in_control(host) for host in MANAGERS), member("w1"), member("w2"))
    assert answer == {
        "primary": "m1",
        "in_control": True,
        "join": [],
        "remote_addrs": ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
        "strays": [],
        "unknown": [],
        "problems": [],
    }


def test_a_dead_first_manager_is_replaced_by_the_next_in_inventory_order() -> None:
    answer = plan(member("w1"), in_control("m3"), in_control("m2"), view("w2"))
    assert (answer["primary"], answer["in_control"], answer["problems"]) == ("m2", True, [])
    assert answer["remote_addrs"] == ["10.0.0.2", "10.0.0.3"] and answer["join"] == ["w2"]


@pytest.mark.parametrize(
    "known_by",
    [{"hostname": "m1", "address": "192.0.2.7"}, {"hostname": "another-name", "address": "10.0.0.1"}],
)
def test_a_host_that_does_not_answer_is_no_stray_by_its_name_or_its_address(known_by: dict[str, str]) -> None:
    nodes = [node("m1", state="down", **known_by), node("m2"), node("m3")]
    assert plan(in_control("m2", nodes), in_control("m3", nodes))["strays"] == []


def test_a_silent_host_without_an_address_excuses_no_other_node() -> None:
    gone = node("gone", address="", state="down")
    answer = cluster_plan([in_control("m1", [node("m1"), gone])], ["m1"], {"m1": ["10.0.0.1", ""], "w1": ["", ""]})
    assert answer["strays"] == [gone]


def test_a_silent_host_may_be_known_by_any_of_its_addresses() -> None:
    nodes = [node("m1"), node("w1", hostname="other", address="192.0.2.7")]
    views = [in_control("m1", nodes)]
    assert cluster_plan(views, ["m1"], {"m1": ["10.0.0.1"], "w1": ["10.0.0.4", "192.0.2.7"]})["strays"] == []


def test_a_silent_host_that_no_node_is_known_to_be_makes_every_stray_doubtful() -> None:
    answer = plan(in_control("m1", [node("m1"), node("m2"), node("m3"), node("w1"), node("w9")]))
    assert answer["unknown"] == ["w2"] and [stray["hostname"] for stray in answer["strays"]] == ["w9"]


def test_a_node_that_the_inventory_does_not_name_is_a_stray() -> None:
    answer = plan(in_control("m1", [node("m1"), node("w9", role="worker", labels={})]))
    assert answer["strays"] == [{"id": "id-w9", "hostname": "w9", "address": "10.0.0.9", "state": "ready"}]


def test_a_down_twin_of_a_living_host_is_a_stray() -> None:
    twin = node("w1", id="id-old", state="down")
    answer = plan(in_control("m1", [node("m1"), node("w1"), twin]), member("w1"))
    assert answer["strays"] == [twin] and answer["problems"] == []


def test_a_host_that_was_installed_anew_joins_and_its_old_node_is_a_stray() -> None:
    old = node("w1", state="down")
    answer = plan(in_control("m1", [node("m1"), old]), view("w1"))
    assert (answer["join"], answer["strays"]) == (["w1"], [old])


@pytest.mark.parametrize("limit", [[view("w1")], [view("w1"), member("w2")]])
def test_a_run_that_is_limited_to_workers_never_makes_a_swarm(limit: list[dict[str, Any]]) -> None:
    answer = plan(*limit)
    assert "none of its managers answers in this run" in only_problem(answer)
    assert (answer["primary"], answer["in_control"], answer["remote_addrs"]) == (None, False, [])


def test_a_member_of_another_swarm_is_left_to_the_operator() -> None:
    answer = plan(in_control("m1"), in_control("m2", cluster="c2"), member("w1"))
    assert only_problem(answer).startswith("Could not use host 'm2': it is in another swarm (c2).")
    assert answer["join"] == []


def test_a_member_of_another_swarm_that_has_not_reached_it_is_left_to_the_operator() -> None:
    assert "'w1': it is in another swarm (c2)" in only_problem(plan(in_control("m1"), member("w1", state="pending", cluster_id="c2")))


def test_a_member_whose_swarm_is_unknown_is_no_problem_to_a_swarm_in_control() -> None:
    answer = plan(in_control("m1"), member("w1", cluster_id=None))
    assert (answer["problems"], answer["join"]) == ([], [])


@pytest.mark.parametrize("others", [[view("m2"), view("m3")], [in_control("m2"), in_control("m3")]])
def test_a_locked_manager_must_be_unlocked_first(others: list[dict[str, Any]]) -> None:
    answer = plan(view("m1", state="locked"), *others)
    assert "Unlock it with 'docker swarm unlock'" in only_problem(answer) and "'m1'" in only_problem(answer)
    assert "m1" not in answer["join"]


@pytest.mark.parametrize(
    "lost",
    [
        {"control_available": False, "quorum": {"healthy": False}, "error": "the swarm has no leader"},
        {"control_available": True, "quorum": {"healthy": False}, "error": "the swarm has no leader", "nodes": [node("w9")]},
    ],
)
def test_a_swarm_without_quorum_is_never_replaced(lost: dict[str, Any]) -> None:
    answer = plan(member("m1", **lost), view("m2"), view("m3"))
    problem = only_problem(answer)
    assert problem.startswith("Could not use the swarm of 'm1'") and "(the swarm has no leader)" in problem
    assert not answer["in_control"] and answer["strays"] == []


def test_a_worker_without_managers_is_never_taken_into_a_new_swarm() -> None:
    problem = only_problem(plan(*(view(host) for host in MANAGERS), member("w1")))
    assert problem.startswith("Could not use the swarm of 'w1': none of the managers asked is in control of it (no manager answers).")


def test_a_manager_that_has_lost_its_swarm_for_now_is_passed_over() -> None:
    answer = plan(member("m1", quorum={"healthy": False}), in_control("m2"), in_control("m3"))
    assert (answer["primary"], answer["join"], answer["problems"]) == ("m2", [], [])
    assert answer["remote_addrs"] == ["10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize("state", ["pending", "error"])
def test_half_joined_hosts_join(state: str) -> None:
    half = view("w1", state=state, error="context deadline exceeded", node_id="id-half")
    assert plan(in_control("m1"), half)["join"] == ["w1"]
    answer = plan(*(view(host) for host in MANAGERS), half)
    assert (answer["primary"], answer["join"], answer["problems"]) == ("m1", ["m2", "m3", "w1"], [])


def test_a_manager_that_waits_for_its_swarm_forbids_a_new_one() -> None:
    answer = plan(view("m1"), member("m2", state="pending"), view("m3"))
    assert only_problem(answer).startswith("Could not use the swarm of 'm2'")


def test_a_manager_that_the_inventory_calls_a_worker_is_asked_last() -> None:
    answer = plan(in_control("w1"), in_control("m3"))
    assert (answer["primary"], answer["remote_addrs"]) == ("m3", ["10.0.0.3", "10.0.0.4"])
    assert plan(view("m1"), in_control("w1"))["primary"] == "w1"


def test_hosts_without_an_engine_are_bare_hosts(bare: Engine) -> None:
    info = run_module(swarm_info, bare, client=no_engine())
    views = [{**view(host), "info": info} for host in MEMBERS]
    assert plan(*views) == plan(*(view(host) for host in MEMBERS))


def test_a_member_whose_engine_does_not_answer_is_neither_forgotten_nor_a_stray(bare: Engine, tmp_path: Path) -> None:
    (tmp_path / "no-engine/swarm").mkdir(parents=True)
    (tmp_path / "no-engine/swarm/docker-state.json").write_text("{}")
    silent = {**view("m1"), "info": run_module(swarm_info, bare, client=no_engine())}
    answer = plan(silent, in_control("m2"), in_control("m3"))
    assert (answer["primary"], answer["strays"], answer["problems"]) == ("m2", [], [])
    problem = only_problem(plan(silent, view("m2"), view("m3")))
    assert problem.startswith("Could not use the swarm of 'm1'") and "its engine does not answer" in problem


def test_it_understands_what_swarm_info_answers(manager: Engine, worker: Engine, bare: Engine, swarm: Swarm) -> None:
    views = [{**view(host), "info": run_module(swarm_info, engine)} for host, engine in {"m1": manager, "w1": worker, "w2": bare}.items()]
    answer = plan(*views)
    assert (answer["primary"], answer["in_control"], answer["join"], answer["problems"]) == ("m1", True, ["w2"], [])
    assert [stray["id"] for stray in answer["strays"]] == ["id-w2"]
