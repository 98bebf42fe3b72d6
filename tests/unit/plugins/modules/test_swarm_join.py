# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import join, membership
from ansible_collections.apiary.swarm.plugins.modules import swarm_join
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module

DEAD = {"10.0.0.99"}
MANAGERS = ["10.0.0.99", "10.0.0.1", "10.0.0.2:2377"]


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No TCP: the addresses in DEAD are dead, the others live."""
    seen: list[str] = []

    def probe(host: str, port: int) -> str | None:
        seen.append(f"{host}:{port}")
        return "timed out" if host in DEAD else None

    monkeypatch.setattr(join, "probe", probe)
    return seen


def joining(swarm: Swarm, role: str = "worker", **more: Any) -> dict[str, Any]:
    return {"role": role, "join_token": swarm.tokens[role.capitalize()], "remote_addrs": MANAGERS, **more}


@pytest.mark.parametrize("role", ["worker", "manager"])
def test_bare_host_joins_and_stays(bare: Engine, swarm: Swarm, probes: list[str], role: str) -> None:
    params = joining(swarm, role, advertise_addr="10.0.0.7")
    predicted = run_module(swarm_join, bare, params, check=True)
    assert predicted["changed"] and bare.writes == [] and probes == []
    real = run_module(swarm_join, bare, params)
    assert real["diff"] == predicted["diff"] and bare.writes == [("POST", "/swarm/join")]
    assert real["diff"]["after"] == {"member": True, "other_swarm": False, "role": role}
    assert (real["remote_addr"], real["cluster_id"], real["node_id"]) == ("10.0.0.1:2377", "cluster1", "id-new")
    assert probes == ["10.0.0.99:2377", "10.0.0.1:2377"]
    for check in (True, False):
        again = run_module(swarm_join, bare, params, check)
        assert not again["changed"] and again["node_id"] == "id-new"
    assert len(bare.writes) == 1
    assert not any(token in str([predicted, real, again]) for token in swarm.tokens.values())


def test_member_needs_no_token(worker: Engine) -> None:
    result = run_module(swarm_join, worker, {"role": "worker", "cluster_id": "cluster1"})
    assert not result["changed"] and worker.requests == [("GET", "/info"), ("GET", "/info")]


def test_member_by_token_of_either_role(worker: Engine, swarm: Swarm) -> None:
    assert not run_module(swarm_join, worker, {"role": "worker", "join_token": swarm.tokens["Manager"]})["changed"]


def test_next_manager_is_tried(bare: Engine, swarm: Swarm) -> None:
    bare.joinable["10.0.0.1:2377"] = "hangs"
    assert run_module(swarm_join, bare, joining(swarm))["remote_addr"] == "10.0.0.2:2377"
    assert bare.writes == [("POST", "/swarm/join"), ("POST", "/swarm/leave"), ("POST", "/swarm/join")]


def test_half_join_is_cleaned_up(bare: Engine, swarm: Swarm) -> None:
    bare.state = "pending"
    assert run_module(swarm_join, bare, joining(swarm), check=True)["changed"] and bare.writes == []
    assert run_module(swarm_join, bare, joining(swarm))["changed"]
    assert bare.writes == [("POST", "/swarm/leave"), ("POST", "/swarm/join")]


def test_state_counts_and_not_the_error(bare: Engine, swarm: Swarm) -> None:
    real = bare.client.swarm_join

    def answer_lost(body: dict[str, Any]) -> None:
        real(body)
        raise SwarmError("Could not connect to the Docker Engine: connection reset. Look at the log.")

    bare.client.swarm_join = answer_lost
    assert run_module(swarm_join, bare, joining(swarm))["remote_addr"] == "10.0.0.1:2377"


class Slow:
    """A join that the Engine no longer waits for: this host is in, and says so after some questions."""

    def __init__(self, engine: Engine, questions: int) -> None:
        self.enter, self.info, self.left = engine.client.swarm_join, engine.client.info, questions
        engine.client.swarm_join, engine.client.info = self.join, self.look

    def join(self, body: dict[str, Any]) -> None:
        """Enter, and answer that it took too long."""
        self.enter(body)
        raise SwarmError("Could not join the swarm: Timeout was reached before node joined. Look at the log.")

    def look(self) -> dict[str, Any]:
        """Pending, until it has been asked often enough."""
        info = self.info()
        if info["Swarm"]["LocalNodeState"] == "active" and self.left:
            self.left -= 1
            info = {**info, "Swarm": {**info["Swarm"], "LocalNodeState": "pending"}}
        return info


@pytest.mark.parametrize("role", ["worker", "manager"])
def test_a_join_that_goes_on_in_the_background_is_waited_for(bare: Engine, swarm: Swarm, role: str) -> None:
    Slow(bare, 4)
    assert run_module(swarm_join, bare, joining(swarm, role))["remote_addr"] == "10.0.0.1:2377"
    assert ("POST", "/swarm/leave") not in bare.writes


def test_a_manager_that_may_be_in_raft_is_not_taken_out_by_force(bare: Engine, swarm: Swarm) -> None:
    Slow(bare, 10**6)
    with pytest.raises(SwarmError, match="^Could not join .* it has received a manager's certificate, but was not active within 3 s"):
        run_module(swarm_join, bare, joining(swarm, "manager", wait_timeout=3))
    assert ("POST", "/swarm/leave") not in bare.writes


def test_no_manager_lets_it_in(bare: Engine, swarm: Swarm) -> None:
    bare.joinable = {"10.0.0.1:2377": "reset", "10.0.0.2:2377": "hangs"}
    with pytest.raises(SwarmError) as caught:
        run_module(swarm_join, bare, joining(swarm))
    assert str(caught.value) == (
        "Could not join the swarm with host 'new': no manager accepted it: 10.0.0.99:2377 (timed out), 10.0.0.1:2377 (no reason given), "
        "10.0.0.2:2377 (Timeout was reached before node joined). Check that the managers run, that port 2377 is open and the token valid."
    )
    assert bare.state == "inactive"


def test_token_is_not_in_the_message(bare: Engine, swarm: Swarm) -> None:
    token = swarm.tokens["Worker"]

    def echo(body: dict[str, Any]) -> None:
        raise SwarmError(f"bad token {token}")

    bare.client.swarm_join = echo
    with pytest.raises(SwarmError) as caught:
        run_module(swarm_join, bare, joining(swarm))
    assert token not in str(caught.value) and "bad token (the token)" in str(caught.value)


def test_token_of_the_other_role_is_told(bare: Engine, swarm: Swarm) -> None:
    with pytest.raises(SwarmError, match="it is a worker; the token may be that of the other role"):
        run_module(swarm_join, bare, joining(swarm, "manager", join_token=swarm.tokens["Worker"]))


def test_worker_cannot_make_itself_a_manager(worker: Engine, swarm: Swarm) -> None:
    with pytest.raises(
        SwarmError,
        match=r"^Could not make this host a manager: .* Run apiary.swarm.node with role manager on a manager\.$",
    ):
        run_module(swarm_join, worker, joining(swarm, "manager"))
    assert worker.writes == []


def test_manager_becomes_a_worker(manager: Engine, swarm: Swarm) -> None:
    params = {"role": "worker", "cluster_id": "cluster1"}
    predicted = run_module(swarm_join, manager, params, check=True)
    assert predicted["changed"] and manager.writes == []
    assert run_module(swarm_join, manager, params)["diff"] == predicted["diff"]
    assert not run_module(swarm_join, manager, params)["changed"]
    assert manager.writes == [("POST", "/nodes/id-m1/update")]


def test_manager_that_is_needed_stays_one(manager: Engine, swarm: Swarm) -> None:
    swarm.nodes["id-m2"]["ManagerStatus"]["Reachability"] = "unreachable"
    for check in (True, False):
        with pytest.raises(SwarmError, match="^Could not demote node 'm1': 1 of the 2 other managers would be reachable, and 2 are needed"):
            run_module(swarm_join, manager, {"role": "worker", "cluster_id": "cluster1"}, check)
    assert manager.writes == []


def test_manager_of_a_swarm_without_quorum_stays_one(manager: Engine, swarm: Swarm) -> None:
    manager.error = "The swarm does not have a leader"
    for check in (True, False):
        with pytest.raises(SwarmError, match="^Could not demote node 'm1': the swarm has no quorum: The swarm does not have a leader"):
            run_module(swarm_join, manager, {"role": "worker", "cluster_id": "cluster1"}, check)
    assert manager.writes == []


def test_user_who_cannot_read_the_swarm_folder_joins_nothing(bare: Engine, swarm: Swarm, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.open

    def refuse(path: Any, *args: Any, **more: Any) -> Any:
        if str(path).startswith(str(bare.root)):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **more)

    monkeypatch.setattr(builtins, "open", refuse)
    for check in (True, False):
        with pytest.raises(SwarmError, match=r"^Could not read the file .*: Permission denied. Run the task as root \(become: true\)."):
            run_module(swarm_join, bare, joining(swarm), check)
    assert bare.writes == []


def test_member_whose_engine_is_stopped_is_not_predicted_to_join(bare: Engine, swarm: Swarm, tmp_path: Path) -> None:
    assert run_module(swarm_join, bare, joining(swarm), check=True, client=no_engine())["changed"]
    (tmp_path / "no-engine/swarm").mkdir(parents=True)
    (tmp_path / "no-engine/swarm/docker-state.json").write_text("{}")
    with pytest.raises(SwarmError, match="^Could not join the swarm with host .*: it is a member of a swarm, but its engine"):
        run_module(swarm_join, bare, joining(swarm), check=True, client=no_engine())


def test_member_of_another_swarm_is_refused(worker: Engine) -> None:
    other = Swarm("cluster2", b"root certificate 2")
    with pytest.raises(SwarmError, match="^Could not join the swarm with host 'w1': it is a member of another swarm"):
        run_module(swarm_join, worker, joining(other))
    with pytest.raises(SwarmError, match="another swarm"):
        run_module(swarm_join, worker, {"role": "worker", "cluster_id": "cluster2"})
    assert worker.writes == []


def test_other_swarm_is_left_when_told(worker: Engine) -> None:
    other = Swarm("cluster2", b"root certificate 2")
    other.add("id-x", "x", "10.0.0.1", "manager")
    worker.joinable = {"10.0.0.1:2377": other}
    params = joining(other, leave_other_swarm=True)
    assert run_module(swarm_join, worker, params, check=True)["changed"] and worker.writes == []
    assert run_module(swarm_join, worker, params)["cluster_id"] == "cluster2"
    assert worker.writes == [("POST", "/swarm/leave"), ("POST", "/swarm/join")]
    assert not run_module(swarm_join, worker, params)["changed"]


def test_member_that_reaches_nobody_is_not_thrown_out(worker: Engine) -> None:
    worker.state = "pending"
    with pytest.raises(SwarmError, match="it is a member, but its state is 'pending': no manager answers it"):
        run_module(swarm_join, worker, {"role": "worker", "cluster_id": "cluster1"})
    assert worker.writes == []


def test_other_address_of_a_member_is_an_error(worker: Engine) -> None:
    assert not run_module(swarm_join, worker, {"role": "worker", "cluster_id": "cluster1", "advertise_addr": "10.0.0.4"})["changed"]
    with pytest.raises(SwarmError, match="advertise_addr is '10.0.0.4:2377' and not '10.0.0.5'"):
        run_module(swarm_join, worker, {"role": "worker", "cluster_id": "cluster1", "advertise_addr": "10.0.0.5"})


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"join_token": "SWMTKN-1-short"}, "is not a join token"),
        ({"remote_addrs": ["10.0.0.1:0"]}, "of option 'remote_addrs'"),
        ({"advertise_addr": "a b"}, "of option 'advertise_addr'"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(bare: Engine, swarm: Swarm, params: dict[str, Any], words: str) -> None:
    for check in (True, False):
        with pytest.raises(SwarmError, match=words) as caught:
            run_module(swarm_join, bare, {**joining(swarm), **params}, check)
        assert str(caught.value).startswith("Could not ") and str(caught.value).endswith(".") and "\n" not in str(caught.value)
    assert bare.writes == []


def test_bare_host_needs_a_token_and_an_address_but_not_to_predict(bare: Engine, swarm: Swarm) -> None:
    for missing in ({"remote_addrs": []}, {"join_token": None, "cluster_id": "cluster1"}):
        with pytest.raises(SwarmError, match="joining requires join_token and remote_addrs. Give both"):
            run_module(swarm_join, bare, {**joining(swarm), **missing})
        assert run_module(swarm_join, bare, {**joining(swarm), **missing}, check=True)["changed"]
    assert bare.writes == []


def test_member_of_who_knows_what_is_refused(worker: Engine) -> None:
    with pytest.raises(SwarmError, match="the expected swarm is not given. Give cluster_id or join_token"):
        run_module(swarm_join, worker, {"role": "worker"})


def test_locked_manager_is_refused(bare: Engine, swarm: Swarm) -> None:
    bare.state = "locked"
    with pytest.raises(SwarmError, match="docker swarm unlock"):
        run_module(swarm_join, bare, joining(swarm))


def test_an_interface_without_ipv4_has_its_global_ipv6_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "fe800000000000000042acfffe110002 02 40 20 80   apiary0",
        "20010db8000000000000000000000007 02 40 00 80   apiary0",
        "20010db8000000000000000000000008 03 40 00 80   apiary1",
    ]
    (tmp_path / "if_inet6").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(membership, "IF_INET6", str(tmp_path / "if_inet6"))
    assert membership.interface_address("apiary0") == "2001:db8::7"
    assert membership.interface_address("apiary2") is None
    monkeypatch.setattr(membership, "IF_INET6", str(tmp_path / "none"))
    assert membership.interface_address("apiary0") is None
