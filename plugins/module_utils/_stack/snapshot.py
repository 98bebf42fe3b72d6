# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Engine holds, read once: four lists that answer all that the CLI and the plan ask."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._stack.normal import STACK_LABEL

KINDS = ("services", "networks", "configs", "secrets")


def name_of(kind: str, item: dict[str, Any]) -> str:
    """The name of a listed object."""
    return item["Name"] if kind == "networks" else item["Spec"]["Name"]


def id_of(kind: str, item: dict[str, Any]) -> str:
    """The ID of a listed object."""
    return item["Id"] if kind == "networks" else item["ID"]


def labels_of(kind: str, item: dict[str, Any]) -> dict[str, str]:
    """The labels of a listed object."""
    return (item if kind == "networks" else item["Spec"]).get("Labels") or {}


class Snapshot:
    """All services, swarm networks, configs and secrets at one moment: one request each.

    :param services: as listed just now, if they are.
    """

    def __init__(self, client: Client, services: list[dict[str, Any]] | None = None) -> None:
        self._lists: dict[str, list[dict[str, Any]]] = {} if services is None else {"services": services}
        for kind in KINDS:
            if kind not in self._lists:
                self._lists[kind] = client.call(f"list the {kind}", "GET", f"/{kind}") or []
        # A network of another scope cannot carry services: the CLI asks for swarm networks only.
        self.network_names = {item["Id"]: item["Name"] for item in self._lists["networks"]}

    def of_stack(self, kind: str, stack: str) -> list[dict[str, Any]]:
        """The objects of one kind that carry the stack's label."""
        return [item for item in self._lists[kind] if labels_of(kind, item).get(STACK_LABEL) == stack]

    def named(self, kind: str, names: list[str]) -> list[dict[str, Any]]:
        """The objects of one kind with one of these names."""
        return [item for item in self._lists[kind] if name_of(kind, item) in names]

    def find(self, kind: str, key: str) -> dict[str, Any] | None:
        """One object by ID or name. Of networks with one name the swarm's wins."""
        found = [item for item in self._lists[kind] if key in (id_of(kind, item), name_of(kind, item))]
        found.sort(key=lambda item: item.get("Scope", "swarm") != "swarm")
        return found[0] if found else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All objects of one kind."""
        return self._lists[kind]

    def add(self, kind: str, item: dict[str, Any]) -> None:
        """An object that has been, or would be, created meanwhile."""
        self._lists[kind].append(item)
