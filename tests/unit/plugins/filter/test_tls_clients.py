# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.tls_clients import FilterModule
from ansible_collections.apiary.swarm.tests.unit.plugins.filter.tls_certificates import Pair, Store, store

tls_clients = FilterModule().filters()["tls_clients"]

__all__ = ["store"]


def folder(store: Store, name: str = "operator") -> Path:
    return store.path / "clients" / name


def plan(store: Store, clients: tuple[str, ...] = ("operator",), limited: str = "", **settings: Any) -> dict[str, Any]:
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
    assert "DOCKER_HOST=tcp://10.0.0.1:2376 DOCKER_TLS_VERIFY=1\n" in env["content"]
    assert "docker context create operator --docker host=tcp://10.0.0.1:2376,ca=ca.pem,cert=cert.pem,key=key.pem\n" in env["content"]


def test_the_environment_file_has_the_port_of_the_api(store: Store) -> None:
    store.ca("ca")
    (env,) = tls_clients(["operator"], store.authority(), ["m1"], "", "", 12376)["environments"]
    assert "DOCKER_HOST=tcp://m1:12376 " in env["content"] and "host=tcp://m1:12376," in env["content"]
    (problem,) = tls_clients(["operator"], store.authority(), ["m1"], "", "", "0x")["problems"]
    assert problem == "Could not use tls_port '0x': it is no port. Set it to a number between 1 and 65535."


@pytest.mark.parametrize(("shell", "moves"), [("bash", True), ("dash", False)])
def test_the_environment_file_finds_the_folder_that_it_is_in(store: Store, tmp_path: Path, shell: str, moves: bool) -> None:
    fill(store, store.ca("ca"))
    copy = tmp_path / "a copy"
    shutil.copytree(folder(store), copy)
    for command in (f". '{copy}/docker.env'", f"cd '{tmp_path}'; . './a copy/docker.env'", f"cd '{copy}'; . ./docker.env"):
        told = subprocess.run([shell, "-euc", f'{command}; echo "$DOCKER_CERT_PATH"'], check=True, stdout=subprocess.PIPE, text=True).stdout
        assert told.strip() == str(copy if moves else folder(store))


@pytest.mark.parametrize(("endpoint", "host"), [("fd00::1", "'tcp://[fd00::1]:2376'"), ("M1.example.org", "tcp://m1.example.org:2376")])
def test_an_endpoint_is_an_address_or_a_name(store: Store, endpoint: str, host: str) -> None:
    store.ca("ca")
    (env,) = tls_clients(["operator"], store.authority(), [endpoint], "")["environments"]
    assert f"DOCKER_HOST={host} " in env["content"]


def test_without_an_endpoint_there_is_no_environment_file(store: Store) -> None:
    store.ca("ca")
    assert tls_clients(["operator"], store.authority(), [], "")["environments"] == []


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


def test_a_run_that_leaves_hosts_out_does_not_change_the_ca(store: Store) -> None:
    fill(store, store.ca("ca"))
    store.ca("new")
    (problem,) = plan(store, ca="new", trusted_cas=["ca"], limited="is limited to w1")["problems"]
    assert "Could not change the CA of client 'operator': this run is limited to w1, and" in problem
    assert plan(store, limited="is limited to w1")["problems"] == []


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
        (("a",), "Could not make client 'a': that is no name for a folder and a Docker context"),
        (("me@here",), "Could not make client 'me@here'"),
        (("default",), "but not 'default'."),
        (("ab", "ab"), "Could not make client 'ab': tls_clients has it 2 times. Leave it there once."),
        (([{"name": "me"}],), "Could not use tls_clients '{'name': 'me'}': it is no text"),
    ],
)
def test_names_of_clients_are_folders_and_contexts(store: Store, clients: tuple[str, ...], words: str) -> None:
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
        ([True], "", "Could not use tls_endpoints 'True': it is no text"),
        ([], ["r:5000"], "Could not trust registry '['r:5000']': it is no text"),
    ],
)
def test_addresses_are_checked(store: Store, endpoints: list[str], registry: str, words: str) -> None:
    store.ca("ca")
    (problem,) = tls_clients(["operator"], store.authority(), endpoints, "", registry)["problems"]
    assert words in problem


def test_a_client_may_have_a_number_for_a_name(store: Store) -> None:
    store.ca("ca")
    assert plan(store, clients=(42,))["issue"][0]["common_name"] == "42"


def test_clients_trust_the_whole_chain(store: Store) -> None:
    root = store.ca("root")
    between = Pair.make("between", issuer=root)
    store.write("between", between)
    (store.path / "between.crt").write_text(between.pem + root.pem)
    authority = store.external("between")
    fill(store, between)
    (folder(store) / "ca.pem").write_text(authority["client_bundle"])
    assert tls_clients(["operator"], authority, [], "")["trust"] == []
    (folder(store) / "ca.pem").write_text(authority["bundle"])
    assert tls_clients(["operator"], authority, [], "")["trust"] == [str(folder(store) / "ca.pem")]


def test_a_run_that_leaves_hosts_out_drops_no_ca(store: Store) -> None:
    store.ca("ca")
    new = store.ca("new")
    fill(store, new)
    (folder(store) / "ca.pem").write_text(store.authority(trusted_cas=["new"])["client_bundle"])
    assert plan(store, ca="new")["problems"] == []
    (problem,) = plan(store, ca="new", limited="goes without w2 (failed or unreachable)")["problems"]
    assert problem.startswith("Could not take CA 'CN=ca' from client 'operator': this run goes without w2 (failed or unreachable), and ")


def test_a_ca_near_its_end_hinders_nobody_who_needs_nothing(store: Store) -> None:
    ca = store.ca("ca", days=20)
    pair = fill(store, ca)
    assert plan(store)["problems"] == []
    ends_with_it = ca.certificate.not_valid_after_utc
    (folder(store) / "cert.pem").write_text(
        Pair.make("operator", issuer=ca, ca=False, purposes=("clientAuth",), until=ends_with_it, key=pair.key).pem
    )
    assert not any(plan(store).values())


@pytest.mark.parametrize("file", ["key.pem", "cert.pem", "ca.pem", "docker.env"])
def test_what_is_there_and_cannot_be_read_is_not_overwritten(store: Store, file: str) -> None:
    fill(store, store.ca("ca"))
    # Root may read everything, but not a folder.
    (folder(store) / file).unlink()
    (folder(store) / file).mkdir()
    answer = plan(store)
    (problem,) = answer.pop("problems")
    assert f"Could not read file '{folder(store) / file}': Is a directory. Correct its permissions, or take it away." == problem
    assert not any(answer.values())
