# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of a stack, and the way back."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import releases
from ansible_collections.apiary.swarm.plugins.modules import stack_info
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine
from ansible_collections.apiary.swarm.tests.unit.stack_runs import actions, changed, names, run, sent_along

KEEP: dict[str, Any] = {"keep_releases": 3, "_controller_data": sent_along(who="me@here")}
BACK: dict[str, Any] = {**KEEP, "state": "rolled_back", "definitions": []}


def image(engine: StackEngine, name: str = "app_web") -> str:
    """The image of a service."""
    return engine.named("services", name)["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]


def info(engine: StackEngine, name: str = "app") -> dict[str, Any]:
    """What stack_info tells."""
    return stack_info.run({"name": name}, engine.client, Converge(False))


def numbers(engine: StackEngine) -> list[int]:
    """The numbers of the releases."""
    return [item["release"] for item in info(engine)["releases"]]


def test_each_successful_change_leaves_a_release_and_nothing_else_does(engine: StackEngine) -> None:
    assert run(engine, **KEEP)["release"] == 1
    assert "release" not in run(engine, **KEEP)
    run(engine, check=True, definitions=changed(web={"image": "web:2"}), **KEEP)
    assert numbers(engine) == [1]
    assert run(engine, definitions=changed(web={"image": "web:2", "env": "PASSWORD=swordfish"}), **KEEP)["release"] == 2
    newest = info(engine)["releases"][0]
    assert newest["who"] == "me@here"
    assert newest["images"] == {"app_web": "web:2", "app_db": "db:1"}
    assert newest["what"] == [{"kind": "service", "name": "app_web", "action": "update", "changes": ["environment.PASSWORD", "image"]}]
    assert "swordfish" not in str(info(engine))
    engine.task_state = "preparing"
    with pytest.raises(SwarmError):
        run(engine, definitions=changed(web={"image": "web:3"}), wait_timeout=5, **KEEP)
    assert numbers(engine) == [2, 1]
    before = copy.deepcopy(engine.objects)
    engine.task_state = "running"
    run(engine, definitions=changed(web={"image": "web:3"}), **KEEP)
    assert engine.objects == before, "the second run writes nothing"


def test_only_the_newest_releases_stay(engine: StackEngine) -> None:
    for number in range(1, 6):
        definitions = changed(web={"image": f"web:{number}"})
        predicted, stored = run(engine, check=True, definitions=definitions, **KEEP), numbers(engine)
        result = run(engine, definitions=definitions, **KEEP)
        assert predicted["release"] == result["release"] == number
        assert predicted["releases_removed"] == result["releases_removed"] == sorted(set(stored) - set(numbers(engine)))
    assert numbers(engine) == [5, 4, 3]
    assert len([name for name in names(engine, "configs") if "release" in name]) == 3


def test_going_back_is_predicted_and_done_and_a_release_itself(engine: StackEngine) -> None:
    run(engine, **KEEP)
    definitions = changed(web={"image": "web:2"}, db=None, new={"image": "new:1"})
    run(engine, definitions=definitions, prune=True, **KEEP)
    assert names(engine, "services") == {"app_web", "app_new"}
    engine.writes.clear()
    predicted = run(engine, check=True, **BACK)
    assert engine.writes == []
    done = run(engine, **BACK)
    assert (done["plan"], done["diff"]) == (predicted["plan"], predicted["diff"])
    assert actions(done) == {"app_web": "update", "app_db": "create", "app_new": "remove"}
    assert names(engine, "services") == {"app_web", "app_db"}
    assert image(engine) == "web:1"
    assert numbers(engine) == [3, 2, 1]
    assert run(engine, **KEEP)["changed"] is False, "that is what the first definition says"
    engine.writes.clear()
    assert run(engine, **BACK, release=1)["changed"] is False
    assert engine.writes == []


def test_going_back_keeps_replicas_where_that_is_asked_for(engine: StackEngine) -> None:
    run(engine, **KEEP)
    run(engine, definitions=changed(web={"image": "web:2"}), **KEEP)
    engine.named("services", "app_web")["Spec"]["Mode"]["Replicated"] = {"Replicas": 0}
    assert "deploy.replicas" not in str(run(engine, check=True, release=1, replicas="keep", **BACK)["plan"])
    run(engine, release=1, replicas="keep", **BACK)
    assert image(engine) == "web:1"
    assert engine.named("services", "app_web")["Spec"]["Mode"]["Replicated"] == {"Replicas": 0}
    assert run(engine, release=1, replicas="keep", **BACK)["changed"] is False
    assert actions(run(engine, release=1, **BACK)) == {"app_web": "update"}


@pytest.mark.parametrize("keep", [0, 3])
def test_going_back_again_stays_there(engine: StackEngine, keep: int) -> None:
    for version in (1, 2):
        run(engine, definitions=changed(web={"image": f"web:{version}"}), **KEEP)
    back = {**BACK, "keep_releases": keep}
    assert run(engine, **back)["changed"] is True
    engine.writes.clear()
    for _again in range(2):
        assert run(engine, **back)["changed"] is False
    assert (engine.writes, image(engine)) == ([], "web:1")
    run(engine, definitions=changed(web={"image": "web:3"}), **KEEP)
    run(engine, **back)
    assert image(engine) == ("web:1" if keep else "web:2"), "what it was before, or else the newest that is known"


def test_going_back_leads_to_the_newest_release_from_what_has_left_none(engine: StackEngine) -> None:
    for version in (1, 2):
        run(engine, definitions=changed(web={"image": f"web:{version}"}), **KEEP)
    run(engine, definitions=changed(web={"image": "web:3"}), wait=False)
    assert run(engine, **BACK)["release"] == 3
    assert run(engine, **BACK)["changed"] is False
    assert image(engine) == "web:2"


def test_going_back_skips_releases_that_are_the_same(engine: StackEngine) -> None:
    for version in (1, 2):
        run(engine, definitions=changed(web={"image": f"web:{version}"}), **KEEP)
    definition = changed(web={"image": "web:2"})
    definition[0]["networks"]["more"] = {}
    assert run(engine, definitions=definition, **KEEP)["release"] == 3
    run(engine, **BACK)
    assert image(engine) == "web:1"


def test_going_back_without_a_wait_is_refused(engine: StackEngine) -> None:
    run(engine, **KEEP)
    run(engine, definitions=changed(new={"image": "new:1"}), **KEEP)
    engine.writes.clear()
    for check in (True, False):
        with pytest.raises(SwarmError, match="Could not roll back stack 'app': .* Leave out wait: false"):
            run(engine, check=check, wait=False, **BACK)
    assert engine.writes == []


def test_a_release_whose_secret_is_gone_is_refused(engine: StackEngine) -> None:
    for text in ("one", "two", "three"):
        definition = changed()
        definition[0]["secrets"]["pw"]["text"] = text
        run(engine, definitions=definition, keep_versions=1, **KEEP)
    engine.writes.clear()
    for check in (True, False):
        with pytest.raises(SwarmError, match="to release 1: service 'app_web' needs secret 'app_pw-1', which no longer exists"):
            run(engine, check=check, **BACK, release=1)
    assert engine.writes == []
    assert actions(run(engine, **BACK, release=2)) == {"app_web": "update"}


def test_a_release_that_is_not_there_is_a_sentence(engine: StackEngine) -> None:
    run(engine, **KEEP)
    with pytest.raises(SwarmError, match="there is no earlier release. Choose one of those that are kept: 1"):
        run(engine, **BACK)
    with pytest.raises(SwarmError, match="there is no release 7. Choose"):
        run(engine, **BACK, release=7)
    assert run(no_engine(), check=True, **BACK)["plan"][0]["kind"] == "stack"


def test_networks_are_recorded_by_name_and_what_is_no_release_is_skipped() -> None:
    spec = {"Name": "a", "TaskTemplate": {"ContainerSpec": {"Image": "x"}, "Networks": [{"Target": "id1"}, {"Target": "other"}]}}
    assert [item["Target"] for item in releases.by_names(spec, {"id1": "back"})["TaskTemplate"]["Networks"]] == ["back", "other"]
    labels = {"com.docker.stack.namespace": "app", releases.RELEASE_LABEL: "4"}
    broken = {"ID": "1", "Spec": {"Name": "x", "Labels": labels, "Data": "bm90IHpsaWI="}}
    foreign = {"ID": "2", "Spec": {"Name": "y", "Labels": {**labels, releases.RELEASE_LABEL: "x"}}}
    assert releases.history([broken, foreign], "app") == []
    assert releases.of_stack([broken, foreign], "app") == [broken]
    assert releases.of_stack([broken], "other") == []


def test_a_release_is_not_restored_with_a_secret_that_only_has_its_name(engine: StackEngine) -> None:
    """Numbers of versions begin anew where none of a secret is left."""
    keep: dict[str, Any] = {"keep_releases": 10, "prune": True}
    run(engine, **keep)
    without = changed(web={"secrets": []})
    del without[0]["secrets"]
    for number in (1, 2, 3):
        without[0]["services"]["web"]["image"] = f"web:{number}"
        run(engine, definitions=without, **keep)
    again = changed(web={"image": "web:4"})
    again[0]["secrets"]["pw"]["text"] = "other password"
    run(engine, definitions=again, **keep)
    with pytest.raises(SwarmError, match="service 'app_web' needs secret 'app_pw-1', which no longer exists"):
        run(engine, state="rolled_back", release=1, keep_releases=10)
