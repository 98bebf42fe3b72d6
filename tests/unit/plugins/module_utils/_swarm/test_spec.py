# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import spec


def test_pools_are_normal_and_disjoint() -> None:
    assert spec.address_pools(["10.20.0.0/16"], 24) == ["10.20.0.0/16"]
    for pools, mask in (
        (["10.0.0.0/8", "10.1.0.0/16"], 24),
        (["10.1.0.0/25"], 24),
        (["x"], 24),
        (["10.0.0.1/8"], 24),
        ([], 31),
    ):
        with pytest.raises(SwarmError):
            spec.address_pools(pools, mask)


def test_spec_keeps_what_is_not_given() -> None:
    given = {
        "Name": "default",
        "Raft": {"ElectionTick": 10},
        "CAConfig": {"ForceRotate": 2, "NodeCertExpiry": 1},
        "Labels": {"a": ""},
    }
    new = spec.cluster_spec(given, {"max_snapshots": 0, "cert_expiry": "2h"})
    assert new == {
        **given,
        "Raft": {"ElectionTick": 10, "KeepOldSnapshots": 0},
        "CAConfig": {"ForceRotate": 2, "NodeCertExpiry": 7_200_000_000_000},
    }


def test_external_ca_keeps_its_certificate() -> None:
    given = {"CAConfig": {"ExternalCAs": [{"Protocol": "cfssl", "URL": "https://ca", "CACert": "pem"}]}}
    new = spec.cluster_spec(given, {"external_ca": [{"protocol": "cfssl", "url": "https://ca", "options": {"a": "b"}}]})
    assert new["CAConfig"]["ExternalCAs"] == [{"Protocol": "cfssl", "URL": "https://ca", "Options": {"a": "b"}, "CACert": "pem"}]


def test_options_given_to_a_spec_are_read_back_from_it() -> None:
    options = {
        "autolock": True,
        "task_history_limit": 0,
        "snapshot_interval": 5,
        "max_snapshots": 2,
        "dispatcher_heartbeat": "7s",
        "cert_expiry": "3h",
        "external_ca": [{"protocol": "cfssl", "url": "https://ca", "options": {}}],
        "labels": {"a": ""},
    }
    assert spec.cluster_options(spec.cluster_spec({}, options)) == options
    bare = {**options, "external_ca": []}
    assert spec.cluster_options(spec.cluster_spec(spec.cluster_spec({}, options), bare)) == bare
