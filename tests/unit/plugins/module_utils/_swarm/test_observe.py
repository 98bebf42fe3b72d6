# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import observe
from ansible_collections.apiary.swarm.tests.unit.fake_engine import Engine


def test_what_is_unknown_has_the_same_form_as_what_is_known() -> None:
    known = observe.observe(no_engine(), no_engine().info(), ["services"])
    unknown = observe.unknown("permission denied", ["services"])
    assert unknown.keys() == known.keys()
    assert (unknown["state"], unknown["error"], unknown["services"]) == (None, "permission denied", None)


def test_a_certificate_that_cannot_be_read_is_no_identity(worker: Engine) -> None:
    assert observe.identity(worker.info()) == {"node_id": "id-w1", "cluster_id": "cluster1", "role": "worker"}
    (worker.root / "swarm/certificates/swarm-node.crt").write_bytes(b"rubbish")
    assert observe.identity(worker.info()) is None


def test_each_extra_costs_one_request(manager: Engine) -> None:
    result = observe.observe(manager.client, manager.client.info(), observe.EXTRAS)
    assert [path for _method, path in manager.requests] == ["/info", "/nodes", "/services", "/tasks", "/swarm"]
    assert result["join_tokens"].keys() == {"worker", "manager"} and result["tasks"] == []
