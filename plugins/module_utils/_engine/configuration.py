# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure functions on the Docker Engine's options: merge, compare, classify; and on the text of its unit."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, Iterator

from ansible_collections.apiary.swarm.plugins.module_utils._engine.options import reload_suffices

NOTHING, RELOAD, RESTART = "nothing", "reload", "restart"
LOOPBACK = ("127.0.0.0/8", "::1/128")


# -- daemon.json
def serialise(options: dict[str, Any]) -> str:
    """The file's text: sorted, one option a line."""
    return json.dumps(options, indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def parse(content: str | None) -> dict[str, Any]:
    """The options of a file's text; none where there is no file or it is empty.

    :raises ValueError: it is no JSON dictionary.
    """
    options = json.loads(content) if content and content.strip() else {}
    if not isinstance(options, dict):
        raise ValueError("it does not contain a dictionary")
    return options


def merge(present: dict[str, Any], options: dict[str, Any], exclusive: bool) -> dict[str, Any]:
    """What the file should hold: an option that is given replaces that option whole, null takes it out."""
    given = {name: completed(name, value) for name, value in options.items()}
    merged = given if exclusive else {**present, **given}
    return {name: value for name, value in merged.items() if value is not None}


def completed(name: str, value: Any) -> Any:
    """An option's value with what every engine takes for granted and newer ones want to be told.

    From 29.10 on registries on loopback are trusted without TLS only as long as C(insecure-registries) is not set, not even to C([]).
    """
    if name != "insecure-registries" or not isinstance(value, list):
        return value
    return [*value, *(network for network in LOOPBACK if network not in value)]


def same(one: Any, other: Any) -> bool:
    """Equal for JSON, where true is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names of the options that differ or are in one of the two only."""
    return sorted(name for name in {*one, *other} if (name in one) != (name in other) or not same(one.get(name), other.get(name)))


def needed(read: dict[str, Any], wanted: dict[str, Any]) -> str:
    """What an engine that has read these options needs, so that it has read those."""
    names = differing(read, wanted)
    if not names:
        return NOTHING
    return RELOAD if all(reload_suffices(name, read.get(name), wanted.get(name), name not in wanted) for name in names) else RESTART


# -- the unit
def service_values(texts: list[str], key: str) -> list[str]:
    """The values of a key of the section C([Service]) of a unit and its drop-ins, in order; an empty one clears."""
    values: list[str] = []
    for content in texts:
        section = ""
        for line in unit_lines(content):
            if line.startswith("["):
                section = line
            name, equals, value = line.partition("=")
            if section == "[Service]" and equals and name.strip() == key:
                values = [*values, value.strip()] if value.strip() else []
    return values


def unit_lines(content: str) -> Iterator[str]:
    """Lines of a unit without comments, with those joined that go on after a backslash."""
    joined = ""
    for line in content.splitlines():
        if line.lstrip().startswith(("#", ";")):
            continue
        joined += line
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        yield joined.strip()
        joined = ""
    if joined:
        yield joined.strip()


def exec_start(texts: list[str]) -> str | None:
    """The command that a unit and its drop-ins start; None where there is none."""
    commands = service_values(texts, "ExecStart")
    return commands[-1] if commands else None


def words_of(command: str) -> list[str]:
    """The words of a unit's command, quotes kept."""
    return re.findall(r"(?:[^\s\"']|\"(?:\\.|[^\"\\])*\"|'[^']*')+", command)


def without_flag(words: list[str], short: str, long: str) -> list[str]:
    """Words without a flag and its value: C(-H x), C(-Hx), C(-H=x), C(--host x), C(--host=x)."""
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in (short, long):
            skip = True
        elif not word.startswith(f"{long}=") and not (short and word.startswith(short)):
            kept.append(word)
    return kept


def drop_in(texts: list[str]) -> str | None:
    """The drop-in that lets C(hosts) in daemon.json be: the unit's command without C(-H). None where it has none.

    :param texts: the unit and its other drop-ins.
    """
    command = exec_start(texts)
    words = words_of(command or "")
    kept = without_flag(words, "-H", "--host")
    if kept == words:
        return None
    return (
        "# Made by apiary.swarm: daemon.json has the option hosts, and the engine does not take it from two places.\n"
        f"[Service]\nExecStart=\nExecStart={' '.join(kept)}\n"
    )


def daemon_arguments(command: str, environment: dict[str, str]) -> list[str]:
    """The flags that a unit's command gives to the daemon, without C(--config-file)."""
    arguments: list[str] = []
    for word in words_of(command)[1:]:
        variable = re.fullmatch(r"\$(\w+)", word)
        if variable:
            arguments += shlex.split(environment.get(variable.group(1), ""))
        else:
            plain = re.sub(r"\$\{(\w+)\}", lambda found: environment.get(found.group(1), ""), word)
            arguments += shlex.split(plain.replace("$$", "$"))
    return without_flag(arguments, "", "--config-file")


def parse_environment(content: str) -> dict[str, str]:
    """The variables of an C(EnvironmentFile), or of the value of C(Environment)."""
    try:
        pairs = shlex.split(content, comments=True)
    except ValueError:
        return {}
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


# -- the engine's words
WRAPPINGS = (
    r"unable to configure the Docker daemon with file \S+: ",
    r"merged configuration validation from file and command line flags failed: ",
    r"Error reconfiguring the daemon: ",
    r"Error reloading configuration: ",
)
RELOAD_FAILED = (
    "unable to configure the Docker daemon",
    "file configuration validation failed",
    "Error reconfiguring",
    "Error reloading configuration",
    "conflict labels",
)
START_FAILED = ("failed to start daemon", "unable to configure the Docker daemon", "failed to load listeners", "level=fatal", "panic:")


def message_of(line: str) -> str:
    """What a line of the engine's log says; logrus writes C(level=error msg="..."), newer engines the reason beside it, C(error="...")."""
    message, reason = (re.search(rf'\b{field}="((?:\\.|[^"\\])*)"', line) for field in ("msg", "error"))
    parts = [re.sub(r"\\(.)", r"\1", found.group(1)).strip() for found in (message, reason) if found]
    words = ": ".join(parts) if message else line
    for wrapping in WRAPPINGS:
        words = re.sub(wrapping, "", words)
    return words.strip().rstrip(".")


def last_words(log: str) -> str:
    """Why an engine did not start, from its log; empty where that does not tell.

    What ends it stands in a line of its own, without the form of the log. Before it has started anew, the engine that was
    stopped may complain of other things.
    """
    _before, started, after = log.partition('msg="Starting up"')
    lines = [line for line in (after if started else log).splitlines() if line.strip()]
    for tells in (
        lambda line: any(mark in line for mark in START_FAILED),
        lambda line: "level=" not in line and not line.startswith("docker.service:"),
        lambda line: bool(started) and "level=error" in line,
    ):
        telling = [line for line in lines if tells(line)]
        if telling:
            return message_of(telling[-1])
    return ""


def reload_words(log: str) -> str:
    """Why an engine did not take new options, from its log; empty where that does not tell."""
    lines = [line for line in log.splitlines() if any(mark in line for mark in RELOAD_FAILED)]
    return message_of(lines[-1]) if lines else ""
