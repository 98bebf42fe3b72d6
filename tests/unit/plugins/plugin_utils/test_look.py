# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.apiary.swarm.plugins.plugin_utils import _look
from ansible_collections.apiary.swarm.plugins.plugin_utils._look import checked, look_arguments, may_return, merged

ROLES = ["preflight", "engine", "tls", "cluster", "registry", "images", "stacks"]
ENGINE = {
    "engine_kernel_files": True,
    "engine_kernel_modules": ["overlay", "nf_nat"],
    "engine_sysctl": {"net.ipv4.ip_forward": 1},
    "engine_daemon_exclusive": False,
    "engine_daemon_allow_unknown": True,
    "__engine_options": {"icc": False},
}
TLS = {
    "tls_server": True,
    "tls_host_directory": "/etc/docker/tls",
    "tls_registry": False,
    "tls_registry_directory": "/etc/docker/tls-registry",
    "tls_registry_address": "",
}


def test_the_engine_needs_kernel_files_and_daemon_options() -> None:
    assert look_arguments("engine", ENGINE) == {
        "kernel_modules": ["overlay", "br_netfilter", "ip_vs", "overlay", "nf_nat"],
        "files": ["/etc/sysctl.d/90-apiary-swarm.conf", "/etc/modules-load.d/apiary-swarm.conf"],
        "sysctl": ["net.ipv4.ip_forward"],
        "daemon": {"options": {"icc": False}, "exclusive": False, "allow_unknown": True},
    }


def test_hosts_that_share_a_kernel_are_not_asked_for_its_files() -> None:
    assert look_arguments("engine", {**ENGINE, "engine_kernel_files": False}).keys() == {"kernel_modules", "daemon"}


def test_options_that_could_not_be_made_out_are_not_asked_for() -> None:
    assert "daemon" not in look_arguments("engine", {"engine_kernel_files": False})


def test_tls_needs_the_files_of_what_the_host_has() -> None:
    assert look_arguments("tls", TLS) == {"files": [f"/etc/docker/tls/{name}.pem" for name in ("ca", "cert", "key")]}
    registry = {**TLS, "tls_server": False, "tls_registry": True, "tls_registry_address": "registry:5000"}
    assert look_arguments("tls", registry) == {
        "files": ["/etc/docker/tls-registry/cert.pem", "/etc/docker/tls-registry/key.pem", "/etc/docker/certs.d/registry:5000/ca.crt"]
    }


def test_with_the_engine_tls_needs_the_files_that_the_engine_reads() -> None:
    engine = {"engine_remote_api": True, "engine_tls_directory": "/srv/tls"}
    assert look_arguments("tls", {**TLS, **engine}) == {"files": [f"/srv/tls/{name}.pem" for name in ("ca", "cert", "key")]}
    assert look_arguments("tls", {**TLS, "engine_remote_api": False}) == {"files": []}


def test_other_roles_need_nothing_more() -> None:
    assert [look_arguments(role, {}) for role in ("preflight", "cluster", "registry")] == [{}, {}, {}]


def test_what_the_task_asks_for_is_kept() -> None:
    given = {"files": ["/a"], "daemon": {"options": {"debug": True}}, "timeout": 3}
    wanted = [look_arguments("engine", ENGINE), look_arguments("tls", TLS)]
    found = merged(given, wanted)
    assert found["files"][:2] == ["/a", "/etc/sysctl.d/90-apiary-swarm.conf"] and len(found["files"]) == 6
    assert found["kernel_modules"] == ["overlay", "br_netfilter", "ip_vs", "nf_nat"]
    assert found["daemon"] == {"options": {"debug": True}} and found["timeout"] == 3
    assert given == {"files": ["/a"], "daemon": {"options": {"debug": True}}, "timeout": 3}


def test_values_are_coerced_and_wrong_ones_are_a_sentence() -> None:
    assert checked("engine_icc", {"type": "bool"}, "no", "host1") == (False, None)
    assert checked("engine_userland_proxy", {"type": "bool"}, None, "host1") == (None, None)
    value, problem = checked("cluster_role", {"type": "str", "choices": ["manager", "worker"]}, "boss", "host1")
    assert value is None and problem == (
        "Could not use variable 'cluster_role' of host 'host1': value of cluster_role must be one of: manager, worker, got: boss. "
        "Correct it in the inventory."
    )


def specs(role: str) -> dict[str, Any]:
    with open(f"roles/{role}/meta/argument_specs.yml", encoding="utf-8") as stream:
        return yaml.safe_load(stream)["argument_specs"]["main"]["options"]


@pytest.mark.parametrize("role", ROLES)
def test_no_variable_that_may_hold_a_secret_is_returned(role: str) -> None:
    returned = [name for name, option in specs(role).items() if may_return(name, option)]
    suspicious = ("password", "passphrase", "secret", "token", "environment", "proxies", "env", "daemon_options", "projects", "mirrors")
    assert not [name for name in returned if name.endswith(suspicious)]


def test_a_secret_inside_a_variable_hides_it() -> None:
    assert not may_return("x", {"options": {"a": {"options": {"b": {"no_log": True}}}}})
    assert may_return("x", {"options": {"a": {"type": "str"}}})
    assert all(any(name in specs(role) for role in ROLES) for name in _look.HIDDEN), "each still exists"
