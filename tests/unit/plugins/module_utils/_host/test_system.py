# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._host import system
from ansible_collections.apiary.swarm.tests.unit.fake_host import Machine

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nID=debian\n'


@pytest.fixture(autouse=True)
def _uname(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system.os, "uname", lambda: SimpleNamespace(nodename="host1", release="6.1.0-9", machine="x86_64"))


def test_a_system_is_told_by_its_own_files(empty: Machine) -> None:
    empty.put("/etc/os-release", DEBIAN)
    empty.put("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1\thost1.example.org host1 # mine\n")
    empty.put("/proc/sys/kernel/random/boot_id", "abc\n")
    os.makedirs(empty.root + "/run/systemd/system")
    assert system.system(empty) == {
        "hostname": "host1",
        "fqdn": "host1.example.org",
        "family": "Debian",
        "distribution": "Debian",
        "version": "13",
        "codename": "trixie",
        "architecture": "x86_64",
        "service_manager": "systemd",
        "boot_id": "abc",
    }
    assert empty.commands == []


@pytest.mark.parametrize(
    ("release", "family", "distribution", "version"),
    [
        ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID='24.04'", "Debian", "Ubuntu", "24.04"),
        ("ID=raspbian\nID_LIKE=debian", "Debian", "Debian", None),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'", "Debian", "Linuxmint", None),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"', "RedHat", "Rocky", "9.4"),
        ("ID=rhel\nVERSION_ID=9.4", "RedHat", "RedHat", "9.4"),
        ("ID=fedora\nVERSION_ID=42", "RedHat", "Fedora", "42"),
        ("ID=alpine\nVERSION_ID=3.20.1", "Alpine", "Alpine", "3.20.1"),
        ("ID=opensuse-leap\nID_LIKE='suse opensuse'", "Suse", "Opensuse-leap", None),
        ("", "unknown", "unknown", None),
    ],
)
def test_families_are_found_by_likeness(empty: Machine, release: str, family: str, distribution: str, version: str | None) -> None:
    empty.put("/usr/lib/os-release", f"# comment\n{release}\n")
    empty.put("/proc/1/comm", "init\n")
    found = system.system(empty)
    assert (found["family"], found["distribution"], found["version"], found["service_manager"]) == (family, distribution, version, "init")


@pytest.mark.parametrize(
    ("hosts", "answer", "name"),
    [
        ("10.0.0.1 host1", (0, "never asked.example.org"), None),
        ("10.0.0.1 localhost.localdomain host1", (0, ""), None),
        ("", (0, "host1.example.org\n"), "host1.example.org"),
        ("", (0, "host1\n"), None),
        ("10.0.0.1 host10 # host1", (124, "no answer within 2 s"), None),
    ],
)
def test_a_name_without_a_domain_is_none(empty: Machine, hosts: str, answer: tuple[int, str], name: str | None) -> None:
    empty.put("/etc/hosts", hosts)
    empty.answers["hostname"] = answer
    assert system.fqdn(empty, "host1") == name


def test_a_library_is_found_without_being_imported() -> None:
    assert system.has_library("yaml") and not system.has_library("no_such_library")
    assert system.python().keys() == {"version", "docker", "cryptography"}


def test_a_folder_of_a_librarys_name_is_none(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_a_folder").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not system.has_library("only_a_folder")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/proc/net/ip_vs", "IP Virtual Server"),
        ("/sys/module/ip_vs/version", "1"),
        ("/lib/modules/6.1.0-9/kernel/net/netfilter/ipvs/ip_vs.ko.xz", ""),
        ("/lib/modules/6.1.0-9/modules.dep", "kernel/net/netfilter/ipvs/ip_vs.ko.xz: kernel/lib/crc.ko.xz\n"),
        ("/lib/modules/6.1.0-9/modules.builtin", "kernel/fs/x.ko\nkernel/net/ip_vs.ko\n"),
    ],
)
def test_a_feature_is_loaded_built_in_or_can_be_loaded(empty: Machine, path: str, content: str) -> None:
    empty.put("/lib/modules/6.1.0-8/modules.dep", "kernel/net/ip_vs.ko:\n")
    empty.put("/proc/filesystems", "nodev\toverlay\n\text4\n")
    assert system.kernel(empty, ["overlay", "ip_vs"], [])["features"] == {"overlay": True, "ip_vs": False}
    empty.put(path, content)
    assert system.kernel(empty, ["ip_vs", "ip_v"], []) == {
        "release": "6.1.0-9",
        "has_modules": path.startswith("/lib"),
        "features": {"ip_vs": True, "ip_v": False},
        "sysctl": {},
    }


def test_parameters_are_read_by_their_names(empty: Machine) -> None:
    empty.put("/proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n")
    empty.put("/proc/sys/net/ipv4/conf/eth0.7/forwarding", "1\n")
    names = ["net.ipv4.tcp_rmem", "net.ipv4.conf.eth0/7.forwarding", "net/ipv4/conf/eth0.7/forwarding", "no.such"]
    assert list(system.kernel(empty, [], names)["sysctl"].values()) == ["4096 131072 6291456", "1", "1", None]


def test_the_clock_is_right_where_systemd_or_the_kernel_says_so(empty: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "kernel_synchronized", lambda: None)
    assert system.clock(empty)["synchronized"] is None
    empty.put("/run/systemd/timesync/synchronized", "")
    assert system.clock(empty)["synchronized"] is True


@pytest.mark.parametrize(("error", "result", "told"), [(1000, 0, True), (16_000_000, 5, False), (0, -1, None)])
def test_the_kernels_clock_error_decides(monkeypatch: pytest.MonkeyPatch, error: int, result: int, told: bool | None) -> None:
    import ctypes

    def adjtimex(answer: Any) -> int:
        struct.pack_into("@Illl", answer, 0, 0, 0, 0, error)
        return result

    monkeypatch.setattr(ctypes, "CDLL", lambda *_any, **_named: SimpleNamespace(adjtimex=adjtimex))
    assert system.kernel_synchronized() is told


def test_the_disk_is_that_on_which_a_missing_folder_will_be(empty: Machine) -> None:
    empty.put("/srv/file", "")
    found = system.disk(empty, "/srv/docker/data")
    assert found["path"] == "/srv/docker/data" and found["total"] >= found["free"] > 0
