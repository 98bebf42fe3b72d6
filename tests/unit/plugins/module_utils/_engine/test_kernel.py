# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._engine.kernel import (
    IPVS_MESSAGE,
    MODULES_FILE,
    SYSCTL_FILE,
    ipvs_missing,
    kernel_plan,
    modules_text,
    sysctl_text,
)

SYSCTL = {"net.ipv4.ip_forward": 1, "net.ipv4.neigh.default.gc_thresh1": 1024}
MODULES = ["overlay", "ip_vs"]


def file(text: str, mode: str = "0644", uid: int = 0) -> dict[str, Any]:
    return {"type": "file", "mode": mode, "uid": uid, "gid": 0, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def look(**sysctl: str | None) -> dict[str, Any]:
    """A host with both files."""
    files = {SYSCTL_FILE: file(sysctl_text(SYSCTL)), MODULES_FILE: file(modules_text(MODULES))}
    return {"files": files, "kernel": {"sysctl": sysctl, "features": {"ip_vs": True}}}


def test_the_files_say_who_made_them_and_one_thing_a_line() -> None:
    assert sysctl_text(SYSCTL) == (
        "# Made by apiary.swarm (engine_sysctl).\nnet.ipv4.ip_forward = 1\nnet.ipv4.neigh.default.gc_thresh1 = 1024\n"
    )
    assert modules_text(MODULES) == "# Made by apiary.swarm (engine_kernel_modules).\noverlay\nip_vs\n"
    assert modules_text([]) == "# Made by apiary.swarm (engine_kernel_modules).\n"


def test_a_host_with_both_files_needs_nothing() -> None:
    found = kernel_plan(look(), True, SYSCTL, MODULES, "host1")
    assert (found["differing"], found["changes"], found["not_in_force"]) == ([], [], {})


def test_other_values_are_told_with_what_is_in_force() -> None:
    here = look(**{"net.ipv4.ip_forward": "0", "net.ipv4.neigh.default.gc_thresh1": None})
    found = kernel_plan({**here, "files": {}}, True, SYSCTL, MODULES, "host1")
    assert found["differing"] == [SYSCTL_FILE, MODULES_FILE]
    assert found["not_in_force"] == {"net.ipv4.ip_forward": ("0", "1")}
    assert [(one.verb, one.text) for one in found["changes"]] == [
        ("set", "net.ipv4.ip_forward 0 → 1"),
        ("load", f"overlay, ip_vs ({MODULES_FILE})"),
    ]


def test_a_value_of_several_numbers_is_compared_without_its_spaces() -> None:
    here = look(**{"net.ipv4.tcp_rmem": "4096 1 2"})
    assert kernel_plan(here, True, {"net.ipv4.tcp_rmem": "4096\t1 2"}, MODULES, "host1")["not_in_force"] == {}


def test_a_file_that_others_may_write_is_written_again() -> None:
    here = look()
    here["files"][MODULES_FILE] = file(modules_text(MODULES), "0666")
    here["files"][SYSCTL_FILE] = file(sysctl_text(SYSCTL), uid=7)
    assert kernel_plan(here, True, SYSCTL, MODULES, "host1")["differing"] == [SYSCTL_FILE, MODULES_FILE]


def test_hosts_that_share_a_kernel_are_left_alone() -> None:
    assert kernel_plan({**look(), "files": {}}, False, SYSCTL, MODULES, "host1") == {
        "files": {},
        "differing": [],
        "not_in_force": {},
        "changes": [],
    }


def test_missing_ipvs_is_told_in_one_sentence() -> None:
    assert not ipvs_missing(look())
    assert ipvs_missing({"kernel": {"features": {"ip_vs": False}}})
    assert IPVS_MESSAGE.startswith("The kernel has no IPVS (module ip_vs), so virtual IPs") and IPVS_MESSAGE.endswith(
        "or use a kernel with ip_vs."
    )
