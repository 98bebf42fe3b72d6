# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller reads in Compose files: variables and the order of services. The docker CLI decides on all else.

The CLI puts nothing in the place of an unset variable, without a word, and writes services in an order of its own.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Iterator

import yaml
from ansible_collections.apiary.swarm.plugins.module_utils._core.values import is_ip, is_subnet
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import as_value

# As docker's command reads variables (cli/compose/template): a name with at most one operator, also without braces; what follows the
# operator is a plain text up to the next brace. A dollar before anything else is invalid.
SUBSTITUTION = r"[_a-z][_a-z0-9]*(?::?[-?][^}]*)?"
VARIABLE = re.compile(rf"\$(?:(?P<escaped>\$)|(?P<named>{SUBSTITUTION})|\{{(?P<braced>{SUBSTITUTION})\}}|)", re.IGNORECASE)
# In the order in which the command looks for them.
OPERATORS = (":-", "-", ":?", "?")
# The sections in which the docker command fills variables in, and what one of their items is called.
SECTIONS = {"services": "service", "networks": "network", "volumes": "volume", "configs": "config", "secrets": "secret"}


class ComposeError(Exception):
    """A sentence fit for a user."""


def as_list(value: Any) -> list[Any]:
    """A list option, which may be one item or a comma list."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def mapping(value: Any, what: str) -> dict[Any, Any]:
    """C(value), which must be a mapping; nothing is an empty one."""
    if value is not None and not isinstance(value, dict):
        raise ComposeError(f"Could not read {what}: it is not a mapping. Write it as 'name: value' lines.")
    return value or {}


def as_dict(value: Any) -> dict[str, Any]:
    """A mapping, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


# -- variables
def interpolate(value: Any, env: dict[str, Any], where: str) -> Any:
    """C(value) with its variables filled in, all the way down.

    :raises ComposeError: a variable has neither value nor default, or a dollar does not start a variable.
    """
    if isinstance(value, dict):
        return {key: interpolate(item, env, where) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, env, where) for item in value]
    return filled_in(value, env, where) if isinstance(value, str) else value


def filled_in(text: str, env: dict[str, Any], where: str) -> str:
    """A text with its variables filled in."""
    invalid = False

    def fill(found: re.Match[str]) -> str:
        nonlocal invalid
        kind, word, reason = resolve(found, env)
        if kind == "missing":
            reason = f" ({reason})" if reason else ""
            raise ComposeError(
                f"Could not read {where}: the variable {word} has no value{reason}. Give it one in env, or a default in the file."
            )
        if not found["escaped"]:
            invalid = kind == "invalid"  # the command forgets one that a variable follows
        return word

    result = VARIABLE.sub(fill, text)
    if invalid:
        raise ComposeError(f"Could not read {where}: a dollar in '{text}' does not start a variable. Write $$ for a dollar.")
    return result


def resolve(found: re.Match[str], env: dict[str, Any]) -> tuple[str, str, str]:
    """What a variable comes to: C(text) and the text, C(missing) with its name and the file's reason, or C(invalid)."""
    if found["escaped"]:
        return "text", "$", ""
    name, operator, word = parts(found)
    if not name:
        return "invalid", "", ""
    value = as_value(env.get(name))
    if name in env and (value != "" or not operator.startswith(":")):
        return "text", value, ""
    return ("text", word, "") if operator.endswith("-") else ("missing", name, word)


def parts(found: re.Match[str]) -> tuple[str, str, str]:
    """(name, operator, the text after it) of a variable; no name where a dollar begins none."""
    text = found["named"] or found["braced"] or ""
    operator = next((one for one in OPERATORS if one in text), "")
    return text.partition(operator) if operator else (text, "", "")


def missing(text: str, env: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, reason given in the file) of each variable in a text that has neither value nor default."""
    for found in VARIABLE.finditer(text):
        kind, word, reason = resolve(found, env)
        if kind == "missing":
            yield word, reason


def without_value(project: dict[str, Any], env: dict[str, Any], file: str) -> list[str]:
    """The variables that have neither value nor default, each as C(variable TAG of service 'web' in 'compose.yml')."""
    found = []
    for section, word in SECTIONS.items():
        items = project.get(section)
        for item, content in items.items() if isinstance(items, dict) else ():
            for text in strings(content):
                for name, reason in missing(text, env):
                    described = f"variable {name} of {word} '{item}' in '{file}'{reason and f' ({reason})'}"
                    found += [] if described in found else [described]
    return found


def valueless(projects: list[tuple[str, dict[str, Any]]], env: dict[str, Any], content_of: Callable[[str], str]) -> dict[str, list[str]]:
    """File -> the environment variables that are to come from nowhere, each as C(environment variable TZ of service 'web' in 'a.env').

    :param projects: (file, its data), from the first to the last. One of them is enough to give a value.
    :param content_of: the text of a file that C(env_file) names; empty where there is none.
    """
    given = [(file, *entry) for file, project in projects for entry in environments(project, env, file, content_of)]
    valued = {(service, name) for _file, _where, service, name, has_value in given if has_value}
    found: dict[str, list[str]] = {}
    for file, where, service, name, _has_value in given:
        if (service, name) not in valued and name not in env:
            described = f"environment variable {name} of service '{service}' in '{where}'"
            found[file] = list(dict.fromkeys([*found.get(file, []), described]))
    return found


def environments(
    project: dict[str, Any], env: dict[str, Any], file: str, content_of: Callable[[str], str]
) -> Iterator[tuple[str, str, str, bool]]:
    """(the file that says so, service, name, whether it has a value) of all environment variables of a project."""
    for service, item in as_dict(project.get("services")).items():
        given = as_dict(item).get("environment")
        if isinstance(given, dict):
            yield from ((file, service, str(name), value is not None) for name, value in given.items())
        for entry in valued_texts(given if isinstance(given, list) else [], env, file):
            name, equals, _value = entry.partition("=")
            yield file, service, name, bool(equals)
        for path in valued_texts(as_dict(item).get("env_file"), env, file):
            for line in content_of(path).splitlines():
                name, equals, _value = line.strip().partition("=")
                if name and not name.startswith("#"):
                    yield path, service, name, bool(equals)


def valued_texts(value: Any, env: dict[str, Any], file: str) -> list[str]:
    """A text or those of a list whose variables all have values, filled in; of the others somebody else will tell."""
    found = []
    for item in value if isinstance(value, list) else [value]:
        try:
            found += texts(item, env, file)
        except ComposeError:
            continue
    return found


def unbuilt(projects: list[tuple[str, dict[str, Any]]], env: dict[str, Any]) -> list[str]:
    """The services that are to be built and whose image nobody has named: docker's command takes whatever Docker Hub has by that name.

    :param projects: (file, its data), from the first to the last; all variables have values.
    """
    found: dict[str, str] = {}
    for file, project in projects:
        for service, item in as_dict(project.get("services")).items():
            image = as_dict(item).get("image")
            named = interpolate(image, env, f"'{file}'") if isinstance(image, str) else ""
            if as_dict(item).get("build"):
                found[service] = f"service '{service}' in '{file}' has a build section, but its image is not built"
                found[service] += f" '{named}'" if named else ""
            if named and (not as_dict(item).get("build") or names_registry(named)):
                found.pop(service, None)
    return list(found.values())


def names_registry(image: str) -> bool:
    """Whether an image's name begins with that of a registry."""
    host, slash, _repository = image.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")


def bad_addresses(project: dict[str, Any], env: dict[str, Any], file: str) -> list[str]:
    """The addresses that are none: newer commands leave them out without a word.

    :param project: all of whose variables have values.
    """
    found = []
    for service, item in as_dict(project.get("services")).items():
        for value in texts(as_dict(item).get("dns"), env, file):
            if not is_ip(value):
                found.append(f"dns of service '{service}' in '{file}' is not an IP address: '{value}'")
    for network, item in as_dict(project.get("networks")).items():
        pools = as_dict(as_dict(item).get("ipam")).get("config")
        for pool in pools if isinstance(pools, list) else []:
            for value in texts(as_dict(pool).get("subnet"), env, file):
                if not is_subnet(value):
                    found.append(f"subnet of network '{network}' in '{file}' is not a network such as 10.1.0.0/24: '{value}'")
    return found


def texts(value: Any, env: dict[str, Any], file: str) -> list[str]:
    """A text or a list of texts, with their variables filled in."""
    return [interpolate(item, env, f"'{file}'") for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def strings(value: Any, above: tuple[int, ...] = ()) -> Iterator[str]:
    """All strings in which variables are filled in: values, not keys. An alias may lead back to what it is in."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)) and id(value) not in above:
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item, (*above, id(value)))


# -- services
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


def document(text: str) -> dict[str, Any]:
    """A Compose file's data; nothing where it is none, which the docker command will say better."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, AttributeError, TypeError):  # an explicit tag on what it does not fit
        return {}
    return found if isinstance(found, dict) else {}
