# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured of Docker 29.7.2, which the lab does not have: what its command sends where that of 26.1.5 sends something else
for the same Compose file, and which options its daemon validates."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._engine.options import parse_version, problems
from ansible_collections.apiary.swarm.plugins.module_utils._stack import network, service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import changed_paths
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import bad_addresses
from ansible_collections.apiary.swarm.tests.unit.recorded import read

TABLE, VERSION = read("29.7.2"), parse_version("29.7.2")
# What dockerd 29.7.2 lets pass, and a swarm or this collection does not: the options, and a part of the reason.
STRICTER: list[tuple[dict[str, Any], str]] = [
    ({"min-api-version": "9"}, "not a version of the API"),
    ({"firewall-backend": "nftables"}, "Swarm does not work with nftables by default"),
    ({"firewall-backend": ""}, "it is empty"),
    ({"insecure-registries": ["https://x:5000"]}, "not a registry or a network"),
    ({"deprecated-key-path": "/x"}, "no such option"),
    ({"metrics-addr": ":9323"}, "not an address with a port"),
]
ADDRESSES = sorted(case for case in TABLE["command"] if case.startswith(("net_", "dns")))


@pytest.mark.parametrize("case", ADDRESSES)
def test_an_address_that_newer_commands_drop_is_refused_and_another_spelling_is_no_change(case: str) -> None:
    row = TABLE["command"][case]
    older, newer = row["26.1.5"], row["29.7.2"] or []
    if row["kind"] == "networks":
        forms = [network.normal({"IPAM": {"Config": [{"Subnet": value} for value in sent]}}) for sent in (older, newer)]
        refused = bad_addresses({"networks": {"n": {"ipam": {"config": [{"subnet": value} for value in older]}}}}, {}, "f")
    else:
        specs = [{"TaskTemplate": {"ContainerSpec": {"DNSConfig": {"Nameservers": sent}}}} for sent in (older, newer)]
        forms = [service.normal(spec, {}) for spec in specs]
        refused = bad_addresses({"services": {"s": {"dns": older}}}, {}, "f")
    assert len(refused) == len(older) - len(newer)
    assert (forms[0] == forms[1]) is (not refused)


def test_what_only_newer_commands_hand_on_is_a_change() -> None:
    row = TABLE["command"]["vol_subpath"]
    older, newer = (service.normal({"TaskTemplate": {"ContainerSpec": {"Mounts": row[sent]}}}, {}) for sent in ("26.1.5", "29.7.2"))
    assert changed_paths(older, newer) == [row["path"]] and service.replaces_tasks(older, newer) == "all"


@pytest.mark.parametrize("options", TABLE["daemon options"]["refuses"], ids=str)
def test_what_dockerd_29_7_2_refuses_is_refused(options: dict[str, Any]) -> None:
    # Only dockerd can tell that there is no certificate on its host.
    assert bool(problems(options, options, False, None, VERSION)) is (options != {"tls": True})


@pytest.mark.parametrize("options", TABLE["daemon options"]["accepts"], ids=str)
def test_what_dockerd_29_7_2_accepts_is_accepted_unless_there_is_a_reason(options: dict[str, Any]) -> None:
    found = problems(options, options, False, None, VERSION)
    reasons = [reason for stricter, reason in STRICTER if stricter == options]
    assert len(found) == len(reasons) and all(reason in problem for reason, problem in zip(reasons, found))
