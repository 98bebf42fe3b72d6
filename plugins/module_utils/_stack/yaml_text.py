# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain data as YAML, for people to read: managed hosts need not have PyYAML."""

from __future__ import annotations

import json
import re
from typing import Any

# What can stand without quotes and still is a string to every reader.
PLAIN = re.compile(r"[A-Za-z_/(][A-Za-z0-9_/.@()+,=:-]*(?: [A-Za-z0-9_/.@()+,=-]+)*")
WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def dump(value: dict[str, Any]) -> str:
    """A document; empty for nothing."""
    return "".join(f"{line}\n" for line in lines(value)) if value else ""


def lines(value: Any) -> list[str]:
    """The lines of a mapping or list, sorted by name."""
    if isinstance(value, dict):
        found = []
        for name in sorted(value):
            found += entry(f"{scalar(name)}:", value[name], "  ")
        return found
    return [line for item in value for line in entry("-", item, "  ")]


def entry(head: str, value: Any, indent: str) -> list[str]:
    """One key or item with its value; a mapping in a list begins on the line of its dash."""
    if not (isinstance(value, (dict, list)) and value):
        return [f"{head} {scalar(value)}"]
    inner = lines(value)
    if head == "-":
        return [f"- {inner[0]}", *(indent + line for line in inner[1:])]
    return [head, *(indent + line for line in inner)]


def scalar(value: Any) -> str:
    """A scalar, quoted where it could be taken for something else."""
    if isinstance(value, str):
        plain = PLAIN.fullmatch(value) and value.lower() not in WORDS and ": " not in value and value[-1] != ":"
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)
