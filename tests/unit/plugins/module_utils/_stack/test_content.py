# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of configs and secrets: made, followed, recognised and collected."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import content
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import changed_paths
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine, encoded
from ansible_collections.apiary.swarm.tests.unit.stack_runs import actions, names, run, version


def definition(secret: str = "one", config: str = "one", **more: Any) -> list[dict[str, Any]]:
    """Two services that share a secret and a config."""
    return [
        {
            "services": {
                "web": {"image": "web:1", "secrets": ["pw"], "configs": ["conf"]},
                "db": {"image": "db:1", "secrets": ["pw"]},
                "other": {"image": "other:1"},
            },
            "secrets": {"pw": {"text": secret}},
            "configs": {"conf": {"text": config}},
            **more,
        }
    ]


def used(engine: StackEngine, service: str, key: str = "Spec") -> list[str]:
    """The names of the secrets and configs in a service's spec; all of them exist under their IDs."""
    container = engine.named("services", service)[key]["TaskTemplate"]["ContainerSpec"]
    for kind, (field, ident, name) in content.REFERENCES.items():
        for item in container.get(field) or []:
            assert engine.objects[kind][item[ident]]["Spec"]["Name"] == item[name]
    return [item[name] for field, _ident, name in content.REFERENCES.values() for item in container.get(field) or []]


def test_new_content_is_a_new_version_that_the_services_follow(engine: StackEngine) -> None:
    run(engine, definitions=definition())
    engine.writes.clear()
    predicted = run(engine, check=True, definitions=definition("two", "two"))
    assert engine.writes == []
    done = run(engine, definitions=definition("two", "two"))
    assert (done["plan"], done["diff"]) == (predicted["plan"], predicted["diff"])
    conf = version("two")
    old = version("one")
    assert actions(done) == {
        "app_pw-2": "create", conf: "create", "app_web": "update", "app_db": "update", "app_pw-1": "orphan", old: "orphan"
    }  # fmt: skip
    assert used(engine, "app_web") == [conf, "app_pw-2"]
    assert used(engine, "app_db") == ["app_pw-2"]
    web = next(item for item in done["plan"] if item["name"] == "app_web")
    assert web["changes"] == [["configs.conf.source", old, conf], ["secrets.pw.source", "app_pw-1", "app_pw-2"]]
    assert "PreviousSpec" not in engine.named("services", "app_other")
    engine.writes.clear()
    assert run(engine, definitions=definition("two", "two"))["changed"] is False
    assert engine.writes == []


def test_nothing_tells_the_content_of_a_secret(engine: StackEngine) -> None:
    results = [run(engine, definitions=definition(text)) for text in ("hunter2", "hunter3")]
    stored = [{name: value for name, value in item["Spec"].items() if name != "Data"} for item in engine.objects["secrets"].values()]
    labels = {"com.docker.stack.namespace": "app", content.BASE_LABEL: "app_pw"}
    assert stored == [{"Name": f"app_pw-{number}", "Labels": labels} for number in (1, 2)]
    assert "hunter" not in str(results)


def test_going_back_to_known_content_makes_nothing(engine: StackEngine) -> None:
    for text in ("one", "two"):
        run(engine, definitions=definition(text, text))
    done = run(engine, definitions=definition())
    assert "create" not in actions(done).values()
    assert used(engine, "app_web")[1] == "app_pw-1"
    engine.requests.clear()
    assert run(engine, definitions=definition())["changed"] is False
    assert len([request for request in engine.requests if "/secrets/" in request]) == 1, "the one in use is probed first"


def test_ten_rotations_leave_the_kept_versions_and_what_is_not_ours(engine: StackEngine) -> None:
    engine.store("secrets", "", {"Name": "app_pw-77", "Data": encoded("x")})
    engine.store("secrets", "", {"Name": "app_pw-old", "Labels": {"com.docker.stack.namespace": "app"}, "Data": encoded("x")})
    engine.store("secrets", "", {"Name": "pw-1", "Labels": {"com.docker.stack.namespace": "b", content.BASE_LABEL: "app_pw"}})
    for number in range(10):
        predicted = run(engine, check=True, definitions=definition(str(number)), keep_versions=2)
        assert run(engine, definitions=definition(str(number)), keep_versions=2)["plan"] == predicted["plan"]
        assert used(engine, "app_db") == [f"app_pw-{78 + number}"]
        assert run(engine, definitions=definition(str(number)), keep_versions=2)["changed"] is False
    assert names(engine, "secrets") == {"app_pw-77", "app_pw-old", "pw-1", "app_pw-86", "app_pw-87"}
    assert used(engine, "app_web", "PreviousSpec")[1] == "app_pw-86", "a rollback finds its secret"


def test_a_version_that_a_rollback_needs_stays_however_old(engine: StackEngine) -> None:
    both = definition()
    run(engine, definitions=both)
    alone = definition("two")
    del alone[0]["services"]["db"]["secrets"]
    run(engine, definitions=alone)
    for number in range(3, 6):
        later = copy.deepcopy(alone)
        later[0]["secrets"]["pw"]["text"] = str(number)
        done = run(engine, definitions=later, keep_versions=1)
    assert used(engine, "app_db", "PreviousSpec") == ["app_pw-1"]
    assert names(engine, "secrets") == {"app_pw-1", "app_pw-4", "app_pw-5"}
    assert actions(done)["app_pw-1"] == "orphan"
    assert actions(done)["app_pw-3"] == "remove"


def test_somebody_elses_service_keeps_a_version(engine: StackEngine) -> None:
    run(engine, definitions=definition())
    ident = engine.named("secrets", "app_pw-1")["ID"]
    container = {"Image": "x", "Secrets": [{"SecretID": ident, "SecretName": "app_pw-1"}]}
    spec = {"Name": "stranger", "TaskTemplate": {"ContainerSpec": container}, "Mode": {"Global": {}}}
    engine.store("services", "", spec)
    for text in ("two", "three", "four"):
        run(engine, definitions=definition(text), keep_versions=1)
    assert "app_pw-1" in names(engine, "secrets")
    assert "app_pw-2" not in names(engine, "secrets")


def test_versions_are_collected_only_when_the_new_ones_run(engine: StackEngine) -> None:
    for text in ("one", "two"):
        run(engine, definitions=definition(text), keep_versions=1)
    engine.task_state = "preparing"
    with pytest.raises(SwarmError):
        run(engine, definitions=definition("three"), keep_versions=1, wait_timeout=5)
    assert names(engine, "secrets") == {"app_pw-1", "app_pw-2", "app_pw-3"}
    not_waited = run(engine, definitions=definition("three"), keep_versions=1, wait=False)
    assert (not_waited["changed"], actions(not_waited)["app_pw-1"]) == (False, "orphan")
    engine.task_state = "running"
    healed = run(engine, definitions=definition("three"), keep_versions=1)
    assert actions(healed)["app_pw-1"] == "remove"
    assert names(engine, "secrets") == {"app_pw-2", "app_pw-3"}


def test_what_was_made_without_rotation_is_taken_as_it_is(engine: StackEngine) -> None:
    run(engine, definitions=definition(), rotate=False)
    engine.writes.clear()
    assert run(engine, definitions=definition())["changed"] is False
    assert engine.writes == []
    done = run(engine, definitions=definition("two", "two"))
    assert actions(done)["app_pw"] == "orphan"
    assert actions(done)["app_pw-1"] == "create"
    assert "app_pw" in names(engine, "secrets")


def test_labels_change_in_place(engine: StackEngine) -> None:
    run(engine, definitions=definition())
    engine.writes.clear()
    labelled = definition()
    labelled[0]["secrets"]["pw"]["labels"] = {"a": "b"}
    done = run(engine, definitions=labelled)
    assert actions(done) == {"app_pw-1": "update"}
    assert [write.rpartition(" ")[2] for write in engine.writes] == ["app_pw-1"]
    assert engine.named("secrets", "app_pw-1")["Spec"]["Labels"]["a"] == "b"
    assert run(engine, definitions=labelled)["changed"] is False


def test_pruning_takes_versions_that_are_no_longer_named(engine: StackEngine) -> None:
    run(engine, definitions=definition())
    bare = [{"services": {"web": {"image": "web:1"}}}]
    done = run(engine, definitions=bare, prune=True)
    assert actions(done)["app_pw-1"] == "orphan", "web could be rolled back to it"
    again = run(engine, definitions=[{"services": {"web": {"image": "web:2"}}}], prune=True)
    assert actions(again)["app_pw-1"] == "remove"
    assert names(engine, "secrets") == set()


def test_a_version_that_somebody_began_to_use_meanwhile_stays(engine: StackEngine) -> None:
    for text in ("one", "two"):
        run(engine, definitions=definition(text), keep_versions=1)
    first = engine.named("secrets", "app_pw-1")["ID"]
    update = engine.update

    def late(kind: str, ident: str, *rest: Any) -> tuple[int, Any]:
        answer = update(kind, ident, *rest)
        if kind == "services" and answer[0] == 200:
            container = {"Secrets": [{"SecretID": first}]}
            engine.objects["services"]["late"] = {"ID": "late", "Spec": {"Name": "late", "TaskTemplate": {"ContainerSpec": container}}}
        return answer

    engine.update = late  # a stranger's service comes in between
    done = run(engine, definitions=definition("three"), keep_versions=1)
    assert actions(done)["app_pw-1"] == "remove"
    assert "app_pw-1" in names(engine, "secrets")


def test_a_foreign_object_of_a_versions_name_is_left_alone(engine: StackEngine) -> None:
    name = version("one")
    engine.store("configs", "", {"Name": name, "Data": encoded("other")})
    engine.writes.clear()
    with pytest.raises(SwarmError, match=f"config '{name}' exists and does not belong"):
        run(engine, definitions=definition())
    assert engine.writes == []
    with pytest.raises(SwarmError, match="Give keep_versions 1 or more"):
        run(engine, definitions=definition(), keep_versions=0)


def test_stacks_may_share_the_name_and_content_of_a_config(engine: StackEngine) -> None:
    given = definition()
    given[0]["configs"]["conf"]["name"] = "shared"
    given[0]["secrets"]["pw"]["name"] = "also-shared"
    for name in ("app", "other"):
        run(engine, name=name, definitions=given)
    for name in ("app", "other"):
        assert run(engine, name=name, definitions=given)["changed"] is False
    assert len({*used(engine, "app_web"), *used(engine, "other_web")}) == 4


def test_stacks_whose_names_begin_alike_keep_apart_what_is_called_alike(engine: StackEngine) -> None:
    long, web = definition(), {"image": "web:1", "secrets": ["b_pw"], "configs": ["b_conf"]}
    short = [{"services": {"web": web}, "secrets": {"b_pw": {"text": "one"}}, "configs": {"b_conf": {"text": "one"}}}]
    for _time in range(2):
        run(engine, name="a", definitions=short, keep_releases=2)
        run(engine, name="a_b", definitions=long, prune=True, keep_versions=1, keep_releases=2)
    assert not run(engine, name="a", definitions=short, prune=True, keep_versions=1)["changed"]
    assert len({*used(engine, "a_web"), *used(engine, "a_b_web")}) == 4
    run(engine, name="a", state="absent")
    assert not run(engine, name="a_b", definitions=long)["changed"]


@pytest.mark.parametrize("base", ["a", "a" * 61, "a" * 62, "a" * 64, "a" * 50 + "-" * 10 + "b", "x" * 200])
@pytest.mark.parametrize("suffix", ["1", "123456789012"])
def test_names_fit_and_differ(base: str, suffix: str) -> None:
    names = {content.versioned_name(base + more, suffix) for more in ("", "x", "y")}
    assert len(names) == 3
    assert all(len(name) <= content.LONGEST_NAME and name.endswith(f"-{suffix}") for name in names)


def test_the_number_of_a_secret_is_above_all_that_look_like_one() -> None:
    assert content.secret_name("pw", []) == "pw-1"
    given = ["pw-2", "pw-10", "pw-x", "pw-3x", "pwx-99", "pw-", "pw", "pw-1234567890"]
    assert content.secret_name("pw", [{"Spec": {"Name": name}} for name in given]) == "pw-11"


@pytest.mark.parametrize("length", [50, 52, 54, 55, 61, 62, 63, 64, 80])
def test_a_secret_with_a_long_name_has_as_many_versions_as_any(length: int) -> None:
    base, items = "p" * length, []
    for number in range(1, 111):
        name = content.secret_name(base, items)
        assert (name.rpartition("-")[2], len(name) <= content.LONGEST_NAME) == (str(number), True)
        items.append({"Spec": {"Name": name, "Labels": {content.BASE_LABEL: base}}})
    older = {"Spec": {"Name": content.versioned_name(base, "112"), "Labels": {content.BASE_LABEL: base}}}
    assert content.secret_name(base, [*items, older]).endswith("-113"), "one whose name was cut elsewhere"


def test_a_secret_shows_nothing_of_its_content() -> None:
    data = encoded("swordfish")
    assert content.normal("secrets", {"Name": "pw", "Data": data}) == {"Name": "pw", "Data": "(hidden)"}
    one, other = (content.normal("configs", {"Name": "c", "Data": encoded(text)}) for text in ("a", "b"))
    assert changed_paths(one, other) == ["Data"]
    secret = content.normal("secrets", {"Name": "s", "Labels": {"com.docker.stack.namespace": "app", "a": "b"}, "Data": data})
    assert content.compose_form(secret) == {"labels": {"a": "b"}, "content": "(hidden)"}


def test_a_config_with_windows_credentials_gets_the_id_that_was_made() -> None:
    spec = {"TaskTemplate": {"ContainerSpec": {"Privileges": {"CredentialSpec": {"Config": "planned-c"}}}}}
    sent = content.with_ids(spec, {"planned-c": "1"})
    assert sent["TaskTemplate"]["ContainerSpec"]["Privileges"] == {"CredentialSpec": {"Config": "1"}}
    assert "planned-c" in str(spec), "what was planned stays"
