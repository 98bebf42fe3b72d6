# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every long wait is done in parts, and comes to the same end as one in one part."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any, Callable

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import apply
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine
from ansible_collections.apiary.swarm.tests.unit.stack_runs import changed, in_parts, run, sent_along

CHAIN = {"dependencies": {"a": ["b"], "b": ["c"]}}
AWAY = "Could not connect to the Docker Engine: nothing listens there. Start it."


def chain(**services: Any) -> list[dict[str, Any]]:
    """A definition in which a depends on b, and b on c."""
    return [{"services": {name: {"image": f"{name}:1", **services.get(name, {})} for name in "abc"}}]


def written(engine: StackEngine) -> list[str]:
    """The services that were written, in that order."""
    return [write.rpartition("_")[2] for write in engine.writes if "/services/" in write]


def test_the_end_of_a_stack_is_told_of(engine: StackEngine) -> None:
    run(engine)
    predicted = run(engine, check=True, state="absent")
    engine.lingering = 20
    done, reported = in_parts(engine, state="absent")
    assert (done["changed"], done["plan"], done["services"]) == (True, predicted["plan"], {})
    assert reported == ["still there: app_db.1 on one (running), app_web.1 on one (running)"] * 2
    assert not any(engine.objects.values())
    assert len([write for write in engine.writes if write.startswith("DELETE")]) == 5, "each is removed once"
    assert in_parts(engine, state="absent")[0]["changed"] is False


def test_a_removal_in_parts_ends_in_time(engine: StackEngine) -> None:
    for attempt in (run, in_parts):
        run(engine)
        engine.lingering, engine.ending = 10**6, []
        with pytest.raises(
            SwarmError,
            match=r"remove stack 'app' within 10 s: still there: app_db\.1 on one \(running\), app_web\.1 on one \(running\)\. Check",
        ):
            attempt(engine, state="absent", wait_timeout=10)


def test_a_removal_goes_on_when_the_engine_was_away_and_stops_when_it_refuses(engine: StackEngine) -> None:
    run(engine)
    engine.lingering = 1
    read, engine.read = engine.read, lambda kind, filters: go_away(engine, 11) or read(kind, filters)
    done, reported = in_parts(engine, state="absent")
    assert done["changed"]
    assert AWAY in reported
    engine.read, engine.lingering, engine.ending = read, 0, []
    run(engine)
    task = engine.task
    engine.task = lambda service: {**task(service), "NodeID": "gone"}
    spec = {"ContainerSpec": {"Configs": [{"ConfigID": next(iter(engine.objects["configs"]))}]}}
    engine.store("services", "/services/create", {"Name": "other", "TaskTemplate": spec})
    with pytest.raises(SwarmError, match=r"remove config 'app_conf-\w+': configs \w+ is in use"):
        in_parts(engine, state="absent")


def go_away(engine: StackEngine, requests: int) -> None:
    """From now on for some requests nobody answers, when all services are gone; once."""
    if not engine.objects["services"] and not hasattr(engine, "was_away"):
        engine.away = engine.was_away = requests


def test_waits_between_services_are_told_of_and_nothing_is_written_twice(engine: StackEngine) -> None:
    done, reported = in_parts(engine, CHAIN, definitions=chain(), wait_for_dependencies=True)
    assert done["services"] == {f"app_{name}": "1/1 running" for name in "abc"}
    assert reported == [f"app_{name}: ? of ? tasks running" for name in "cba"]
    assert written(engine) == ["c", "b", "a"]
    assert {entry["name"]: entry["action"] for entry in done["plan"]} == {f"app_{name}": "create" for name in "abc"}
    assert in_parts(engine, CHAIN, definitions=chain(), wait_for_dependencies=True)[0]["changed"] is False


def slow_updates(engine: StackEngine) -> None:
    """Updates are not over at once; jobs are."""
    update, task, read = engine.update, engine.task, engine.read

    def slow(kind: str, ident: str, *rest: Any) -> tuple[int, Any]:
        answer = update(kind, ident, *rest)
        engine.objects[kind][ident].pop("UpdateStatus", None)
        return answer

    def task_of(service: dict[str, Any]) -> dict[str, Any]:
        job = "ReplicatedJob" in service["Spec"]["Mode"]
        return {**task(service), "Status": {"State": "complete"}, "JobIteration": {"Index": 1}} if job else task(service)

    def with_jobs(kind: str, filters: dict[str, Any]) -> tuple[int, Any]:
        status, found = read(kind, filters)
        jobs = [item for item in found if kind == "services" and "ReplicatedJob" in item["Spec"]["Mode"]]
        for item in jobs:
            item["JobStatus"] = {"JobIteration": {"Index": 1}}
        return status, found

    engine.update, engine.task, engine.read = slow, task_of, with_jobs


def test_what_is_written_although_nothing_differs_is_written_once_a_run(engine: StackEngine) -> None:
    slow_updates(engine)
    login = [{"registry": "r:5000", "username": "me", "password": "tunafish"}]
    options = {"rerun_jobs": True, "refresh_registry_auth": True, "registry_logins": login, "wait_for_dependencies": True}
    for _run in range(2):
        engine.writes.clear()
        done, reported = in_parts(engine, CHAIN, definitions=chain(c={"mode": {"ReplicatedJob": {}}}), **options)
        assert done["services"] == {"app_a": "1/1 running", "app_b": "1/1 running", "app_c": "1/1 completed"}
        assert [line.partition(":")[0] for line in reported] == ["app_b", "app_a"]
        assert written(engine) == ["c", "b", "a"]


def test_a_write_that_came_too_late_repeats_no_other(engine: StackEngine) -> None:
    jobs = chain(**{name: {"mode": {"ReplicatedJob": {}}} for name in "abc"})
    run(engine, definitions=jobs, wait=False, _controller_data=sent_along(**CHAIN))
    engine.writes.clear()
    update, conflicts = engine.update, [1]

    def late(kind: str, ident: str, path: str, version: int, body: dict[str, Any]) -> tuple[int, Any]:
        if version and body["Name"] == "app_b" and conflicts:
            conflicts.pop()
            return 500, {"message": "update out of sequence"}
        return update(kind, ident, path, version, body)

    engine.update = late
    run(engine, definitions=jobs, rerun_jobs=True, wait=False, _controller_data=sent_along(**CHAIN))
    assert written(engine) == ["c", "b", "a"]


def test_the_next_services_are_written_as_they_were_planned(engine: StackEngine) -> None:
    engine.digests = {f"{name}:1": "sha256:aa" for name in "abc"}
    definitions = chain(a={"secrets": ["pw"]})
    definitions[0]["secrets"] = {"pw": {"text": "swordfish"}}
    store = engine.store

    def moved(kind: str, *rest: Any) -> tuple[int, Any]:
        if kind == "services":
            engine.digests = {}  # from now on the registry does not answer
        return store(kind, *rest)

    engine.store = moved
    in_parts(engine, CHAIN, definitions=definitions, wait_for_dependencies=True)
    images = {item["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] for item in engine.objects["services"].values()}
    assert images == {f"{name}:1@sha256:aa" for name in "abc"}
    assert len(engine.objects["secrets"]) == 1


def test_all_steps_together_take_no_longer_than_wait_timeout(engine: StackEngine) -> None:
    for attempt in (run, in_parts):
        engine.__init__()
        options: dict[str, Any] = {"definitions": chain(), "wait_for_dependencies": True, "wait_timeout": 12}
        given = {"_controller_data": sent_along(**CHAIN)} if attempt is run else {"found": CHAIN}
        with pytest.raises(SwarmError, match="service 'app_a': .* after 12 s"):
            attempt(engine, **given, **options)
        assert written(engine) == ["c", "b", "a"]


def test_a_service_that_does_not_arrive_takes_all_back_that_the_run_has_written(engine: StackEngine) -> None:
    options: dict[str, Any] = {"wait_for_dependencies": True, "rollback": True, "wait_timeout": 30}
    in_parts(engine, CHAIN, definitions=chain(), **options)
    read = engine.read

    def broken(kind: str, filters: dict[str, Any]) -> tuple[int, Any]:
        status, found = read(kind, filters)
        for item in found if kind == "tasks" else []:
            if "b:2" in str(engine.objects["services"][item["ServiceID"]]["Spec"]):
                item["Status"] = {"State": "preparing"}
        return status, found

    engine.read = broken
    newer = chain(**{name: {"image": f"{name}:2"} for name in "abc"})
    for keep in (0, 3):
        with pytest.raises(SwarmError, match="service 'app_b': .*The stack was rolled back"):
            in_parts(engine, CHAIN, definitions=newer, keep_releases=keep, **options)
        images = sorted(item["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] for item in engine.objects["services"].values())
        assert images == ["a:1", "b:1", "c:1"]
    assert "a" not in written(engine)[3:]


@pytest.mark.parametrize("found", [None, {"dependencies": {"web": ["db"]}}])
def test_an_engine_that_is_away_for_a_moment_fails_no_part(engine: StackEngine, found: dict[str, Any] | None) -> None:
    seen: list[str] = []
    answer = engine.answer

    def restarted(method: str, target: str, *rest: Any) -> tuple[int, dict[str, str], bytes]:
        if "/tasks" in target:
            seen.append(target)
            if len(seen) in (2, 8):
                engine.away = 5
        return answer(method, target, *rest)

    engine.answer = restarted
    done, reported = in_parts(engine, found, definitions=changed(), wait_for_dependencies=True)
    assert done["services"] == {"app_db": "1/1 running", "app_web": "1/1 running"}
    assert AWAY in reported


def test_an_engine_that_stays_away_fails_in_time(engine: StackEngine) -> None:
    read = engine.read

    def gone(kind: str, filters: dict[str, Any]) -> tuple[int, Any]:
        engine.away = 10**6 if kind == "tasks" else 0
        return read(kind, filters)

    engine.read = gone
    with pytest.raises(SwarmError, match=r"stack 'app': service 'app_db': .* after 10 s \(Could not connect to the Docker Engine"):
        in_parts(engine, wait_timeout=10)


def test_what_is_handed_on_holds_no_value_of_an_environment(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_on: list[str] = []
    original = apply.part

    def part(client: Client, progress: list[str], checkpoint: dict[str, Any]) -> dict[str, Any]:
        handed_on.append(json.dumps(checkpoint))
        return original(client, progress, checkpoint)

    monkeypatch.setattr(apply, "part", part)
    slow_updates(engine)
    run(engine, definitions=chain(c={"env": "PASSWORD=tunafish"}))
    login = [{"registry": "r:5000", "username": "me", "password": "mackerel"}]
    definitions = chain(c={"env": "PASSWORD=swordfish"}, a={"env": "PASSWORD=swordfish"})
    in_parts(engine, CHAIN, definitions=definitions, mask_env=False, keep_releases=3, wait_for_dependencies=True, registry_logins=login)
    assert len(handed_on) > 1
    for word in ("swordfish", "tunafish", "mackerel"):
        assert not any(word in text for text in handed_on)


def after_each_update(engine: StackEngine, do: Callable[[], None]) -> None:
    """Something happens whenever a service has been updated."""
    update = engine.update

    def and_then(kind: str, ident: str, path: str, version: int, body: dict[str, Any]) -> tuple[int, Any]:
        answer = update(kind, ident, path, version, body)
        if version:
            do()
        return answer

    engine.update = and_then


def images(engine: StackEngine) -> list[str]:
    """What all services run."""
    return sorted(item["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] for item in engine.objects["services"].values())


NEWER = {name: {"image": f"{name}:2"} for name in "abc"}


def test_what_somebody_does_meanwhile_to_a_service_that_was_right_is_not_written_over(engine: StackEngine) -> None:
    slow_updates(engine)
    right, newer = chain(), chain(**NEWER)
    for definition in (*right, *newer):
        definition["services"]["z"] = {"image": "z:1"}
    run(engine, definitions=right, _controller_data=sent_along(**CHAIN))
    engine.writes.clear()

    def by_hand() -> None:
        engine.named("services", "app_z")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "z:by-hand"

    after_each_update(engine, by_hand)
    in_parts(engine, CHAIN, definitions=newer, wait_for_dependencies=True)
    assert written(engine) == ["c", "b", "a"] and "z:by-hand" in images(engine)


@pytest.mark.parametrize("how", ["changed", "gone", "no command"])
def test_files_on_the_manager_stay_those_that_were_planned(
    engine: StackEngine, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    slow_updates(engine)
    in_parts(engine, CHAIN, definitions=chain())
    file = tmp_path / "compose.json"
    file.write_text(json.dumps(chain(**NEWER)[0]), encoding="utf-8")

    def meanwhile() -> None:
        if how == "changed":
            file.write_text(json.dumps(chain(**{**NEWER, "a": {"image": "a:3"}})[0]), encoding="utf-8")
        elif how == "gone":
            file.unlink(missing_ok=True)
        else:
            monkeypatch.setenv("PATH", os.devnull)

    after_each_update(engine, meanwhile)
    options = {"files": [str(file)], "wait_for_dependencies": True, "rollback": True}
    with pytest.raises(SwarmError, match="(have changed since|no file|docker).*The stack was rolled back"):
        in_parts(engine, CHAIN, definitions=[], **options)
    assert images(engine) == ["a:1", "b:1", "c:1"]


def depends_on(**services: list[str]) -> str:
    """What the action plugin found out."""
    return sent_along(dependencies=services)


def test_services_are_written_after_those_that_they_depend_on(engine: StackEngine) -> None:
    services = {name: {"image": "x:1"} for name in "abcdef"}
    depends = depends_on(a=["b"], b=["e", "c"], c=["d"], f=["a", "d"])
    run(engine, definitions=[{"services": services}], _controller_data=depends)
    written = [write.rpartition("_")[2] for write in engine.writes]
    assert written == ["d", "e", "c", "b", "a", "f"]
    engine.writes.clear()
    services["d"] = services["f"] = {"image": "x:2"}
    run(engine, definitions=[{"services": services}], _controller_data=depends)
    assert [write.rpartition("_")[2] for write in engine.writes] == ["d", "f"]


def test_what_is_depended_on_runs_first_where_that_is_asked_for(engine: StackEngine) -> None:
    services = {name: {"image": "x:1"} for name in "ab"}
    engine.task_state = "preparing"
    options: dict[str, Any] = {
        "definitions": [{"services": services}],
        "_controller_data": depends_on(a=["b"]),
        "wait_for_dependencies": True,
    }
    with pytest.raises(SwarmError, match="service 'app_b': 1|preparing") as error:
        run(engine, wait_timeout=5, **options)
    assert [write.rpartition("_")[2] for write in engine.writes] == ["b"]
    assert error.value.details["plan"]
    engine.task_state = "running"
    assert run(engine, **options)["services"] == {"app_a": "1/1 running", "app_b": "1/1 running"}


def test_a_circle_of_dependencies_is_refused(engine: StackEngine) -> None:
    with pytest.raises(SwarmError, match="depends_on of service 'app_a' is circular by way of app_b. Nothing was changed"):
        run(engine, _controller_data=depends_on(a=["b"], b=["a"]))
    with pytest.raises(SwarmError, match="by way of itself"):
        run(engine, _controller_data=depends_on(a=["a"]))
    assert engine.writes == []


@pytest.mark.parametrize("password", ["1", "web", "e", "app", '"'])
def test_a_password_that_is_part_of_a_name_does_not_spoil_what_is_handed_on(engine: StackEngine, password: str) -> None:
    login = [{"registry": "r:5000", "username": "me", "password": password}]
    done, reported = in_parts(engine, {"registry_logins": login}, definitions=changed())
    assert len(reported) == 2 and not any(password in line for line in reported)
    assert len(done["services"]) == 2 and done["converged"] is True
    assert not any(password in text for entry in done["plan"] for text in entry.values() if isinstance(text, str))


def test_only_the_first_part_needs_the_engine_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [SwarmError("nothing listens there"), Client(lambda *_all: (200, {}, b'{"ID": 1}'), "1.47")]

    def connect(params: dict[str, Any]) -> Client:
        answer = answers.pop(0)
        if isinstance(answer, SwarmError):
            raise answer
        return answer

    monkeypatch.setattr(apply, "connect", connect)
    with pytest.raises(SwarmError, match="nothing listens there"):
        apply.connected({"_checkpoint": None})
    answers.insert(0, SwarmError("nothing listens there"))
    checkpoint = apply.part(Client(no_engine().raw, "1.45"), [], {})["checkpoint"]
    client = apply.connected({"_checkpoint": checkpoint})
    assert client.api_version == "1.45"
    with pytest.raises(SwarmError, match="nothing listens there"):
        client.info()
    assert [client.info(), client.info()] == [{"ID": 1}, {"ID": 1}]
