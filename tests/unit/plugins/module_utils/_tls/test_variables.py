# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._tls.variables import concerns, host_paths, tls_variables


def host(address: str | None = None, **variables: Any) -> dict[str, Any]:
    """A host of the inventory."""
    return {"roles": {"tls_names": [], **variables}, "look": None, "ansible_host": address}


def roles(hosts: dict[str, Any], managers: tuple[str, ...] = ("m1", "m2"), name: str = "m1") -> dict[str, Any]:
    """The variables of one host as a whole run has them."""
    return tls_variables(hosts, list(managers))[name]["roles"]


def test_a_host_whose_engine_serves_its_api_gets_a_certificate_for_it() -> None:
    api = {"engine_remote_api": True, "engine_tls_directory": "/srv/tls", "engine_remote_api_port": 12376}
    found = roles({"m1": host(**api, tls_server=False)})
    assert (found["tls_server"], found["tls_host_directory"], found["tls_port"]) == (True, "/srv/tls", 12376)
    found = roles({"m1": host(tls_server=True)})
    assert (found["tls_server"], found["tls_host_directory"], found["tls_port"]) == (False, "/etc/docker/tls", 2376)


@pytest.mark.parametrize(
    ("advertised", "added"),
    [
        (None, []),
        ("", []),
        ("10.0.0.1", ["10.0.0.1"]),
        ("10.0.0.1:2377", ["10.0.0.1"]),
        ("fd00::1", ["fd00::1"]),
        ("[fd00::1]:2377", ["[fd00::1]"]),
        ("eth1", []),
        ("eth1:2377", []),
        ("m1.example.org", []),
    ],
)
def test_the_address_in_the_swarm_is_in_the_certificate(advertised: str | None, added: list[str]) -> None:
    found = roles({"m1": host(tls_addresses="vip.example.org", cluster_advertise_addr=advertised)})
    assert found["tls_addresses"] == ["vip.example.org", *added]


def test_endpoints_are_the_managers_that_serve_their_api_unless_the_inventory_names_some() -> None:
    hosts = {
        "w1": host("10.0.0.9", engine_remote_api=True),
        "m1": host("10.0.0.1", engine_remote_api="no"),
        "m2": host("", engine_remote_api="yes"),
        "m3": host("10.0.0.3", engine_remote_api=True),
        "m4": host(tls_endpoints=["lb.example.org"]),
    }
    managers = ("m1", "m2", "m3")
    assert roles(hosts, managers, "w1")["tls_endpoints"] == ["m2", "10.0.0.3"]
    assert roles(hosts, managers, "m4")["tls_endpoints"] == ["lb.example.org"]


def test_a_manager_with_unknown_variables_does_not_make_another_the_first() -> None:
    unknown = {"roles": {}, "look": None}
    hosts = {"m1": unknown, "m2": host("10.0.0.2", engine_remote_api=True)}
    assert roles(hosts, name="m2")["tls_endpoints"] == []
    assert roles(hosts, ("m2", "m1"), "m2")["tls_endpoints"] == ["10.0.0.2"]
    assert roles(hosts) == {}


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        (None, False),
        ({"tls_server": True}, True),
        ({"tls_server": "false"}, False),
        ({"tls_registry": "yes"}, True),
        ({"tls_registry_address": "r:5000"}, True),
        ({"tls_registry_address": ""}, False),
    ],
)
def test_a_host_has_to_do_with_tls_for_its_api_or_for_a_registry(variables: dict[str, Any] | None, wanted: bool) -> None:
    assert concerns(variables) is wanted


def test_only_files_that_count_are_looked_at() -> None:
    variables = {"tls_server": True, "tls_host_directory": "/t", "tls_registry": True, "tls_registry_directory": "~/r"}
    assert host_paths(variables) == ["/t/ca.pem", "/t/cert.pem", "/t/key.pem"]
    variables = {"tls_server": False, "tls_registry": True, "tls_registry_directory": "/r", "tls_registry_address": "r:5000"}
    assert host_paths(variables) == ["/r/cert.pem", "/r/key.pem", "/etc/docker/certs.d/r:5000/ca.crt"]
