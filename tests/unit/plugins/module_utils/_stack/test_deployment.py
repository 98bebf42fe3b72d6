# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a deployment: a wait in parts, and the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core import wait
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import Stopwatch
from ansible_collections.apiary.swarm.plugins.module_utils._stack.apply import NODES_EVERY, Checkpoint, Observer
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import Request
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine
from ansible_collections.apiary.swarm.tests.unit.stack_runs import actions, changed, in_parts, names, run


def image(engine: StackEngine, name: str) -> str:
    """The image of a service."""
    return engine.named("services", name)["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]


def test_a_wait_in_parts_comes_to_the_same_end(engine: StackEngine) -> None:
    whole, reported = in_parts(engine)
    assert whole["services"] == {"app_db": "1/1 running", "app_web": "1/1 running"}
    assert reported == ["app_web: ? of ? tasks running", "app_db: ? of ? tasks running"]
    again, reported = in_parts(engine)
    assert (again["changed"], reported) == (False, [])


def test_a_wait_in_parts_ends_in_time_and_remembers_failures(engine: StackEngine) -> None:
    engine.task_state, engine.task_error = "failed", "task: non-zero exit (3)"
    with pytest.raises(SwarmError, match=r"after 20 s .*non-zero exit \(3\)"):
        in_parts(engine, wait_timeout=20)
    run(engine, state="absent")
    with pytest.raises(SwarmError, match="service 'app_db': its tasks have failed 1 times"):
        in_parts(engine, max_failures=1)


def test_what_is_put_down_holds_no_spec_of_a_task(engine: StackEngine) -> None:
    run(engine, wait=False)
    engine.task_state = "failed"
    task = engine.task
    spec = {"ContainerSpec": {"Env": ["PASSWORD=swordfish"]}}
    engine.task = lambda service: {**task(service), "Spec": spec}  # a task that tells
    checkpoint = Checkpoint(Stopwatch(60), {"app_web": "create"})
    observer = Observer(engine.client, Request("app"), checkpoint, ["app_web"])
    observer.observe()
    assert observer.report() == ["app_web: ? of ? tasks running, 1 failed, the last one: failed"]
    observer.save()
    assert "swordfish" not in json.dumps(checkpoint.history)
    assert checkpoint.history["app_web"]["failures"]


def test_nodes_are_looked_at_now_and_then_while_a_wanted_task_does_not_run(engine: StackEngine) -> None:
    run(engine)
    # What has failed once is looked at in every round.
    for state, looks in (("running", 0), ("starting", 2), ("failed", NODES_EVERY + 1)):
        engine.task_state = state
        engine.requests.clear()
        observer = Observer(engine.client, Request("app"), Checkpoint(Stopwatch(60), {"app_web": "create"}), ["app_web"])
        for _round in range(NODES_EVERY + 1):
            observer.observe()
        assert engine.requests.count("GET /nodes") == looks


def test_the_time_that_answers_take_is_none_that_a_task_has_run(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    run(engine)
    seconds, read = [1_800_000_000.0], engine.read

    def slow(kind: str, filters: dict[str, Any]) -> tuple[int, Any]:
        seconds[0] += 3 if kind == "tasks" else 0
        return read(kind, filters)

    monkeypatch.setattr(engine, "read", slow)
    monkeypatch.setattr(wait, "now", lambda: seconds[0])
    observer = Observer(engine.client, Request("app"), Checkpoint(Stopwatch(60), {"app_web": "create"}), ["app_web"])
    # Asked after 0, 3, 6 and 9 seconds; the first answer is there after 3, and the monitor period lasts 5.
    assert [bool(observer.observe()) for _round in range(4)] == [True, True, True, False]


def test_services_that_nobody_wrote_are_not_read_again_for_the_first_look_alone(engine: StackEngine) -> None:
    run(engine)
    engine.task_state = "starting"
    engine.requests.clear()
    part = run(engine, _checkpoint={"report_every": 4})
    assert part["progress"] == ["app_web: ? of ? tasks running", "app_db: ? of ? tasks running"]
    assert 1 < engine.requests.count("GET /services") == engine.requests.count("GET /tasks")


def test_a_failed_deployment_is_taken_back_and_fails_nevertheless(engine: StackEngine) -> None:
    run(engine)
    broken_from(engine, "web:2")
    definitions = changed(web={"image": "web:2"}, new={"image": "new:1"})
    for attempt in (run, in_parts):
        with pytest.raises(SwarmError, match="service 'app_web': .*preparing.*The stack was rolled back") as error:
            attempt(engine, definitions=definitions, rollback=True, wait_timeout=10)
        assert (image(engine, "app_web"), image(engine, "app_db")) == ("web:1", "db:1")
        assert names(engine, "services") == {"app_web", "app_db"}
    assert error.value.details == {} or actions(error.value.details)
    assert run(engine)["changed"] is False


def broken_from(engine: StackEngine, *versions: str) -> None:
    """Tasks of app_web with one of these images do not start."""
    read = engine.read

    def broken(kind: str, filters: dict[str, Any]) -> tuple[int, Any]:
        status, found = read(kind, filters)
        for item in found if kind == "tasks" else []:
            if engine.objects["services"][item["ServiceID"]]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] in versions:
                item["Status"] = {"State": "preparing"}
        return status, found

    engine.read = broken  # an image that cannot be pulled


def test_the_way_back_leads_past_what_never_ran(engine: StackEngine) -> None:
    run(engine, keep_releases=3)
    broken_from(engine, "web:2", "web:3")
    with pytest.raises(SwarmError, match=r"increase wait_timeout\.$"):
        run(engine, definitions=changed(web={"image": "web:2"}, new={"image": "new:1"}), keep_releases=3, wait_timeout=10)
    engine.interrupted = 1
    for definitions in (changed(web={"image": "web:3"}), changed(web={"image": "web:2"}, new={"image": "new:1"})):
        with pytest.raises(SwarmError, match="The stack was rolled back"):
            run(engine, definitions=definitions, keep_releases=3, rollback=True, wait_timeout=10)
        assert image(engine, "app_web") == "web:1"
    assert run(engine)["changed"] is False


def test_the_way_back_touches_only_what_the_run_has_written(engine: StackEngine) -> None:
    run(engine, keep_releases=3)
    run(engine, definitions=changed(db={"image": "db:2"}, other={"image": "other:1"}))
    broken_from(engine, "web:2")
    engine.writes.clear()
    definitions = changed(db={"image": "db:2"}, web={"image": "web:2"}, other={"image": "other:2"}, new={"image": "new:1"})
    with pytest.raises(SwarmError, match="The stack was rolled back"):
        run(engine, definitions=definitions, keep_releases=3, rollback=True, wait_timeout=10)
    assert names(engine, "services") == {"app_web", "app_db", "app_other"}
    assert [image(engine, f"app_{name}") for name in ("web", "db", "other")] == ["web:1", "db:2", "other:1"]
    assert not [write for write in engine.writes if "app_db" in write]


def test_a_run_that_has_written_nothing_takes_nothing_back(engine: StackEngine) -> None:
    run(engine, keep_releases=3)
    run(engine, definitions=changed(web={"image": "web:2"}))
    engine.task_state = "preparing"
    engine.writes.clear()
    for attempt in (run, in_parts):
        with pytest.raises(SwarmError, match=r"increase wait_timeout\.$"):
            attempt(engine, definitions=changed(web={"image": "web:2"}), keep_releases=3, rollback=True, wait_timeout=10)
    assert engine.writes == []
    with pytest.raises(SwarmError, match=r"this spec is refused[^.]*\.[^.]*\.$") as error:
        run(engine, definitions=changed(web={"image": "refused"}), keep_releases=3, rollback=True, wait_timeout=10)
    assert "rolled back" not in str(error.value)
    assert image(engine, "app_web") == "web:2"


def test_a_write_that_fails_half_way_is_taken_back(engine: StackEngine) -> None:
    run(engine)
    update = engine.update

    def late(kind: str, ident: str, path: str, version: int, body: dict[str, Any], *more: Any) -> tuple[int, Any]:
        if version and body["Name"] == "app_web" and "web:2" in str(body):
            return 500, {"message": "the disk is full"}
        return update(kind, ident, path, version, body, *more)

    engine.update = late  # the second write fails
    definitions = changed(web={"image": "web:2"}, db={"image": "db:2"})
    with pytest.raises(SwarmError, match="update service 'app_web': the disk is full .*The stack was rolled back"):
        run(engine, definitions=definitions, rollback=True)
    assert (image(engine, "app_web"), image(engine, "app_db")) == ("web:1", "db:1")
    with pytest.raises(SwarmError, match="Leave out either rollback or wait: false"):
        run(engine, rollback=True, wait=False)


@pytest.mark.parametrize(("keep", "replicas", "left"), [(0, "keep", 9), (3, "keep", 9), (0, "defined", 7), (3, "defined", 1)])
def test_on_the_way_back_replicas_are_kept_where_that_is_asked_for(engine: StackEngine, keep: int, replicas: str, left: int) -> None:
    run(engine, keep_releases=keep)
    broken_from(engine, "web:2")
    web = engine.named("services", "app_web")
    web["Spec"]["Mode"]["Replicated"] = {"Replicas": 7}
    read = engine.read

    def scaled(kind: str, filters: dict[str, Any]) -> tuple[int, Any]:
        if kind == "tasks" and "web:2" in str(web["Spec"]):
            web["Spec"]["Mode"]["Replicated"] = {"Replicas": 9}  # by an autoscaler, while the run waits
        return read(kind, filters)

    engine.read = scaled
    with pytest.raises(SwarmError, match="app_web'"):
        run(engine, definitions=changed(web={"image": "web:2"}), keep_releases=keep, rollback=True, replicas=replicas, wait_timeout=10)
    assert image(engine, "app_web") == "web:1"
    assert web["Spec"]["Mode"]["Replicated"].get("Replicas", 1) == left


@pytest.mark.parametrize("keep", [0, 3])
def test_where_the_way_back_is_refused_both_reasons_are_told(engine: StackEngine, keep: int) -> None:
    run(engine, keep_releases=keep)
    broken_from(engine, "web:2")
    update = engine.update

    def once(kind: str, ident: str, path: str, version: int, body: dict[str, Any]) -> tuple[int, Any]:
        way_back = kind == "services" and "web:2" not in str(body)
        return (500, {"message": "the disk is full"}) if way_back else update(kind, ident, path, version, body)

    engine.update = once  # the way back is refused
    for attempt in (run, in_parts):
        with pytest.raises(SwarmError, match="app_web'.*preparing.* It could not be rolled back either: .*the disk is full"):
            attempt(engine, definitions=changed(web={"image": "web:2"}), keep_releases=keep, rollback=True, wait_timeout=10)
        engine.objects["services"].clear()
        engine.update = update
        run(engine, keep_releases=keep)
        engine.update = once
