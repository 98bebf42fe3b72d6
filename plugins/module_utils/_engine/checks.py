# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What values options of the engine may have: checks that tell each problem as a cause and what to do."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Iterator, Tuple
from urllib.parse import urlsplit

from ansible_collections.apiary.swarm.plugins.module_utils._core.values import is_subnet
from ansible_collections.apiary.swarm.plugins.module_utils._engine.redaction import redact

# A cause and what to do.
Problem = Tuple[str, str]
Check = Callable[[Any], "Iterator[Problem]"]


def kind_of(value: Any) -> str:
    """A value's type, as YAML's reader calls it."""
    kinds = ((bool, "a boolean"), (int, "a number"), (float, "a number"), (str, "a string"), (list, "a list"), (dict, "a dictionary"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "nothing")


def shown(value: Any) -> str:
    """A value for a sentence, without credentials."""
    return f"'{redact('', str(value))[:80]}'"


# -- types
def boolean(value: Any) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield f"it is {kind_of(value)} and must be a boolean", "Write true or false, without quotes"


def integer(least: int | None = 0, most: int | None = None) -> Check:
    def check(value: Any) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield f"it is {kind_of(value)} and must be an integer", "Write an integer without quotes and unit"
        elif (least is not None and value < least) or (most is not None and value > most):
            yield f"{value} is out of range", f"Use {f'{least} to {most}' if most is not None else f'{least} or more'}"

    return check


def text(value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield f"it is {kind_of(value)} and must be a string", "Put the value into quotes"
    elif not value.strip():
        yield "it is empty", "Give a value, or null to remove the option"


def string(value: Any) -> Iterator[Problem]:
    """A text that may be empty."""
    if not isinstance(value, str):
        yield from text(value)


def matching(test: Callable[[str], Any], what: str, advice: str) -> Check:
    """A string that passes a test; one that raises ValueError has not."""

    def check(value: Any) -> Iterator[Problem]:
        wrong_type = list(text(value))
        yield from wrong_type
        if not wrong_type:
            try:
                fine = test(value)
            except ValueError:
                fine = False
            if not fine:
                yield f"{shown(value)} is not {what}", advice

    return check


def choice(*values: str) -> Check:
    return matching(lambda value: value in values, "a value that it can have", f"Use {', '.join(values[:-1])} or {values[-1]}")


def each(check: Check) -> Check:
    def check_list(value: Any) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield f"it is {kind_of(value)} and must be a list", "Write a list, even for one item"
            return
        for number, item in enumerate(value, 1):
            for cause, advice in check(item):
                yield f"item {number}: {cause}", advice

    return check_list


def mapping(check: Check, keys: tuple[str, ...] = ()) -> Check:
    def check_mapping(value: Any) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield f"it is {kind_of(value)} and must be a dictionary", "Write key: value below it"
            return
        for key, item in value.items():
            if keys and key not in keys:
                yield f"it has no key '{key}'", f"Use {', '.join(keys)}"
                continue
            for cause, advice in check(item):
                yield f"key '{key}': {cause}", advice

    return check_mapping


def anything(value: Any) -> Iterator[Problem]:
    return iter(())


def is_host_port(value: str) -> bool:
    host, colon, port = value.rpartition(":")
    return bool(host and colon and port.isdigit() and int(port) < 65536)


def is_registry(value: str) -> bool:
    """C(host[:port]) or a network."""
    return "://" not in value and (
        bool(re.fullmatch(r"[\w.\-]+(:\d+)?|\[[\da-fA-F:]+\](:\d+)?", value)) or "/" in value and is_subnet(value)
    )


def is_interface(value: str) -> bool:
    """An address with its network's prefix; the network's own address fails at the engine's start."""
    one = ipaddress.ip_interface(value)
    return "/" in value and (one.network.num_addresses <= 2 or one.ip != one.network.network_address)


def is_mark(value: str) -> bool:
    """A number, or a number and its mask; decimal, or hexadecimal after C(0x)."""
    return all(int(one, 0) >= 0 for one in value.split("/")) and value.count("/") < 2


def is_listener(value: str) -> bool:
    scheme, found, rest = value.partition("://")
    return bool(found) and (scheme == "fd" or scheme == "unix" or scheme == "tcp" and bool(rest))


# -- options with a shape of their own
def labels(value: Any) -> Iterator[Problem]:
    problems = list(each(matching(lambda one: re.match(r"[^=\s]+=", one), "of the form key=value", "Write key=value"))(value))
    yield from problems
    if not problems:
        names = [one.split("=", 1)[0] for one in value]
        for name in sorted({one for one in names if names.count(one) > 1}):
            yield f"key '{name}' is given more than once", "Keep one of them"


def address_pool(value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict) or set(value) != {"base", "size"}:
        yield "it must be a dictionary of base and size", "Write, for example, {base: 172.30.0.0/16, size: 24}"
        return
    problems = list(CIDR(value["base"])) + list(integer()(value["size"]))
    yield from problems
    if not problems:
        network = ipaddress.ip_network(value["base"], strict=False)
        if not network.prefixlen <= value["size"] <= network.max_prefixlen:
            yield f"size {value['size']} does not fit into {shown(value['base'])}", f"Use {network.prefixlen} to {network.max_prefixlen}"


def ulimits(value: Any) -> Iterator[Problem]:
    advice = "Write, for example, nofile: {Name: nofile, Soft: 1024, Hard: 4096}"
    if not isinstance(value, dict):
        yield f"it is {kind_of(value)} and must be a dictionary", advice
        return
    for name, limit in value.items():
        if not isinstance(limit, dict) or set(limit) != {"Name", "Hard", "Soft"}:
            yield f"limit '{name}' must be a dictionary of Name, Hard and Soft", advice
        elif limit["Name"] != name:
            yield f"limit '{name}' has another Name", advice
        elif list(integer(-1)(limit["Hard"])) + list(integer(-1)(limit["Soft"])):
            yield f"Hard and Soft of limit '{name}' must be integers", advice
        elif limit["Hard"] != -1 and not 0 <= limit["Soft"] <= limit["Hard"]:
            yield f"Soft of limit '{name}' is above Hard", advice


def runtimes(value: Any) -> Iterator[Problem]:
    yield from mapping(mapping(anything))(value)
    for name, one in value.items() if isinstance(value, dict) else ():
        if isinstance(one, dict) and bool(one.get("path")) == bool(one.get("runtimeType")):
            yield f"runtime '{name}' must have either path or runtimeType", "Give one of the two"
        if name == "runc":
            yield "the runtime 'runc' is the engine's own", "Give yours another name"


def nri(value: Any) -> Iterator[Problem]:
    """The Node Resource Interface of containerd."""
    paths = ("plugin-path", "plugin-config-path", "socket-path")
    yield from mapping(anything, ("enable", *paths))(value)
    if isinstance(value, dict):
        yield from mapping(boolean)({key: item for key, item in value.items() if key == "enable"})
        yield from mapping(PATH)({key: item for key, item in value.items() if key in paths})


def mirror(value: Any) -> Iterator[Problem]:
    wrong = list(URL(value))
    yield from wrong
    if not wrong and "@" in urlsplit(value).netloc:
        yield f"{shown(value)} contains credentials, which the engine does not accept here", "Use a mirror that requires none"


STRINGS = each(text)
PAIRS = each(matching(lambda one: re.match(r"[^=\s]+=.", one), "of the form name=value", "Write name=value"))
CIDR = matching(is_subnet, "a network in CIDR notation", "Write, for example, 172.30.0.0/16")
INTERFACE = matching(is_interface, "the address of the bridge with its prefix", "Write, for example, 172.30.0.1/24")
IP = matching(ipaddress.ip_address, "an IP address", "Write an address without a prefix")
PATH = matching(lambda one: one.startswith("/"), "an absolute path", "Begin it with /")
URL = matching(lambda one: urlsplit(one).scheme in ("http", "https") and urlsplit(one).netloc, "a URL", "Begin it with https:// or http://")
SIZE = matching(lambda one: re.fullmatch(r"(?i)\d+(\.\d+)? ?[kmgt]?i?b?", one), "a size", 'Write, for example, "64M"')
MARK = matching(is_mark, "a firewall mark", 'Write, for example, "0x1" or "0x1/0x3"')
# From the oldest version that an engine lets itself be set to; any other text passes its validation, and it does not start.
API = matching(lambda one: re.fullmatch(r"1\.\d\d", one) and one >= "1.24", "a version of the API", 'Write, for example, "1.44"')
