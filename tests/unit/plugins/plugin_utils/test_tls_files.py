# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.swarm.plugins.plugin_utils import _tls_files
from ansible_collections.apiary.swarm.plugins.plugin_utils._tls_files import plan_tls
from ansible_collections.apiary.swarm.tests.unit.fake_tls import PASSPHRASE, Store, look, store

__all__ = ["store"]


def test_a_file_is_described_by_its_certificates_alone(store: Store) -> None:
    pair = store.ca("ca")
    (store.path / "ca.crt").write_text(f"a comment\n{pair.pem}{pair.private().decode()}")
    controller = store.controller()
    assert controller["files"][str(store.path / "ca.crt")]["certificates"] == [pair.pem] and "PRIVATE" not in str(controller)


def test_of_a_passphrase_only_its_strength_is_told(store: Store) -> None:
    store.ca("ca")
    assert [store.controller(passphrase)["passphrase"] for passphrase in (PASSPHRASE, "seven77", "", None)] == [
        "long",
        "short",
        "none",
        "none",
    ]
    assert PASSPHRASE not in str(store.controller())


def test_the_passphrase_is_asked_of_one_host_and_only_where_tls_is_wanted(store: Store) -> None:
    store.ca("ca")
    asked = []

    def passphrase_of(host: str) -> str:
        asked.append(host)
        return PASSPHRASE

    without = {"roles": store.variables(server=False), "look": look()}
    wanted = {"roles": store.variables(), "look": look()}
    assert plan_tls({"w1": without}, "", [], passphrase_of).data == {} and asked == []
    section = plan_tls({"w1": without, "w2": {**wanted, "look": None}, "w3": wanted, "w4": wanted}, "", [], passphrase_of)
    assert (section.problems, asked, list(section.data["hosts"])) == ([], ["w3"], ["w3", "w4"])


def test_the_key_of_a_ca_that_is_only_trusted_is_not_opened(store: Store) -> None:
    store.ca("ca")
    store.ca("old", passphrase="quite another")
    controller = store.controller(trusted_cas=["old"])
    assert list(controller["keys"]) == [str(store.path / "ca.key")]


def test_a_client_whose_name_is_a_path_is_not_looked_for(store: Store, tmp_path: Path) -> None:
    store.ca("ca")
    assert not [path for path in store.controller(clients=["../../etc", 1, None])["files"] if "clients" in path]


def test_a_controller_without_the_library_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tls_files, "CRYPTOGRAPHY", False)
    assert store.plan().problems == [
        "Could not read certificates: Ansible's Python on the controller lacks the library cryptography. Install it there."
    ]
    assert store.plan(server=False).problems == []


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.ca("ca")
    monkeypatch.setattr(_tls_files.os, "access", lambda *_arguments: False)
    (problem,) = store.plan().problems
    assert "you have no permission to read it" in problem


def test_a_folder_below_one_that_may_not_be_searched_is_not_taken_for_a_missing_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def stat(_path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_tls_files.os, "stat", stat)
    (problem,) = store.plan().problems
    assert "Permission denied. Correct its path or its permissions." in problem


def test_all_hosts_have_one_folder_for_the_ca(store: Store) -> None:
    store.ca("ca")
    hosts = {
        name: {"roles": store.variables(directory=directory), "look": look()}
        for name, directory in {"w1": str(store.path), "w2": "/elsewhere/.tls"}.items()
    }
    (problem,) = plan_tls(hosts, "", [], lambda _host: PASSPHRASE).problems
    assert f"tls_directory is '{store.path}' for one host and '/elsewhere/.tls' for another" in problem
