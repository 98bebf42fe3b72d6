# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of C(env) wherever a Compose file puts them: in a command, a label, an option of a driver. Pure functions."""

from __future__ import annotations

from typing import Any, Iterable

from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import CHANGED, HIDDEN

# A shorter text stands in too many places that have nothing to do with it.
SHORTEST = 5
# A tag or a registry is what people want to see in a plan, and images are no place for a secret.
SHOWN = {"image"}


def secret_values(values: Iterable[str]) -> list[str]:
    """Those that are hidden, the longest first: one may be a part of another."""
    return sorted({value for value in values if len(value) >= SHORTEST and value.lower() != "false"}, key=len, reverse=True)


def redact(value: Any, secrets: list[str]) -> Any:
    """A value without secrets, all the way down; the keys of mappings stay."""
    if isinstance(value, dict):
        return {key: redact(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
    return value


def redact_text(text: str, secrets: list[str], image: str) -> str:
    """What a task or a log says without secrets; the name of the image is one that people have to see."""
    shown = image.partition("@")[0]
    parts = text.split(shown) if shown else [text]
    return shown.join(redact(part, secrets) for part in parts)


def redact_both(before: Any, after: Any, secrets: list[str]) -> tuple[Any, Any]:
    """Two Compose forms of one object without secrets. Where the new one has one, so may the old one, and nobody knows which."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = {
            key: (before.get(key), after.get(key)) if key in SHOWN else redact_both(before.get(key), after.get(key), secrets)
            for key in {**before, **after}
        }
        return {key: pairs[key][0] for key in before}, {key: pairs[key][1] for key in after}
    shown = redact(after, secrets)
    if before is None or before == after or shown == after:
        return redact(before, secrets), shown
    return HIDDEN, CHANGED if shown == HIDDEN else shown
