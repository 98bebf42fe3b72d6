# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: what is stored and what is asked for, and their form in a Compose file."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._stack import network
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import changed_paths


def test_a_network_as_stored_equals_the_one_asked_for() -> None:
    stored = network.normal(
        {
            "Name": "a",
            "Driver": "overlay",
            "Attachable": False,
            "Labels": {"x": ""},
            "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4097"},
            "IPAM": {"Driver": "default", "Config": [{"Subnet": "10.0.1.0/24", "Gateway": "10.0.1.1"}]},
        }
    )
    assert changes(stored, {"Labels": {"x": ""}}) == []
    assert changes(stored, {"Labels": {"x": ""}, "Attachable": True}) == ["Attachable"]
    assert changes(stored, {"Labels": {"x": ""}, "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]}}) == ["IPAM.Subnets"]


def test_a_subnet_has_one_spelling() -> None:
    one, other = ({"IPAM": {"Config": [{"Subnet": subnet}]}} for subnet in ("2001:DB8:0::/64", "2001:db8::/64"))
    assert changes(network.normal(one), other) == []


def changes(live: dict[str, Any], asked: dict[str, Any]) -> list[str]:
    """What differs between a network's normal form and another."""
    return changed_paths(live, network.with_chosen_subnets(live, network.normal(asked)))


def test_a_network_reads_like_its_compose_file() -> None:
    stored = network.normal(
        {"Name": "n", "Attachable": True, "Options": {"encrypted": ""}, "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}]}}
    )
    assert network.compose_form(stored) == {
        "driver": "overlay",
        "attachable": True,
        "driver_opts": {"encrypted": ""},
        "ipam": {"driver": "default", "config": ["10.9.0.0/24"]},
    }
