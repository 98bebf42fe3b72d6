# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.plugin_utils import _deployments

QUIET: dict[str, Any] = {"changed": False, "plan": [], "converged": True, "address": "10.0.0.1:5000"}
NETWORK = {"kind": "network", "name": "shop_front", "action": "create", "changes": [], "replaces_tasks": "no"}
WEB = {
    "kind": "service",
    "name": "shop_web",
    "action": "update",
    "changes": [["deploy.replicas", 2, 3], ["image", "web:1@sha256:" + "a" * 64, "web:2"]],
    "replaces_tasks": "all",
}


def changing(*items: Any) -> dict[str, Any]:
    """The answer of a stack that changes."""
    return {**QUIET, "changed": True, "plan": list(items)}


def test_stack_that_is_as_it_should_be_is_left_alone() -> None:
    found = _deployments.plan(QUIET, {"missing": []}, {"shop": QUIET})
    assert (found.problems, found.warnings, found.changes) == ([], [], [])
    assert found.data == {"registry": False, "images": False, "stacks": []}


def test_change_of_a_service_is_told_with_both_values_and_what_becomes_of_its_tasks() -> None:
    found = _deployments.plan(QUIET, None, {"shop": changing(WEB)})
    (change,) = found.changes
    assert change.text == "shop_web: deploy.replicas 2 → 3, image web:1@aaaaaaaa → web:2; replaces all tasks"
    assert change.before == {"deploy.replicas": 2, "image": WEB["changes"][1][1]} and found.data["stacks"] == ["shop"]


def test_stack_that_does_not_run_as_it_should_is_waited_for() -> None:
    found = _deployments.plan(None, None, {"shop": {**QUIET, "converged": False}})
    assert found.data["stacks"] == ["shop"] and found.changes == []
    assert found.warnings == ["Stack 'shop' is not healthy; the run waits for it."]


def test_missing_image_is_built_or_pushed() -> None:
    images = {"missing": [{"name": "shop/web:1", "project": "shop"}, {"name": "redis:8"}]}
    found = _deployments.plan(QUIET, images, {})
    assert [(change.verb, change.text) for change in found.changes] == [
        ("build", "shop/web:1: the registry does not have it"),
        ("push", "redis:8: the registry does not have it"),
    ]
    assert found.data["images"]


def test_image_gets_the_tag_of_its_compose_file_too() -> None:
    image = {"name": "shop/web:1", "project": "shop", "tag": "web:1.4"}
    found = _deployments.plan(QUIET, {"missing": [], "untagged": [image]}, {"shop": QUIET})
    assert [(change.verb, change.text) for change in found.changes] == [("tag", "shop/web:1: also web:1.4")]
    assert found.data == {"registry": False, "images": True, "stacks": []}, "a tag that moves replaces no task"
    bare = _deployments.before_there_is_a_swarm("registry", [image], [])
    assert [change.verb for change in bare.changes] == ["deploy", "build", "tag"]


def test_stack_whose_image_is_built_anew_is_deployed_also_where_its_plan_sees_no_difference() -> None:
    found = _deployments.plan(QUIET, {"missing": [{"name": "shop/web:1", "project": "shop"}]}, {"shop": QUIET, "blog": QUIET})
    assert found.data["stacks"] == ["shop"]


def test_a_release_that_a_deployment_records_is_in_the_plan() -> None:
    answer = {**changing(WEB), "release": 12, "releases_removed": [2, 1]}

    def releases(**answers: Any) -> list[str]:
        return [change.text for change in _deployments.plan(None, None, answers).changes if change.subject == "release"]

    assert releases(shop=answer) == ["shop 12, removes 2, 1"]
    assert releases(shop=changing(WEB)) == []


def test_impossible_stack_is_a_problem() -> None:
    answer = {"changed": False, "msg": "Could not deploy stack 'shop': no.", "plan": [], "failed": False}
    assert _deployments.plan(QUIET, None, {"shop": answer}).problems == ["Could not deploy stack 'shop': no."]


def test_stack_that_needs_what_an_earlier_one_creates_is_planned_in_its_turn() -> None:
    answer = {"changed": False, "msg": "Could not deploy stack 'b': network 'shop_front' is declared as external, but could not be found."}
    found = _deployments.plan(None, None, {"shop": changing(NETWORK), "b": answer})
    assert found.problems == [] and found.data["stacks"] == ["shop", "b"]
    (warning,) = found.warnings
    assert "b" in warning and "shop_front" in warning


def test_registry_that_does_not_answer_is_a_problem_unless_it_is_about_to_be_mended() -> None:
    images = {
        "changed": False,
        "failed": False,
        "msg": "Could not look up image 'a:1': no answer.",
        "missing": [{"name": "a:1"}],
        "images": [],
    }
    assert _deployments.plan(QUIET, images, {}).problems == ["Could not look up image 'a:1': no answer."]
    found = _deployments.plan({**QUIET, "converged": False}, images, {})
    assert found.problems == [] and found.data["images"] and found.changes == []
    created = _deployments.plan(changing({**WEB, "action": "create", "name": "registry_registry"}), images, {})
    assert created.problems == [] and [change.subject for change in created.changes] == ["service", "image"]


def test_registry_without_a_place_leaves_stacks_to_their_turn() -> None:
    answer = {"changed": False, "msg": "Could not deploy stack 'shop': \"/shop/web:1\" is not a valid repository/tag.", "plan": []}
    found = _deployments.plan({**QUIET, "address": "", "converged": False}, None, {"shop": answer, "blog": QUIET})
    assert found.problems == [] and found.data["stacks"] == ["shop", "blog"]
    assert "The registry has no address yet; images and stacks are planned when it has one." in found.warnings


def test_hosts_that_are_no_cluster_yet_get_everything() -> None:
    projects = [{"name": "shop"}, {"name": "old", "state": "absent"}]
    found = _deployments.before_there_is_a_swarm("registry", [{"name": "shop/web:1", "project": "shop"}, {"name": "redis:8"}], projects)
    assert [(change.subject, change.verb, change.text) for change in found.changes] == [
        ("registry", "deploy", "stack registry"),
        ("image", "build", "shop/web:1"),
        ("image", "push", "redis:8"),
        ("stack", "deploy", "shop"),
    ]


def test_images_that_are_to_be_built_need_a_registry() -> None:
    images = [{"name": "shop/web:1", "project": "shop", "service": "web"}, {"name": "redis:8"}]
    stacks = [{"name": "shop"}]
    found = _deployments.before_there_is_a_swarm(None, images, stacks)
    assert found.problems == [
        "Could not deploy stack 'shop': the image of its service 'web' is to be built, and there is no registry for it. "
        "Set registry_enabled, or name an image instead."
    ]
    for registry, elsewhere in (("registry", False), (None, True)):
        found = _deployments.before_there_is_a_swarm(registry, images, stacks, elsewhere)
        assert found.problems == [] and ("image", "build") in [(change.subject, change.verb) for change in found.changes]


def test_a_stack_is_in_the_inventory_once() -> None:
    stacks = [{"name": "shop"}, {"name": "blog"}, {"name": "shop"}]
    told = ["Could not plan stack 'shop': stacks_projects has it 2 times. Use a different name for each."]
    assert _deployments.twice(stacks) == _deployments.before_there_is_a_swarm(None, [], stacks).problems == told
    assert _deployments.twice(stacks[:2]) == []


def test_a_builder_that_does_not_answer_is_a_problem_of_the_plan() -> None:
    item = {"name": "shop/web:1a", "project": "shop"}
    builds = [{"unreachable": True, "msg": "ssh: no route.", "__images_item": item}, {"msg": "Could not build image 'x': why."}, {}]
    found = _deployments.plan(None, {"missing": [item], "untagged": [], "builds": builds}, {})
    assert found.problems == [
        "Could not build image 'shop/web:1a': the build host does not answer (ssh: no route). Bring it up, or set images_builder.",
        "Could not build image 'x': why.",
    ]


def test_what_is_to_be_built_cannot_be_deployed_where_images_are_left_out() -> None:
    missing = [{"name": "shop/web:1a", "project": "shop", "service": "web"}, {"name": "redis:8"}]
    (problem,) = _deployments.left_out({"missing": missing})
    assert problem == (
        "Could not deploy stack 'shop': the image of its service 'web' is to be built, and this run skips images. "
        "Run without --skip-tags images."
    )
    assert _deployments.left_out({"missing": []}) == []
