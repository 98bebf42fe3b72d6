# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin takes Compose files, and what they name, to the manager."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.action.stack import as_list, with_dict_replaced, with_paths_replaced

COMPOSE = """\
# a comment stays
x-base: &base
  env_file: [./a.env, "b.env"]   # as does this one
services:
  web: {<<: *base, image: web}
  db:
    <<: *base
    env_file: c.env
    ports: [22:22]
configs:
  conf:
    file: ./conf.txt
secrets:
  pw: {file: '../pw'}
  outside: {external: true}
"""


def test_only_paths_are_replaced_and_each_once() -> None:
    seen: list[str] = []

    def attach(path: str) -> str:
        seen.append(path)
        return f"new-{len(seen)}"

    text = with_paths_replaced(COMPOSE, attach)
    assert sorted(seen) == ["../pw", "./a.env", "./conf.txt", "b.env", "c.env"]
    for path in seen:
        text = text.replace(f'"new-{seen.index(path) + 1}"', path)
    assert text == COMPOSE.replace('"b.env"', "b.env").replace("'../pw'", "../pw")


def test_anchors_and_tags_before_a_path_are_kept() -> None:
    text = "configs: {a: {file: &f ./x}, b: {file: *f}, c: {file: !!str &g 'y z'}, d: {file: *g}}"
    new = with_paths_replaced(text, lambda path: f"new {path}")
    assert new == 'configs: {a: {file: &f "new ./x"}, b: {file: *f}, c: {file: !!str &g "new y z"}, d: {file: *g}}'


@pytest.mark.parametrize("text", ["", "a: [", "just text", "services: null", "services: [a]", "services: {a: {env_file: {x: y}}}"])
def test_what_is_no_compose_file_goes_through_untouched(text: str) -> None:
    assert with_paths_replaced(text, lambda path: "no") == text


def test_an_inline_definition_is_replaced_in_a_copy() -> None:
    definition: dict[str, Any] = {"services": {"a": {"env_file": ["x", "y"]}, "b": None}, "configs": {"c": {"file": "z"}}, "secrets": None}
    new = with_dict_replaced(definition, lambda path: path.upper())
    assert new == {"services": {"a": {"env_file": ["X", "Y"]}, "b": None}, "configs": {"c": {"file": "Z"}}, "secrets": None}
    assert definition["configs"]["c"]["file"] == "z"


def test_lists_may_be_given_as_one_item() -> None:
    assert as_list("a.yml, b.yml") == ["a.yml", "b.yml"]
    assert as_list({"a": 1}) == [{"a": 1}]
    assert as_list(None) == []
    assert as_list(("a",)) == ["a"]
