# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import yaml
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
        "  = up to date: m1",
    ]


def test_table_of_nothing_says_so() -> None:
    nothing = Section([], [], [], {})
    assert _plan.table(nothing, _plan.unchanged(nothing, ["m1"])) == ["Plan: nothing to do", "  = up to date: m1"]


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


def test_a_part_is_left_out_by_its_own_name_and_nothing_else_is() -> None:
    """The plan knows what a run is about, and says it by groups: tags of Ansible would leave out what others need."""
    folder = Path(__file__).parents[4] / "playbooks"
    plays = [play for name in ("plan_cluster.yml", "site.yml") for play in yaml.safe_load((folder / name).read_text(encoding="utf-8"))]
    tagged = [item for play in plays for item in (play, *play.get("roles", []), *play.get("tasks", [])) if "tags" in item]
    assert all(set(play["tags"]) <= {"always", *_plan.PARTS} for play in tagged)
    assert all("always" in play["tags"] for play in plays if play["name"] != "Gather information and plan")
    assert {tag for play in tagged for tag in play["tags"]} == {"always", *_plan.PARTS} - {"preflight"}
    assert [tag for play in tagged if len(set(play["tags"]) - {"always"}) > 1 for tag in play["tags"]] == []
