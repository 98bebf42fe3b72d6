# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the configs and secrets that the CLI sends: each is compared with what there is, by its content."""

from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmConflict, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, rotate
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import Snapshot

ONLY_LABELS = "only updates to Labels"


class Contents:
    """The configs and secrets of one run.

    :param rotate: new content becomes a new version; otherwise it is impossible.
    :param secrets: what is known of stored secrets: by ID, whether one has the wanted content; None could not be found out.
    :ivar current: kind -> base name -> (ID, name) of the version that the definition asks for.
    """

    def __init__(self, client: Client, snapshot: Snapshot, stack: str, rotating: bool, secrets: dict[str, bool | None]) -> None:
        self._client, self._snapshot, self._stack, self._rotating, self._secrets = client, snapshot, stack, rotating, secrets
        self.current: dict[str, dict[str, tuple[str, str]]] = {"configs": {}, "secrets": {}}
        self._used = {ident for item in snapshot.of_stack("services", stack) for ident in rotate.references(item["Spec"])}

    def hides(self, kind: str) -> bool:
        """Whether the CLI is told that objects of this kind do not exist, so that it sends the content of each."""
        return self._rotating and kind in self.current

    def listed(self, kind: str, names: list[str]) -> list[dict[str, Any]]:
        """The objects with these names; a version goes by the name that the file gives."""
        current = self.current.get(kind, {})
        others = self._snapshot.named(kind, [name for name in names if name not in current])
        return others + [{"ID": current[name][0], "Spec": {"Name": name}} for name in names if name in current]

    def refer(self, spec: dict[str, Any]) -> None:
        """Let a service name the versions; Swarm looks at ID and name."""
        container = spec.get("TaskTemplate", {}).get("ContainerSpec") or {}
        for kind, (key, ident, name) in rotate.REFERENCES.items():
            for item in container.get(key) or []:
                found = self.current[kind].get(item[name])
                if found and found[0] == item[ident]:
                    item[name] = found[1]

    def remember(self, operation: Operation, base: str) -> None:
        """An object has its ID now."""
        if self.hides(operation.kind):
            self.current[operation.kind][base] = operation.object_id, operation.name

    def create(self, body: dict[str, Any], kind: str) -> Operation:
        """One that the CLI does not find; with rotation, any."""
        if not self._rotating:
            return Operation(kind, body["Name"], "create", None, shown(kind, body), spec=body)
        items, base = self._snapshot.all(kind), body["Name"]
        for live in rotate.candidates(items, self._stack, base, self._used):
            same = self._same(kind, live, body)
            if same is not False:
                return self._relabelled(body, kind, live, "" if same else not_compared(live))
        taken = [item["Spec"]["Name"] for item in items]
        name = rotate.config_name(body) if kind == "configs" else rotate.secret_name(base, items)
        spec = {**body, "Name": name, "Labels": {**(body.get("Labels") or {}), rotate.BASE_LABEL: base}}
        if name in taken:
            return foreign(kind, name, spec)
        return Operation(kind, name, "create", None, shown(kind, spec), spec=spec)

    def _relabelled(self, body: dict[str, Any], kind: str, live: dict[str, Any], remark: str) -> Operation:
        """The version that has the wanted content, with the wanted labels."""
        base = rotate.base_of(live)
        labels = {**(body.get("Labels") or {}), **({} if base is None else {rotate.BASE_LABEL: base})}
        spec = {**body, "Name": live["Spec"]["Name"], "Labels": labels}
        before, after = shown(kind, live["Spec"]), shown(kind, spec)
        if remark:
            after["Data"] = before["Data"]
        changes = normal.changed_paths(before, after)
        path = f"/{kind}/{live['ID']}/update?version={live['Version']['Index']}"
        action = "update" if changes and not remark else "unchanged"
        return Operation(kind, spec["Name"], action, before, after, changes, remark=remark, object_id=live["ID"], path=path, spec=spec)

    def update(self, body: dict[str, Any], kind: str, live: dict[str, Any]) -> Operation:
        """One that exists, without rotation: its labels can change, its content cannot."""
        same = self._same(kind, live, body)
        before, after = shown(kind, live["Spec"]), shown(kind, body)
        if kind == "secrets" and same is False:
            after["Data"] = "(hidden, different)"
        changes = normal.changed_paths(before, after)
        action = "update" if changes else "unchanged"
        remark = not_compared(live) if same is None else ""
        operation = Operation(kind, body["Name"], action, before, after, changes, remark=remark, object_id=live["ID"], spec=body)
        if [path for path in changes if not path.startswith("Labels")]:
            operation.action = "impossible"
            operation.problem = (
                f"the {operation.word} '{operation.name}' exists with other content, and the content of a {operation.word} "
                "cannot be changed (give the new content a new name, or set rotate)"
            )
        return operation

    def _same(self, kind: str, live: dict[str, Any], body: dict[str, Any]) -> bool | None:
        """Whether the stored object has this content; None if that could not be found out."""
        was, will = rotate.content_of(live["Spec"]), rotate.content_of(body)
        if kind == "configs":
            return was == will
        will.pop("Data", None)
        was.pop("Data", None)
        return self._same_secret(live, body) if was == will else False

    def _same_secret(self, live: dict[str, Any], body: dict[str, Any]) -> bool | None:
        """Whether the stored secret has this content, which cannot be read.

        The Engine looks at the content before it looks at the version: an update with version 0 is never stored,
        and its refusal tells.
        """
        if live["ID"] not in self._secrets:
            probe = {**live["Spec"], "Data": body.get("Data")}
            verb = f"compare secret '{live['Spec']['Name']}'"
            try:
                self._client.call(verb, "POST", f"/secrets/{live['ID']}/update", {"version": 0}, probe)
                same = None
            except SwarmConflict:
                same = True
            except SwarmError as error:
                same = False if ONLY_LABELS in str(error) else None
            self._secrets[live["ID"]] = same
        return self._secrets[live["ID"]]


def shown(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The normal form of a config or secret."""
    return normal.config(spec) if kind == "configs" else normal.secret(spec)


def not_compared(live: dict[str, Any]) -> str:
    """What the user should know of a secret that might differ."""
    name = live["Spec"]["Name"]
    return f"The content of secret '{name}' could not be compared with the stored one: it stays as it is, even if it differs."


def foreign(kind: str, name: str, body: dict[str, Any]) -> Operation:
    """The CLI finds its objects by label; one of the same name without it is somebody else's."""
    problem = f"the {kind[:-1]} '{name}' exists and does not belong to this stack (remove or rename one of the two)"
    return Operation(kind, name, "impossible", None, None, problem=problem, spec=body)
