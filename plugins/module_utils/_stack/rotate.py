# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of configs and secrets: their names, whose they are, and which may go. Pure functions.

The content of a config or secret cannot be changed, so new content is a new object. A config is named by a digest
of its content, which everybody who may list it can read anyway. A secret is only numbered: whoever may list secrets
could guess a short one from any digest of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._stack.normal import stack_of

# The name that the Compose file gives, on objects that this collection has made.
BASE_LABEL = "apiary.swarm.base"
LONGEST_NAME, DIGEST = 64, 12
NUMBER = 9  # digits that a long name leaves room for
# Where a service names its configs and secrets.
REFERENCES = {"configs": ("Configs", "ConfigID", "ConfigName"), "secrets": ("Secrets", "SecretID", "SecretName")}


def versioned_name(base: str, suffix: str, longest: int = 0) -> str:
    """C(<base>-<suffix>). A base that is too long is cut, and told from others by a digest of its whole name.

    :param longest: the room for the suffix, if there are longer ones for this base.
    """
    room = LONGEST_NAME - max(longest, len(suffix)) - 1
    if len(base) > room:
        mark = hashlib.sha256(base.encode()).hexdigest()[:8]
        base = f"{base[: room - len(mark) - 1].rstrip('-_.')}.{mark}"
    return f"{base}-{suffix}"


def config_name(body: dict[str, Any]) -> str:
    """The name of a config with this content in its stack. Another may have one of the same name: config b_c of stack a, c of a_b."""
    text = json.dumps(content_of(body), sort_keys=True) + (stack_of(body) or "")
    return versioned_name(body["Name"], hashlib.sha256(text.encode()).hexdigest()[:DIGEST])


def content_of(spec: dict[str, Any]) -> dict[str, Any]:
    """What cannot be changed: all but name and labels."""
    return {name: value for name, value in spec.items() if name not in ("Name", "Labels") and value}


def secret_name(base: str, items: list[dict[str, Any]]) -> str:
    """The next free number, above all that are or look like versions of this secret.

    :param items: all secrets, as listed.
    """
    start = versioned_name(base, "", NUMBER)
    numbers = [0]
    for item in items:
        stem, number = re.fullmatch(r"(.*?)(\d{0,9})", item["Spec"]["Name"], re.DOTALL).groups()  # type: ignore[union-attr]  # always does
        if number and (stem == start or (base_of(item) == base and stem.endswith("-"))):
            numbers.append(int(number))
    return versioned_name(base, str(max(numbers) + 1), NUMBER)


def base_of(item: dict[str, Any]) -> str | None:
    """The name in the Compose file of a version that this collection has made."""
    return (item["Spec"].get("Labels") or {}).get(BASE_LABEL)


def candidates(items: list[dict[str, Any]], stack: str, base: str, used: set[str]) -> list[dict[str, Any]]:
    """The stack's objects that may have the wanted content: those in use first, then the newest.

    One that bears the bare name was made without rotation. It is as good as any.
    """
    own = [item for item in items if stack_of(item["Spec"]) == stack and (base_of(item) or item["Spec"]["Name"]) == base]
    return sorted(sorted(own, key=age, reverse=True), key=lambda item: item["ID"] not in used)


def age(item: dict[str, Any]) -> tuple[str, int]:
    """A sort key: older first."""
    return item.get("CreatedAt", ""), item["Version"]["Index"]


def references(spec: dict[str, Any] | None) -> set[str]:
    """The IDs of the configs and secrets that a service's spec names."""
    container = ((spec or {}).get("TaskTemplate") or {}).get("ContainerSpec") or {}
    found = {item.get(ident) or "" for key, ident, _name in REFERENCES.values() for item in container.get(key) or []}
    return found | {((container.get("Privileges") or {}).get("CredentialSpec") or {}).get("Config") or ""} - {""}


def needed(services: list[dict[str, Any]], written: dict[str, dict[str, Any]], removed: set[str]) -> set[str]:
    """The IDs of what services will name when a plan has been carried out, now or to roll back.

    :param services: all of the swarm, as listed.
    :param written: service ID -> the spec that it gets; the one it has becomes its previous one. Created ones under any key.
    :param removed: IDs of services that go.
    """
    found = {ident for spec in written.values() for ident in references(spec)}
    for service in services:
        if service["ID"] not in removed:
            found |= references(service["Spec"])
            if service["ID"] not in written:
                found |= references(service.get("PreviousSpec"))
    return found


def surplus(
    items: list[dict[str, Any]], stack: str, current: dict[str, str], need: set[str], keep: int, prune: bool
) -> list[dict[str, Any]]:
    """The versions that can go: made by this collection for this stack, named by no service, and not of the newest.

    :param items: all configs, or all secrets, as listed.
    :param current: base name -> ID of the version that the definition asks for.
    :param keep: how many versions of each stay, with the current one.
    :param prune: those of a base that the definition no longer names go, too.
    """
    versions: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        base = base_of(item)
        if base is not None and stack_of(item["Spec"]) == stack:
            versions.setdefault(base, []).append(item)
    found = []
    for base, own in versions.items():
        if base in current:
            others = [item for item in sorted(own, key=age, reverse=True) if item["ID"] != current[base]]
            found += others[max(keep, 1) - 1 :]
        elif prune:
            found += own
    return [item for item in found if item["ID"] not in need]
