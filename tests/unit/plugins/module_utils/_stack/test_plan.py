# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a plan as a whole."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.apiary.swarm.plugins.module_utils._stack import plan, service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import yaml_text

CONFLICT = ["service 'a' and service 'b' both publish port 8080/tcp"]


def port(published: int, mode: str = "", protocol: str = "") -> dict[str, Any]:
    """A port as the CLI sends it."""
    return {"TargetPort": 80, "PublishedPort": published, "PublishMode": mode, "Protocol": protocol}


def published(name: str, *ports: dict[str, Any], before: list[dict[str, Any]] | None = None) -> Operation:
    """A service to be created; to be updated when it publishes something already."""
    specs = [service.normal({"Name": name, "EndpointSpec": {"Ports": one}}, {}) for one in (before or [], list(ports))]
    return Operation("services", name, "create", None, specs[1]) if before is None else Operation("services", name, "update", *specs)


@pytest.mark.parametrize(
    "one, other, found",
    [
        ([port(8080)], [port(8080)], CONFLICT),
        ([port(8080, "ingress", "tcp")], [port(80), port(8080, "host")], CONFLICT),
        ([port(8080, "host")], [port(8080)], CONFLICT),
        ([port(8080, "host")], [port(8080, "host")], []),
        ([port(8080)], [port(8080, protocol="udp")], []),
        ([port(8080)], [port(8081)], []),
        ([port(0)], [port(0)], []),
        ([], [port(8080)], []),
    ],
)
def test_two_new_services_do_not_publish_one_port(one: list[Any], other: list[Any], found: list[str]) -> None:
    assert plan.problems([published("b", *other), published("a", *one)]) == found


def test_each_pair_is_named() -> None:
    assert len(plan.problems([published(name, port(8080)) for name in "abc"])) == 3


def test_only_what_is_new_is_compared() -> None:
    # The Engine says of a new service that the port is in use.
    assert plan.problems([published("a", port(8080), before=[port(8080)]), published("b", port(8080))]) == []
    assert plan.problems([published("a", port(8080), before=[port(8081)]), published("b", port(8080))]) == CONFLICT
    assert plan.problems([published("a", port(8080), before=[port(8080, "host")]), published("b", port(8080, "host"))]) == CONFLICT


def test_a_service_that_goes_publishes_nothing() -> None:
    gone = Operation("services", "a", "remove", service.normal({"EndpointSpec": {"Ports": [port(8080)]}}, {}))
    assert plan.problems([gone, published("b", port(8080)), Operation("networks", "n", "create", None, {})]) == []


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": "b", "c": [1, 2.5, None, True], "d": {"e": {}, "f": []}},
        {"list": [{"a": 1, "b": ["x", {"y": "z"}]}, ["p", ["q"]]]},
        {
            "tricky": [
                "yes",
                "No",
                "1",
                "1.5",
                "",
                " a",
                "a: b",
                "a #b",
                "- a",
                "ü",
                "a\nb",
                "null",
                "~",
                "@x",
                "a:",
                "0x1",
                "x, y",
                "2026-01-01",
            ]
        },
    ],
)
def test_what_is_written_as_yaml_reads_as_the_same(value: dict[str, Any]) -> None:
    assert (yaml.safe_load(yaml_text(value)) or {}) == value
