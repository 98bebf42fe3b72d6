# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.modules import swarm_unlock
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine, Swarm, run_module

KEY = "SWMKEY-1-7c37Cc8654o6p38HnroywCi19pllOnGtbdZEgtKxZu8"
GIVEN = {"unlock_key": KEY}


def test_a_locked_manager_is_unlocked_and_a_second_run_writes_nothing(manager: Engine, swarm: Swarm) -> None:
    swarm.unlock_key, manager.state = KEY, "locked"
    predicted = run_module(swarm_unlock, manager, GIVEN, check=True)
    assert predicted == {"changed": True, "diff": {"before": {"locked": True}, "after": {"locked": False}}, "node_id": None}
    assert manager.writes == []
    real = run_module(swarm_unlock, manager, {"unlock_key": f"{KEY}\n"})
    assert (real["changed"], real["diff"], real["node_id"]) == (True, predicted["diff"], "id-m1")
    assert manager.writes == [("POST", "/swarm/unlock")] and manager.state == "active"
    assert not run_module(swarm_unlock, manager, GIVEN)["changed"] and len(manager.writes) == 1


def test_a_wrong_key_is_told_before_a_restart_and_after(manager: Engine, swarm: Swarm) -> None:
    swarm.unlock_key = "SWMKEY-1-another"
    for check in (True, False):
        with pytest.raises(SwarmError, match="^Could not use the unlock key for manager 'm1': it is not the key of its swarm") as error:
            run_module(swarm_unlock, manager, GIVEN, check)
        assert KEY not in str(error.value) and "another" not in str(error.value)
    manager.state = "locked"
    with pytest.raises(SwarmError, match="^Could not unlock the manager: invalid key could not be used to unlock"):
        run_module(swarm_unlock, manager, GIVEN)
    assert manager.state == "locked"


def test_a_swarm_that_does_not_lock_takes_any_key(manager: Engine) -> None:
    assert not run_module(swarm_unlock, manager, GIVEN)["changed"] and manager.writes == []


def test_without_a_quorum_the_key_cannot_be_verified(manager: Engine) -> None:
    manager.error = "The swarm does not have a leader."
    assert not run_module(swarm_unlock, manager, GIVEN)["changed"]


def test_workers_and_hosts_in_no_swarm_are_never_locked(worker: Engine) -> None:
    assert run_module(swarm_unlock, worker, GIVEN)["node_id"] == "id-w1"
    assert ("GET", "/swarm/unlockkey") not in worker.requests
    assert run_module(swarm_unlock, worker, GIVEN, client=no_engine()) == {
        "changed": False,
        "diff": {"before": {"locked": False}, "after": {"locked": False}},
        "node_id": None,
    }


def test_a_join_token_is_no_unlock_key(manager: Engine) -> None:
    with pytest.raises(SwarmError, match="^Could not use option 'unlock_key': it is not an unlock key, which begins with SWMKEY-"):
        run_module(swarm_unlock, manager, {"unlock_key": "SWMTKN-1-x"})
    assert manager.requests == []
