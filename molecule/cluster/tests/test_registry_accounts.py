# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of a registry with accounts run with the logins that the task gives, also on nodes that have never seen them.

The tests build on each other.
"""

from __future__ import annotations

import json
import shlex

import pytest
from stack_stories import IMAGE, PLACE, Stack, plan_of, service
from stories import MANAGERS

PORT = 5001
# Passwords, and their bcrypt hashes with 2**5 rounds.
FIRST, SECOND = "only for the laboratory", "another one for it"
HASHES = {
    FIRST: "$2y$05$abcdefghijklmnopqrstuuhGW3K.Y3tXNMvLuNFkxDxdqgrQNk8ce",
    SECOND: "$2y$05$abcdefghijklmnopqrstuuFZ3heAisP9TjboLhfXJrGRL86QYDsoy",
}


@pytest.fixture(scope="module")
def address(lab):
    """Where the registry with accounts answers."""
    return f"{lab.addresses['worker1']}:{PORT}"


@pytest.fixture(scope="module")
def image(lab, address):
    """The name of an image that is only there, and that managers have never had."""
    name = f"{address}/private:1"
    yield name
    for host in [*MANAGERS, "worker1"]:
        lab.host(host).run(f"docker image rm --force {name}")


@pytest.fixture(scope="module")
def vault(lab, tmp_path_factory, address, image):
    """The registry, with one account and one image."""
    folder = tmp_path_factory.mktemp("vault")
    vault = Stack(lab, folder, "vault")
    deployed(vault, folder, FIRST)
    worker = lab.host("worker1")
    login = f"printf %s {shlex.quote(FIRST)} | docker login --username operator --password-stdin {address}"
    lab.until(lambda: worker.run(login).rc == 0, "a login at the registry")
    worker.check_output(f"docker tag {IMAGE} {image} && docker push --quiet {image} && docker logout {address} && docker image rm {image}")
    yield vault
    assert not vault.run(state="absent").get("failed")
    # The node removes the containers of tasks that are gone by and by.
    lab.until(lambda: worker.run("docker volume rm --force vault_vault").rc == 0, "a volume that nobody uses")


@pytest.fixture(scope="module")
def stack(lab, tmp_path_factory):
    """The stack whose image is there."""
    stack = Stack(lab, tmp_path_factory.mktemp("stack"), "accounts")
    stack.run(state="absent")
    yield stack
    assert not stack.run(state="absent").get("failed")


def deployed(vault, folder, password):
    """Deploy the registry, which takes this password alone."""
    accounts = folder / "htpasswd"
    accounts.write_text(f"operator:{HASHES[password]}\n", encoding="utf-8")
    registry = {
        "image": "apiary-lab/registry:2.8",
        "environment": {"REGISTRY_AUTH": "htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM": "lab", "REGISTRY_AUTH_HTPASSWD_PATH": "/htpasswd"},
        "configs": ["htpasswd"],
        "ports": [{"target": 5000, "published": PORT, "mode": "host"}],
        "volumes": ["vault:/var/lib/registry"],
        "deploy": PLACE,
    }
    given = {"services": {"registry": registry}, "configs": {"htpasswd": {"file": str(accounts)}}, "volumes": {"vault": {}}}
    done = vault.run(definitions=[{"version": "3.9", **given}])
    assert done["changed"] and not done.get("failed"), done.get("msg")


def wish(image, address, password=None, **options):
    """Options that deploy one service of the image on a manager, with a login or without."""
    login = [{"registry": address, "username": "operator", "password": password}] if password else []
    placement = {"constraints": ["node.role == manager"], "max_replicas_per_node": 1}
    one = {**service(), "image": image, "deploy": {**PLACE, "placement": placement}}
    definition = {"version": "3.9", "services": {"one": one}}
    return {"definitions": [definition], "registry_logins": login, "resolve_image": "always", "replicas": "keep", **options}


def test_without_the_right_login_nothing_is_written(lab, vault, stack, image, address):
    before = lab.at_rest()
    for password in (None, SECOND):
        result = stack.run(**wish(image, address, password, registry_unreachable="fail"))
        assert result["failed"] and f"the registry did not return the digest of image '{image}'" in result["msg"], result
        assert "Nothing was changed" in result["msg"]
    assert not lab.changes_since(before)


def test_with_the_login_it_runs_by_digest_and_nobody_is_told_the_password(lab, vault, stack, image, address):
    predicted, done, again = stack.runs({"check": True}, {}, {}, **wish(image, address, FIRST))
    assert predicted["plan"] == done["plan"] and done["changed"] and not done.get("failed"), done.get("msg")
    assert list(done["services"].values()) == ["1/1 running"] and not again["changed"]
    assert stack.services()["one"]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"].startswith(f"{image}@sha256:")
    told = [{name: value for name, value in result.items() if name != "item"} for result in (predicted, done, again)]
    assert FIRST not in json.dumps(told), "the item is the story's own"


def test_new_logins_go_out_without_a_new_task_and_new_nodes_pull_with_them(lab, vault, stack, image, address, tmp_path):
    deployed(vault, tmp_path, SECOND)
    before, tasks = stack.services()["one"], stack.tasks()
    quiet, predicted, done = stack.runs(
        {}, {"refresh_registry_auth": True, "check": True}, {"refresh_registry_auth": True}, **wish(image, address, SECOND)
    )
    assert not quiet["changed"], "the Engine does not show the logins that it has"
    assert predicted["plan"] == done["plan"] and set(plan_of(done)) == {"one"}
    assert plan_of(done)["one"]["replaces_tasks"] == "no" and not done.get("failed"), done.get("msg")
    assert stack.services()["one"]["Version"] != before["Version"] and stack.tasks() == tasks
    lab.host("manager2").check_output("docker service scale --detach accounts_one=3")
    nodes = lab.until(
        lambda: len(found := {task["NodeID"] for task in lab.running("accounts_one")}) == 3 and found, "a task on each manager"
    )
    assert nodes == {node["ID"] for name, node in lab.nodes().items() if name in MANAGERS}


def test_a_service_keeps_its_image_while_its_registry_is_away(lab, vault, stack, image, address):
    lab.host("manager2").check_output("docker service scale --detach vault_registry=0")
    lab.until(lambda: lab.http(f"http://{address}/v2/")[0] == 0, "a registry that is away")
    before = stack.services(), stack.tasks()
    kept, refused = stack.runs({}, {"registry_unreachable": "fail"}, **wish(image, address, SECOND))
    assert not kept["changed"] and not kept.get("failed"), kept
    assert refused["failed"] and "Nothing was changed" in refused["msg"]
    assert (stack.services(), stack.tasks()) == before
