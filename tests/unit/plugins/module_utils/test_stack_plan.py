# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a plan as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, plan
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation

CONFLICT = ["service 'a' and service 'b' both publish port 8080/tcp"]


def port(published: int, mode: str = "", protocol: str = "") -> dict[str, Any]:
    """A port as the CLI sends it."""
    return {"TargetPort": 80, "PublishedPort": published, "PublishMode": mode, "Protocol": protocol}


def service(name: str, *ports: dict[str, Any], before: list[dict[str, Any]] | None = None) -> Operation:
    """A service to be created; to be updated when it publishes something already."""
    specs = [normal.service({"Name": name, "EndpointSpec": {"Ports": one}}, {}) for one in (before or [], list(ports))]
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
    assert plan.problems([service("b", *other), service("a", *one)]) == found


def test_each_pair_is_named() -> None:
    assert len(plan.problems([service(name, port(8080)) for name in "abc"])) == 3


def test_only_what_is_new_is_compared() -> None:
    # The Engine says of a new service that the port is in use.
    assert plan.problems([service("a", port(8080), before=[port(8080)]), service("b", port(8080))]) == []
    assert plan.problems([service("a", port(8080), before=[port(8081)]), service("b", port(8080))]) == CONFLICT
    assert plan.problems([service("a", port(8080), before=[port(8080, "host")]), service("b", port(8080, "host"))]) == CONFLICT


def test_a_service_that_goes_publishes_nothing() -> None:
    gone = Operation("services", "a", "remove", normal.service({"EndpointSpec": {"Ports": [port(8080)]}}, {}))
    assert plan.problems([gone, service("b", port(8080)), Operation("networks", "n", "create", None, {})]) == []
