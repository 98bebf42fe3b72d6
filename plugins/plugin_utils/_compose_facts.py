# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the docker command passes over in Compose files: variables without a value, and the order of services.

It puts nothing in the place of an unset variable, without a word, and writes services in an order of its own.
"""

from __future__ import annotations

from typing import Any, Iterator

import yaml
from ansible_collections.apiary.swarm.plugins.module_utils._stack.sources import as_value
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import VARIABLE

# The sections in which the docker command fills variables in, and what one of their items is called.
SECTIONS = {"services": "service", "networks": "network", "volumes": "volume", "configs": "config", "secrets": "secret"}


def document(text: str) -> dict[str, Any]:
    """A Compose file's data; nothing where it is none, which the docker command will say better."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, AttributeError, TypeError):  # an explicit tag on what it does not fit
        return {}
    return found if isinstance(found, dict) else {}


def without_value(project: dict[str, Any], env: dict[str, Any], file: str) -> list[str]:
    """The variables that have neither value nor default, each as C(variable TAG of service 'web' in 'compose.yml')."""
    found = []
    for section, word in SECTIONS.items():
        items = project.get(section)
        for item, content in items.items() if isinstance(items, dict) else ():
            for text in strings(content):
                for name, reason in missing(text, env):
                    told = f"variable {name} of {word} '{item}' in '{file}'{reason and f' ({reason})'}"
                    found += [] if told in found else [told]
    return found


def names(project: dict[str, Any]) -> set[str]:
    """All variables that a project names."""
    found = set()
    todo = [text for section in SECTIONS for text in strings(project.get(section))]
    while todo:
        for match in VARIABLE.finditer(todo.pop()):
            found |= {match["name"] or match["plain"] or ""} - {""}
            todo.append(match["word"] or "")
    return found


def strings(value: Any, above: tuple[int, ...] = ()) -> Iterator[str]:
    """All strings in which variables are filled in: values, not keys. An alias may lead back to what it is in."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)) and id(value) not in above:
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item, (*above, id(value)))


def missing(text: str, env: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, reason given in the file) of each variable in a text that has neither value nor default."""
    for match in VARIABLE.finditer(text):
        name, operator, word = match["name"] or match["plain"], match["op"] or "", match["word"] or ""
        if match["escaped"]:
            continue
        has = name in env and (as_value(env[name]) != "" or not operator.startswith(":"))
        if operator.endswith("-") and not has or operator.endswith("+") and has:
            yield from missing(word, env)
        elif not has and not operator.endswith("+"):
            yield name, word


def dependencies(projects: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Service -> the services of the projects that it depends on, in any of their files."""
    services = [(name, item) for project in projects for name, item in as_dict(project.get("services")).items()]
    known = {name for name, _item in services}
    found: dict[str, list[str]] = {}
    for name, item in services:
        given = as_dict(item).get("depends_on")
        for other in given if isinstance(given, (list, dict)) else []:
            if other in known and other not in found.setdefault(name, []):
                found[name].append(other)
    return found


def as_dict(value: Any) -> dict[str, Any]:
    """A mapping, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}
