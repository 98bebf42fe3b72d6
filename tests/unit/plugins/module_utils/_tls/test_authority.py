# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._tls.certificates import asn1_time
from ansible_collections.apiary.swarm.tests.unit.fake_tls import PASSPHRASE, Pair, Store, store

__all__ = ["store"]


def only_problem(store: Store, **change: Any) -> str:
    """The one problem, which is a sentence that keeps the passphrase to itself."""
    (problem,) = store.plan(**change).problems
    assert change.get("passphrase", PASSPHRASE) == "" or str(change.get("passphrase", PASSPHRASE)) not in problem
    return problem


def made(store: Store, **change: Any) -> list[str]:
    """The names of the CAs that are to be made."""
    return [new.name for new in store.authority(**change).make]


def test_a_ca_that_is_there_signs(store: Store) -> None:
    pair = store.ca("ca")
    answer = store.authority()
    assert answer.make == answer.warnings == [] and answer.blocked == ""
    assert answer.signer == pair.pem and answer.engines == answer.clients == [pair.pem]
    assert (answer.cert_path, answer.key_path) == (str(store.path / "ca.crt"), str(store.path / "ca.key"))


def test_nothing_of_the_key_or_the_passphrase_is_in_the_answer(store: Store) -> None:
    store.ca("ca")
    for answer in (store.controller(), store.authority(), store.plan()):
        assert PASSPHRASE not in str(answer) and "PRIVATE" not in str(answer)


def test_a_ca_is_made_where_neither_file_is_there(store: Store) -> None:
    answer = store.authority()
    stem = str(store.path / "ca")
    assert [(new.name, new.cert_path, new.key_path) for new in answer.make] == [("ca", f"{stem}.crt", f"{stem}.key")]
    assert (answer.signer, answer.engines, answer.clients) == ("", [], [])


def test_a_ca_that_is_trusted_by_its_name_is_made_before_it_signs(store: Store) -> None:
    old = store.ca("ca")
    answer = store.authority(trusted_cas=["next", "next"])
    assert ([new.name for new in answer.make], answer.signer, answer.engines) == (["next"], old.pem, [old.pem])
    store.ca("next")
    assert made(store, trusted_cas=["next"]) == []


def test_trust_is_the_same_before_and_after_the_two_change_places(store: Store) -> None:
    store.ca("ca")
    store.ca("next")
    before, after = store.authority(trusted_cas=["next"]), store.authority(ca="next", trusted_cas=["ca"])
    assert (before.engines, before.clients) == (after.engines, after.clients) and len(after.engines) == 2


def test_a_folder_that_is_not_there_is_made(store: Store) -> None:
    new = str(store.path / "new")
    assert [store.plan(directory=directory).data["folder"] for directory in (str(store.path), new)] == ["", new]


def test_both_are_made_where_neither_is_there(store: Store) -> None:
    assert made(store, trusted_cas=["next"]) == ["ca", "next"]


def test_a_limited_run_makes_no_ca(store: Store) -> None:
    assert "Could not create CA 'ca': this run is limited to w1" in only_problem(store, limited="w1")
    store.ca("ca")
    assert store.plan(limited="w1").problems == []
    assert "Could not create CA 'next': this run is limited to w1" in only_problem(store, limited="w1", trusted_cas=["next"])


def test_a_key_without_its_certificate_is_what_an_interrupted_run_leaves(store: Store) -> None:
    store.ca("ca")
    (store.path / "ca.crt").unlink()
    assert made(store) == ["ca"]
    assert "the passphrase does not decrypt it" in only_problem(store, passphrase="another one")


def test_an_external_ca_signs_and_is_not_encrypted_if_it_is_not(store: Store) -> None:
    external = store.ca("external", passphrase="")
    answer = store.authority(passphrase="", **store.external("external"))
    assert (answer.make, answer.signer) == ([], external.pem)


def test_engines_trust_the_first_certificate_of_a_chain_and_clients_all(store: Store) -> None:
    root = store.ca("root")
    between = Pair.make("between", issuer=root)
    store.write("between", between)
    (store.path / "between.crt").write_text(between.pem + root.pem)
    answer = store.authority(**store.external("between"))
    assert (answer.signer, answer.engines, answer.clients) == (between.pem, [between.pem], sorted([between.pem, root.pem]))
    ca = store.ca("ca")
    answer = store.authority(trusted_cas=["between"])
    assert answer.engines == sorted([ca.pem, between.pem]) and answer.clients == sorted([ca.pem, between.pem, root.pem])


def test_the_trusted_file_is_the_same_whichever_of_them_signs(store: Store) -> None:
    old, new = store.ca("ca"), store.ca("new")
    before, after = store.authority(trusted_cas=["new"]), store.authority(ca="new", trusted_cas=["ca", str(store.path / "ca.crt")])
    assert before.engines == after.engines == sorted([old.pem, new.pem]) and after.signer == new.pem


def test_a_ca_that_is_to_be_made_may_name_itself_among_the_trusted(store: Store) -> None:
    assert made(store, trusted_cas=["ca"]) == ["ca"]


def test_what_is_signed_ends_with_its_ca_at_the_latest(store: Store) -> None:
    store.ca("ca", days=100)
    limit = asn1_time(datetime.now(timezone.utc) + timedelta(days=100, minutes=1))
    assert asn1_time(datetime.now(timezone.utc) + timedelta(days=99)) < store.authority().not_after <= limit
    (warning,) = store.plan().warnings
    assert warning.startswith("What CA 'ca' signs now ends with it on ") and "before tls_days (365 days) are over" in warning
    assert store.plan(days=40).warnings == []
    assert store.authority(days=40).not_after < asn1_time(datetime.now(timezone.utc) + timedelta(days=41))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"days": 0}, "Could not use tls_days '0': it is not a number of days between 1 and 36500"),
        ({"ca_days": 99999}, "Could not use tls_ca_days '99999'"),
        ({"renew_before": -1}, "Could not use tls_renew_before '-1'"),
        ({"renew_before": 365}, "a certificate would be renewed in every run"),
        ({"ca_days": 30}, "Set it to less than tls_days and tls_ca_days"),
        ({"ca_cert": "/x/ca.crt"}, "tls_ca_cert is set and tls_ca_key is not"),
        ({"ca_key": "/x/ca.key"}, "tls_ca_key is set and tls_ca_cert is not"),
        ({"ca": "../ca"}, "Could not use CA '../ca': that is not a file name"),
        ({"ca": ""}, "Could not use CA '': that is not a file name"),
        ({"passphrase": "abc"}, "tls_ca_passphrase: it is shorter than 4 characters"),
        ({"passphrase": ""}, "Could not create CA 'ca': tls_ca_passphrase is not set"),
        ({"passphrase": "seven77"}, "Could not create CA 'ca': tls_ca_passphrase is shorter than 8 characters"),
        ({"passphrase": "seven77", "ca": "2027"}, "Could not create CA '2027'"),
        ({"trusted_cas": ["/x/gone.crt"]}, "gone.crt': No such file or directory. Correct its path"),
        ({"trusted_cas": ["gone.crt"]}, "Could not trust CA 'gone.crt': that is neither a path nor the name of a CA"),
        ({"trusted_cas": ["a b"]}, "Could not trust CA 'a b'"),
        ({"trusted_cas": [{"a": 1}]}, "Could not use tls_trusted_cas '{'a': 1}': it is not a string"),
        ({"ca": ["ca"]}, "Could not use tls_ca '['ca']': it is not a string. Write one string in quotes."),
        ({"ca": True}, "Could not use tls_ca 'True': it is not a string"),
        ({"passphrase": {"a": "secret word"}}, "Could not use tls_ca_passphrase: it is not a string"),
        ({"days": "a year"}, "Could not use tls_days 'a year': it is not a number of days"),
        ({"days": None}, "Could not use tls_days 'None'"),
        ({"directory": None}, "Could not choose a directory for the CA: tls_directory is empty"),
        ({"directory": "None/.tls"}, "Could not use tls_directory 'None/.tls': it is relative"),
        ({"directory": "/dev/null"}, "Could not use tls_directory '/dev/null': it is not a directory"),
        ({"directory": "/dev/null/tls"}, "Could not use tls_directory '/dev/null/tls': Not a directory"),
        ({"ca_cert": "/x/ca.crt", "ca_key": "/x/ca.key"}, "Could not use CA '/x/ca.crt': No such file or directory"),
    ],
)
def test_what_is_wrong_with_the_variables_is_said(store: Store, change: dict[str, Any], words: str) -> None:
    assert words in only_problem(store, **change)


@pytest.mark.parametrize(
    ("made", "change", "words"),
    [
        ({"days": -1}, {}, "it expired on"),
        ({"starts": 1}, {}, "it is not valid before"),
        ({"ca": False}, {}, "it is not the certificate of a CA"),
        ({"signs": False}, {}, "it may not sign certificates"),
        ({"passphrase": ""}, {"passphrase": ""}, "it is not encrypted. Encrypt it"),
        ({"mode": 0o640}, {}, "others besides its owner can read it. Make it private with 'chmod 600"),
        ({}, {"passphrase": "another one"}, "the passphrase does not decrypt it. Correct tls_ca_passphrase"),
        ({}, {"passphrase": ""}, "it is encrypted, and there is no passphrase"),
    ],
)
def test_a_ca_that_cannot_sign_is_refused(store: Store, made: dict[str, Any], change: dict[str, Any], words: str) -> None:
    store.ca("ca", **made)
    assert words in only_problem(store, **change)


@pytest.mark.parametrize(
    ("made", "change", "words"),
    [
        ({"passphrase": ""}, {}, "it is not encrypted, and tls_ca_passphrase is set"),
        ({"mode": 0o644}, {}, "others besides its owner can read it"),
        ({"days": -1}, {}, "Use a new CA"),
    ],
)
def test_an_external_ca_that_cannot_sign_is_refused(store: Store, made: dict[str, Any], change: dict[str, Any], words: str) -> None:
    store.ca("external", **made)
    assert words in only_problem(store, **store.external("external"), **change)


def test_the_group_may_read_an_external_key(store: Store) -> None:
    store.ca("external", mode=0o640)
    assert store.plan(**store.external("external")).problems == []


def test_a_certificate_without_its_key_is_refused(store: Store) -> None:
    store.ca("ca")
    (store.path / "ca.key").unlink()
    assert "exists without its key" in only_problem(store)


def test_a_key_of_another_ca_is_refused(store: Store) -> None:
    store.ca("ca")
    store.write("other", Pair.make("other"))
    (store.path / "ca.key").write_bytes((store.path / "other.key").read_bytes())
    assert "belongs to another certificate" in only_problem(store)


@pytest.mark.parametrize(
    ("file", "words"), [("ca.crt", "there is no certificate in PEM form"), ("ca.key", "there is no private key in PEM form")]
)
def test_a_file_that_is_not_pem_is_refused(store: Store, file: str, words: str) -> None:
    store.ca("ca")
    (store.path / file).write_text("nonsense")
    assert words in only_problem(store)


def test_a_key_of_nonsense_without_a_certificate_is_refused(store: Store) -> None:
    store.ca("ca")
    (store.path / "ca.crt").unlink()
    (store.path / "ca.key").write_text("nonsense")
    assert "there is no private key in PEM form" in only_problem(store)


def test_a_trusted_certificate_that_is_no_ca_is_refused(store: Store) -> None:
    store.ca("ca")
    store.ca("leaf", ca=False)
    assert "Could not trust CA" in only_problem(store, trusted_cas=["leaf"])


def test_a_folder_may_be_given_from_home(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store.ca("ca")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.authority(directory="~/tls").cert_path == str(store.path / "ca.crt")


def test_a_ca_near_its_end_may_not_issue_but_may_stay(store: Store) -> None:
    store.ca("ca", days=20)
    answer = store.authority()
    assert "would end within tls_renew_before (30 days). Set tls_ca to a new name" in answer.blocked
    assert "Add its successor to tls_trusted_cas now." in answer.warnings[0]


def test_numbers_are_words_and_words_are_numbers(store: Store) -> None:
    store.ca("2027", passphrase="20272027")
    answer = store.authority(ca=2027, passphrase=20272027, days="365", trusted_cas=2027)
    assert answer.make == [] and answer.cert_path == str(store.path / "2027.crt")


def test_nothing_is_an_empty_word(store: Store) -> None:
    store.ca("ca")
    assert store.plan(ca_cert=None, ca_key=None, trusted_cas=None).problems == []
