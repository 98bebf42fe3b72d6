# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import plan as swarm_plan
from ansible_collections.apiary.swarm.plugins.modules import swarm_info
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module

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
    role = "manager" if host in MANAGERS else "worker"
    known = {"id": f"id-{host}", "hostname": host, "address": MEMBERS.get(host, "10.0.0.9"), "state": "ready"}
    return {**known, "role": role, "availability": "active", "labels": {}, **change}


def told(node: dict[str, Any]) -> dict[str, Any]:
    """What the plan says of a node that the inventory does not name."""
    return {key: node[key] for key in ("id", "hostname", "address", "state")}


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


def plan(
    *views: dict[str, Any], managers: tuple[str, ...] = tuple(MANAGERS), members: dict[str, list[str]] | None = None
) -> dict[str, Any]:
    """What the plan says of hosts that answer with these views, and of the rest of the inventory, which does not answer."""
    looks = {view["host"]: {"swarm": view["info"]} for view in views}
    members = members or {name: [address, ""] for name, address in MEMBERS.items()}
    hosts = {
        name: {"look": looks.get(name), "roles": {"cluster_advertise_addr": addresses[0]}, "addresses": addresses}
        for name, addresses in members.items()
    }
    section = swarm_plan.plan(hosts, list(managers))
    return {**section.data, "problems": section.problems}


def only_problem(answer: dict[str, Any]) -> str:
    """The one problem, which is a sentence."""
    (problem,) = answer["problems"]
    assert problem.startswith("Could not ") and problem.endswith(".")
    return problem


def test_bare_hosts_make_a_swarm_of_the_first_manager_and_all_others_join() -> None:
    wanted = {
        "control": "m1",
        "in_control": False,
        "join": ["m2", "m3", "w1", "w2"],
        "unmanaged": [],
        "unknown": [],
        "problems": [],
    }
    answer = plan(*(view(host) for host in ("w1", "m2", "m1", "m3", "w2")))
    assert {key: answer[key] for key in wanted} == wanted


def test_a_manager_that_is_silent_on_bare_hosts_may_hold_a_swarm() -> None:
    answer = plan(view("m1"), view("m3"), view("w1"))
    assert only_problem(answer).startswith("Could not initialise the swarm: m2 did not answer and may be in one.")
    assert not answer["in_control"]


def test_a_silent_manager_is_not_blamed_where_the_swarm_is_known() -> None:
    assert "none of the managers asked is in control" in only_problem(plan(member("m1"), view("m2")))


def test_a_worker_that_is_silent_on_bare_hosts_is_no_problem() -> None:
    assert plan(view("m1"), view("m2"), view("m3"), view("w1"))["problems"] == []


def test_a_whole_cluster_needs_nothing() -> None:
    answer = plan(*(in_control(host) for host in MANAGERS), member("w1"), member("w2"))
    wanted = {
        "control": "m1",
        "in_control": True,
        "join": [],
        "unmanaged": [],
        "unknown": [],
        "problems": [],
    }
    assert {key: answer[key] for key in wanted} == wanted


def test_a_dead_first_manager_is_replaced_by_the_next_in_inventory_order() -> None:
    answer = plan(member("w1"), in_control("m3"), in_control("m2"), view("w2"))
    assert (answer["control"], answer["in_control"], answer["problems"]) == ("m2", True, [])
    assert answer["join"] == ["w2"]


@pytest.mark.parametrize(
    "known_by",
    [{"hostname": "m1", "address": "192.0.2.7"}, {"hostname": "another-name", "address": "10.0.0.1"}],
)
def test_a_host_that_does_not_answer_is_no_stray_by_its_name_or_its_address(known_by: dict[str, str]) -> None:
    nodes = [node("m1", state="down", **known_by), node("m2"), node("m3")]
    assert plan(in_control("m2", nodes), in_control("m3", nodes))["unmanaged"] == []


def test_a_silent_host_without_an_address_excuses_no_other_node() -> None:
    gone = node("gone", address="", state="down")
    answer = plan(in_control("m1", [node("m1"), gone]), managers=("m1",), members={"m1": ["10.0.0.1", ""], "w1": ["", ""]})
    assert answer["unmanaged"] == [told(gone)]


def test_a_silent_host_may_be_known_by_any_of_its_addresses() -> None:
    nodes = [node("m1"), node("w1", hostname="other", address="192.0.2.7")]
    members = {"m1": ["10.0.0.1"], "w1": ["10.0.0.4", "192.0.2.7"]}
    assert plan(in_control("m1", nodes), managers=("m1",), members=members)["unmanaged"] == []


def test_a_silent_host_that_no_node_is_known_to_be_makes_every_stray_doubtful() -> None:
    answer = plan(in_control("m1", [node("m1"), node("m2"), node("m3"), node("w1"), node("w9")]))
    assert answer["unknown"] == ["w2"] and [node["hostname"] for node in answer["unmanaged"]] == ["w9"]


def test_a_node_that_the_inventory_does_not_name_is_a_stray() -> None:
    answer = plan(in_control("m1", [node("m1"), node("w9", role="worker", labels={})]))
    assert answer["unmanaged"] == [{"id": "id-w9", "hostname": "w9", "address": "10.0.0.9", "state": "ready"}]


def test_a_down_twin_of_a_living_host_is_a_stray() -> None:
    twin = node("w1", id="id-old", state="down")
    answer = plan(in_control("m1", [node("m1"), node("w1"), twin]), member("w1"))
    assert answer["unmanaged"] == [told(twin)] and answer["problems"] == []


@pytest.mark.parametrize("known_by", [{}, {"hostname": "other"}, {"address": "192.0.2.9"}])
def test_a_host_that_was_installed_anew_joins_and_its_old_node_goes_first(known_by: dict[str, str]) -> None:
    old = node("w1", state="down", **known_by)
    answer = plan(in_control("m1", [node("m1"), old]), view("w1"))
    assert (answer["join"], answer["former"], answer["unmanaged"]) == (["w1"], ["id-w1"], [])
    for other in (node("w1"), node("w9", state="down")):
        assert plan(in_control("m1", [node("m1"), other]), view("w1"))["former"] == []
    pending = view("w1", state="pending", node_id=None)
    assert plan(in_control("m1", [node("m1"), old]), pending)["former"] == [], "its join may still go on"


def test_a_manager_that_was_installed_anew_is_no_fourth_member_of_raft() -> None:
    old = node("m3", state="down", reachability="unreachable")
    managers = [node(name, reachability="reachable", leader=name == "m1") for name in ("m1", "m2")]
    answer = plan(in_control("m1", [*managers, old]), view("m3"))
    assert (answer["former"], answer["join"], answer["problems"]) == (["id-m3"], ["m3"], [])
    managers[1]["reachability"] = "unreachable"
    assert only_problem(plan(in_control("m1", [*managers, old]), view("m3"))) == (
        "Could not remove the node that host 'm3' was before (id-m3): 1 of the 2 other managers would be reachable, and 2 are needed for a "
        "quorum. Bring the other managers back, or promote another node first."
    )


@pytest.mark.parametrize("limit", [[view("w1")], [view("w1"), member("w2")]])
def test_a_run_that_is_limited_to_workers_never_makes_a_swarm(limit: list[dict[str, Any]]) -> None:
    answer = plan(*limit)
    assert "none of its managers answers in this run" in only_problem(answer)
    assert (answer["control"], answer["in_control"]) == (None, False)


def test_a_member_of_another_swarm_is_left_to_the_operator() -> None:
    answer = plan(in_control("m1"), in_control("m2", cluster="c2"), member("w1"))
    assert only_problem(answer).startswith("Could not use host 'm2': it is in another swarm (c2).")
    assert answer["join"] == []


def test_a_member_of_another_swarm_that_has_not_reached_it_is_left_to_the_operator() -> None:
    assert "'w1': it is in another swarm (c2)" in only_problem(plan(in_control("m1"), member("w1", state="pending", cluster_id="c2")))


def test_a_member_whose_swarm_is_unknown_is_no_problem_to_a_swarm_in_control() -> None:
    answer = plan(in_control("m1"), member("w1", cluster_id=None))
    assert (answer["problems"], answer["join"]) == ([], [])


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
    assert not answer["in_control"] and answer["unmanaged"] == []


def test_a_worker_without_managers_is_never_taken_into_a_new_swarm() -> None:
    problem = only_problem(plan(*(view(host) for host in MANAGERS), member("w1")))
    assert problem.startswith("Could not use the swarm of 'w1': none of the managers asked is in control of it (no manager answers).")


def test_a_manager_that_has_lost_its_swarm_for_now_is_passed_over() -> None:
    answer = plan(member("m1", quorum={"healthy": False}), in_control("m2"), in_control("m3"))
    assert (answer["control"], answer["join"], answer["problems"]) == ("m2", [], [])
    assert answer["in_control"]


@pytest.mark.parametrize("state", ["pending", "error"])
def test_half_joined_hosts_join(state: str) -> None:
    half = view("w1", state=state, error="context deadline exceeded", node_id="id-half")
    assert plan(in_control("m1"), half)["join"] == ["w1"]
    answer = plan(*(view(host) for host in MANAGERS), half)
    assert (answer["control"], answer["join"], answer["problems"]) == ("m1", ["m2", "m3", "w1"], [])


def test_a_manager_that_waits_for_its_swarm_forbids_a_new_one() -> None:
    answer = plan(view("m1"), member("m2", state="pending"), view("m3"))
    assert only_problem(answer).startswith("Could not use the swarm of 'm2'")


def test_a_manager_that_the_inventory_calls_a_worker_is_asked_last() -> None:
    answer = plan(in_control("w1"), in_control("m3"))
    assert answer["control"] == "m3"
    assert plan(view("m1"), in_control("w1"))["control"] == "w1"


def test_hosts_without_an_engine_are_bare_hosts(bare: Engine) -> None:
    info = run_module(swarm_info, bare, client=no_engine())
    views = [{**view(host), "info": info} for host in MEMBERS]
    assert plan(*views) == plan(*(view(host) for host in MEMBERS))


def test_a_member_whose_engine_does_not_answer_is_neither_forgotten_nor_a_stray(bare: Engine, tmp_path: Path) -> None:
    (tmp_path / "no-engine/swarm").mkdir(parents=True)
    (tmp_path / "no-engine/swarm/docker-state.json").write_text("{}")
    silent = {**view("m1"), "info": run_module(swarm_info, bare, client=no_engine())}
    answer = plan(silent, in_control("m2"), in_control("m3"))
    assert (answer["control"], answer["unmanaged"], answer["problems"]) == ("m2", [], [])
    problem = only_problem(plan(silent, view("m2"), view("m3")))
    assert problem.startswith("Could not use the swarm of 'm1'") and "its engine does not answer" in problem


def test_it_understands_what_swarm_info_answers(manager: Engine, worker: Engine, bare: Engine, swarm: Swarm) -> None:
    views = [{**view(host), "info": run_module(swarm_info, engine)} for host, engine in {"m1": manager, "w1": worker, "w2": bare}.items()]
    answer = plan(*views)
    assert (answer["control"], answer["in_control"], answer["join"], answer["problems"]) == ("m1", True, ["w2"], [])
    assert [node["id"] for node in answer["unmanaged"]] == ["id-w2"]


# -- what will be done
def section(info: dict[str, Any], **roles: Any) -> Any:
    """The plan of one manager with these variables, and a worker that is right."""
    hosts = {
        "m1": {"look": {"swarm": info["info"]}, "roles": {"cluster_advertise_addr": "10.0.0.1", **roles}, "addresses": ["10.0.0.1"]},
        "w1": {"look": {"swarm": member("w1")["info"]}, "roles": {}, "addresses": ["10.0.0.4"]},
    }
    return swarm_plan.plan(hosts, ["m1"])


def lines(found: Any) -> list[tuple[str, str, str]]:
    """The changes as (host, verb, text)."""
    return [(change.host, change.verb, change.text) for change in found.changes]


PAIR = [node("m1"), node("w1")]


def test_bare_hosts_are_told_all_that_will_be() -> None:
    roles = {"cluster_labels": {"zone": "a"}, "cluster_swarm_labels": {"environment": "test"}}
    hosts = {name: {"look": {"swarm": BARE}, "roles": roles, "addresses": [MEMBERS[name]]} for name in ("m1", "w1")}
    found = swarm_plan.plan(hosts, ["m1"])
    assert lines(found) == [
        ("m1", "init", "a swarm at m1"),
        ("w1", "join", "as worker"),
        ("m1", "label", "zone (none) → a"),
        ("w1", "label", "zone (none) → a"),
    ]
    assert found.changes[0].after["labels"] == {"environment": "test"} and found.data["init"] and found.data["label"]


def test_option_of_the_swarm_that_differs_is_told_with_both_values() -> None:
    info = in_control("m1", PAIR)
    info["info"]["options"] = {"task_history_limit": 5, "autolock": False}
    found = section(info, cluster_task_history_limit=3, cluster_autolock=False)
    assert lines(found) == [("swarm", "set", "task_history_limit 5 → 3")] and found.data["init"]
    assert not section(info, cluster_task_history_limit=5).data["init"]


def test_role_availability_and_label_that_differ_are_told() -> None:
    nodes = [node("m1", labels={"old": "", "zone": "a"}, availability="drain"), node("w1", role="manager")]
    found = section(in_control("m1", nodes), cluster_labels={"zone": "b"})
    assert lines(found) == [
        ("m1", "activate", "availability drain → active"),
        ("m1", "label", "zone a → b"),
        ("w1", "demote", "manager → worker"),
    ]
    assert found.data["configure"] and found.data["label"]
    exclusive = section(in_control("m1", nodes), cluster_labels={"zone": "b"}, cluster_labels_exclusive=True)
    assert ("m1", "label", "old '' → (none)") in lines(exclusive)


def test_label_that_cannot_be_is_a_problem() -> None:
    (problem,) = section(in_control("m1", PAIR), cluster_labels={"zone": True}).problems
    assert problem.startswith("Could not label node 'm1':")


def test_node_that_is_not_ready_is_waited_for() -> None:
    found = section(in_control("m1", [node("m1"), node("w1", state="down")]))
    assert found.changes == [] and found.data["configure"]
    assert found.warnings == ["Node 'w1' is down; the run waits until it is ready."]


def test_node_of_nobody_is_removed_or_told() -> None:
    nodes = [*PAIR, node("w9")]
    (warning,) = section(in_control("m1", nodes)).warnings
    assert "'w9'" in warning and "Set cluster_prune to true" in warning
    found = section(in_control("m1", nodes), cluster_prune=True)
    assert found.data["prune"] and found.warnings == []
    assert [line[:2] for line in lines(found)] == [("swarm", "remove")]


def test_a_whole_cluster_has_nothing_to_be_done() -> None:
    found = section(in_control("m1", PAIR))
    assert (found.changes, found.warnings, found.problems) == ([], [], [])
    assert not any(found.data[flag] for flag in ("init", "join", "configure", "label", "prune"))


def test_option_that_can_only_be_given_at_init_is_refused_with_another_value() -> None:
    info = in_control("m1", PAIR)
    info["info"]["init_options"] = {"data_path_port": 4789}
    (problem,) = section(info, cluster_data_path_port=5000).problems
    assert problem.startswith("Could not change the swarm on host 'm1': data_path_port is 4789 and not 5000")


def test_address_that_the_manager_was_not_started_with_is_refused() -> None:
    info = in_control("m1", PAIR)
    info["info"]["addresses"] = {"advertise_addr": "10.9.9.9:2377", "listen_addr": None, "data_path_addr": None, "node_addr": "10.9.9.9"}
    hosts = {
        "m1": {
            "look": {"swarm": info["info"], "network": {"addresses": []}},
            "roles": {"cluster_advertise_addr": "10.0.0.1"},
            "addresses": [],
        }
    }
    (problem,) = swarm_plan.plan(hosts, ["m1"]).problems
    assert "advertise_addr is '10.9.9.9:2377' and not '10.0.0.1'" in problem
    hosts["m1"]["look"]["network"] = {"addresses": [{"interface": "eth1", "address": "10.9.9.9"}]}
    hosts["m1"]["roles"]["cluster_advertise_addr"] = "eth1"
    assert swarm_plan.plan(hosts, ["m1"]).problems == []


def test_engine_that_cannot_be_asked_may_be_of_a_swarm() -> None:
    unknown = view("m2", state=None, error="Could not connect to the Docker Engine.")
    problem = only_problem(plan(view("m1"), unknown, view("m3")))
    assert problem.startswith("Could not use the swarm of 'm2'")
    assert plan(in_control("m1"), unknown)["join"] == []
