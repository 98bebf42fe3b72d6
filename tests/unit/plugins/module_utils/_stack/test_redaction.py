# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of env are not shown, wherever a Compose file puts them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import plan, service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import CHANGED, HIDDEN, Operation, changed_paths
from ansible_collections.apiary.swarm.plugins.module_utils._stack.redaction import redact, redact_both, redact_text, secret_values
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import Request
from ansible_collections.apiary.swarm.tests.unit.fake_stack import StackEngine
from ansible_collections.apiary.swarm.tests.unit.stack_runs import changed, run

CANARY, OLD = 'swordfish"2', 'mackerel"1'


def form(secret: str) -> dict[str, Any]:
    """The normal form of a service that has a secret wherever it can be."""
    container = {
        "Image": "web:1",
        "Command": ["sh", "-c", f"login {secret}"],
        "Args": [secret],
        "Env": [f"A={secret}"],
        "Labels": {"in": f"x{secret}x"},
        "Healthcheck": {"Test": ["CMD", "curl", f"-u:{secret}"]},
        "Mounts": [{"Type": "volume", "Target": "/a", "VolumeOptions": {"DriverConfig": {"Options": {"o": f"password={secret}"}}}}],
    }
    task = {"ContainerSpec": container, "LogDriver": {"Name": "gelf", "Options": {"token": secret}}}
    return service.normal({"Name": "app_web", "Labels": {"out": secret}, "TaskTemplate": task}, {})


def operation(before: dict[str, Any] | None, after: dict[str, Any]) -> Operation:
    """One that makes the one of the other."""
    changes = changed_paths(before, after) if before else []
    return Operation("services", "app_web", "update" if before else "create", before, after, changes)


@pytest.mark.parametrize("before", [None, form(OLD)])
def test_a_value_of_env_is_shown_nowhere_and_neither_is_the_one_that_it_replaces(before: dict[str, Any] | None) -> None:
    planned = operation(before, form(CANARY))
    shown = json.dumps([plan.entry(planned, True, [CANARY]), plan.diff([planned], True, [CANARY])])
    for word in ("swordfish", "mackerel"):
        assert word not in shown
    assert "login" in shown or before, "what is around it stays"


def test_images_show_their_tags() -> None:
    before, after = ({"image": f"web:{tag}", "labels": {"tag": tag}} for tag in ("2.4.0", "2.4.1"))
    assert redact_both(before, after, ["2.4.1"]) == (
        {"image": "web:2.4.0", "labels": {"tag": HIDDEN}},
        {"image": "web:2.4.1", "labels": {"tag": CHANGED}},
    )


def test_short_values_are_no_secrets_and_longer_ones_come_first() -> None:
    assert secret_values(["abcde", "abcdefg", "1234", "", "false", "False"]) == ["abcdefg", "abcde"]
    assert redact({"abcde": ["xabcdefgx", 5, None]}, ["abcdefg", "abcde"]) == {"abcde": [f"x{HIDDEN}x", 5, None]}


def test_whoever_wants_to_see_the_environment_sees_it() -> None:
    assert Request("app", env={"A": "swordfish", "B": 12345}).hidden == ["swordfish", "12345"]
    assert Request("app", env={"A": "swordfish"}, mask_env=False).hidden == []


def test_a_stack_that_is_deployed_or_refused_shows_none(engine: StackEngine) -> None:
    definitions = changed(web={"image": "web:1", "mode": {"Replicated": {}}})
    definitions[0]["services"]["web"]["env"] = "A=b"
    definitions[0]["networks"]["back"]["driver_opts"] = {"key": "swordfish"}
    done = run(engine, definitions=definitions, env={"PASSWORD": "swordfish"})
    assert done["changed"] and "swordfish" not in json.dumps(done)
    definitions[0]["services"]["web"]["mode"] = {"Global": {}}
    with pytest.raises(SwarmError, match="cannot become Global") as caught:
        run(engine, definitions=definitions, env={"PASSWORD": "swordfish"})
    assert "swordfish" not in json.dumps(caught.value.details)


def test_an_error_names_the_image_whatever_its_tag_is_made_of() -> None:
    secrets = ["127.0.0.1:5000", "hunter2", "1.4.2"]
    text = "web.1: rejected: No such image: 127.0.0.1:5000/web:1.4.2, last log lines: PW=hunter2 at 1.4.2"
    shown = redact_text(text, secrets, "127.0.0.1:5000/web:1.4.2@sha256:aa")
    assert shown == f"web.1: rejected: No such image: 127.0.0.1:5000/web:1.4.2, last log lines: PW={HIDDEN} at {HIDDEN}"
    assert redact_text("hunter2", secrets, "") == HIDDEN
