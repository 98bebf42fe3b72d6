# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module stack does beside the definition: keep, send again, assume."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import Snapshot
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine
from ansible_collections.apiary.swarm.tests.unit.stack_runs import actions, changed, run

LOGIN = {"registry": "r.example:5000", "username": "u", "password": "swordfish"}


def replicas(engine: StackEngine) -> Any:
    """How many tasks app_web is to have."""
    return engine.named("services", "app_web")["Spec"]["Mode"]["Replicated"].get("Replicas")


def scaled(number: int, **more: Any) -> list[dict[str, Any]]:
    """The definition with another number of tasks."""
    return changed(web={"mode": {"Replicated": {"Replicas": number}}, **more})


def image(engine: StackEngine) -> str:
    """The image of app_web."""
    return engine.named("services", "app_web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]


def test_replicas_are_kept_where_somebody_else_scales(engine: StackEngine) -> None:
    run(engine, definitions=scaled(0), replicas="keep", wait=False)
    assert replicas(engine) == 0, "a new service begins as defined"
    engine.named("services", "app_web")["Spec"]["Mode"]["Replicated"]["Replicas"] = 7
    engine.writes.clear()
    for check in (True, False):
        assert run(engine, check=check, definitions=scaled(2), replicas="keep", wait=False)["changed"] is False
    assert engine.writes == []
    run(engine, definitions=scaled(2, image="web:2"), replicas="keep", wait=False)
    assert (replicas(engine), image(engine)) == (7, "web:2")
    done = run(engine, definitions=scaled(2, image="web:2"), wait=False)
    assert done["plan"][1]["changes"] == [["deploy.replicas", 7, 2]]
    assert replicas(engine) == 2


def test_jobs_run_again_when_asked_to(engine: StackEngine) -> None:
    definitions = changed(job={"image": "job:1", "mode": {"ReplicatedJob": {}}})
    run(engine, definitions=definitions, wait=False)
    assert run(engine, definitions=definitions, wait=False)["changed"] is False
    for check in (True, False):
        done = run(engine, check=check, definitions=definitions, rerun_jobs=True, wait=False)
        assert actions(done) == {"app_job": "update"}
        (entry,) = (item for item in done["plan"] if item["action"] == "update")
        assert (entry["changes"], entry["replaces_tasks"]) == ([["job", "as it ran", "runs again"]], "all")
    assert engine.writes[-1].endswith("app_job")


def test_logins_are_sent_again_when_asked_to(engine: StackEngine) -> None:
    run(engine, registry_logins=[LOGIN])
    sent = [json.loads(base64.urlsafe_b64decode(auth)) for auth in engine.auths]
    assert sent
    assert all(auth == {"r.example:5000": {"auth": base64.b64encode(b"u:swordfish").decode()}} for auth in sent)
    assert run(engine, registry_logins=[LOGIN])["changed"] is False
    engine.writes.clear()
    done = run(engine, registry_logins=[LOGIN], refresh_registry_auth=True)
    assert actions(done) == {"app_web": "update", "app_db": "update"}
    assert done["plan"][0]["replaces_tasks"] == "no"
    assert len(engine.writes) == 2
    assert "swordfish" not in str(done)
    with pytest.raises(SwarmError, match="there is no login to send. Give with_registry_auth or"):
        run(engine, refresh_registry_auth=True)


@pytest.mark.parametrize(("login", "has"), [({}, False), ({"serveraddress": "x"}, False), ({"username": "u"}, True)])
def test_an_empty_login_is_none(login: dict[str, str], has: bool) -> None:
    text = base64.urlsafe_b64encode(json.dumps(login).encode()).decode()
    assert service.has_login(text) is service.has_login(text.rstrip("=")) is has
    assert service.has_login("") is service.has_login("!") is False


def test_a_silent_registry_costs_no_task(engine: StackEngine) -> None:
    engine.digests = {"web:1": "sha256:aa", "db:1": "sha256:bb"}
    run(engine)
    assert image(engine) == "web:1@sha256:aa"
    engine.digests.clear()
    engine.writes.clear()
    for check in (True, False):
        result = run(engine, check=check)
        assert result["changed"] is False
        assert [text for text in result["warnings"] if "app_web" in text] == [
            "The registry did not return the digest of image 'web:1' (no such registry): service 'app_web' keeps the one that it runs."
        ]
        assert not [text for text in result["warnings"] if "could not be accessed" in text]
    assert engine.writes == []
    new = run(engine, definitions=changed(web={"image": "web:2"}))
    assert image(engine) == "web:2"
    whose = "service 'app_web' runs what each node finds under that tag, or has already."
    assert f"The registry did not return the digest of image 'web:2' (no such registry): {whose}" in new["warnings"]


UNTOLD = "The registry did not return the digest of image"


def test_an_image_without_a_digest_is_told_from_the_first_run_on(engine: StackEngine) -> None:
    definitions = changed(other={"image": "web:1"})
    for check in (True, False, False):
        warnings = run(engine, check=check, definitions=definitions)["warnings"]
        assert warnings == [
            f"{UNTOLD} 'db:1' (no such registry): service 'app_db' runs what each node finds under that tag, or has already.",
            f"{UNTOLD} 'web:1' (no such registry): services 'app_other', 'app_web' run what each node finds under that tag, or has "
            "already.",
        ]


def test_a_silent_registry_fails_the_plan_where_that_is_asked_for(engine: StackEngine) -> None:
    with pytest.raises(
        SwarmError, match=r"digest of image 'db:1' \(no such registry\); the registry did not return .* 'web:1'.*Nothing was"
    ):
        run(engine, registry_unreachable="fail")
    assert engine.writes == []
    engine.digests = {"web:1": "sha256:aa", "db:1": "sha256:bb"}
    assert run(engine, registry_unreachable="fail")["changed"] is True
    engine.digests["web:1"] = "sha256:cc"
    moved = run(engine, check=True)
    assert moved["plan"][1]["changes"] == [["image", "web:1@sha256:aa", "web:1@sha256:cc"]]


def test_an_image_that_is_yet_to_be_built_is_expected_where_a_silent_registry_fails_the_plan(engine: StackEngine) -> None:
    engine.digests = {"web:1": "sha256:aa", "db:1": "sha256:bb"}
    run(engine, registry_unreachable="fail")
    platforms = [{"Architecture": "amd64", "OS": "linux"}]
    engine.named("services", "app_web")["Spec"]["TaskTemplate"].setdefault("Placement", {})["Platforms"] = platforms
    coming = {"definitions": changed(web={"image": "web:2"}), "registry_unreachable": "fail"}
    predicted = run(engine, check=True, **coming, assume_present={"images": ["web:2"]})
    (web,) = [entry for entry in predicted["plan"] if entry["action"] == "update"]
    assert web["changes"] == [["image", "web:1@sha256:aa", "web:2"]] and not predicted.get("warnings")
    for check in (True, False):
        with pytest.raises(SwarmError, match="the registry did not return the digest of image 'web:2'"):
            run(engine, check=check, **coming, assume_present={"images": ["web:2"] if not check else []})


def test_what_an_earlier_task_would_have_made_can_be_assumed(engine: StackEngine) -> None:
    definitions = changed(web={"secrets": ["pw", "outside"]})
    definitions[0]["secrets"]["outside"] = {"external": True}
    definitions[0]["networks"]["shared"] = {"external": True}
    assume = {"networks": ["shared"], "secrets": ["outside"]}
    predicted = run(engine, check=True, definitions=definitions, assume_present=assume)
    assert actions(predicted)["app_web"] == "create"
    assert not any(name in ("shared", "outside") for name in actions(predicted))
    for check, options in ((True, {}), (False, {"assume_present": assume})):
        with pytest.raises(SwarmError, match="network 'shared', secret 'outside' are declared as external and do not exist") as caught:
            run(engine, check=check, definitions=definitions, **options)
        assert "Nothing was changed" in str(caught.value)
    assert engine.writes == []


def test_one_external_object_that_is_not_there_is_told_in_the_singular(engine: StackEngine) -> None:
    definitions = changed()
    definitions[0]["networks"]["shared"] = {"external": True}
    with pytest.raises(SwarmError, match="stack 'app': network 'shared' is declared as external and does not exist"):
        run(engine, definitions=definitions)


def test_networks_that_no_list_has_are_asked_for_their_names(engine: StackEngine) -> None:
    run(engine)
    engine.predefined = {"0ig8": "host"}
    task = engine.named("services", "app_web")["Spec"]["TaskTemplate"]
    task["Networks"] = [{"Target": "0ig8"}, {"Target": "gone"}]
    snapshot = Snapshot(engine.client)
    assert snapshot.network_names["0ig8"] == "host" and "gone" not in snapshot.network_names
    named = service.normal({"TaskTemplate": {"Networks": [{"Target": "host"}]}}, snapshot.network_names)
    assert service.normal({"TaskTemplate": {"Networks": [{"Target": "0ig8"}]}}, snapshot.network_names) == named
