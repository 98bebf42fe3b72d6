# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure functions on plain data: normal forms of durations, labels and addresses."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any, Iterable

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not

SWARM_PORT = 2377
UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
LABEL_KEY = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./-]*[A-Za-z0-9_])?\Z")


# -- durations
def parse_duration(option: str, text: str, minimum: str = "1ns") -> int:
    """Nanoseconds of a duration such as C(5s), C(1h30m) or C(2160h)."""
    value = str(text).strip()
    parts = DURATION.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise could_not(
            f"use the duration '{text}' of option '{option}'",
            "it is not a number with a unit",
            "Write it as for docker, such as 5s, 1h30m or 2160h (90 days)",
        )
    total = sum(int(round(float(number) * UNITS[unit])) for number, unit in parts)
    if minimum != value and total < parse_duration(option, minimum, minimum):
        raise could_not(f"use the duration '{text}' of option '{option}'", "it is too short", f"Give at least {minimum}")
    return total


def format_duration(nanoseconds: int) -> str:
    """The shortest form of a duration: C(2160h), C(1h30m), C(5s)."""
    text = ""
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        count, nanoseconds = divmod(nanoseconds, UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


# -- labels
def label_values(action: str, labels: Any) -> dict[str, str]:
    """Labels as the Engine keeps them: strings to strings. Numbers become strings, what YAML would guess is refused."""
    if not isinstance(labels, dict):
        raise could_not(action, f"labels is not a dictionary but {json.dumps(labels)}", "Write labels as 'key: value'")
    check_label_keys(action, labels)
    values = {}
    for key, value in labels.items():
        if value is None:
            raise could_not(
                action,
                f"label '{key}' has no value",
                f"Write {key}: '' for an empty value, or remove it with state absent",
            )
        if isinstance(value, bool):
            raise could_not(
                action,
                f"the value of label '{key}' is the boolean {str(value).lower()}, as YAML reads yes, no, on, off, true and false",
                "Put the value in quotes",
            )
        if not isinstance(value, (int, str)):
            raise could_not(
                action,
                f"the value of label '{key}' is not a string but {json.dumps(value)}",
                "Put the value in quotes, so that it is written as it is meant",
            )
        values[str(key)] = str(value)
    return values


def check_label_keys(action: str, keys: Iterable[Any]) -> None:
    """Refuse keys that no constraint could name."""
    for key in keys:
        if not isinstance(key, str) or not LABEL_KEY.match(key):
            raise could_not(
                action,
                f"'{key}' is not a valid label key",
                "Use letters, digits, '_', '.', '-' and '/', and begin and end with a letter, a digit or '_'",
            )


# -- addresses
def split_address(option: str, text: str, default_port: int = SWARM_PORT) -> tuple[str, int]:
    """(host, port) of C(host), C(host:port), C(2001:db8::1) or C([2001:db8::1]:port)."""
    value = text.strip()
    bracketed = re.match(r"\[([^\]]+)\](?::(\d+))?\Z", value)
    plain = re.match(r"([^:\s\[\]]+)(?::(\d+))?\Z", value)
    match = bracketed or plain
    if not match and is_ip(value):
        return normal_ip(value), default_port
    port = int(match.group(2) or default_port) if match else 0
    if not match or not 0 < port < 65536:
        raise could_not(
            f"use the address '{text}' of option '{option}'",
            "it is not of the form host or host:port",
            "Write an IP address or a name, with a port between 1 and 65535 if it is not the usual one",
        )
    return normal_ip(match.group(1)), port


def join_address(host: str, port: int) -> str:
    """C(host:port), with brackets around IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_ip(text: str) -> bool:
    """Whether it is an IP address; one with a zone, such as C(fe80::1%eth0), has a meaning on one host only, and engines take none."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_subnet(text: str) -> bool:
    """Whether a text is a network with its length, which docker lets begin anywhere within it."""
    address, _slash, length = text.partition("/")
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return is_ip(address) and length.isdigit()  # a mask such as 255.255.255.0 is Python's own idea


def is_nowhere(text: str) -> bool:
    """Whether it is an address that no other host can use: C(0.0.0.0), C(::) or loopback."""
    return is_ip(text) and (ipaddress.ip_address(text).is_loopback or ipaddress.ip_address(text).is_unspecified)


def normal_ip(text: str) -> str:
    """The one form of an IP address; anything else as it is."""
    return str(ipaddress.ip_address(text)) if is_ip(text) else text
