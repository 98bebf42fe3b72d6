# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packages of an engine on each system family: which there are, what is missing, what is held. Pure functions on a look."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Change

DISTRIBUTION, DOCKER = "distribution", "docker"
DOCKER_PACKAGES = ("docker-ce", "docker-ce-cli", "containerd.io", "python3-docker")
# Those that are of the engine's version. The others take what the source has.
VERSIONED = ("docker.io", "docker-cli", "docker-ce", "docker-ce-cli", "moby-engine")
# Those that hold the engine itself: its package restarts it.
ENGINES = ("docker.io", "docker-ce", "moby-engine")
CONTAINERD, DOCKER_CONTAINERD = "containerd", "containerd.io"
# What apt and dnf take for one.
URL = re.compile(r"[a-z][a-z0-9+]*:/\S+\Z")
# Distribution -> its folder in Docker's package repository; those that rebuild Red Hat's take CentOS's.
DOCKER_FOLDERS = {"Debian": "debian", "Ubuntu": "ubuntu", "Fedora": "fedora", "RedHat": "rhel"}
# Of containerd's namespaces those of an engine.
OWN_NAMESPACES = ("moby", "plugins.moby")


class Family(NamedTuple):
    """What differs between the system families.

    :ivar distribution: the distribution's own packages of an engine, its CLI and the SDK.
    :ivar brought_along: what their installation brings along, and their removal leaves.
    :ivar query: the command that tells packages, one a line: name, C(installed), version. Names of packages follow it.
    :ivar dependents: the command that tells the installed packages that need others, one a line and indented. Names of packages follow it.
    :ivar pin: stands between a package's name and its version.
    :ivar holds_file: where versions are held.
    :ivar holds_are_ours: that file is this collection's alone. Otherwise it holds versions of other packages, too.
    """

    distribution: tuple[str, ...]
    brought_along: tuple[str, ...]
    query: tuple[str, ...]
    dependents: tuple[str, ...]
    pin: str
    holds_file: str
    holds_are_ours: bool


FAMILIES: dict[str, Family] = {
    "Debian": Family(
        ("docker.io", "python3-docker"),
        ("containerd", "runc"),
        ("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status} ${Version}\\n"),
        ("apt-cache", "rdepends", "--important", "--installed"),
        "=",
        "/etc/apt/preferences.d/apiary-swarm",
        True,
    ),
    "RedHat": Family(
        ("moby-engine", "docker-cli", "python3-docker"),
        ("containerd", "runc"),
        ("rpm", "--query", "--queryformat=%{NAME} installed %{VERSION}-%{RELEASE}\\n"),
        ("rpm", "--query", "--whatrequires", "--queryformat= %{NAME}\\n"),
        "-",
        "/etc/dnf/plugins/versionlock.list",
        False,
    ),
}


# -- reading
def known_packages(system: dict[str, Any]) -> list[str]:
    """The packages that a look has to look for on such a system; none on a system of an unknown family.

    :param system: C(system) of a look.
    """
    if system["family"] not in FAMILIES:
        return []
    return list(dict.fromkeys([*engine_packages(system, DISTRIBUTION), *engine_packages(system, DOCKER)]))


def parse_packages(answer: str) -> dict[str, str]:
    """{name: version} from what a family's query tells; of what is not installed it says something else."""
    lines = [line.split() for line in answer.splitlines()]
    return {words[0]: words[2] for words in lines if len(words) == 3 and words[1] == "installed"}


def parse_dependents(answer: str) -> list[str]:
    """The packages that a family's command tells; of alternatives it says so with a bar."""
    return sorted({line.strip(" |") for line in answer.splitlines() if line.startswith(" ")})


# -- what stays when the engine goes
def brought_along(family: str) -> list[str]:
    """What the installation of an engine has brought along; a package comes before those that it depends on."""
    return [DOCKER_CONTAINERD, *FAMILIES[family].brought_along] if family in FAMILIES else []


def others_needs(dependents: dict[str, list[str]], own: list[str], namespaces: list[str] | None) -> dict[str, list[str]]:
    """What else needs the dependencies of an engine, so that they are kept: package -> phrases.

    :param dependents: of what is installed and was brought along: the installed packages that need it.
    :param own: packages that go with the engine.
    :param namespaces: those of containerd; None where it does not answer.
    """
    elsewhere = ["it does not answer, and may run containers of others"] if namespaces is None else []
    elsewhere += [f"containers in its namespace '{name}'" for name in namespaces or [] if name not in OWN_NAMESPACES]
    needs: dict[str, list[str]] = {}
    for name, packages in dependents.items():
        words = [f"the package {package}" for package in packages if package in needs or package not in [*own, *dependents]]
        words += elsewhere if name in (CONTAINERD, DOCKER_CONTAINERD) else []
        if words:
            needs[name] = words
    return needs


# -- what is wanted
def engine_packages(system: dict[str, Any], engine_source: str) -> list[str]:
    """The engine, its CLI and the SDK for Python.

    :raises KeyError: the system family is unknown.
    """
    if engine_source == DOCKER:
        return list(DOCKER_PACKAGES)
    return [*FAMILIES[system["family"]].distribution, *(["docker-cli"] if splits_cli(system) else [])]


def splits_cli(system: dict[str, Any]) -> bool:
    """The CLI is a package of its own since Debian 13; before that docker.io brings it. Debian testing may tell no version."""
    major = re.match(r"\d+", system["version"] or "")
    return system["distribution"] == "Debian" and (major is None or int(major.group()) >= 13)


def pin_text(pinned: list[str], engine_version: str) -> str:
    """The apt preference that holds a version. A preference of our own and not dpkg's hold: that stays the operator's."""
    return f"# Made by apiary.swarm (engine_version).\nPackage: {' '.join(pinned)}\nPin: version {engine_version}\nPin-Priority: 1001\n"


def package_plan(
    look: dict[str, Any], engine_source: str, engine_version: str, engine_replace: bool, engine_repository_url: str, host: str
) -> dict[str, Any]:
    """What is to be done about the packages of one host.

    :param look: the answer of host_info. The other options are those of the role engine; C(host) is the name for sentences.
    :returns: C(packages) that the engine needs, C(wanted) (the same as apt and dnf take them, with their version), C(pinned) (those
        with a version), C(missing) (not there, or in another version), C(replaced) (engines in the way), C(replaces) (the engine itself
        is among them, and restarts), C(holds) (lines that hold the version), C(holds_file), C(holds_content) (of a file that is ours
        alone; None where it should not be), C(hold_differs), C(repository) (Docker's own has to be known), C(repository_folder) (the one
        in it for this distribution; None where there is none), C(unblock) (an installation that was cut off keeps services from
        starting), C(enable) (the unit does not start at boot), C(problems) (sentences) and C(changes) (in the order in which they are
        made). Of a system of an unknown family everything is empty: role preflight refuses it.
    """
    system, installed = look["system"], look["packages"]
    family = FAMILIES.get(system["family"])
    if family is None:
        return empty_plan()
    packages = engine_packages(system, engine_source)
    pinned = [name for name in packages if engine_version and name in VERSIONED]
    words = {name: f"{name}{family.pin}{engine_version}" if name in pinned else name for name in packages}
    # As a package manager takes it: a star stands for anything.
    version = re.compile(re.escape(engine_version).replace(r"\*", ".*") + r"\Z")
    other_version = [name for name in installed if name in pinned and not version.match(installed[name])]
    missing = [name for name in packages if name not in installed or name in other_version]
    replaced = other_version + [name for name in installed if name in VERSIONED and name not in packages]
    content = pin_text(pinned, engine_version) if pinned and family.holds_are_ours else None
    holds = (content or "").splitlines() if family.holds_are_ours else [f"{name}-{engine_version}" for name in pinned]
    plan = {
        "packages": packages,
        "wanted": [words[name] for name in sorted(packages, key=lambda name: name in pinned)],
        "pinned": pinned,
        "missing": missing,
        "replaced": replaced,
        "replaces": bool(missing and set(replaced) & set(ENGINES)),
        "holds": holds,
        "holds_file": family.holds_file,
        "holds_content": content,
        "hold_differs": bool(set(holds) - set(look["holds"]) or (family.holds_are_ours and set(look["holds"]) - set(holds))),
        "repository": engine_source == DOCKER and bool(missing),
        "repository_folder": DOCKER_FOLDERS.get(system["distribution"]) or ("centos" if system["family"] == "RedHat" else None),
        "unblock": look["unit"]["starts_blocked"],
        "enable": not look["unit"]["enabled"],
    }
    return {
        **plan,
        "problems": package_problems(plan, engine_replace, engine_repository_url, system["distribution"], host),
        "changes": package_changes(plan, look, [words[name] for name in missing], engine_repository_url, host),
    }


def empty_plan() -> dict[str, Any]:
    """Nothing is known, and nothing will be done."""
    lists = ("packages", "wanted", "pinned", "missing", "replaced", "holds", "problems", "changes")
    flags = ("replaces", "hold_differs", "repository", "unblock", "enable")
    unknown = ("holds_file", "holds_content", "repository_folder")
    return {**{name: [] for name in lists}, **dict.fromkeys(flags, False), **dict.fromkeys(unknown)}


def package_problems(plan: dict[str, Any], engine_replace: bool, engine_repository_url: str, distribution: str, host: str) -> list[str]:
    """What forbids going on."""
    problems = []
    if plan["missing"] and plan["replaced"] and not engine_replace:
        problems.append(
            could_not(
                f"install the engine of '{host}'",
                f"{', '.join(plan['replaced'])} is installed in another version or from another source, and replacing it restarts it",
                "Set engine_replace to true, and the nodes of a swarm follow one after the other, or correct engine_source and "
                "engine_version",
            )
        )
    if plan["repository"] and not URL.match(engine_repository_url):
        problems.append(
            could_not(
                f"use engine_source 'docker' on '{host}'",
                f"engine_repository_url '{engine_repository_url}' is not a URL"
                if engine_repository_url
                else "engine_repository_url is empty",
                "Set it to the base URL of Docker's package repository, as in Docker's installation guide, or of a mirror of it",
            )
        )
    if plan["repository"] and not plan["repository_folder"]:
        problems.append(
            could_not(
                f"use engine_source 'docker' on '{host}'",
                f"Docker's package repository has no packages for {distribution}",
                "Use engine_source 'distribution'",
            )
        )
    return [str(problem) for problem in problems]


def package_changes(plan: dict[str, Any], look: dict[str, Any], missing: list[str], engine_repository_url: str, host: str) -> list[Change]:
    """What will be done, for people.

    :param missing: the packages that are missing, as the package manager takes them.
    """
    changes, installed = [], look["packages"]
    if plan["unblock"]:
        changes.append(Change(host, "packages", "unblock", "an interrupted installation keeps packages from starting their services"))
    if plan["missing"]:
        source = f" from {engine_repository_url}" if plan["repository"] else ""
        there = [f"{name} {installed[name]}" for name in plan["replaced"]]
        text = f"{', '.join(missing)}{source}{' instead of ' + ', '.join(there) if there else ''}"
        changes.append(Change(host, "packages", "replace" if there else "install", text))
    if plan["hold_differs"]:
        held = ", ".join(word for word in plan["wanted"] if word not in plan["packages"])
        changes.append(Change(host, "packages", "hold", held) if held else Change(host, "packages", "release", "no version is held"))
    if plan["enable"] and look["unit"]["installed"]:
        changes.append(Change(host, "engine", "enable", "starts at boot"))
    return changes
