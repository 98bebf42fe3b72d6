# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._engine.packages import (
    known_packages,
    others_needs,
    package_plan,
    parse_dependents,
    parse_packages,
    pin_text,
    splits_cli,
)

DEBIAN = {"family": "Debian", "distribution": "Debian", "version": "13"}
BOOKWORM = {**DEBIAN, "version": "12"}
ROCKY = {"family": "RedHat", "distribution": "Rocky", "version": "9.4"}
ALPINE = {"family": "Alpine", "distribution": "Alpine", "version": "3.20"}
THERE = {"docker-cli": "26.1.5+dfsg1-9+b9", "docker.io": "26.1.5+dfsg1-9+b9", "python3-docker": "7.1.0-2"}
UNIT = {"installed": True, "enabled": True, "starts_blocked": False}
URL = "https://download.example.com/linux"


def plan(
    system: dict[str, Any],
    packages: dict[str, str],
    source: str = "distribution",
    version: str = "",
    replace: bool = False,
    url: str = "",
    holds: list[str] | None = None,
    **unit: bool,
) -> dict[str, Any]:
    look = {"system": system, "packages": packages, "holds": holds or [], "unit": {**UNIT, **unit}}
    return package_plan(look, source, version, replace, url, "host1")


def told(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(change.subject, change.verb, change.text) for change in found["changes"]]


def test_a_host_with_all_packages_needs_nothing() -> None:
    found = plan(DEBIAN, THERE)
    assert (found["missing"], found["replaced"], found["hold_differs"], found["problems"], found["changes"]) == ([], [], False, [], [])
    assert found["holds_content"] is None and not found["enable"]


def test_a_bare_host_gets_the_distributions_packages() -> None:
    found = plan(DEBIAN, {}, installed=False, enabled=False)
    assert found["wanted"] == found["missing"] == ["docker.io", "python3-docker", "docker-cli"]
    assert told(found) == [("packages", "install", "docker.io, python3-docker, docker-cli")]
    assert found["enable"] and not found["repository"]


@pytest.mark.parametrize(
    ("system", "packages"),
    [
        (BOOKWORM, ["docker.io", "python3-docker"]),
        ({**DEBIAN, "version": None}, ["docker.io", "python3-docker", "docker-cli"]),
        ({"family": "Debian", "distribution": "Ubuntu", "version": "24.04"}, ["docker.io", "python3-docker"]),
        (ROCKY, ["moby-engine", "docker-cli", "python3-docker"]),
    ],
)
def test_each_system_has_its_own_packages(system: dict[str, Any], packages: list[str]) -> None:
    assert plan(system, {})["packages"] == packages
    assert known_packages(system) == list(dict.fromkeys([*packages, "docker-ce", "docker-ce-cli", "containerd.io", "python3-docker"]))


def test_debian_testing_without_a_version_is_newer_than_twelve() -> None:
    assert [splits_cli({**DEBIAN, "version": version}) for version in ("11", "12", "13", "14.1", None)] == [False, False, True, True, True]


def test_an_unknown_family_is_left_to_preflight() -> None:
    found = plan(ALPINE, {})
    assert found.keys() == plan(DEBIAN, {}).keys()
    assert not any(found.values()) and known_packages(ALPINE) == []


def test_a_version_is_pinned_in_the_package_managers_words() -> None:
    assert plan(DEBIAN, {}, version="26.1.5*")["wanted"] == ["python3-docker", "docker.io=26.1.5*", "docker-cli=26.1.5*"]
    assert plan(ROCKY, {}, version="26.1.5-1.el9")["wanted"] == ["python3-docker", "moby-engine-26.1.5-1.el9", "docker-cli-26.1.5-1.el9"]


def test_a_star_stands_for_anything_and_a_dot_for_itself() -> None:
    for version, right in (
        ("26.1.5*", True),
        ("26*b9", True),
        ("26.1.5+dfsg1-9+b9", True),
        ("26.1.5", False),
        ("26x*", False),
        ("6.1*", False),
    ):
        assert (plan(DEBIAN, THERE, version=version, replace=True)["missing"] == []) == right, version


def test_a_held_version_is_right_only_with_these_very_lines() -> None:
    text = pin_text(["docker.io", "docker-cli"], "26.1.5*")
    assert text == ("# Made by apiary.swarm (engine_version).\nPackage: docker.io docker-cli\nPin: version 26.1.5*\nPin-Priority: 1001\n")
    found = plan(DEBIAN, THERE, version="26.1.5*")
    assert found["hold_differs"] and found["holds_content"] == text
    assert told(found) == [("packages", "hold", "docker.io=26.1.5*, docker-cli=26.1.5*")]
    assert not plan(DEBIAN, THERE, version="26.1.5*", holds=text.splitlines())["hold_differs"]
    assert plan(DEBIAN, THERE, version="26.1.5*", holds=[*text.splitlines(), "Package: other"])["hold_differs"]


def test_a_pin_goes_when_the_version_goes() -> None:
    found = plan(DEBIAN, THERE, holds=pin_text(["docker.io"], "26*").splitlines())
    assert found["hold_differs"] and found["holds_content"] is None
    assert told(found) == [("packages", "release", "no version is held")]


def test_locks_of_others_stay_on_redhat() -> None:
    there = {"moby-engine": "26.1.5-1.el9", "docker-cli": "26.1.5-1.el9", "python3-docker": "7"}
    locks = ["kernel-5.14.*", "moby-engine-26.1.5-1.el9", "docker-cli-26.1.5-1.el9"]
    assert not plan(ROCKY, there, version="26.1.5-1.el9", holds=locks)["hold_differs"]
    assert plan(ROCKY, there, version="26.1.5-1.el9", holds=locks[:2])["hold_differs"]
    assert not plan(ROCKY, there, holds=locks)["hold_differs"]


def test_an_engine_of_another_version_is_not_replaced_unasked() -> None:
    found = plan(DEBIAN, THERE, version="28.5*")
    assert found["replaced"] == ["docker-cli", "docker.io"]
    assert found["problems"] == [
        "Could not install the engine of 'host1': docker-cli, docker.io is installed in another version or from another source, and "
        "replacing it restarts it. Set engine_replace to true, and the nodes of a swarm follow one after the other, or correct "
        "engine_source and engine_version."
    ]
    asked = plan(DEBIAN, THERE, version="28.5*", replace=True)
    assert asked["problems"] == []
    assert told(asked)[0] == (
        "packages",
        "replace",
        "docker.io=28.5*, docker-cli=28.5* instead of docker-cli 26.1.5+dfsg1-9+b9, docker.io 26.1.5+dfsg1-9+b9",
    )


def test_an_engine_from_another_source_is_in_the_way() -> None:
    found = plan(DEBIAN, THERE, source="docker", url=URL)
    assert found["replaced"] == ["docker-cli", "docker.io"] and found["repository"]
    assert found["missing"] == ["docker-ce", "docker-ce-cli", "containerd.io"] and len(found["problems"]) == 1


def test_what_replaces_the_engine_itself_restarts_it() -> None:
    assert plan(DEBIAN, THERE, version="28.5*", replace=True)["replaces"]
    assert plan(DEBIAN, THERE, source="docker", url=URL, replace=True)["replaces"]
    assert not plan(DEBIAN, {**THERE, "docker.io": "28.5.2"}, version="28.5*", replace=True)["replaces"], "only the CLI is another"
    assert not plan(DEBIAN, {})["replaces"] and not plan(DEBIAN, THERE)["replaces"]


def test_a_leftover_cli_alone_does_not_stop_a_host_that_has_all() -> None:
    docker = {"docker-ce": "5:28", "docker-ce-cli": "5:28", "containerd.io": "1.7", "python3-docker": "7", "docker-cli": "26"}
    found = plan(DEBIAN, docker, source="docker")
    assert (found["replaced"], found["missing"], found["problems"], found["changes"]) == (["docker-cli"], [], [], [])


def test_dockers_packages_need_an_address() -> None:
    assert plan(DEBIAN, {}, source="docker")["problems"] == [
        "Could not use engine_source 'docker' on 'host1': engine_repository_url is empty. Set it to the base URL of Docker's package "
        "repository, as in Docker's installation guide, or of a mirror of it."
    ]
    assert told(plan(DEBIAN, {}, source="docker", url=URL, installed=False))[0][2].endswith(f"python3-docker from {URL}")


@pytest.mark.parametrize(
    ("distribution", "family", "folder"),
    [
        ("Debian", "Debian", "debian"),
        ("Ubuntu", "Debian", "ubuntu"),
        ("Linuxmint", "Debian", None),
        ("Fedora", "RedHat", "fedora"),
        ("RedHat", "RedHat", "rhel"),
        ("Rocky", "RedHat", "centos"),
    ],
)
def test_each_distribution_has_its_folder_in_dockers_repository(distribution: str, family: str, folder: str | None) -> None:
    found = plan({**DEBIAN, "distribution": distribution, "family": family}, {}, source="docker", url=URL)
    assert found["repository_folder"] == folder
    none = f"Could not use engine_source 'docker' on 'host1': Docker's package repository has no packages for {distribution}. "
    assert found["problems"] == ([] if folder else [f"{none}Use engine_source 'distribution'."])


@pytest.mark.parametrize("url", [".", " ", "download.example.com/linux", "https://download.example.com/linux debian"])
def test_an_address_that_is_none_is_refused_before_the_package_manager_does(url: str) -> None:
    (problem,) = plan(DEBIAN, {}, source="docker", url=url)["problems"]
    assert problem.startswith(f"Could not use engine_source 'docker' on 'host1': engine_repository_url '{url}' is not a URL. Set it to")


@pytest.mark.parametrize("url", [URL, "http://mirror.example.com:8080/docker", "file:/srv/mirror", "mirror+https://mirror.example.com/x"])
def test_an_address_may_be_of_any_kind_that_package_managers_read(url: str) -> None:
    assert plan(DEBIAN, {}, source="docker", url=url)["problems"] == []


def test_an_installation_that_was_cut_off_is_told_first() -> None:
    found = plan(DEBIAN, THERE, starts_blocked=True, enabled=False)
    assert found["unblock"] and [verb for _subject, verb, _text in told(found)] == ["unblock", "enable"]


def test_only_installed_packages_count() -> None:
    dpkg = "docker.io installed 26.1.5\ndocker-cli config-files 26.1\ndocker-ce not-installed \ndpkg-query: no packages found matching x\n"
    rpm = "package moby-engine is not installed\ndocker-cli installed 26.1.5-1.el9\n"
    assert parse_packages(dpkg) == {"docker.io": "26.1.5"}
    assert parse_packages(rpm) == {"docker-cli": "26.1.5-1.el9"}


OWN = ["docker.io", "docker-cli", "docker-ce", "docker-ce-cli", "containerd.io", "python3-docker"]
DEPENDENTS = {"containerd": ["docker.io"], "runc": ["containerd", "docker.io"]}


def test_what_an_engine_has_brought_along_goes_with_it_where_nobody_else_needs_it() -> None:
    assert others_needs(DEPENDENTS, OWN, ["moby", "plugins.moby"]) == {}
    assert others_needs({}, OWN, []) == {}


def test_a_containerd_with_containers_of_others_stays_and_so_does_its_runc() -> None:
    assert others_needs(DEPENDENTS, OWN, ["k8s.io", "moby"]) == {
        "containerd": ["containers in its namespace 'k8s.io'"],
        "runc": ["the package containerd"],
    }
    assert others_needs({"containerd.io": ["docker-ce"]}, OWN, ["default"]) == {"containerd.io": ["containers in its namespace 'default'"]}
    assert others_needs(DEPENDENTS, OWN, None).keys() == {"containerd", "runc"}, "nobody knows"


def test_what_other_packages_need_stays() -> None:
    assert others_needs({**DEPENDENTS, "runc": ["containerd", "podman"]}, OWN, ["moby"]) == {"runc": ["the package podman"]}
    assert others_needs({**DEPENDENTS, "containerd": ["docker.io", "nerdctl"]}, OWN, ["moby"]) == {
        "containerd": ["the package nerdctl"],
        "runc": ["the package containerd"],
    }


def test_packages_that_need_others_are_told_by_apt_and_by_rpm() -> None:
    assert parse_dependents("runc\nReverse Depends:\n  containerd\n |podman\n  docker.io\n  containerd\n") == [
        "containerd",
        "docker.io",
        "podman",
    ]
    assert parse_dependents(" moby-engine\nno package requires runc\n") == ["moby-engine"]
