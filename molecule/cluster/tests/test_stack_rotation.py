# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets rotate, stacks come back right after they went, and a wrong file is a sentence."""

from __future__ import annotations

import re

import pytest
from stack_stories import IMAGE, Stack, plan_of, play, service

ROTATIONS, KEPT = 10, 2
COMEBACKS = [f"comeback{number}" for number in range(4)]
# Of each of them: twenty in all.
RETURNS = 5
OK = {"image": IMAGE}


def secrets(lab):
    return {item["Spec"]["Name"] for item in lab.get("/secrets")}


def named(service_, key="Spec"):
    """The names of the secrets of a service."""
    return [item["SecretName"] for item in service_[key]["TaskTemplate"]["ContainerSpec"]["Secrets"]]


def release(folder, content, *names):
    """These services, all with a secret of this content."""
    file = folder / f"pw{content}"
    file.write_text(f"secret {content}", encoding="utf-8")
    services = {name: service(secrets=["pw"]) for name in names}
    return {"definitions": [{"version": "3.9", "services": services, "secrets": {"pw": {"file": str(file)}}}]}


def rotated(folder, number):
    """Two services with one secret, of which some versions are kept."""
    return {**release(folder, number, "one", "two"), "keep_versions": KEPT}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stacks")


@pytest.fixture(scope="module")
def played(lab, folder):
    """All series beside each other, as they mostly wait. Stacks that come and go take each other's addresses.

    :returns: {stack: what each run after the first returned}.
    """
    lab.host("manager2").check_output("docker secret rm rotate_pw-alike >/dev/null 2>&1; echo x | docker secret create rotate_pw-alike -")
    back, first, gone = {"state": "rolled_back"}, {"state": "rolled_back", "release": 1}, {"state": "absent"}
    series = {
        "rotate": [{**rotated(folder, number), **run} for number in range(ROTATIONS) for run in ({"check": True}, {}, {})],
        # Three releases: two contents of a secret, and then one more service.
        "history": [
            *(release(folder, 1, "one"), release(folder, 2, "one"), release(folder, 2, "one", "two")),
            *({**back, "check": True}, back, back, {**first, "check": True}, first),
        ],
    }
    for name in COMEBACKS:
        services = {short: service(networks=["n"]) for short in ("one", "two")}
        series[name] = [{"definitions": [{"version": "3.9", "services": services, "networks": {"n": {}}}]}, gone] * RETURNS
    runs = {name: [{"name": name, **run} for run in (gone, *wanted)] for name, wanted in series.items()}
    return {name: results[1:] for name, results in play(lab, folder, runs).items()}


def test_a_secret_of_two_services_rotates_and_only_the_kept_versions_stay(lab, folder, played):
    stack, host = Stack(lab, folder, "rotate"), lab.host("manager2")
    for number in range(ROTATIONS):
        predicted, done, again = played["rotate"][3 * number : 3 * number + 3]
        assert not done.get("failed") and predicted["plan"] == done["plan"] and done["changed"] and not again["changed"], number
        assert plan_of(done)[f"pw-{number + 1}"]["action"] == "create"
        follow = [plan_of(done)[name]["changes"] for name in ("one", "two")]
        assert number == 0 or follow == [[["secrets.pw.source", f"rotate_pw-{number}", f"rotate_pw-{number + 1}"]]] * 2, follow
    assert {named(item)[0] for item in stack.services().values()} == {f"rotate_pw-{ROTATIONS}"}
    assert {name for name in secrets(lab) if name.startswith("rotate_")} == {"rotate_pw-alike", "rotate_pw-9", "rotate_pw-10"}
    host.check_output("docker service rollback --detach rotate_one")
    lab.until(lambda: stack.update_state("one") == "rollback_completed", "the rollback by hand")
    assert named(stack.services()["one"]) == ["rotate_pw-9"] and lab.running("rotate_one")
    mended, _gone = stack.runs(rotated(folder, ROTATIONS - 1), {"state": "absent"})
    assert set(plan_of(mended)) - {"pw-9"} == {"one"} and not mended.get("failed")
    assert {name for name in secrets(lab) if name.startswith("rotate_")} == {"rotate_pw-alike"}
    host.check_output("docker secret rm rotate_pw-alike")


def test_a_stack_goes_back_to_its_releases(lab, folder, played):
    stack = Stack(lab, folder, "history")
    *deployed, told, done, again, first_told, first_done = played["history"]
    for result in played["history"]:
        assert not result.get("failed"), result["msg"]
    assert [result["release"] for result in (*deployed, done, first_done)] == [1, 2, 3, 4, 5]
    assert told["plan"] == done["plan"] and {name: entry["action"] for name, entry in plan_of(done).items()} == {"two": "remove"}
    assert not again["changed"], "it is back already"
    assert first_told["plan"] == first_done["plan"]
    assert plan_of(first_done)["one"]["changes"] == [["secrets.pw.source", "history_pw-2", "history_pw-1"]]
    assert [named(item) for item in stack.services().values()] == [["history_pw-1"]]
    history = lab.host("manager2").ansible("apiary.swarm.stack_info", "name=history", check=False)["releases"]
    assert [release["release"] for release in history] == [5, 4, 3, 2, 1]
    assert not stack.run(state="absent").get("failed")
    assert not [item for item in lab.get("/configs") if item["Spec"]["Name"].startswith("history")]


def test_a_stack_comes_back_right_after_it_went(lab, played):
    for name in COMEBACKS:
        assert len(played[name]) == 2 * RETURNS
        for number, result in enumerate(played[name]):
            assert result["changed"] and not result.get("failed"), (name, number, result.get("msg"))
    assert not [item for item in lab.get("/networks") if item["Name"].startswith("comeback")]


# (definition, words that must come through)
WRONG = [
    ({"services": {"a": {**OK, "foo": 1}}}, "services.a Additional property foo is not allowed"),
    ({"services": {"a": {**OK, "deploy": {"replicas": "x"}}}}, "services.a.deploy.replicas must be a integer"),
    ({"services": {"a": {**OK, "command": "${FOO"}}}, "invalid interpolation format"),
    ({"services": {"a": {**OK, "command": "${FOO?say it}"}}}, "variable FOO of service 'a'.*say it"),
    ({"services": {"a": {**OK, "command": "$FOO"}}}, "variable FOO of service 'a'.*has no value"),
    ({"name": "x", "services": {"a": OK}}, "Additional property name is not allowed"),
    ({"services": {"a": {**OK, "profiles": ["x"]}}}, "profiles is not allowed"),
    ({"services": {"a": {**OK, "depends_on": {"b": {"condition": "x"}}}}}, "depends_on must be a list"),
    ({"services": {"a": {**OK, "depends_on": ["b"]}, "b": {**OK, "depends_on": ["a"]}}}, "depends_on of service .* is circular"),
    ({"services": {"a": OK}, "configs": {"c": {"content": "x"}}}, "content is not allowed"),
    ({"services": {"a": {"command": "x"}}}, "no image specified|image reference must be provided"),
    (
        {"services": {"a": {**OK, "networks": ["n"]}}, "networks": {"n": {"external": True, "name": "nosuch"}}},
        "network 'nosuch' is declared as external and does not exist",
    ),
    (
        {"services": {"a": {**OK, "networks": ["n"]}}, "networks": {"n": {"external": True, "name": "docker_gwbridge"}}},
        "not in the right scope",
    ),
    ({"services": {"a": {**OK, "secrets": ["s"]}}}, "undefined secret|secret not found|s"),
    ({"services": {"a": {**OK, "secrets": ["s"]}}, "secrets": {"s": {"external": True, "name": "nosuch"}}}, "secret 'nosuch' is declared"),
    ({"services": {"a": {**OK, "networks": ["n"]}}}, "undefined network"),
    ({"services": {"a": OK}, "configs": {"c": {"file": "/nowhere/c"}}}, "there is no file '/nowhere/c'"),
    ({"services": {"a": {**OK, "ports": ["99999:80"]}}}, "ort"),
    ({"services": {"a": {**OK, "ports": ["x:y"]}}}, "ort"),
    ({"services": {"a": {**OK, "deploy": {"resources": {"limits": {"memory": "lots"}}}}}}, "invalid size|memory"),
    ({"services": {"a": {**OK, "healthcheck": {"interval": "soon"}}}}, "interval|duration"),
    ({"services": {"a": {**OK, "deploy": {"mode": "sometimes"}}}}, "sometimes"),
    ({"services": {"a": {**OK, "volumes": ["./here:/there"]}}}, "mounts a path relative"),
    ({"services": {"a": {**OK, "environment": 5}}}, "environment"),
    ({"services": ["a"]}, "services must be a mapping"),
    ({"version": "99", "services": {"a": OK}}, "unsupported Compose file version|99"),
]


@pytest.fixture(scope="module")
def wrong(lab, tmp_path_factory):
    """What came of each, and what has changed meanwhile."""
    before = lab.at_rest()
    runs = [{"name": "wrong", "definitions": [{"version": "3.9", **given}]} for given, _words in WRONG]
    series = {f"wrong{number}": [run] for number, run in enumerate(runs)}
    results = play(lab, tmp_path_factory.mktemp("wrong"), series)
    return [results[name][0] for name in series], lab.changes_since(before)


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_file_is_a_sentence(wrong, number):
    result = wrong[0][number]
    assert result.get("failed"), result
    assert re.match(r"Could not deploy stack 'wrong': .*\.$", result["msg"], re.DOTALL) and "\n" not in result["msg"], result["msg"]
    assert re.search(WRONG[number][1], result["msg"]), result["msg"]


def test_nothing_was_written_for_any_of_them(wrong):
    assert not wrong[1]
