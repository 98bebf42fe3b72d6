# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Section
from ansible_collections.apiary.swarm.tests.unit.fake_tls import FOLDER, Pair, Store, described, look, store

__all__ = ["store"]


def folder(store: Store, name: str = "operator") -> Path:
    return store.path / "clients" / name


def plan(store: Store, clients: tuple[str, ...] = ("operator",), **settings: Any) -> Section:
    """What is due with these clients, one bare host, and a manager at 10.0.0.1."""
    return store.plan(clients=list(clients), **settings)


def due(section: Section) -> dict[str, Any]:
    """What is due in the clients' folders."""
    assert section.problems == []
    return section.data["clients"]["all"]


def environments(section: Section) -> list[dict[str, str]]:
    """The environment files that are due."""
    return [one for one in due(section)["write"] if "content" in one]


def trust(section: Section) -> list[str]:
    """The files with CAs that are due."""
    assert section.problems == []
    return [one["path"] for one in section.data["clients"]["trust"]["write"]]


def fill(store: Store, ca: Pair, name: str = "operator", **make: Any) -> Pair:
    """A client's folder as the role makes it."""
    pair = Pair.make(make.pop("common_name", name), issuer=ca, ca=False, **{"purposes": ("clientAuth",), "days": 300, **make})
    here = folder(store, name)
    here.mkdir(parents=True, exist_ok=True)
    (here / "key.pem").write_bytes(pair.private())
    (here / "key.pem").chmod(0o600)
    (here / "cert.pem").write_text(pair.pem)
    (here / "ca.pem").write_text("".join(store.authority().clients))
    for env in plan(store).data["clients"]["all"]["write"]:
        (here / Path(env["path"]).name).write_text(env.get("content") or "".join(store.authority().clients))
    return pair


def why(section: Section) -> str:
    """Why the one certificate is issued anew."""
    (text,) = [change.text for change in section.changes if change.subject == "client operator" and change.verb in ("issue", "renew")]
    return text.split(": ", 1)[1]


def test_a_new_client_needs_all(store: Store) -> None:
    store.ca("ca")
    here = str(folder(store))
    section = plan(store)
    issue = {"directory": here, "make_key": True, "names": [], "purposes": ["clientAuth"], "common_name": "operator"}
    assert (due(section)["modes"], due(section)["folders"]) == ([], [{"path": here, "mode": "0700"}])
    assert (trust(section), due(section)["issue"], why(section)) == ([f"{here}/ca.pem"], [issue], "there is none")
    assert [env["path"] for env in environments(section)] == [f"{here}/docker.env"]


def test_what_a_client_trusts_is_due_before_the_rest(store: Store) -> None:
    store.ca("ca")
    first = plan(store).data["clients"]["trust"]
    assert [one["path"] for one in first["folders"]] == [str(folder(store))] and first["issue"] == first["modes"] == []
    assert first["write"] == [{"path": f"{folder(store)}/ca.pem", "whom": "clients"}]


def test_a_client_that_has_all_needs_nothing(store: Store) -> None:
    fill(store, store.ca("ca"))
    assert not any(due(plan(store)).values()) and plan(store).data["work"]["clients"] == []


def test_where_no_engine_serves_its_api_there_are_no_clients(store: Store) -> None:
    store.ca("ca")
    assert not any(due(plan(store, server=False, registry_address="r:5000")).values())


def test_the_environment_file_reaches_the_first_manager(store: Store) -> None:
    store.ca("ca")
    (env,) = environments(plan(store))
    assert "DOCKER_HOST=tcp://10.0.0.1:2376 DOCKER_TLS_VERIFY=1\n" in env["content"]
    assert "docker context create operator --docker host=tcp://10.0.0.1:2376,ca=ca.pem,cert=cert.pem,key=key.pem\n" in env["content"]


def test_the_environment_file_has_the_port_of_the_api(store: Store) -> None:
    store.ca("ca")
    (env,) = environments(plan(store, endpoints=["m1"], port=12376))
    assert "DOCKER_HOST=tcp://m1:12376 " in env["content"] and "host=tcp://m1:12376," in env["content"]
    (problem,) = plan(store, port="0x").problems
    assert problem == "Could not use tls_port '0x': it is not a port number. Set it to a number between 1 and 65535."


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
    (env,) = environments(plan(store, endpoints=[endpoint]))
    assert f"DOCKER_HOST={host} " in env["content"]


def test_without_an_endpoint_there_is_no_environment_file(store: Store) -> None:
    store.ca("ca")
    assert environments(plan(store, endpoints=[])) == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ({"days": 29}, "it expires on "),
        ({"purposes": ("serverAuth",)}, "it is not for clientAuth"),
        ({"common_name": "somebody"}, "it is for another name"),
    ],
)
def test_a_certificate_is_issued_anew_when_it_must(store: Store, make: dict[str, Any], words: str) -> None:
    fill(store, store.ca("ca"), **make)
    section = plan(store)
    assert why(section).startswith(words) and not due(section)["issue"][0]["make_key"]


def test_a_key_that_belongs_to_no_certificate_gets_one(store: Store) -> None:
    fill(store, store.ca("ca"))
    (folder(store) / "key.pem").write_bytes(Pair.make("other").private())
    assert why(plan(store)) == "it belongs to another key"


def test_a_key_that_docker_cannot_open_is_made_anew(store: Store) -> None:
    pair = fill(store, store.ca("ca"))
    (folder(store) / "key.pem").write_bytes(pair.private("a passphrase"))
    assert why(plan(store)) == "its key is missing or cannot be read" and due(plan(store))["issue"][0]["make_key"]


def test_a_key_that_others_can_read_is_made_private(store: Store) -> None:
    fill(store, store.ca("ca"))
    (folder(store) / "key.pem").chmod(0o644)
    section = plan(store)
    path = str(folder(store) / "key.pem")
    assert due(section)["modes"] == [{"path": path, "mode": "0600"}] and due(section)["issue"] == []
    assert section.changes[-1].text == f"{path}: 0644 → 0600"


def test_a_new_ca_needs_an_overlap(store: Store) -> None:
    fill(store, store.ca("ca"))
    store.ca("new")
    (problem,) = plan(store, ca="new").problems
    assert "Could not replace the certificate of client 'operator': it is from another CA (CN=ca)" in problem
    section = plan(store, ca="new", trusted_cas=["ca"])
    assert why(section) == "it is from another CA" and trust(section)


def test_a_run_that_leaves_hosts_out_does_not_change_the_ca(store: Store) -> None:
    fill(store, store.ca("ca"))
    store.ca("new")
    (problem,) = plan(store, ca="new", trusted_cas=["ca"], limited="w1").problems
    assert "Could not change the CA of client 'operator': this run is limited to w1, and" in problem
    assert plan(store, limited="w1").problems == []


def test_a_ca_that_is_yet_to_be_made_is_trusted_when_it_is(store: Store) -> None:
    fill(store, store.ca("ca"))
    assert trust(plan(store, ca="new", trusted_cas=["ca"])) == [str(folder(store) / "ca.pem")]


def test_where_the_ca_cannot_be_used_nothing_is_said_of_clients(store: Store) -> None:
    fill(store, store.ca("ca"))
    section = plan(store, passphrase="another one")
    assert len(section.problems) == 1 and (section.changes, section.data) == ([], {})


@pytest.mark.parametrize(
    ("clients", "words"),
    [
        (("a/b",), "Could not create client 'a/b': that cannot name a directory"),
        (("..",), "Could not create client '..': that cannot name a directory"),
        (("",), "Could not create client '': that cannot name a directory"),
        (("a",), "Could not create client 'a': that cannot name a directory and a Docker context"),
        (("me@here",), "Could not create client 'me@here'"),
        (("default",), "but not 'default'."),
        (("ab", "ab"), "Could not create client 'ab': tls_clients has it 2 times. List it once."),
        (([{"name": "me"}],), "Could not use tls_clients '{'name': 'me'}': it is not a string"),
    ],
)
def test_names_of_clients_are_folders_and_contexts(store: Store, clients: tuple[str, ...], words: str) -> None:
    store.ca("ca")
    (problem,) = plan(store, clients).problems
    assert words in problem


@pytest.mark.parametrize(
    ("endpoints", "registry", "words"),
    [
        (["tcp://m1"], "", "Could not use endpoint 'tcp://m1': it is a URL. Put names or addresses of managers into tls_endpoints."),
        (["m1:2376"], "", "Could not use endpoint 'm1:2376': it has a port"),
        ([], "https://r:5000/", "Could not trust registry 'https://r:5000/': that is not its host:port. Correct tls_registry_address."),
        ([], "../x", "Could not trust registry '../x'"),
        ([True], "", "Could not use tls_endpoints 'True': it is not a string"),
        ([], ["r:5000"], "Could not trust registry '['r:5000']': it is not a string"),
    ],
)
def test_addresses_are_checked(store: Store, endpoints: list[str], registry: str, words: str) -> None:
    store.ca("ca")
    (problem,) = plan(store, endpoints=endpoints, registry_address=registry).problems
    assert words in problem


def test_a_client_may_have_a_number_for_a_name(store: Store) -> None:
    store.ca("ca")
    assert due(plan(store, clients=(42,)))["issue"][0]["common_name"] == "42"


def test_clients_trust_the_whole_chain(store: Store) -> None:
    root = store.ca("root")
    between = Pair.make("between", issuer=root)
    store.write("between", between)
    (store.path / "between.crt").write_text(between.pem + root.pem)
    external = store.external("between")
    authority = store.authority(**external)
    here = folder(store)
    here.mkdir(parents=True)
    (here / "ca.pem").write_text("".join(authority.clients))
    assert trust(plan(store, **external)) == []
    (here / "ca.pem").write_text("".join(authority.engines))
    assert trust(plan(store, **external)) == [str(here / "ca.pem")]


def test_a_run_that_leaves_hosts_out_drops_no_ca(store: Store) -> None:
    store.ca("ca")
    new = store.ca("new")
    fill(store, new)
    (folder(store) / "ca.pem").write_text("".join(store.authority(trusted_cas=["new"]).clients))
    assert plan(store, ca="new").problems == []
    (problem,) = plan(store, ca="new", limited="w1").problems
    assert problem.startswith("Could not remove CA 'CN=ca' from client 'operator': this run is limited to w1, and ")


def test_a_ca_near_its_end_hinders_nobody_who_needs_nothing(store: Store) -> None:
    ca = store.ca("ca", days=20)
    host = look({f"{FOLDER}/ca.pem": described(ca.pem)})
    ends_with_it = ca.certificate.not_valid_after_utc
    names, both = ("w1", "10.0.0.4", "localhost", "127.0.0.1", "::1"), ("serverAuth", "clientAuth")
    pair = Pair.make("w1", issuer=ca, ca=False, names=names, purposes=both, until=ends_with_it)
    host["files"][f"{FOLDER}/cert.pem"] = described(pair.pem)
    host["files"][f"{FOLDER}/key.pem"] = described(mode="0600", public_key=pair.public)
    fill(store, ca, until=ends_with_it)
    assert plan(store, looks=host).problems == [] and plan(store, looks=host).changes == []
    fill(store, ca, days=3)
    assert plan(store, looks=host).problems == [store.authority().blocked]


@pytest.mark.parametrize("file", ["key.pem", "cert.pem", "ca.pem", "docker.env"])
def test_what_is_there_and_cannot_be_read_is_not_overwritten(store: Store, file: str) -> None:
    fill(store, store.ca("ca"))
    # Root may read everything, but not a folder.
    (folder(store) / file).unlink()
    (folder(store) / file).mkdir()
    section = plan(store)
    assert section.problems == [f"Could not read file '{folder(store) / file}': Is a directory. Correct its permissions, or remove it."]
    assert not any(section.data["clients"]["all"].values())
