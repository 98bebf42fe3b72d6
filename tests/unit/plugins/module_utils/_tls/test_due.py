# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Section
from ansible_collections.apiary.swarm.plugins.module_utils._tls.authority import Authority
from ansible_collections.apiary.swarm.tests.unit.fake_tls import (
    FOLDER,
    REGISTRY,
    TRUST,
    Pair,
    Store,
    described,
    look,
    store,
)

__all__ = ["store"]

NAMES = ("w1", "10.0.0.4", "localhost", "127.0.0.1", "::1")
BOTH = ("serverAuth", "clientAuth")
Files = Any


def trust(authority: Authority, path: str = f"{FOLDER}/ca.pem", mode: str = "0644") -> Files:
    """Whom a host trusts."""
    return {path: described("".join(authority.clients if path == TRUST else authority.engines), mode)}


def pair_of(ca: Pair | None, **make: Any) -> Pair:
    """A certificate that is right unless told otherwise."""
    return Pair.make("w1", issuer=ca, ca=False, **{"days": 300, "names": NAMES, "purposes": BOTH, **make})


def files_of(authority: Authority, pair: Pair, folder: str = FOLDER, key: Pair | None = None) -> Files:
    """The files of a host that has this certificate."""
    public = described("private", "0600", public_key=(key or pair).public)
    return {f"{folder}/cert.pem": described(pair.pem), f"{folder}/key.pem": public, **trust(authority)}


def needed(section: Section) -> dict[str, Any]:
    """What the host w1 needs."""
    assert section.problems == []
    return section.data["hosts"]["w1"]


def why(store: Store, pair: Pair, **change: Any) -> str:
    """Why the certificate of the host is issued anew."""
    section = store.plan(look(files_of(store.authority(**change), pair)), **change)
    assert section.problems == [] and bool(section.data["hosts"]) == bool(section.changes)
    (text,) = [one.text for one in section.changes if one.subject == "certificate"] or [": "]
    return text.split(": ", 1)[1]


def test_a_bare_host_needs_all(store: Store) -> None:
    store.ca("ca")
    due = needed(store.plan(look(library=False), registry=True, registry_names=["hub.example.org"], registry_address="r:5000"))
    assert due["write"] == [{"path": f"{FOLDER}/ca.pem", "whom": "engines"}, {"path": TRUST, "whom": "clients"}]
    assert due["folders"] == [{"path": path, "mode": "0755"} for path in (FOLDER, "/etc/docker/certs.d/r:5000", REGISTRY)]
    assert (due["modes"], due["library"]) == ([], "Debian")
    names = ["DNS:w1", "IP:10.0.0.4", "DNS:localhost", "IP:127.0.0.1", "IP:::1"]
    common = {"make_key": True, "common_name": "w1"}
    registry = [*names[:2], "DNS:hub.example.org", *names[2:]]
    assert due["issue"] == [
        {**common, "directory": FOLDER, "names": names, "purposes": list(BOTH)},
        {**common, "directory": REGISTRY, "names": registry, "purposes": ["serverAuth"]},
    ]


def test_what_is_due_is_told_in_the_order_in_which_it_is_done(store: Store) -> None:
    section = store.plan(look(library=False), clients=["operator"])
    folder = str(store.path / "clients" / "operator")
    assert [change[:4] for change in section.changes] == [
        ("controller", "CA", "make", "ca: for 3650 days"),
        ("controller", "client operator", "trust", f"{folder}/ca.pem: apiary.swarm CA ca"),
        ("w1", "packages", "install", "python3-cryptography"),
        ("w1", "folder", "make", FOLDER),
        ("w1", "CA", "trust", f"{FOLDER}/ca.pem: apiary.swarm CA ca"),
        ("w1", "certificate", "make key", f"{FOLDER}/key.pem"),
        ("w1", "certificate", "issue", f"{FOLDER}/cert.pem: there is none"),
        ("controller", "client operator", "make key", f"{folder}/key.pem"),
        ("controller", "client operator", "issue", f"{folder}/cert.pem: there is none"),
        ("controller", "client operator", "write", f"{folder}/docker.env: tcp://10.0.0.1:2376"),
    ]


def test_where_there_is_work_is_told(store: Store) -> None:
    ca = store.ca("ca")
    complete = look(files_of(store.authority(), pair_of(ca)))
    assert store.plan(complete).data["work"] == {"controller": False, "hosts": [], "clients": []}
    assert store.plan({"w1": complete, "w2": look()}).data["work"] == {"controller": False, "hosts": ["w2"], "clients": []}
    assert store.plan(complete, clients=["operator"]).data["work"] == {"controller": True, "hosts": ["w1"], "clients": ["w1"]}


def test_where_nobody_wants_tls_nothing_is_read(store: Store) -> None:
    assert store.plan(server=False, directory="nowhere", passphrase=None) == ([], [], [], {})


def test_a_host_that_has_all_needs_nothing(store: Store) -> None:
    ca = store.ca("ca")
    section = store.plan(look(files_of(store.authority(), pair_of(ca))))
    assert (section.problems, section.changes, section.data["hosts"], section.data["renewed"]) == ([], [], {}, {})


def test_a_host_with_a_registry_that_has_all_needs_nothing(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    registry = files_of(authority, pair_of(ca, purposes=("serverAuth",)), REGISTRY)
    files = {**registry, **files_of(authority, pair_of(ca)), **trust(authority, TRUST)}
    assert store.plan(look(files), registry=True, registry_address="r:5000").changes == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ({"days": 29}, "it expires on "),
        ({"days": -1}, "it expires on "),
        ({"names": ("w1", "old.example.org", "localhost", "127.0.0.1", "::1")}, "it lacks IP:10.0.0.4"),
        ({"names": ()}, "it lacks DNS:localhost, DNS:w1, IP:10.0.0.4, IP:127.0.0.1, IP:::1"),
        ({"purposes": ("serverAuth",)}, "it is not for clientAuth"),
        ({"purposes": ()}, "it is not for serverAuth"),
        ({"starts": 1}, "it is not valid yet"),
    ],
)
def test_a_certificate_is_issued_anew_when_it_must(store: Store, make: dict[str, Any], words: str) -> None:
    assert why(store, pair_of(store.ca("ca"), **make)).startswith(words)


def test_a_certificate_with_enough_days_left_stays(store: Store) -> None:
    ca = store.ca("ca")
    assert why(store, pair_of(ca, days=31)) == ""
    assert why(store, pair_of(ca, days=31), renew_before=40).startswith("it expires on")


def test_a_renewed_certificate_keeps_its_key(store: Store) -> None:
    ca = store.ca("ca")
    section = store.plan(look(files_of(store.authority(), pair_of(ca, days=3))))
    (issue,) = needed(section)["issue"]
    assert not issue["make_key"] and needed(section)["library"] == ""
    assert [(one.subject, one.verb) for one in section.changes] == [("certificate", "renew")]


def test_a_key_that_belongs_to_no_certificate_gets_one(store: Store) -> None:
    ca = store.ca("ca")
    section = store.plan(look(files_of(store.authority(), pair_of(ca), key=Pair.make("other"))))
    (issue,) = needed(section)["issue"]
    assert section.changes[0].text.endswith(": it belongs to another key") and not issue["make_key"]


@pytest.mark.parametrize("content", ["", "nonsense\n", None])
def test_a_key_that_cannot_be_read_is_made_anew(store: Store, content: str | None) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    key = {f"{FOLDER}/key.pem": described(mode="0600", public_key=content)}
    section = store.plan(look({**files_of(authority, pair_of(ca)), **key}))
    (issue,) = needed(section)["issue"]
    assert section.changes[-1].text.endswith(": its key is missing or cannot be read") and issue["make_key"]


def test_a_host_that_cannot_open_keys_is_believed(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    key = {f"{FOLDER}/key.pem": described(mode="0600", public_key="unknown")}
    assert store.plan(look({**files_of(authority, pair_of(ca)), **key})).changes == []


def test_a_certificate_of_nonsense_is_none(store: Store) -> None:
    store.ca("ca")
    nonsense = {f"{FOLDER}/cert.pem": described("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")}
    assert store.plan(look(nonsense)).changes[-1].text == f"{FOLDER}/cert.pem: there is none"


def test_who_may_read_is_corrected_without_a_new_certificate(store: Store) -> None:
    ca = store.ca("ca")
    authority, pair = store.authority(), pair_of(ca)
    files = {
        f"{FOLDER}/cert.pem": described(pair.pem, uid=1000),
        f"{FOLDER}/key.pem": described(mode="0644", public_key=pair.public),
        **trust(authority, mode="0600"),
    }
    section = store.plan(look(files))
    due = needed(section)
    assert sorted(due["modes"], key=lambda one: one["path"]) == [
        {"path": f"{FOLDER}/ca.pem", "mode": "0644"},
        {"path": f"{FOLDER}/cert.pem", "mode": "0644"},
        {"path": f"{FOLDER}/key.pem", "mode": "0600"},
    ]
    assert not due["issue"] and not due["write"] and section.data["renewed"] == {}
    assert f"{FOLDER}/cert.pem: 0644 of 1000:0 → 0644 of 0:0" in [one.text for one in section.changes]


def why_with_old_trust(store: Store, old: Pair) -> str:
    section = store.plan(look(files_of(store.authority(), pair_of(old))), ca="new", trusted_cas=["ca"])
    assert needed(section)["write"] == [{"path": f"{FOLDER}/ca.pem", "whom": "engines"}]
    return section.changes[-1].text


@pytest.mark.parametrize("there", [True, False])
def test_a_new_ca_with_the_old_one_trusted_is_rolled_out_also_where_it_is_yet_to_be_made(store: Store, there: bool) -> None:
    old = store.ca("ca")
    if there:
        store.ca("new")
    assert why_with_old_trust(store, old) == f"{FOLDER}/cert.pem: it is from another CA"


def test_trust_that_changes_is_told_with_what_it_was(store: Store) -> None:
    old = store.ca("ca")
    section = store.plan(look(files_of(store.authority(), pair_of(old))), trusted_cas=["next"])
    assert section.changes[-1].text == f"{FOLDER}/ca.pem: ca → ca, apiary.swarm CA next"
    assert section.changes[-1].after == {f"{FOLDER}/ca.pem": ["ca", "apiary.swarm CA next"]}


@pytest.mark.parametrize("there", [True, False])
def test_a_new_ca_without_an_overlap_is_refused(store: Store, there: bool) -> None:
    old = store.ca("ca")
    if there:
        store.ca("new")
    (problem,) = store.plan(look(files_of(store.authority(), pair_of(old))), ca="new").problems
    assert "of host 'w1': it is from another CA (CN=ca)" in problem and "Add that CA to tls_trusted_cas" in problem


def test_the_old_ca_goes_when_nobody_has_a_certificate_of_it(store: Store) -> None:
    store.ca("ca")
    new = store.ca("new")
    files = files_of(store.authority(ca="new", trusted_cas=["ca"]), pair_of(new))
    due = needed(store.plan(look(files), ca="new"))
    assert (due["write"], due["issue"]) == ([{"path": f"{FOLDER}/ca.pem", "whom": "engines"}], [])


def test_a_registry_of_another_ca_is_refused_too(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    registry = files_of(authority, pair_of(Pair.make("foreign"), purposes=("serverAuth",)), REGISTRY)
    (problem,) = store.plan(look({**registry, **files_of(authority, pair_of(ca))}), registry=True).problems
    assert f"'{REGISTRY}/cert.pem'" in problem


def test_a_certificate_of_another_ca_that_has_ended_hinders_nobody(store: Store) -> None:
    store.ca("ca")
    assert why(store, pair_of(Pair.make("foreign"), days=-1)) == "it is from another CA"


def test_a_ca_of_the_same_name_is_another_ca(store: Store) -> None:
    store.ca("ca")
    (problem,) = store.plan(look(files_of(store.authority(), pair_of(Pair.make("ca"))))).problems
    assert "it is from another CA" in problem


def test_a_run_that_leaves_hosts_out_does_not_change_the_ca(store: Store) -> None:
    old = store.ca("ca")
    new = store.ca("new")
    change = {"ca": "new", "trusted_cas": ["ca"]}
    authority = store.authority(**change)
    (problem,) = store.plan({"w1": look(files_of(authority, pair_of(old))), "w2": None}, **change).problems
    assert "Could not change the CA of host 'w1': this run goes without w2 (failed or unreachable)" in problem
    assert store.plan({"w1": look(files_of(authority, pair_of(new, days=3))), "w2": None}, **change).problems == []
    assert store.plan({"w1": look(), "w2": None}, **change).problems == []


def test_a_run_without_a_host_that_does_not_answer_may_make_a_ca(store: Store) -> None:
    assert [one["name"] for one in store.plan({"w1": look(), "w2": None}).data["make"]] == ["ca"]


def test_the_registry_has_a_folder_of_its_own(store: Store) -> None:
    store.ca("ca")
    assert "are the same ('/etc/docker/tls')" in store.plan(registry=True, registry_directory=FOLDER).problems[0]


@pytest.mark.parametrize("option", ["names", "addresses"])
def test_a_name_that_cannot_be_in_a_certificate_is_refused(store: Store, option: str) -> None:
    store.ca("ca")
    (problem,) = store.plan(**{option: ["http://a.org", "w1"]}).problems
    assert problem.startswith("Could not certify name 'http://a.org' of host 'w1': it is a URL. Correct tls_names,")


def test_problems_of_the_ca_and_of_hosts_are_told_together(store: Store) -> None:
    problems = store.plan(names=["a b"], passphrase="").problems
    assert [problem.split(":")[0] for problem in problems] == [
        "Could not certify name 'a b' of host 'w1'",
        "Could not create CA 'ca'",
    ]


def test_an_alias_that_cannot_be_in_a_certificate_is_left_out(store: Store) -> None:
    store.ca("ca")
    due = needed(store.plan(look(hostname="my host:1"), names=["w1"]))
    assert due["issue"][0]["names"] == ["DNS:w1", "IP:10.0.0.4", "DNS:localhost", "IP:127.0.0.1", "IP:::1"]


def test_a_name_too_many_is_no_reason_to_renew(store: Store) -> None:
    ca = store.ca("ca")
    assert why(store, pair_of(ca, names=(*NAMES, "old.example.org", "10.9.9.9"))) == ""


def test_the_names_that_a_host_says_it_has_are_in_its_certificate(store: Store) -> None:
    ca = store.ca("ca")
    said = look(files_of(store.authority(), pair_of(ca)), hostname="W1.local", fqdn="w1.example.org")
    said["network"]["default_address"] = "10.0.0.5"
    section = store.plan(said)
    assert section.changes[0].text.endswith("cert.pem: it lacks DNS:w1.example.org, DNS:w1.local, IP:10.0.0.5")
    assert needed(section)["issue"][0]["names"][:5] == ["DNS:w1", "IP:10.0.0.4", "DNS:w1.local", "DNS:w1.example.org", "IP:10.0.0.5"]


@pytest.mark.parametrize("fqdn", [None, "", "w1", "localhost.localdomain"])
def test_a_full_name_that_says_nothing_is_left_out(store: Store, fqdn: str | None) -> None:
    ca = store.ca("ca")
    assert store.plan(look(files_of(store.authority(), pair_of(ca)), fqdn=fqdn)).changes == []


def test_a_host_that_serves_no_api_needs_only_what_belongs_to_the_registry(store: Store) -> None:
    ca = store.ca("ca")
    section = store.plan(server=False, registry=True, registry_address="r:5000")
    due = needed(section)
    assert [one["directory"] for one in due["issue"]] == [REGISTRY] and [one["path"] for one in due["write"]] == [TRUST]
    assert [one["path"] for one in due["folders"]] == ["/etc/docker/certs.d/r:5000", REGISTRY] and section.data["renewed"] == {}
    authority = store.authority()
    store.ca("new")
    files = {**files_of(authority, pair_of(ca)), **trust(store.authority(ca="new"), TRUST)}
    section = store.plan(look(files), ca="new", server=False, registry_address="r:5000")
    assert (section.problems, section.changes) == ([], [])


def test_the_options_of_the_engine_whose_files_are_written_are_told(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    assert store.plan().data["renewed"] == {"w1": ["tlscacert", "tlscert", "tlskey"]}
    assert store.plan(look(files_of(authority, pair_of(ca)))).data["renewed"] == {}
    assert store.plan(look(files_of(authority, pair_of(ca, days=3)))).data["renewed"] == {"w1": ["tlscert"]}
    store.ca("next")
    assert store.plan(look(files_of(authority, pair_of(ca))), trusted_cas=["next"]).data["renewed"] == {"w1": ["tlscacert"]}
    assert store.plan(look(files_of(authority, pair_of(ca))), registry=True, registry_address="r:5000").data["renewed"] == {}


def test_trust_in_a_coming_ca_issues_nothing(store: Store) -> None:
    ca = store.ca("ca")
    due = needed(store.plan(look(files_of(store.authority(), pair_of(ca))), trusted_cas=["next"]))
    assert (due["issue"], [one["path"] for one in due["write"]]) == ([], [f"{FOLDER}/ca.pem"])


def test_a_run_that_leaves_hosts_out_drops_no_ca(store: Store) -> None:
    store.ca("ca")
    new = store.ca("new")
    both = store.authority(ca="new", trusted_cas=["ca"])
    said = look({**files_of(both, pair_of(new)), **trust(both, TRUST)})
    change = {"ca": "new", "registry_address": "r:5000"}
    assert store.plan(said, **change).problems == []
    words = "of host 'w1': this run goes without w2 (failed or unreachable), and excluded hosts may have certificates of it."
    assert store.plan({"w1": said, "w2": None}, **change).problems == [
        f"Could not remove CA 'CN=ca' from '{path}' {words} Run again with all hosts." for path in (f"{FOLDER}/ca.pem", TRUST)
    ]
    assert store.plan(said, limited="w1", trusted_cas=["ca"], **change).problems == []


def test_a_ca_near_its_end_is_a_problem_for_whom_something_is_issued(store: Store) -> None:
    ca = store.ca("ca", days=20)
    authority = store.authority()
    assert store.plan().problems == [authority.blocked]
    section = store.plan(look(files_of(authority, pair_of(ca, until=ca.certificate.not_valid_after_utc))))
    assert (section.problems, section.changes) == ([], [])
    assert store.plan(look(files_of(authority, pair_of(ca, days=3)))).problems == [authority.blocked]


@pytest.mark.parametrize("folder", ["~/tls", "tls", "", None])
def test_folders_on_hosts_are_absolute(store: Store, folder: str | None) -> None:
    store.ca("ca")
    words = f"Could not use tls_host_directory '{folder}' of host 'w1': it is not an absolute path"
    assert words in store.plan(host_directory=folder).problems[0]
    assert "Could not use tls_registry_directory" in store.plan(registry=True, registry_directory=folder).problems[0]


def test_words_of_other_types_are_told(store: Store) -> None:
    store.ca("ca")
    (problem,) = store.plan(names=[[{"a": 1}], None, "w2"]).problems
    assert "Could not certify name '{'a': 1}' of host 'w1'" in problem


@pytest.mark.parametrize("hidden", [{"type": None}, {"certificates": None}])
def test_a_file_that_may_not_be_read_is_not_taken_for_a_missing_one(store: Store, hidden: dict[str, Any]) -> None:
    store.ca("ca")
    path = f"{FOLDER}/key.pem"
    (problem,) = store.plan(look({path: {**described(), **hidden}})).problems
    assert problem == f"Could not read file '{path}' of host 'w1': Ansible's user has no permission. Set become for this host."


def test_a_library_that_cannot_be_installed_is_a_problem(store: Store) -> None:
    ca = store.ca("ca")
    (problem,) = store.plan(look(library=False, family="Suse")).problems
    assert problem.startswith("Could not create a certificate for host 'w1': its Python lacks the library cryptography")
    assert store.plan(look(files_of(store.authority(), pair_of(ca)), library=False, family="Suse")).problems == []
