# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.tls_clients import FilterModule
from ansible_collections.apiary.swarm.tests.unit.plugins.filter.tls_certificates import Pair, Store, store

tls_clients = FilterModule().filters()["tls_clients"]

__all__ = ["store"]


def folder(store: Store, name: str = "operator") -> Path:
    return store.path / "clients" / name


def plan(store: Store, clients: tuple[str, ...] = ("operator",), limited: bool = False, **settings: Any) -> dict[str, Any]:
    """What the clients' folders need, with a manager at 10.0.0.1."""
    answer = tls_clients(list(clients), store.authority(**settings), ["10.0.0.1", "10.0.0.2"], limited)
    assert all(problem.startswith("Could not ") and problem.endswith(".") for problem in answer["problems"])
    return answer


def fill(store: Store, ca: Pair, name: str = "operator", **make: Any) -> Pair:
    """A client's folder as the role makes it."""
    pair = Pair.make(make.pop("common_name", name), issuer=ca, ca=False, **{"purposes": ("clientAuth",), "days": 300, **make})
    here = folder(store, name)
    here.mkdir(parents=True, exist_ok=True)
    (here / "key.pem").write_bytes(pair.private())
    (here / "key.pem").chmod(0o600)
    (here / "cert.pem").write_text(pair.pem)
    (here / "ca.pem").write_text(store.authority()["bundle"])
    for env in plan(store)["environments"]:
        (here / "docker.env").write_text(env["content"])
    return pair


def why(answer: dict[str, Any]) -> str:
    (one,) = answer["issue"]
    return one["why"]


def test_a_new_client_needs_all(store: Store) -> None:
    store.ca("ca")
    here = str(folder(store))
    answer = plan(store)
    issue = {"directory": here, "make_key": True, "common_name": "operator", "why": "there is none", "library": True}
    assert (answer["problems"], answer["modes"], answer["folders"]) == ([], [], [here])
    assert (answer["trust"], answer["issue"]) == ([f"{here}/ca.pem"], [issue])
    assert [env["path"] for env in answer["environments"]] == [f"{here}/docker.env"]


def test_a_client_that_has_all_needs_nothing(store: Store) -> None:
    fill(store, store.ca("ca"))
    assert not any(plan(store).values())


def test_the_environment_file_reaches_the_first_manager(store: Store) -> None:
    store.ca("ca")
    (env,) = plan(store)["environments"]
    here = folder(store)
    assert f"export DOCKER_HOST=tcp://10.0.0.1:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH={here}\n" in env["content"]
    assert f"docker context create operator --docker host=tcp://10.0.0.1:2376,ca={here}/ca.pem," in env["content"]


@pytest.mark.parametrize(("endpoint", "host"), [("fd00::1", "'tcp://[fd00::1]:2376'"), ("M1.example.org", "tcp://m1.example.org:2376")])
def test_an_endpoint_is_an_address_or_a_name(store: Store, endpoint: str, host: str) -> None:
    store.ca("ca")
    (env,) = tls_clients(["operator"], store.authority(), [endpoint], False)["environments"]
    assert f"DOCKER_HOST={host} " in env["content"]


def test_without_an_endpoint_there_is_no_environment_file(store: Store) -> None:
    store.ca("ca")
    assert tls_clients(["operator"], store.authority(), [], False)["environments"] == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ({"days": 29}, "it ends on "),
        ({"purposes": ("serverAuth",)}, "it is not for clientAuth"),
        ({"common_name": "somebody"}, "it is of another name"),
    ],
)
def test_a_certificate_is_issued_anew_when_it_must(store: Store, make: dict[str, Any], words: str) -> None:
    fill(store, store.ca("ca"), **make)
    answer = plan(store)
    assert why(answer).startswith(words) and not answer["issue"][0]["make_key"]


def test_a_key_that_belongs_to_no_certificate_gets_one(store: Store) -> None:
    fill(store, store.ca("ca"))
    (folder(store) / "key.pem").write_bytes(Pair.make("other").private())
    assert why(plan(store)) == "it belongs to another key"


def test_a_key_that_docker_cannot_open_is_made_anew(store: Store) -> None:
    pair = fill(store, store.ca("ca"))
    (folder(store) / "key.pem").write_bytes(pair.private("a passphrase"))
    assert why(plan(store)) == "its key is missing or cannot be read" and plan(store)["issue"][0]["make_key"]


def test_a_key_that_others_can_read_is_made_private(store: Store) -> None:
    fill(store, store.ca("ca"))
    (folder(store) / "key.pem").chmod(0o644)
    answer = plan(store)
    assert answer["modes"] == [str(folder(store) / "key.pem")] and answer["issue"] == []


def test_a_new_ca_needs_an_overlap(store: Store) -> None:
    fill(store, store.ca("ca"))
    store.ca("new")
    (problem,) = plan(store, ca="new")["problems"]
    assert "Could not replace the certificate of client 'operator': it is of another CA (CN=ca)" in problem
    answer = plan(store, ca="new", trusted_cas=["ca"])
    assert answer["problems"] == [] and why(answer) == "it is of another CA" and answer["trust"]


def test_a_limited_run_does_not_change_the_ca(store: Store) -> None:
    fill(store, store.ca("ca"))
    store.ca("new")
    (problem,) = plan(store, ca="new", trusted_cas=["ca"], limited=True)["problems"]
    assert "Could not change the CA of client 'operator': this run is limited" in problem
    assert plan(store, limited=True)["problems"] == []


def test_a_ca_that_is_yet_to_be_made_is_trusted_when_it_is(store: Store) -> None:
    fill(store, store.ca("ca"))
    assert plan(store, ca="new", trusted_cas=["ca"])["trust"] == [str(folder(store) / "ca.pem")]


def test_where_the_ca_cannot_be_used_nothing_is_said_of_clients(store: Store) -> None:
    fill(store, store.ca("ca"))
    assert not any(plan(store, passphrase="another one").values())


@pytest.mark.parametrize(
    ("clients", "words"),
    [
        (("a/b",), "Could not make client 'a/b': that is no name for a folder"),
        (("..",), "Could not make client '..': that is no name for a folder"),
        (("",), "Could not make client '': that is no name for a folder"),
        (("a", "a"), "Could not make client 'a': tls_clients has it 2 times. Leave it there once."),
    ],
)
def test_names_of_clients_are_checked(store: Store, clients: tuple[str, ...], words: str) -> None:
    store.ca("ca")
    (problem,) = plan(store, clients)["problems"]
    assert words in problem


@pytest.mark.parametrize(
    ("endpoints", "registry", "words"),
    [
        (["tcp://m1"], "", "Could not use endpoint 'tcp://m1': it is a URL. Put names or addresses of managers into tls_endpoints."),
        (["m1:2376"], "", "Could not use endpoint 'm1:2376': it has a port"),
        ([], "https://r:5000/", "Could not trust registry 'https://r:5000/': that is not its host:port. Correct tls_registry_address."),
        ([], "../x", "Could not trust registry '../x'"),
    ],
)
def test_addresses_are_checked(store: Store, endpoints: list[str], registry: str, words: str) -> None:
    store.ca("ca")
    (problem,) = tls_clients(["operator"], store.authority(), endpoints, False, registry)["problems"]
    assert words in problem
