# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules import swarm_init
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module

AT_INIT = {"advertise_addr": "10.0.0.1", "default_addr_pool": ["10.77.0.0/16"], "data_path_port": 4800}
CHANGES: list[tuple[str, Any]] = [
    ("autolock", True),
    ("task_history_limit", 0),
    ("snapshot_interval", 500),
    ("max_snapshots", 3),
    ("dispatcher_heartbeat", "10s"),
    ("cert_expiry", "720h"),
    ("external_ca", [{"protocol": "cfssl", "url": "https://ca", "options": {"a": "1"}}]),
    ("labels", {"environment": "lab", "empty": ""}),
]


def test_bare_host_becomes_a_swarm_and_stays_one(bare: Engine) -> None:
    params = {**AT_INIT, "task_history_limit": 3}
    predicted = run_module(swarm_init, bare, params, check=True)
    assert predicted["changed"] and bare.writes == [] and predicted["cluster_id"] is None
    real = run_module(swarm_init, bare, params)
    assert real["diff"] == predicted["diff"] and bare.writes == [("POST", "/swarm/init")]
    assert real["diff"]["after"] == {
        "initialised": True,
        **AT_INIT,
        "default_addr_pool_mask_length": 24,
        "task_history_limit": 3,
    }
    assert (real["cluster_id"], real["node_id"]) == ("cluster9", "id-new")
    for check in (True, False):
        assert not run_module(swarm_init, bare, params, check)["changed"]
    assert len(bare.writes) == 1
    assert ("GET", "/swarm") not in bare.requests, "tokens are not even read"


def test_no_op_is_one_request(manager: Engine) -> None:
    assert not run_module(swarm_init, manager, {"task_history_limit": 5})["changed"]
    assert manager.requests == [("GET", "/info")]


@pytest.mark.parametrize(("option", "value"), CHANGES)
def test_each_option_is_changed_alone_and_once(manager: Engine, swarm: Swarm, option: str, value: Any) -> None:
    old = swarm_init.cluster_options(swarm.spec)
    predicted = run_module(swarm_init, manager, {option: value}, check=True)
    assert manager.writes == []
    real = run_module(swarm_init, manager, {option: value})
    assert predicted["changed"] and real["diff"] == predicted["diff"]
    assert swarm_init.cluster_options(swarm.spec) == {**old, option: value}
    for check in (True, False):
        assert not run_module(swarm_init, manager, {option: value}, check)["changed"]
    assert manager.writes == [("POST", "/swarm/update")]


def test_all_options_at_init_need_no_second_write(bare: Engine) -> None:
    params = dict(CHANGES)
    run_module(swarm_init, bare, params)
    assert not run_module(swarm_init, bare, params)["changed"]
    assert len(bare.writes) == 1


def test_other_forms_of_the_same_value_are_equal(manager: Engine, swarm: Swarm) -> None:
    swarm.spec["Labels"] = {"n": "7"}
    params = {"cert_expiry": "129600m", "dispatcher_heartbeat": "5000ms", "labels": {"n": 7}, "external_ca": []}
    assert not run_module(swarm_init, manager, params)["changed"]


def test_same_values_given_at_init_are_accepted(manager: Engine) -> None:
    params = {
        "advertise_addr": "10.0.0.1:2377",
        "listen_addr": "0.0.0.0",
        "data_path_addr": "10.0.0.1",
        "data_path_port": 4789,
        "default_addr_pool": ["10.0.0.0/8"],
        "default_addr_pool_mask_length": 24,
        "availability": "active",
    }
    result = run_module(swarm_init, manager, params)
    assert not result["changed"] and result["warnings"] == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("advertise_addr", "10.0.0.9"),
        ("listen_addr", "10.0.0.1:2377"),
        ("data_path_addr", "10.5.0.1"),
        ("data_path_port", 4790),
        ("default_addr_pool", ["10.30.0.0/16"]),
        ("availability", "drain"),
    ],
)
def test_other_value_of_an_init_only_option_is_an_error(manager: Engine, option: str, value: Any) -> None:
    with pytest.raises(SwarmError, match=f"^Could not change the swarm on host 'm1': {option} is .*"):
        run_module(swarm_init, manager, {option: value, "task_history_limit": 1})
    assert manager.writes == []


def test_other_mask_length_is_an_error(manager: Engine) -> None:
    with pytest.raises(SwarmError, match="default_addr_pool_mask_length is 24 and not 26"):
        run_module(swarm_init, manager, {"default_addr_pool": ["10.0.0.0/8"], "default_addr_pool_mask_length": 26})


def test_addresses_that_cannot_be_known_are_a_warning(manager: Engine) -> None:
    (manager.root / "swarm/docker-state.json").unlink()
    result = run_module(swarm_init, manager, {"advertise_addr": "10.0.0.1", "listen_addr": "10.0.0.1"})
    assert not result["changed"] and "'listen_addr' was not compared" in result["warnings"][0]


def test_conflict_is_read_again(manager: Engine, swarm: Swarm) -> None:
    def other() -> None:
        swarm.spec = {**swarm.spec, "Labels": {"other": "1"}}
        swarm.version = next(swarm.index)

    swarm.interrupted_by(other)
    assert run_module(swarm_init, manager, {"task_history_limit": 1})["changed"]
    assert swarm.spec["Labels"] == {"other": "1"} and swarm.spec["Orchestration"]["TaskHistoryRetentionLimit"] == 1


def test_endless_conflicts_are_an_error(manager: Engine, swarm: Swarm) -> None:
    for _attempt in range(9):
        swarm.interrupted_by(lambda: setattr(swarm, "version", next(swarm.index)))
    with pytest.raises(SwarmError, match="update out of sequence .* when nobody else changes the swarm"):
        run_module(swarm_init, manager, {"task_history_limit": 1})


def test_check_mode_on_a_host_without_engine_predicts(bare: Engine) -> None:
    assert run_module(swarm_init, bare, AT_INIT, check=True, client=no_engine())["changed"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cert_expiry": "7776000000000000"}, "not a number with a unit"),
        ({"cert_expiry": "30m"}, "at least 1h"),
        ({"dispatcher_heartbeat": "0s"}, "too short"),
        ({"snapshot_interval": 0}, "at least 1"),
        ({"max_snapshots": -1}, "at least 0"),
        ({"data_path_port": 80}, "between 1024 and 49151"),
        ({"default_addr_pool_mask_length": 24}, "default_addr_pool"),
        ({"default_addr_pool": ["10.0.0.0/8", "10.1.0.0/16"]}, "overlaps"),
        ({"default_addr_pool": ["10.0.0.0/33"]}, "such as 10.20.0.0/16"),
        ({"advertise_addr": "10.0.0.1:99999"}, "between 1 and 65535"),
        ({"labels": {"ssd": True}}, "in quotes"),
        ({"labels": {"a b": "x"}}, "not a valid label key"),
        ({"external_ca": [{"url": "https://ca", "options": {"a": None}}]}, "has no value"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(bare: Engine, params: dict[str, Any], words: str) -> None:
    with pytest.raises(SwarmError, match=words) as caught:
        run_module(swarm_init, bare, params)
    assert str(caught.value).startswith("Could not ") and str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert bare.requests == []


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("locked", "", "docker swarm unlock"),
        ("error", "x509 expired", "x509 expired"),
        ("pending", "", "not reached any manager"),
    ],
)
def test_host_in_a_bad_state_is_refused(bare: Engine, state: str, error: str, words: str) -> None:
    bare.state, bare.error = state, error
    with pytest.raises(SwarmError, match=f"^Could not initialise the swarm on host 'new': .*{words}"):
        run_module(swarm_init, bare)
    assert bare.writes == []


def test_worker_is_refused(worker: Engine) -> None:
    with pytest.raises(SwarmError, match="it is a worker of a swarm"):
        run_module(swarm_init, worker)


def test_swarm_without_quorum_is_refused(manager: Engine) -> None:
    manager.error = "The swarm does not have a leader"
    with pytest.raises(SwarmError, match="has no quorum: The swarm does not have a leader"):
        run_module(swarm_init, manager, {"task_history_limit": 1})
    assert manager.writes == []


def test_pool_alone_does_not_compare_the_mask_length(manager: Engine, swarm: Swarm) -> None:
    swarm.mask = 26
    assert not run_module(swarm_init, manager, {"default_addr_pool": ["10.0.0.0/8"]})["changed"]
    with pytest.raises(SwarmError, match="default_addr_pool_mask_length is 26 and not 24"):
        run_module(swarm_init, manager, {"default_addr_pool": ["10.0.0.0/8"], "default_addr_pool_mask_length": 24})


def test_advertised_port_is_the_one_listened_on(bare: Engine) -> None:
    params = {"listen_addr": "0.0.0.0:2378", "advertise_addr": "10.0.0.11"}
    run_module(swarm_init, bare, params)
    assert bare.addresses["AdvertiseAddr"] == "10.0.0.11:2378"
    for given in (params, {"advertise_addr": "10.0.0.11"}):
        assert not run_module(swarm_init, bare, given)["changed"]
    for given in ({"advertise_addr": "10.0.0.11:2377"}, {**params, "listen_addr": "0.0.0.0"}):
        with pytest.raises(SwarmError, match=":2378' and not"):
            run_module(swarm_init, bare, given)


def test_member_whose_engine_is_stopped_is_not_predicted_to_be_initialised(bare: Engine, tmp_path: Path) -> None:
    (tmp_path / "no-engine/swarm").mkdir(parents=True)
    (tmp_path / "no-engine/swarm/docker-state.json").write_text("{}")
    with pytest.raises(SwarmError, match="^Could not initialise the swarm on host .*: it is a member of a swarm, but its engine"):
        run_module(swarm_init, bare, check=True, client=no_engine())
