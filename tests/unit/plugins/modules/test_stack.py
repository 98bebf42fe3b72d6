# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module stack against a fake Engine and a fake docker command."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import compose, prune
from ansible_collections.apiary.swarm.tests.unit.fake_stack import NODE, StackEngine, encoded
from ansible_collections.apiary.swarm.tests.unit.stack_runs import actions, changed, run, version

CONF = version("hello")
ACTIONS_OF_A_FIRST_RUN = {"app_web", "app_db", "app_back", "app_pw-1", CONF}


def test_a_first_run_is_predicted_done_and_not_repeated(engine: StackEngine) -> None:
    predicted = run(engine, check=True)
    assert engine.writes == []
    done = run(engine)
    assert {**done, "services": {}, "converged": False} == predicted
    assert done["changed"] is True
    assert actions(done) == dict.fromkeys(ACTIONS_OF_A_FIRST_RUN, "create")
    assert done["services"] == {"app_db": "1/1 running", "app_web": "1/1 running"}
    before, count = copy.deepcopy(engine.objects), len(engine.writes)
    for check in (True, False):
        again = run(engine, check=check)
        assert again["changed"] is False
        assert again["diff"] == []
    assert (engine.objects, len(engine.writes)) == (before, count)


def test_one_change_writes_one_object(engine: StackEngine) -> None:
    run(engine)
    engine.writes.clear()
    definitions = changed(web={"image": "web:2"})
    predicted = run(engine, check=True, definitions=definitions)
    assert engine.writes == []
    done = run(engine, definitions=definitions)
    assert (done["plan"], done["diff"]) == (predicted["plan"], predicted["diff"])
    assert actions(done) == {"app_web": "update"}
    entry = next(item for item in done["plan"] if item["action"] == "update")
    assert entry["changes"] == [["image", "web:1", "web:2"]]
    assert entry["replaces_tasks"] == "all"
    assert [write.rpartition(" ")[2] for write in engine.writes] == ["app_web"]
    assert run(engine, definitions=definitions)["changed"] is False


def test_a_plan_needs_few_reads_whatever_the_number_of_services(engine: StackEngine) -> None:
    definition = {"services": {f"s{number}": {"image": "web:1"} for number in range(20)}}
    run(engine, definitions=[definition])
    engine.requests.clear()
    run(engine, check=True, definitions=[definition])
    # The SDK asks for the version before.
    plan = ["GET /services", "GET /networks", "GET /configs", "GET /secrets", "GET /distribution/web:1/json"]
    assert engine.requests == [*plan, "GET /tasks"]
    engine.requests.clear()
    run(engine, definitions=[definition])
    assert engine.requests == [*plan, "GET /tasks"]


def test_what_is_no_longer_named_stays_or_is_pruned_last(engine: StackEngine) -> None:
    run(engine)
    definitions = changed(db=None, web={"image": "web:2"})
    kept = run(engine, check=True, definitions=definitions)
    assert actions(kept) == {"app_web": "update", "app_db": "orphan"}
    engine.writes.clear()
    pruned = run(engine, definitions=definitions, prune=True)
    assert actions(pruned) == {"app_web": "update", "app_db": "remove"}
    assert engine.writes[-1].startswith("DELETE /services/")
    assert run(engine, definitions=definitions, prune=True)["changed"] is False


def test_nothing_is_pruned_when_the_rest_does_not_run(engine: StackEngine) -> None:
    run(engine)
    engine.task_state = "preparing"
    with pytest.raises(SwarmError, match="0 of 1|preparing"):
        run(engine, definitions=changed(db=None), prune=True)
    assert engine.named("services", "app_db")


def test_impossible_changes_are_told_together_and_nothing_is_written(engine: StackEngine) -> None:
    run(engine, rotate=False)
    engine.writes.clear()
    definitions = changed(db={"mode": {"Global": {}}}, web={"image": "web:2"})
    definitions[0]["networks"]["back"]["Attachable"] = True
    definitions[0]["secrets"]["pw"]["text"] = "tunafish"
    definitions[0]["configs"]["conf"]["text"] = "other"
    for check in (True, False):
        with pytest.raises(SwarmError) as error:
            run(engine, check=check, definitions=definitions, rotate=False)
        for words in (
            "secret 'app_pw' exists with other content",
            "config 'app_conf' exists",
            "cannot become Global",
            "differs (attachable)",
        ):
            assert words in str(error.value)
        plan = {item["name"]: (item["action"], item["changes"]) for item in error.value.details["plan"]}
        assert plan["app_pw"] == ("impossible", [["content", "(hidden)", "(hidden, different)"]])
        assert plan["app_db"] == ("impossible", [["deploy.mode", "replicated", "global"], ["deploy.replicas", 1, None]])
        assert plan["app_back"] == ("impossible", [["attachable", None, True]])
        assert plan["app_web"][0] == "update"
        assert error.value.details["changed"] is False
    assert engine.writes == []


def test_secret_content_is_in_no_result(engine: StackEngine) -> None:
    for result in (run(engine, check=True), run(engine), run(engine)):
        assert "swordfish" not in str(result)
        assert encoded("swordfish") not in str(result)


def test_an_object_of_somebody_else_is_left_alone(engine: StackEngine) -> None:
    engine.store("services", "/services/create", {"Name": "app_web"})
    engine.store("networks", "/networks/create", {"Name": "app_back"})
    engine.writes.clear()
    with pytest.raises(SwarmError, match=r"network 'app_back' exists and does not belong.*service 'app_web' exists and does not belong"):
        run(engine)
    assert engine.writes == []


def test_the_commands_own_words_come_through(engine: StackEngine) -> None:
    with pytest.raises(SwarmError, match=r"^Could not deploy stack 'app': services\.a Additional property foo is not allowed\. Correct"):
        run(engine, definitions=[{"complain": {"services.a": {}}}])
    warned = run(engine, definitions=[{"warn": {"Ignoring unsupported options: build, privileged": {}}}])
    assert warned["warnings"] == ["Ignoring unsupported options: privileged"]
    assert run(engine, definitions=[{"warn": {"Ignoring unsupported options: build": {}}}])["warnings"] == []


def test_a_call_that_is_not_known_fails_the_plan(engine: StackEngine) -> None:
    with pytest.raises(SwarmError, match="POST /plugins/pull"):
        run(engine, definitions=[{"unknown": {"x": {}}}])
    assert not any("plugins" in request for request in engine.requests)


@pytest.mark.parametrize("settled", [False, True])
def test_the_engine_is_asked_for_its_opinion_before_anything_is_written(engine: StackEngine, settled: bool) -> None:
    if settled:
        run(engine)
    engine.writes.clear()
    definitions = changed(new={"image": "new:1", "env": "refused"})
    definitions[0]["networks"]["more"] = {}
    with pytest.raises(SwarmError, match="service 'app_new': this spec is refused. Nothing was changed"):
        run(engine, definitions=definitions)
    assert engine.writes == []


def test_a_config_that_is_gone_meanwhile_is_named_alone(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    run(engine)
    read = engine.read
    gone = copy.deepcopy(engine.objects["configs"])
    monkeypatch.setattr(engine, "read", lambda kind, filters: (200, list(gone.values())) if kind == "configs" else read(kind, filters))
    engine.objects["configs"].clear()
    with pytest.raises(SwarmError, match=f"service 'app_new': config not found: {CONF}. Nothing was changed"):
        run(engine, definitions=changed(new={"image": "new:1", "configs": ["conf"]}))


def test_a_relative_bind_mount_is_refused(engine: StackEngine) -> None:
    with pytest.raises(SwarmError, match="service 'app_web' mounts a path relative to its Compose file"):
        run(engine, definitions=changed(web={"bind": True}))


def test_a_write_that_came_too_late_is_done_again(engine: StackEngine) -> None:
    run(engine)
    engine.interrupted = 2
    assert run(engine, definitions=changed(web={"image": "web:2"}))["changed"] is True
    assert engine.named("services", "app_web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "web:2"
    engine.interrupted = 3
    with pytest.raises(SwarmError, match="update out of sequence"):
        run(engine, definitions=changed(web={"image": "web:3"}))


def test_a_paused_update_is_resumed(engine: StackEngine) -> None:
    run(engine)
    engine.named("services", "app_web")["UpdateStatus"] = {"State": "paused"}
    result = run(engine, check=True)
    assert actions(result) == {"app_web": "update"}
    assert result["plan"][1]["changes"] == [["update state", "paused", "resumed"]]
    assert "update state: resumed" in result["diff"][0]["after"]


def test_a_deployment_that_does_not_work_fails_with_the_reason_each_time(engine: StackEngine) -> None:
    engine.task_state, engine.task_error = "pending", "no suitable node (scheduling constraints not satisfied on 1 node)"
    for _attempt in range(2):
        with pytest.raises(SwarmError, match="service 'app_web': a task finds no node .*scheduling constraints not satisfied"):
            run(engine)
    engine.task_state, engine.task_error = "preparing", ""
    with pytest.raises(SwarmError, match="after 20 s .*preparing for .* increase wait_timeout"):
        run(engine, wait_timeout=20)
    assert run(engine, wait=False)["services"] == {}


def test_a_stack_is_removed_whole_and_once(engine: StackEngine) -> None:
    run(engine)
    engine.store("services", "/services/create", {"Name": "other"})
    predicted = run(engine, check=True, state="absent")
    assert actions(predicted) == dict.fromkeys(ACTIONS_OF_A_FIRST_RUN, "remove")
    assert engine.named("services", "app_web")
    original = engine.task
    engine.task = lambda service: {**original(service), "NodeID": "gone"}
    done = run(engine, state="absent")
    assert (done["plan"], done["diff"]) == (predicted["plan"], predicted["diff"])
    assert [item["Spec"]["Name"] for item in engine.objects["services"].values()] == ["other"]
    assert not any(engine.objects[kind] for kind in ("networks", "configs", "secrets"))
    engine.writes.clear()
    assert run(engine, state="absent")["changed"] is False
    assert engine.writes == []


def test_without_a_swarm_check_mode_predicts_and_a_real_run_says_what_to_do() -> None:
    client = no_engine()
    predicted = run(client, check=True)
    assert predicted["changed"] is True
    assert predicted["plan"][0]["kind"] == "stack"
    assert run(client, check=True, state="absent")["changed"] is False
    for state in ("present", "absent"):
        with pytest.raises(SwarmError, match="stack 'app': this host does not manage a swarm. Run"):
            run(client, state=state)


def test_a_member_that_is_no_manager_refuses_in_check_mode_too() -> None:
    for state in ("present", "absent"):
        for check in (True, False):
            with pytest.raises(SwarmError, match="stack 'app': this host does not manage a swarm. Run"):
                run(StackEngine(manager=False), check=check, state=state)


def test_a_manager_without_a_quorum_says_what_to_do(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    read = engine.read
    refusal = 503, {"message": "The swarm does not have a leader."}
    monkeypatch.setattr(engine, "read", lambda kind, filters: refusal if kind == "services" else read(kind, filters))
    with pytest.raises(SwarmError, match="Could not list the services: The swarm does not have a leader .*bring the managers back"):
        run(engine)


def test_pruning_without_waiting_is_refused(engine: StackEngine) -> None:
    with pytest.raises(SwarmError, match="Leave out either prune or wait: false"):
        run(engine, prune=True, wait=False)
    assert run(engine, prune=False, wait=False)["changed"] is True


def test_values_of_environments_are_compared_and_sent_but_not_shown(engine: StackEngine) -> None:
    run(engine, definitions=changed(db={"env": "PASSWORD=tunafish"}))
    for check in (True, False):
        result = run(engine, check=check, definitions=changed(db={"env": "PASSWORD=mackerel"}))
        assert "mackerel" not in str(result)
        assert "tunafish" not in str(result)
        (entry,) = (item for item in result["plan"] if item["action"] == "update")
        assert entry["changes"] == [["environment.PASSWORD", "(hidden)", "(hidden, changed)"]]
        assert "PASSWORD: (hidden, changed)" in result["diff"][0]["after"]
    assert engine.named("services", "app_db")["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] == ["PASSWORD=mackerel"]
    shown = run(engine, check=True, mask_env=False, definitions=changed(db={"env": "PASSWORD=sardine"}))
    assert [item["changes"] for item in shown["plan"] if item["action"] == "update"] == [[["environment.PASSWORD", "mackerel", "sardine"]]]


def test_a_secret_that_cannot_be_compared_fails_before_a_write(engine: StackEngine) -> None:
    run(engine)
    engine.writes.clear()
    update = engine.update
    engine.update = lambda kind, *rest: (503, {"message": "busy"}) if kind == "secrets" else update(kind, *rest)
    for check in (True, False):
        with pytest.raises(
            SwarmError, match=r"the content of secret 'app_pw-1' could not be compared .* within 30 s .*Nothing was changed"
        ):
            run(engine, check=check)
    assert engine.writes == []


def test_a_secret_is_compared_again_while_managers_elect_a_leader(engine: StackEngine) -> None:
    run(engine)
    update, answers = engine.update, [(500, {"message": "rpc error: The swarm does not have a leader"})] * 3

    def later(kind: str, *rest: object) -> tuple[int, object]:
        return answers.pop() if kind == "secrets" and answers else update(kind, *rest)

    engine.update = later
    assert run(engine)["changed"] is False and not answers


def test_planning_goes_on_when_the_managers_have_a_leader_again(engine: StackEngine) -> None:
    read, answers = engine.read, [(500, {"message": "rpc error: code = Unknown desc = The swarm does not have a leader."})] * 2

    def later(kind: str, filters: dict[str, object]) -> tuple[int, object]:
        return answers.pop() if kind == "networks" and answers else read(kind, filters)

    engine.read = later
    assert run(engine)["changed"] is True and not answers


NO_LEADER = 500, {"message": "rpc error: code = Unknown desc = The swarm does not have a leader."}
UNAVAILABLE = 503, {"message": "rpc error: code = Unavailable desc = connection closed"}


@pytest.mark.parametrize("answer", [NO_LEADER, UNAVAILABLE])
@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("kind", ["services", "configs"])
def test_all_lists_are_asked_for_again(engine: StackEngine, answer: tuple[int, Any], state: str, kind: str) -> None:
    run(engine)
    read, answers = engine.read, [answer] * 2

    def later(asked: str, filters: dict[str, object]) -> tuple[int, object]:
        return answers.pop() if asked == kind and answers else read(asked, filters)

    engine.read = later
    assert run(engine, state=state)["changed"] is (state == "absent") and not answers


def test_a_service_is_checked_again_when_the_managers_have_a_leader(engine: StackEngine) -> None:
    store, answers = engine.store, [NO_LEADER] * 2

    def later(kind: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return answers.pop() if kind == "services" and answers else store(kind, path, body)

    engine.store = later
    assert run(engine)["changed"] is True and not answers
    engine.store = lambda kind, path, body: NO_LEADER if kind == "services" else store(kind, path, body)
    with pytest.raises(SwarmError, match=r"^Could not check the service: The swarm does not have a leader"):
        run(engine, definitions=changed(other={"image": "other:1"}))


def test_managers_that_have_no_answer_are_no_fault_of_the_definition(engine: StackEngine) -> None:
    read = engine.read

    def never(kind: str, filters: dict[str, object]) -> tuple[int, object]:
        return (500, {"message": "rpc error: code = DeadlineExceeded"}) if kind == "networks" else read(kind, filters)

    engine.read = never
    with pytest.raises(SwarmError, match=r"stack 'app': .*DeadlineExceeded.* Run again when the managers have a leader") as caught:
        run(engine)
    assert "Correct the stack" not in str(caught.value) and "Could not list" not in str(caught.value) and engine.writes == []


def test_a_command_that_does_not_end_fails_with_a_sentence(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "SHORTEST_LIMIT", 0.3)
    with pytest.raises(SwarmError, match=r"stack 'app': the docker command did not finish within 0\.5 s\. Check .* increase wait_timeout"):
        run(engine, definitions=[{"hang": {"30": {}}}], wait_timeout=0.5)


def test_a_node_that_was_just_accepted_has_no_name(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    young = {name: value for name, value in NODE.items() if name != "Description"}
    monkeypatch.setattr(StackEngine, "nodes", [young])
    engine.task_state = "preparing"
    with pytest.raises(SwarmError, match="preparing for"):
        run(engine, wait_timeout=5)
    assert prune.tasks_left(engine.client, "app", {})[0].endswith(" on node1 (preparing)")


def test_nothing_to_deploy_and_no_docker_command(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SwarmError, match="there is nothing to deploy. Give files or definitions"):
        run(engine, definitions=[])
    with pytest.raises(SwarmError, match="there is no file '/nope.yml' on this host"):
        run(engine, files=["/nope.yml"])
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SwarmError, match="the docker command is missing on this host. Install docker-cli"):
        run(engine)


def test_check_mode_tells_whether_what_runs_now_has_converged(engine: StackEngine) -> None:
    assert run(engine, check=True)["converged"] is False, "nothing is there"
    assert run(engine)["converged"] is True
    newer = changed(web={"image": "web:2"})
    assert run(engine, check=True, definitions=newer)["converged"] is True, "it is about what runs, not about what would"
    for state in ("preparing", "failed"):
        engine.task_state = state
        engine.requests.clear()
        assert run(engine, check=True)["converged"] is False
        assert len(engine.requests) <= 7 + 2
        assert run(engine, wait=False)["converged"] is False
    engine.task_state = "running"
    assert run(engine, wait=False)["converged"] is True
    engine.named("services", "app_web")["UpdateStatus"] = {"State": "rollback_completed"}
    assert run(engine, check=True)["converged"] is False


def test_a_stack_that_is_gone_has_converged(engine: StackEngine) -> None:
    run(engine)
    assert run(engine, check=True, state="absent")["converged"] is False
    assert run(engine, state="absent")["converged"] is True
    assert run(engine, check=True, state="absent")["converged"] is True
    assert run(no_engine(), check=True)["converged"] is False


def test_the_command_runs_once_also_where_something_is_written(engine: StackEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    deploy = compose.deploy
    monkeypatch.setattr(compose, "deploy", lambda handle, request, sources: runs.append(request.name) or deploy(handle, request, sources))
    run(engine)
    assert runs == ["app"]
