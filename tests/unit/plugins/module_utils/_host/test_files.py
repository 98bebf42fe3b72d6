# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._host import files
from ansible_collections.apiary.swarm.tests.unit.fake_host import Machine

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nsecret0815\n-----END ENCRYPTED PRIVATE KEY-----\n"
PUBLIC = "-----BEGIN PUBLIC KEY-----\nBBBB\n-----END PUBLIC KEY-----\n"


def test_what_is_not_there_is_absent(empty: Machine) -> None:
    empty.put("/etc/file", "x")
    for path in ("/etc/other", "/etc/file/below"):
        assert files.describe(empty, path) == {
            "type": "absent",
            **dict.fromkeys(("mode", "uid", "gid", "size", "sha256", "certificates", "public_key")),
        }


def test_a_file_is_told_with_its_digest_and_its_certificates(empty: Machine) -> None:
    text = f"words before\n{CERTIFICATE}{CERTIFICATE.replace('AAAA', 'CCCC')}"
    empty.put("/etc/ca.pem", text)
    os.chmod(empty.root + "/etc/ca.pem", 0o640)
    found = files.describe(empty, "/etc/ca.pem")
    assert (found["type"], found["mode"], found["size"], found["uid"]) == ("file", "0640", len(text), os.getuid())
    assert found["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert found["certificates"] == [CERTIFICATE, CERTIFICATE.replace("AAAA", "CCCC")] and found["public_key"] is None


def test_a_folder_and_a_link_are_told_as_what_they_are(empty: Machine) -> None:
    empty.put("/etc/here/file", "x")
    Path(empty.root, "etc/link").symlink_to("here")
    Path(empty.root, "etc/nowhere").symlink_to("gone")
    os.mkfifo(empty.root + "/etc/pipe")
    assert [files.describe(empty, f"/etc/{name}")["type"] for name in ("here", "link", "nowhere", "pipe")] == [
        "directory",
        "directory",
        "absent",
        "other",
    ]


def test_of_a_key_only_its_public_part_is_told(empty: Machine) -> None:
    empty.put("/etc/key.pem", KEY)
    empty.answers["openssl"] = 0, f"a warning\n{PUBLIC}"
    found = files.describe(empty, "/etc/key.pem")
    assert (found["public_key"], found["sha256"], found["certificates"]) == (PUBLIC, None, [])
    assert empty.commands == [f"openssl pkey -in {empty.root}/etc/key.pem -passin pass: -pubout"]
    assert "secret0815" not in str(found)


def test_a_key_that_nobody_can_use_has_no_public_part(empty: Machine) -> None:
    empty.put("/etc/key.pem", KEY)
    empty.answers["openssl"] = 1, "Could not read private key"
    assert files.describe(empty, "/etc/key.pem")["public_key"] is None
    empty.answers["openssl"] = 127, "No such file or directory"
    assert files.describe(empty, "/etc/key.pem")["public_key"] == "unknown"


def test_openssl_is_asked_for_keys_alone(empty: Machine) -> None:
    empty.put("/etc/key.pem", "rubbish")
    assert files.describe(empty, "/etc/key.pem")["public_key"] is None and empty.commands == []


def test_a_large_file_is_read_in_pieces(empty: Machine) -> None:
    text = "x" * (files.PIECE + 5)
    empty.put("/etc/large", text)
    assert files.describe(empty, "/etc/large")["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_what_this_user_may_not_see_is_unknown(empty: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_any: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied")

    empty.put("/etc/file", "x")
    monkeypatch.setattr("builtins.open", refuse)
    found = files.describe(empty, "/etc/file")
    assert (found["type"], found["size"], found["sha256"], found["certificates"]) == ("file", 1, None, None)
    assert files.readable(empty, "/etc/file") is None
    monkeypatch.setattr(files.os, "stat", refuse)
    assert set(files.describe(empty, "/etc/file").values()) == {None}
