# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.tls_hosts import FilterModule, alternative_name
from ansible_collections.apiary.swarm.tests.unit.plugins.filter.tls_certificates import Pair, Store, store

tls_hosts = FilterModule().filters()["tls_hosts"]

__all__ = ["store"]

NAMES = ("w1", "10.0.0.4", "localhost", "127.0.0.1", "::1")
BOTH = ("serverAuth", "clientAuth")
FOLDER, REGISTRY, TRUST = "/etc/docker/tls", "/etc/docker/tls-registry", "/etc/docker/certs.d/r:5000/ca.crt"


def file(path: str, content: str, mode: str = "600", owner: str = "0:0") -> str:
    """A file as the host says it."""
    return f"file {mode} {owner} {path}\n{content}"


def trust(authority: dict[str, Any], path: str = f"{FOLDER}/ca.pem", mode: str = "644") -> str:
    bundle = authority["client_bundle" if path == TRUST else "bundle"]
    return file(path, hashlib.sha256(bundle.encode()).hexdigest() + "  -\n" + bundle, mode)


def pair_of(ca: Pair | None, **make: Any) -> Pair:
    """A certificate that is right unless told otherwise."""
    return Pair.make("w1", issuer=ca, ca=False, **{"days": 300, "names": NAMES, "purposes": BOTH, **make})


def plan_of(authority: dict[str, Any], pair: Pair, **change: Any) -> tuple[dict[str, Any], list[str]]:
    """(what a host with this certificate needs, its problems)."""
    return plan(authority, look(authority, pair), **change)


def look(authority: dict[str, Any], pair: Pair, folder: str = FOLDER, key: Pair | None = None) -> str:
    """What a host says that has this certificate."""
    files = [file(f"{folder}/cert.pem", pair.pem + "\n", "644"), file(f"{folder}/key.pem", (key or pair).public)]
    return "".join(files) + trust(authority) + "library\n"


def plan(authority: dict[str, Any], said: str = "", limited: str = "", **change: Any) -> tuple[dict[str, Any], list[str]]:
    """(what the host w1 needs, its problems)."""
    view = {
        "host": "w1",
        "optional": ["w1", "", "10.0.0.4"],
        "names": [],
        "server": True,
        "directory": FOLDER,
        "registry": False,
        "registry_directory": REGISTRY,
        "registry_names": [],
        "registry_trust": "",
        "look": said,
        **change,
    }
    answer = tls_hosts([view], authority, limited)
    assert all(problem.startswith("Could not ") and problem.endswith(".") for problem in answer["problems"])
    return answer["hosts"]["w1"], answer["problems"]


def why(store: Store, pair: Pair, **change: Any) -> str:
    """Why the certificate of the host is issued anew."""
    authority = store.authority(**change)
    needed, problems = plan(authority, look(authority, pair))
    assert problems == [] and needed["work"] == bool(needed["issue"])
    return needed["issue"]["host"]["why"] if needed["issue"] else ""


def test_a_bare_host_needs_all(store: Store) -> None:
    store.ca("ca")
    needed, problems = plan(store.authority(), registry=True, registry_names=["hub.example.org"], registry_trust=TRUST)
    assert problems == [] and needed["work"]
    assert needed["trust"] == [f"{FOLDER}/ca.pem", TRUST] and needed["modes"] == []
    assert needed["folders"] == [FOLDER, "/etc/docker/certs.d/r:5000", REGISTRY]
    names = ["DNS:w1", "IP:10.0.0.4", "DNS:localhost", "IP:127.0.0.1", "IP:::1"]
    common = {"make_key": True, "common_name": "w1", "why": "there is none", "library": False}
    assert needed["issue"]["host"] == {**common, "directory": FOLDER, "names": names, "purposes": list(BOTH)}
    names.insert(2, "DNS:hub.example.org")
    assert needed["issue"]["registry"] == {**common, "directory": REGISTRY, "names": names, "purposes": ["serverAuth"]}


def test_a_host_that_has_all_needs_nothing(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    needed, problems = plan(authority, look(authority, pair_of(ca)))
    assert problems == []
    assert needed == {"folders": [], "issue": {}, "trust": [], "modes": [], "renewed": [], "work": False}


def test_a_host_with_a_registry_that_has_all_needs_nothing(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    said = look(authority, pair_of(ca, purposes=("serverAuth",)), REGISTRY) + look(authority, pair_of(ca)) + trust(authority, TRUST)
    assert not plan(authority, said, registry=True, registry_trust=TRUST)[0]["work"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ({"days": 29}, "it ends on "),
        ({"days": -1}, "it ends on "),
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
    assert why(store, pair_of(ca, days=31), renew_before=40).startswith("it ends on")


def test_a_renewed_certificate_keeps_its_key(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    issue = plan(authority, look(authority, pair_of(ca, days=3)))[0]["issue"]["host"]
    assert not issue["make_key"] and issue["library"]


def test_a_key_that_belongs_to_no_certificate_gets_one(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    issue = plan(authority, look(authority, pair_of(ca), key=Pair.make("other")))[0]["issue"]["host"]
    assert (issue["why"], issue["make_key"]) == ("it belongs to another key", False)


@pytest.mark.parametrize("content", ["", "nonsense\n"])
def test_a_key_that_cannot_be_read_is_made_anew(store: Store, content: str) -> None:
    ca = store.ca("ca")
    said = file(f"{FOLDER}/cert.pem", pair_of(ca).pem) + file(f"{FOLDER}/key.pem", content)
    issue = plan(store.authority(), said)[0]["issue"]["host"]
    assert (issue["why"], issue["make_key"]) == ("its key is missing or cannot be read", True)


def test_a_host_without_openssl_is_believed(store: Store) -> None:
    ca = store.ca("ca")
    said = file(f"{FOLDER}/cert.pem", pair_of(ca).pem, "644") + file(f"{FOLDER}/key.pem", "unknown\n")
    assert plan(store.authority(), said + trust(store.authority()))[0]["work"] is False


def test_a_certificate_of_nonsense_is_none(store: Store) -> None:
    store.ca("ca")
    assert plan(store.authority(), file(f"{FOLDER}/cert.pem", "nonsense\n"))[0]["issue"]["host"]["why"] == "there is none"


def test_who_may_read_is_corrected_without_a_new_certificate(store: Store) -> None:
    ca = store.ca("ca")
    authority, pair = store.authority(), pair_of(ca)
    said = (
        file(f"{FOLDER}/cert.pem", pair.pem, "644", "1000:0") + file(f"{FOLDER}/key.pem", pair.public, "644") + trust(authority, mode="600")
    )
    needed, _problems = plan(authority, said + trust(authority, mode="600"))
    assert needed["modes"] == [
        {"path": f"{FOLDER}/cert.pem", "mode": "0644"},
        {"path": f"{FOLDER}/key.pem", "mode": "0600"},
        {"path": f"{FOLDER}/ca.pem", "mode": "0644"},
    ]
    assert needed["work"] and not needed["issue"] and not needed["trust"]


def test_a_new_ca_with_the_old_one_trusted_is_rolled_out(store: Store) -> None:
    old = store.ca("ca")
    store.ca("new")
    assert why_with_old_trust(store, old) == "it is of another CA"


def why_with_old_trust(store: Store, old: Pair) -> str:
    before, after = store.authority(), store.authority(ca="new", trusted_cas=["ca"])
    needed, problems = plan(after, look(before, pair_of(old)))
    assert problems == [] and needed["trust"] == [f"{FOLDER}/ca.pem"]
    return needed["issue"]["host"]["why"]


def test_a_new_ca_that_is_yet_to_be_made_is_rolled_out(store: Store) -> None:
    assert why_with_old_trust(store, store.ca("ca")) == "it is of another CA"


@pytest.mark.parametrize("there", [True, False])
def test_a_new_ca_without_an_overlap_is_refused(store: Store, there: bool) -> None:
    old = store.ca("ca")
    if there:
        store.ca("new")
    authority = store.authority(ca="new")
    (problem,) = plan(authority, look(authority, pair_of(old)))[1]
    assert "of host 'w1': it is of another CA (CN=ca)" in problem and "Name that CA in tls_trusted_cas" in problem


def test_the_old_ca_goes_when_nobody_has_a_certificate_of_it(store: Store) -> None:
    store.ca("ca")
    new = store.ca("new")
    needed, problems = plan(store.authority(ca="new"), look(store.authority(ca="new", trusted_cas=["ca"]), pair_of(new)))
    assert (problems, needed["trust"], needed["issue"]) == ([], [f"{FOLDER}/ca.pem"], {})


def test_a_registry_of_another_ca_is_refused_too(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    said = look(authority, pair_of(Pair.make("foreign"), purposes=("serverAuth",)), REGISTRY) + look(authority, pair_of(ca))
    (problem,) = plan(authority, said, registry=True)[1]
    assert f"'{REGISTRY}/cert.pem'" in problem


def test_a_certificate_of_another_ca_that_has_ended_hinders_nobody(store: Store) -> None:
    store.ca("ca")
    assert why(store, pair_of(Pair.make("foreign"), days=-1)) == "it is of another CA"


def test_a_ca_of_the_same_name_is_another_ca(store: Store) -> None:
    store.ca("ca")
    (problem,) = plan(store.authority(), look(store.authority(), pair_of(Pair.make("ca"))))[1]
    assert "it is of another CA" in problem


def test_a_run_that_leaves_hosts_out_does_not_change_the_ca(store: Store) -> None:
    old = store.ca("ca")
    new = store.ca("new")
    authority = store.authority(ca="new", trusted_cas=["ca"])
    (problem,) = plan(authority, look(authority, pair_of(old)), limited="goes without w2 (failed or unreachable)")[1]
    assert "Could not change the CA of host 'w1': this run goes without w2 (failed or unreachable)" in problem
    assert plan(authority, look(authority, pair_of(new, days=3)), limited="goes without w2 (failed or unreachable)")[1] == []
    assert plan(authority, "", limited="goes without w2 (failed or unreachable)")[1] == []


def test_the_registry_has_a_folder_of_its_own(store: Store) -> None:
    store.ca("ca")
    assert "are the same ('/etc/docker/tls')" in plan(store.authority(), registry=True, registry_directory=FOLDER)[1][0]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Web1.Example.org.", "DNS:web1.example.org"),
        ("worker_1", "DNS:worker_1"),
        ("*.example.org", "DNS:*.example.org"),
        ("10.0.0.4", "IP:10.0.0.4"),
        ("FD00:0:0::1", "IP:fd00::1"),
        ("[fd00::1]", "IP:fd00::1"),
    ],
)
def test_names_and_addresses_are_told_apart(word: str, name: str) -> None:
    assert alternative_name(word) == name


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        ("", "it is empty"),
        ("a b", "it has a space"),
        ("http://a.org", "it is a URL"),
        ("a.org/x", "it is a network or a path"),
        ("10.0.0.0/24", "it is a network or a path"),
        ("a.org:2376", "it has a port, or is no address"),
        ("fe80::1%eth0", "nobody can connect to that address"),
        ("0.0.0.0", "nobody can connect to that address"),
        ("eth0", "it is a network interface"),
        ("enp3s0", "it is a network interface"),
        ("10.0.0.256", "it ends in a number"),
        ("a.*.org", "a '*' may only be the whole first part"),
        ("*", "a '*' may only be the whole first part"),
        ("*.org", "a '*' may only be the whole first part"),
        ("w*.example.org", "a '*' may only be the whole first part"),
        ("-a.org", "it is neither a name nor an address"),
        ("a..org", "it is neither a name nor an address"),
        ("b\u00fccher.org", "it is not ASCII"),
        ("a" * 64 + ".org", "it is neither a name nor an address"),
        (".".join(["a" * 60] * 5), "it is longer than 253 characters"),
    ],
)
def test_a_name_that_cannot_be_in_a_certificate_is_refused(store: Store, word: str, cause: str) -> None:
    store.ca("ca")
    (problem,) = plan(store.authority(), names=[word] if word else ["w2", ""], optional=["w1"])[1]
    assert problem.startswith(f"Could not certify name '{word}' of host 'w1': ") and cause in problem


def test_an_alias_that_cannot_be_in_a_certificate_is_left_out(store: Store) -> None:
    store.ca("ca")
    needed, problems = plan(store.authority(), optional=["my host:1", ""], names=["w1"])
    assert problems == [] and needed["issue"]["host"]["names"] == ["DNS:w1", "DNS:localhost", "IP:127.0.0.1", "IP:::1"]


def test_a_name_too_many_is_no_reason_to_renew(store: Store) -> None:
    ca = store.ca("ca")
    assert why(store, pair_of(ca, names=(*NAMES, "old.example.org", "10.9.9.9"))) == ""


def test_the_names_that_a_host_says_it_has_are_in_its_certificate(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    said = "name W1.local\nname w1.example.org\nname 10.0.0.5\nname \nname my host\n" + look(authority, pair_of(ca))
    issue = plan(authority, said)[0]["issue"]["host"]
    assert issue["why"] == "it lacks DNS:w1.example.org, DNS:w1.local, IP:10.0.0.5"
    assert issue["names"][:5] == ["DNS:w1", "IP:10.0.0.4", "DNS:w1.local", "DNS:w1.example.org", "IP:10.0.0.5"]


def test_a_file_does_not_say_what_the_host_is_called(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    assert not plan(authority, look(authority, pair_of(ca)).replace("library\n", "name evil.example.org\nlibrary\n"))[0]["issue"]


def test_a_host_that_serves_no_api_needs_only_what_belongs_to_the_registry(store: Store) -> None:
    ca = store.ca("ca")
    needed, problems = plan(store.authority(), server=False, registry=True, registry_trust=TRUST)
    assert problems == [] and list(needed["issue"]) == ["registry"]
    assert (needed["trust"], needed["renewed"], needed["folders"]) == ([TRUST], [], ["/etc/docker/certs.d/r:5000", REGISTRY])
    store.ca("new")
    assert plan_of(store.authority(ca="new"), pair_of(ca), server=False) == (
        {"folders": [], "issue": {}, "trust": [], "modes": [], "renewed": [], "work": False},
        [],
    )


def test_the_options_of_the_engine_whose_files_are_written_are_told(store: Store) -> None:
    ca = store.ca("ca")
    authority = store.authority()
    assert plan(authority)[0]["renewed"] == ["tlscacert", "tlscert", "tlskey"]
    assert plan_of(authority, pair_of(ca))[0]["renewed"] == []
    assert plan_of(authority, pair_of(ca, days=3))[0]["renewed"] == ["tlscert"]
    store.ca("next")
    assert plan(store.authority(trusted_cas=["next"]), look(authority, pair_of(ca)))[0]["renewed"] == ["tlscacert"]
    said = look(authority, pair_of(ca)) + file(f"{REGISTRY}/cert.pem", "nonsense\n")
    assert plan(authority, said, registry=True, registry_trust=TRUST)[0]["renewed"] == []


def test_trust_in_a_coming_ca_issues_nothing(store: Store) -> None:
    ca = store.ca("ca")
    before, after = store.authority(), store.authority(trusted_cas=["next"])
    needed, problems = plan(after, look(before, pair_of(ca)))
    assert (problems, needed["issue"], needed["trust"]) == ([], {}, [f"{FOLDER}/ca.pem"])


def test_a_run_that_leaves_hosts_out_drops_no_ca(store: Store) -> None:
    store.ca("ca")
    new = store.ca("new")
    both = store.authority(ca="new", trusted_cas=["ca"])
    said = look(both, pair_of(new)) + trust(both, TRUST)
    assert plan(store.authority(ca="new"), said, registry_trust=TRUST)[1] == []
    problems = plan(store.authority(ca="new"), said, registry_trust=TRUST, limited="goes without w2 (failed or unreachable)")[1]
    words = "of host 'w1': this run goes without w2 (failed or unreachable), and who is left out may have a certificate of it."
    assert [
        f"Could not take CA 'CN=ca' from '{path}' {words} Run again with all hosts." for path in (f"{FOLDER}/ca.pem", TRUST)
    ] == problems
    assert plan(both, said, registry_trust=TRUST, limited="is limited to w1")[1] == []


def test_a_ca_near_its_end_is_a_problem_for_whom_something_is_issued(store: Store) -> None:
    ca = store.ca("ca", days=20)
    authority = store.authority()
    assert plan(authority)[1] == [authority["blocked"]]
    needed, problems = plan_of(authority, pair_of(ca, until=ca.certificate.not_valid_after_utc))
    assert (needed["work"], problems) == (False, [])
    assert plan_of(authority, pair_of(ca, days=3))[1] == [authority["blocked"]]


@pytest.mark.parametrize("folder", ["~/tls", "tls", "", None])
def test_folders_on_hosts_are_absolute(store: Store, folder: str | None) -> None:
    store.ca("ca")
    assert (
        f"Could not use tls_host_directory '{folder}' of host 'w1': it is not an absolute path"
        in plan(store.authority(), directory=folder)[1][0]
    )
    assert "Could not use tls_registry_directory" in plan(store.authority(), registry=True, registry_directory=folder)[1][0]


def test_words_of_other_types_are_told(store: Store) -> None:
    store.ca("ca")
    (problem,) = plan(store.authority(), names=[[{"a": 1}], None, "w2"])[1]
    assert "Could not certify name '{'a': 1}' of host 'w1'" in problem
