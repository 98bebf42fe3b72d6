# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack engine understands what Docker 20.10, 26.1 and 28.5 have really said: see record_traffic.py."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import content, network, service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.health import Health, History, Observation, changed_at, evaluate
from ansible_collections.apiary.swarm.plugins.module_utils._stack.health import never_started as never
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import Operation, Snapshot, stack_of
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import refusal
from ansible_collections.apiary.swarm.plugins.module_utils._stack.reasons import error_of, explain, log_text
from ansible_collections.apiary.swarm.tests.unit.fake_stack import encoded
from ansible_collections.apiary.swarm.tests.unit.recorded import STACK, VERSIONS, RecordedEngine, read, traffic
from ansible_collections.apiary.swarm.tests.unit.stack_runs import actions, run
from stack_stories import NO_IMAGE

SERVICES = {"web", "plain", "everywhere"}
OTHERS = {"back", "front", "default", "pw", "conf"}
REFERENCES = {"TaskTemplate.ContainerSpec.Configs", "TaskTemplate.ContainerSpec.Secrets"}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each that was recorded."""
    return request.param


@pytest.fixture
def at(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The engine of that version, with one of the recorded runs of docker's command."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return lambda command: RecordedEngine(version, tmp_path, command)


def names(version: str) -> set[str]:
    """The full names of all that the stack has. The Compose files of 20.10 know no jobs."""
    return {f"{STACK}_{name}" for name in SERVICES | OTHERS | (set() if version == "20.10" else {"job"})}


def deploy(engine: RecordedEngine, check: bool = False, **options: Any) -> dict[str, Any]:
    """The module's run; what is asked for is what the command sends."""
    return run(engine.client, check, name=STACK, definitions=[{"services": {}}], **options)


def as_if_made(engine: RecordedEngine, body: dict[str, Any]) -> dict[str, Any]:
    """A service as sent, with the IDs of the configs and secrets that docker's own command has made."""
    made = [item for kind in ("configs", "secrets") for item in engine.answers[f"/{kind}"]]
    return content.with_ids(body, {f"planned-{item['Spec']['Name']}": item["ID"] for item in made})


# -- the plan
@pytest.mark.parametrize(("command", "rotate"), [("again", False), ("with versions", True)])
@pytest.mark.parametrize("check", [True, False])
def test_what_dockers_command_has_deployed_is_left_alone(at: Any, version: str, command: str, rotate: bool, check: bool) -> None:
    engine = at(command)
    result = deploy(engine, check, rotate=rotate, prune=True)
    assert {entry["name"]: entry["action"] for entry in result["plan"]} == dict.fromkeys(names(version), "unchanged")
    assert (result["changed"], engine.writes, result.get("warnings") or []) == (False, [], [])
    if not check:
        assert set(result["services"]) == {f"{STACK}_{name}" for name in SERVICES} | ({f"{STACK}_job"} & names(version))


def test_a_first_plan_is_what_dockers_command_has_made(at: Any, version: str) -> None:
    engine = at("first")
    live = {name: item for kind in ("services", "networks", "configs", "secrets") for name, item in named(engine, kind).items()}
    networks = Snapshot(engine.client).network_names
    for body in engine.sent("services"):
        sent, stored = (service.normal(spec, networks) for spec in (as_if_made(engine, body), live[body["Name"]]["Spec"]))
        assert sent == stored
        assert service.replaces_tasks(stored, sent) == ("all" if "ReplicatedJob" in stored["Mode"] else "no")
    for body in engine.sent("networks"):
        stored = network.normal(live[body["Name"]])
        assert network.with_chosen_subnets(stored, network.normal(body)) == stored
    for kind in ("configs", "secrets"):
        for body in engine.sent(kind):
            assert content.normal(kind, body) == content.normal(kind, live[body["Name"]]["Spec"])
    engine.forget()
    result = deploy(engine, check=True, rotate=False)
    assert actions(result) == dict.fromkeys(names(version), "create") and engine.writes == []


def named(engine: RecordedEngine, kind: str) -> dict[str, Any]:
    """{name: object} of the stack."""
    found = [item for item in engine.answers[f"/{kind}"] if stack_of(item.get("Spec", item)) == STACK]
    return {item.get("Spec", item)["Name"]: item for item in found}


@pytest.mark.parametrize("command", ["again", "with versions"])
def test_one_other_value_is_the_whole_plan(at: Any, command: str) -> None:
    engine = at(command)
    (web,) = engine.sent("services", "web")
    web["TaskTemplate"]["ContainerSpec"]["Env"][1] = "B=three"
    engine.ask()
    result = deploy(engine, check=True, rotate=command != "again")
    (entry,) = [entry for entry in result["plan"] if entry["action"] != "unchanged"]
    assert (entry["name"], entry["changes"]) == ("traffic_web", [["environment.B", "(hidden)", "(hidden, changed)"]])
    assert entry["replaces_tasks"] == "all" and engine.writes == []


def test_the_engines_refusal_tells_another_secret_from_the_same(at: Any, version: str) -> None:
    engine = at("with versions")
    for body in engine.sent("secrets"):
        body["Data"] = encoded("(another)")
    engine.ask()
    assert actions(deploy(engine, check=True))["traffic_pw-1"] == "create"
    engine = at("again")
    for body in engine.sent("secrets"):
        body["Data"] = encoded("(another)")
    engine.ask()
    with pytest.raises(SwarmError, match="the secret 'traffic_pw' exists with other content"):
        deploy(engine, rotate=False)
    assert engine.writes == []


def test_a_refusal_of_a_service_is_in_the_engines_words(at: Any) -> None:
    engine = at("again")
    web, snapshot = named(engine, "services")["traffic_web"], Snapshot(engine.client)
    for action in ("create", "update"):
        assert refusal(engine.client, Operation("services", "traffic_web", action, object_id=web["ID"], spec=web["Spec"]), snapshot) == ""
    engine.recorded["refusals"]["same service"] = engine.recorded["refusals"]["small memory"]
    cause = refusal(engine.client, Operation("services", "traffic_web", "update", object_id=web["ID"], spec=web["Spec"]), snapshot)
    assert re.match(r"invalid memory value 1048576: Must be at least \dMiB$", cause)


def test_platforms_are_the_same_whichever_command_has_written_them(at: Any) -> None:
    engine = at("first")
    table = read("29.7.2")["command"]["multi"]
    for body in engine.sent("services"):
        placement = body["TaskTemplate"]["Placement"]
        sent, forms = placement["Platforms"], []
        for placement["Platforms"] in (sent, table["26.1.5"], table["29.7.2"]):
            forms.append(service.normal(body, {}))
        assert sent == table["26.1.5"] and forms[0] == forms[1] == forms[2]
        assert len(forms[0]["TaskTemplate"]["Placement"]["Platforms"]) == 3


# -- what fails
@pytest.mark.parametrize(
    ("name", "words", "never_started", "ends"),
    [
        ("nowhere", NO_IMAGE, True, "could not be started"),
        ("notag", NO_IMAGE, True, "could not be started"),
        ("nosource", "bind source path does not exist: /nosuch$", True, "could not be started"),
        ("nobinary", r'exec: "/nosuch": stat /nosuch: no such file or directory.*\(exit code 127\)$', True, "could not be started"),
        ("crash", r"^task: non-zero exit \(3\)$", False, None),
        ("sick", r"^task: non-zero exit \((?:137|143)\): dockerexec: unhealthy container$", False, None),
        ("nonode", r"^no suitable node \(scheduling constraints not satisfied on 2 nodes\)$", None, "finds no node"),
    ],
)
def test_a_service_that_fails_is_judged_by_its_tasks(
    version: str, name: str, words: str, never_started: bool | None, ends: str | None
) -> None:
    recorded = traffic(version)["manager"]
    tasks = recorded["failing"][name]
    failed = [task for task in tasks if task["Status"].get("Err")]
    assert failed and all(re.search(words, error_of(task)) for task in failed)
    assert {never(task) for task in failed if task["Status"]["State"] != "pending"} == {never_started} - {None}
    assert error_of(failed[-1]) in explain(name, tasks, {}, 0)
    (listed,) = [one for one in recorded["answers"]["/services"] if one["Spec"]["Name"] == f"failing_{name}"]
    history, now = History(), max(changed_at(task) for task in tasks)
    healths = [evaluate(Observation(listed, tasks, set(), now + second, "create"), history) for second in (0, 31)]
    found = healths[0] or healths[1] if ends else healths[0]
    assert (found and (found.good, ends in found.text)) == ((False, True) if ends else None)  # type: ignore[operator]  # a text then


def test_a_service_that_runs_is_well(version: str) -> None:
    recorded = traffic(version)["manager"]["answers"]
    for listed in recorded["/services"]:
        name = listed["Spec"]["Name"][len(STACK) + 1 :]
        if stack_of(listed["Spec"]) == STACK:
            tasks = [task for task in recorded["/tasks"] if task["ServiceID"] == listed["ID"]]
            now = max(changed_at(task) for task in tasks) + 10
            told = {"job": "1/1 completed", "everywhere": "2/2 running"}.get(name, "1/1 running")
            assert evaluate(Observation(listed, tasks, set(), now, "unchanged"), History()) == Health(True, told)


def test_a_tasks_log_comes_out_of_its_frames(version: str) -> None:
    assert log_text(base64.b64decode(traffic(version)["manager"]["log"])) == "because"
