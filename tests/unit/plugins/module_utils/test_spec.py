# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils import _spec
from ansible_collections.apiary.swarm.plugins.module_utils._errors import SwarmError


@pytest.mark.parametrize(
    ("text", "nanoseconds", "normal"),
    [
        ("5s", 5_000_000_000, "5s"),
        ("2160h", 7_776_000_000_000_000, "2160h"),
        ("2160h0m0s", 7_776_000_000_000_000, "2160h"),
        ("90m", 5_400_000_000_000, "1h30m"),
        ("1.5s", 1_500_000_000, "1s500ms"),
        ("250ms", 250_000_000, "250ms"),
    ],
)
def test_duration_has_one_normal_form(text: str, nanoseconds: int, normal: str) -> None:
    assert _spec.parse_duration("cert_expiry", text) == nanoseconds
    assert _spec.format_duration(nanoseconds) == normal


@pytest.mark.parametrize("text", ["5", "90d", "", "5 s", "-5s", "5000000000", "s"])
def test_duration_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(SwarmError, match="^Could not use the duration '.*' of option 'cert_expiry': .*2160h"):
        _spec.parse_duration("cert_expiry", text)


def test_no_duration_at_all_is_shown_as_zero() -> None:
    assert _spec.format_duration(0) == "0s"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", ("10.0.0.1", 2377)),
        ("10.0.0.1:2400", ("10.0.0.1", 2400)),
        ("manager1.example:2377", ("manager1.example", 2377)),
        ("2001:DB8:0::1", ("2001:db8::1", 2377)),
        ("[2001:db8::1]:99", ("2001:db8::1", 99)),
        ("[::1]", ("::1", 2377)),
    ],
)
def test_address_is_split(text: str, expected: Any) -> None:
    assert _spec.split_address("remote_addrs", text) == expected


@pytest.mark.parametrize("text", ["", "a:b", "10.0.0.1:0", "10.0.0.1:70000", "a b", "[::1]:x"])
def test_bad_address_is_refused(text: str) -> None:
    with pytest.raises(SwarmError, match="of option 'remote_addrs'"):
        _spec.split_address("remote_addrs", text)


def test_ipv6_address_is_joined_with_brackets() -> None:
    assert _spec.join_address("::1", 2377) == "[::1]:2377"
    assert _spec.join_address("10.0.0.1", 2377) == "10.0.0.1:2377"


def test_label_values_become_strings_and_empty_ones_stay() -> None:
    assert _spec.label_values("label", {"n": 7, "empty": "", "s": "yes"}) == {"n": "7", "empty": "", "s": "yes"}


@pytest.mark.parametrize("value", [True, False, None, 1.5, ["a"], {"a": "b"}])
def test_label_value_that_yaml_guessed_is_refused(value: Any) -> None:
    with pytest.raises(SwarmError, match="^Could not label node 'w1': .*label 'key'"):
        _spec.label_values("label node 'w1'", {"key": value})


@pytest.mark.parametrize("key", ["", "a b", "a=b", "-a", "a.", "ä", 7])
def test_bad_label_key_is_refused(key: Any) -> None:
    with pytest.raises(SwarmError, match="is not a valid label key"):
        _spec.label_values("label", {key: "x"})


def node(node_id: str, hostname: str, state: str = "ready", role: str = "worker", reachability: str | None = None) -> Any:
    status = {"ManagerStatus": {"Reachability": reachability, "Addr": "10.9.0.1:2377"}} if reachability else {}
    return {
        "ID": node_id,
        "Description": {"Hostname": hostname},
        "Status": {"State": state, "Addr": f"addr-{node_id}"},
        "Spec": {"Role": role},
        **status,
    }


def test_node_is_found_by_id_hostname_and_address() -> None:
    nodes = [node("1", "a"), node("2", "b", role="manager", reachability="reachable")]
    assert [_spec.find_node(nodes, name, "x")["ID"] for name in ("1", "b", "addr-1", "addr-2")] == [
        "1",
        "2",
        "1",
        "2",
    ]


def test_down_twin_does_not_count() -> None:
    nodes = [node("1", "a", "down"), node("2", "a"), node("3", "a", "down")]
    assert _spec.find_node(nodes, "a", "x")["ID"] == "2"
    assert [_spec.node_title(one, nodes) for one in nodes] == ["a (1)", "a (2)", "a (3)"]


@pytest.mark.parametrize("states", [("ready", "ready"), ("down", "down")])
def test_ambiguous_hostname_is_refused_with_the_ids(states: tuple[str, str]) -> None:
    with pytest.raises(SwarmError, match=r"Could not label node 'a': 2 nodes have that name: 1 \(\w+\), 2"):
        _spec.find_node([node("1", "a", states[0]), node("2", "a", states[1])], "a", "label node")


def test_node_listed_twice_is_refused() -> None:
    with pytest.raises(SwarmError, match="listed twice"):
        _spec.pick_nodes([node("1", "a")], [{"name": "a"}, {"name": "1"}], "label node")


def test_quorum_is_counted_over_members_of_raft() -> None:
    nodes = [node(str(n), f"m{n}", role="manager", reachability="reachable") for n in range(3)] + [node("9", "w")]
    assert _spec.quorum_of(nodes) == {"managers": 3, "reachable": 3, "needed": 2, "leader": None, "healthy": False}
    assert _spec.quorum_refusal(nodes, "0") is None
    nodes[1]["ManagerStatus"]["Reachability"] = "unreachable"
    assert "1 of the 2 other managers" in (_spec.quorum_refusal(nodes, "0") or "")
    assert _spec.quorum_refusal(nodes, "1") is None
    assert _spec.quorum_refusal(nodes[:1], "0") == "it is the last manager"


@pytest.mark.parametrize("own", ["", "0.0.0.0", "127.0.0.1", "::", "::1"])
def test_manager_that_knows_itself_only_as_nowhere_has_its_raft_address(own: str) -> None:
    nowhere: dict[str, Any] = {"ID": "1", "Status": {"Addr": own}}
    assert _spec.node_address(nowhere) == ""
    assert _spec.node_address({**nowhere, "ManagerStatus": {"Addr": "[2001:db8::1]:2377"}}) == "2001:db8::1"
    assert _spec.node_address({"ID": "1", "Status": {"Addr": "10.0.0.1"}, "ManagerStatus": {"Addr": "10.9.0.1:2377"}}) == "10.0.0.1"
