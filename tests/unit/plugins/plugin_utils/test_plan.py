# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Change, Section
from ansible_collections.apiary.swarm.plugins.plugin_utils import _plan

CHANGES = [
    Change("w1", "engine", "restart", "log-driver json-file → journald", {"log-driver": "json-file"}, {"log-driver": "journald"}),
    Change("swarm", "service", "update", "shop_web: image a → b"),
]
PLAN = Section([], ["CA ends soon."], CHANGES, {})


@pytest.mark.parametrize(
    ("run", "skip", "parts"),
    [
        (["all"], [], list(_plan.PARTS)),
        (["engine"], [], ["preflight", "tls", "engine"]),
        (["stacks"], [], ["preflight", "cluster", "archives", "registry", "images", "stacks"]),
        (["all"], ["stacks"], [part for part in _plan.PARTS if part != "stacks"]),
        (["nothing-of-ours"], [], []),
    ],
)
def test_tags_choose_the_parts(run: list[str], skip: list[str], parts: list[str]) -> None:
    assert _plan.parts_of(run, skip, list(_plan.PARTS)) == parts


def test_only_parts_that_are_asked_for_are_planned() -> None:
    assert _plan.parts_of(["all"], [], ["engine"]) == ["engine"]


def test_table_has_a_line_for_each_change_and_one_for_the_rest() -> None:
    assert _plan.table(PLAN, _plan.unchanged(PLAN, ["m1", "w1"])) == [
        "Plan: 2 changes on swarm, w1",
        "  w1     engine   restart  log-driver json-file → journald",
        "  swarm  service  update   shop_web: image a → b",
        "  ! CA ends soon.",
        "  = as it should be: m1",
    ]


def test_table_of_nothing_says_so() -> None:
    nothing = Section([], [], [], {})
    assert _plan.table(nothing, _plan.unchanged(nothing, ["m1"])) == ["Plan: nothing to do", "  = as it should be: m1"]


def test_diff_has_values_where_there_are_any_and_lines_where_not() -> None:
    engine, service = _plan.diff(PLAN)
    assert (engine["before"], engine["after"]) == ({"log-driver": "json-file"}, {"log-driver": "journald"})
    assert service["after"] == {"update shop_web: image a → b": True} and service["before"] == {}


def test_section_survives_as_data() -> None:
    assert _plan.from_data(_plan.as_data(PLAN)) == PLAN


def test_groups_are_listed_by_host() -> None:
    assert _plan.in_groups({"swarm_act_engine": ["m1", "w1"], "swarm_control": ["m1"], "swarm_act_tls": []}) == [
        {"host": "m1", "groups": ["swarm_act_engine", "swarm_control"]},
        {"host": "w1", "groups": ["swarm_act_engine"]},
    ]
