# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in Compose files, and what is looked at when they have their values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.plugin_utils import _compose
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError, interpolate

# -- interpolation
SET, EMPTY, UNSET = {"A": "a", "B": "b"}, {"A": "", "B": "b"}, {"B": "b"}


@pytest.mark.parametrize(
    ("text", "when_set", "when_empty", "when_unset"),
    [
        ("$A", "a", "", None),
        ("${A}", "a", "", None),
        ("${A:-d}", "a", "d", "d"),
        ("${A-d}", "a", "", "d"),
        ("${A:-}", "a", "", ""),
        ("${A:?msg}", "a", None, None),
        ("${A?msg}", "a", "", None),
        ("${A:-${B}}", "a}", "${B}", "${B}"),
        ("${A:-$B}/c", "a/c", "$B/c", "$B/c"),
        ("${A:-$2y$05$oZcj}", "a", "$2y$05$oZcj", "$2y$05$oZcj"),
        ("$A-b", "a", "", "b"),
        ("<${A:-x:y/z-1}>", "<a>", "<x:y/z-1>", "<x:y/z-1>"),
        ("$$A $${A} $$$B", "$A ${A} $b", "$A ${A} $b", "$A ${A} $b"),
    ],
)
def test_variables_have_the_operators_of_compose(text: str, when_set: str | None, when_empty: str | None, when_unset: str | None) -> None:
    for env, wanted in ((SET, when_set), (EMPTY, when_empty), (UNSET, when_unset)):
        if wanted is None:
            with pytest.raises(ComposeError, match="^Could not read here: the variable [AC] has no value"):
                interpolate(text, env, "here")
        else:
            assert interpolate(text, env, "here") == wanted


@pytest.mark.parametrize("text", ["$", "5$", "$1", "${}", "${A/x/y}", "${A+x}", "${A:+x}", "${A", "$A $1"])
def test_a_dollar_that_begins_no_variable_is_refused(text: str) -> None:
    with pytest.raises(ComposeError, match=r"^Could not read here: a dollar in '.*' does not start a variable\. Write \$\$ for"):
        interpolate(text, SET, "here")


RECORDED = json.loads((Path(__file__).parents[2] / "interpolation.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("text", "wanted"), RECORDED["cases"])
def test_variables_are_read_as_dockers_command_has_read_them(text: str, wanted: str | None) -> None:
    env = RECORDED["env"]
    lacking = [name for name, _reason in _compose.missing(text, env)]
    if lacking:
        # Here alone it is no nothing: the command puts nothing in its place, without a word.
        assert not any(env.get(name) for name in lacking)
        with pytest.raises(ComposeError):
            interpolate(text, env, "here")
    elif wanted is None:
        with pytest.raises(ComposeError, match="does not start a variable"):
            interpolate(text, env, "here")
    else:
        assert interpolate(text, env, "here") == wanted


def test_what_a_variable_is_for_is_told_where_it_is_missing() -> None:
    with pytest.raises(ComposeError) as caught:
        interpolate("${A:?the release}", {}, "here")
    assert str(caught.value) == (
        "Could not read here: the variable A has no value (the release). Give it one in env, or a default in the file."
    )


def test_variables_are_filled_in_at_any_depth_but_not_in_keys() -> None:
    value = {"$A": ["$A", {"k": "${B}", "n": 1, "none": None, "yes": True}]}
    assert interpolate(value, SET, "here") == {"$A": ["a", {"k": "b", "n": 1, "none": None, "yes": True}]}


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (7, "7"), (None, "")])
def test_values_read_as_in_the_environment_of_the_docker_command(value: Any, text: str) -> None:
    assert interpolate("${A-default}", {"A": value}, "here") == text


@pytest.mark.parametrize(
    ("text", "env", "names"),
    [
        ("$A ${B}", {}, ["A", "B"]),
        ("$$A $${B}", {}, []),
        ("${A}", {"A": ""}, []),
        ("${A:?}", {"A": ""}, ["A"]),
        ("${A?}", {"A": ""}, []),
        ("${A:-} ${B-x}", {}, []),
        ("${A:-${B}}", {}, []),
        ("${A:-${B}}", {"A": "1"}, []),
        ("${PASSWORD:-$2y$05$oZcj}", {}, []),
        ("${A:+${B}}", {"A": "1"}, ["B"]),
        ("a$ 5$ ${", {}, []),
    ],
)
def test_a_variable_needs_a_value_or_a_default(text: str, env: dict[str, Any], names: list[str]) -> None:
    assert [name for name, _reason in _compose.missing(text, env)] == names


def test_what_is_no_project_has_no_variables() -> None:
    for text in ("a: [", "- a", "a: !!timestamp x", ""):
        assert _compose.document(text) == {}
    assert _compose.without_value(_compose.document("services: {a: &a {b: *a, c: $X}}"), {}, "f") == ["variable X of service 'a' in 'f'"]
    assert _compose.without_value({"services": ["$A"], "networks": None}, {}, "f") == []


def test_an_environment_variable_without_a_value_needs_one_in_env() -> None:
    services = {
        "a": {"environment": ["TZ", "LANG=C", "HTTP_PROXY"]},
        "b": {"environment": {"TZ": None, "EMPTY": ""}},
        "c": None,
        "d": {"environment": 5},
    }
    assert _compose.valueless([("f", {"services": services})], {"HTTP_PROXY": "x"}, lambda _path: "") == {
        "f": ["environment variable TZ of service 'a' in 'f'", "environment variable TZ of service 'b' in 'f'"]
    }


def test_one_file_is_enough_to_give_an_environment_variable_its_value() -> None:
    first = {"services": {"a": {"environment": ["TZ", "LANG"]}, "b": {"environment": ["TZ"]}}}
    second = {"services": {"a": {"environment": {"TZ": "UTC"}}}}
    for projects in ([("f", first), ("g", second)], [("g", second), ("f", first)]):
        assert _compose.valueless(projects, {}, lambda _path: "") == {
            "f": ["environment variable LANG of service 'a' in 'f'", "environment variable TZ of service 'b' in 'f'"]
        }


def test_the_name_of_an_environment_variable_may_be_a_variable() -> None:
    project = {"services": {"a": {"environment": ["$NAME", "${OTHER:-LANG}", "$NOBODY"]}}}
    assert _compose.valueless([("f", project)], {"NAME": "TZ", "LANG": ""}, lambda _path: "") == {
        "f": ["environment variable TZ of service 'a' in 'f'"]
    }


def test_lines_of_env_files_without_a_value_need_one_in_env() -> None:
    content = {"x.env": "# TZ\n\n  A=1\nLANG\nTZ\n", "y.env": "B"}
    project = {"services": {"a": {"env_file": ["$FILE", "nowhere"], "environment": {"TZ": ""}}, "b": {"env_file": "y.env"}}}
    assert _compose.valueless([("f", project)], {"FILE": "x.env", "B": 1}, lambda path: content.get(path, "")) == {
        "f": ["environment variable LANG of service 'a' in 'x.env'"]
    }


@pytest.mark.parametrize("value", ["192.0.2.1", "2001:DB8:0::53", "$DNS", ["192.0.2.1", "::1"], None])
def test_dns_servers_are_addresses(value: Any) -> None:
    assert _compose.bad_addresses({"services": {"a": {"dns": value}}}, {"DNS": "192.0.2.9"}, "f") == []


@pytest.mark.parametrize("value", ["192.0.2.300", "dns.example.org", "192.0.2.1:53", "fe80::1%eth0", "$DNS", ""])
def test_a_dns_server_that_is_no_address_is_named(value: str) -> None:
    (found,) = _compose.bad_addresses({"services": {"a": {"dns": [value]}}}, {"DNS": "nowhere"}, "f")
    assert found == f"dns of service 'a' in 'f' is not an IP address: '{value.replace('$DNS', 'nowhere')}'"


def test_subnets_are_networks() -> None:
    def found(subnet: str) -> list[str]:
        return _compose.bad_addresses({"networks": {"n": {"ipam": {"config": [{"subnet": subnet}]}}, "m": None}}, {"NET": "10.1"}, "f")

    for subnet in ("10.77.0.0/24", "10.77.0.5/24", "2001:DB8::/64", "$NET.0.0/16"):
        assert found(subnet) == []
    for subnet in ("10.77.0/24", "10.77.0.0", "10.0.0.0/255.255.255.0", "fe80::%eth0/64", "x"):
        assert found(subnet) == [f"subnet of network 'n' in 'f' is not a network such as 10.1.0.0/24: '{subnet}'"]


BUILT = {"services": {"web": {"build": ".", "image": "shop/${NAME}"}, "db": {"image": "redis:8"}}}


@pytest.mark.parametrize(
    ("more", "lacking"),
    [
        ([], "service 'web' in 'a.yml' has a build section, but its image is not built 'shop/web'"),
        (
            [{"services": {"web": {"build": {"context": "web"}}}}],
            "service 'web' in 'b.yml' has a build section, but its image is not built",
        ),
        ([{"services": {"web": {"image": "r.example:5000/shop/web:1@sha256:aa"}}}], ""),
        ([{"services": {"web": {"image": "shop/web:2"}}}], ""),
        ([{"services": {"web": {"build": ".", "image": "docker.io/shop/web:2"}}}], ""),
        ([{"services": {"web": {"build": ".", "image": "localhost/web"}}}], ""),
    ],
)
def test_docker_hubs_image_is_not_taken_for_one_that_is_to_be_built(more: list[dict[str, Any]], lacking: str) -> None:
    projects = list(zip(("a.yml", "b.yml"), [BUILT, *more]))
    assert _compose.unbuilt(projects, {"NAME": "web"}) == ([lacking] if lacking else [])


def test_dependencies_are_those_of_all_files() -> None:
    files = [
        {"services": {"a": {"depends_on": ["b", "gone"]}, "b": None, "c": {"depends_on": {"a": {"condition": "x"}}}}},
        {"services": {"a": {"depends_on": ["c", "b"]}, "d": {"depends_on": "a"}}},
        {"services": []},
    ]
    assert _compose.dependencies(files) == {"a": ["b", "c"], "c": ["a"]}
