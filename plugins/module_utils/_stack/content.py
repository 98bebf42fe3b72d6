# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configs and secrets: their forms, their versions, and what becomes of those that the CLI sends.

The content of a config or secret cannot be changed, so new content is a new object. A config is named by a digest
of its content, which everybody who may list it can read anyway. A secret is only numbered: whoever may list secrets
could guess a short one from any digest of it.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from dataclasses import replace
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core import wait
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmConflict, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import (
    HIDDEN,
    Operation,
    Snapshot,
    changed_paths,
    foreign,
    own_labels,
    stack_of,
    taken,
    with_rest,
    without_zeros,
)

# The name that the Compose file gives, on objects that this collection has made.
BASE_LABEL = "apiary.swarm.base"
LONGEST_NAME, DIGEST = 64, 12
NUMBER = 9  # digits that a long name leaves room for
# Where a service names its configs and secrets.
REFERENCES = {"configs": ("Configs", "ConfigID", "ConfigName"), "secrets": ("Secrets", "SecretID", "SecretName")}
ONLY_LABELS = "only updates to Labels"


# -- forms
def normal(kind: str, spec: dict[str, Any], content: str = HIDDEN) -> dict[str, Any]:
    """The normal form of a config or secret.

    :param content: stands for a secret's, which never shows, not even as a digest: short secrets could be guessed from it.
    """
    if kind == "configs":
        content = "sha256:" + hashlib.sha256(base64.b64decode(spec.get("Data") or "")).hexdigest()[:16]
    return {**without_zeros({name: value for name, value in spec.items() if name != "Data"}), "Data": content}


def compose_form(normal_form: dict[str, Any]) -> dict[str, Any]:
    """A config or secret as a Compose file has it; its content is a digest, or hidden."""
    rest = copy.deepcopy(normal_form)
    rest.pop("Name", None)
    form = taken(rest, {"Labels": "labels", "Data": "content", "Templating": "template_driver", "Driver": "driver"})
    form["labels"] = own_labels(form.get("labels", {}))
    return with_rest(form, rest)


# -- versions
def versioned_name(base: str, suffix: str, longest: int = 0) -> str:
    """C(<base>-<suffix>). A base that is too long is cut, and distinguished from others by a digest of its whole name.

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


def with_ids(spec: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """A service's spec that names configs and secrets by the IDs that they have got.

    :param ids: the ID that stood for an object that was yet to be created -> its own.
    """
    spec = copy.deepcopy(spec)
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    for key, ident, _name in REFERENCES.values():
        for item in container.get(key) or []:
            item[ident] = ids.get(item[ident], item[ident])
    credential = (container.get("Privileges") or {}).get("CredentialSpec") or {}
    if credential.get("Config"):
        credential["Config"] = ids.get(credential["Config"], credential["Config"])
    return spec


# -- planning
class Contents:
    """The configs and secrets of one run of the CLI.

    :param rotate: new content becomes a new version; otherwise it is impossible.
    :ivar current: kind -> base name -> (ID, name) of the version that the definition asks for.
    """

    def __init__(self, client: Client, snapshot: Snapshot, stack: str, rotate: bool) -> None:
        self._client, self._snapshot, self._stack, self._rotate = client, snapshot, stack, rotate
        self.current: dict[str, dict[str, tuple[str, str]]] = {"configs": {}, "secrets": {}}
        self._used = {ident for item in snapshot.of_stack("services", stack) for ident in references(item["Spec"])}

    def hides(self, kind: str) -> bool:
        """Whether the CLI is told that objects of this kind do not exist, so that it sends the content of each."""
        return self._rotate and kind in self.current

    def listed(self, kind: str, names: list[str]) -> list[dict[str, Any]]:
        """The objects with these names; a version goes by the name that the file gives."""
        current = self.current.get(kind, {})
        others = self._snapshot.named(kind, [name for name in names if name not in current])
        return others + [{"ID": current[name][0], "Spec": {"Name": name}} for name in names if name in current]

    def refer(self, spec: dict[str, Any]) -> None:
        """Let a service name the versions; Swarm looks at ID and name."""
        container = spec.get("TaskTemplate", {}).get("ContainerSpec") or {}
        for kind, (key, ident, name) in REFERENCES.items():
            for item in container.get(key) or []:
                found = self.current[kind].get(item[name])
                if found and found[0] == item[ident]:
                    item[name] = found[1]

    def remember(self, operation: Operation) -> None:
        """An object has its ID now."""
        if self.hides(operation.kind):
            self.current[operation.kind][operation.base] = operation.object_id, operation.name

    def create(self, body: dict[str, Any], kind: str) -> Operation:
        """One that the CLI does not find; with rotation, any."""
        base = body["Name"]
        if not self._rotate:
            return Operation(kind, base, "create", None, normal(kind, body), base=base, spec=body)
        items = self._snapshot.all(kind)
        for live in candidates(items, self._stack, base, self._used):
            same = self._same(kind, live, body)
            if same is not False:
                return self._relabelled(body, kind, live, "" if same else not_compared(live))
        name = config_name(body) if kind == "configs" else secret_name(base, items)
        spec = {**body, "Name": name, "Labels": {**(body.get("Labels") or {}), BASE_LABEL: base}}
        if self._snapshot.named(kind, [name]):
            return replace(foreign(kind, name, spec), base=base)
        return Operation(kind, name, "create", None, normal(kind, spec), base=base, spec=spec)

    def _relabelled(self, body: dict[str, Any], kind: str, live: dict[str, Any], problem: str) -> Operation:
        """The version that has the wanted content, with the wanted labels."""
        base = base_of(live)
        labels = {**(body.get("Labels") or {}), **({} if base is None else {BASE_LABEL: base})}
        spec = {**body, "Name": live["Spec"]["Name"], "Labels": labels}
        before, after = normal(kind, live["Spec"]), normal(kind, spec)
        if problem:
            after["Data"] = before["Data"]
        operation = Operation(kind, spec["Name"], "unchanged", before, after, changed_paths(before, after), problem=problem, spec=spec)
        operation.action = "update" if operation.changes and not problem else "unchanged"
        operation.base, operation.object_id = body["Name"], live["ID"]
        operation.path, operation.query = f"/{kind}/{live['ID']}/update", {"version": live["Version"]["Index"]}
        return operation

    def update(self, body: dict[str, Any], kind: str, live: dict[str, Any]) -> Operation:
        """One that exists, without rotation: its labels can change, its content cannot."""
        same = self._same(kind, live, body)
        before, after = normal(kind, live["Spec"]), normal(kind, body)
        if kind == "secrets" and same is False:
            after["Data"] = "(hidden, different)"
        changes = changed_paths(before, after)
        action = "update" if changes else "unchanged"
        problem = not_compared(live) if same is None else ""
        operation = Operation(kind, body["Name"], action, before, after, changes, problem=problem, object_id=live["ID"], spec=body)
        if [path for path in changes if not path.startswith("Labels")]:
            operation.action = "impossible"
            operation.problem = (
                f"the {operation.word} '{operation.name}' exists with other content, and the content of a {operation.word} "
                "cannot be changed (give the new content a new name, or set rotate)"
            )
        return operation

    def _same(self, kind: str, live: dict[str, Any], body: dict[str, Any]) -> bool | None:
        """Whether the stored object has this content; None if that could not be found out."""
        was, will = content_of(live["Spec"]), content_of(body)
        if kind == "configs":
            return was == will
        will.pop("Data", None)
        was.pop("Data", None)
        return self._same_secret(live, body) if was == will else False

    def _same_secret(self, live: dict[str, Any], body: dict[str, Any]) -> bool | None:
        """Whether the stored secret has this content, which cannot be read; None if nobody can tell for as long as an election may take.

        The Engine looks at the content before it looks at the version: an update with version 0 is never stored,
        and its refusal tells.
        """
        probe = {**live["Spec"], "Data": body.get("Data")}
        what = f"compare secret '{live['Spec']['Name']}'"

        def ask() -> bool:
            try:
                self._client.call(what, "POST", f"/secrets/{live['ID']}/update", {"version": 0}, probe)
            except SwarmConflict:
                return True
            except SwarmError as error:
                if ONLY_LABELS in str(error):
                    return False
                raise
            raise SwarmError("the Engine has taken an update with version 0")

        try:
            return wait.wait_until(ask, lambda same: True, what, wait.ELECTION)
        except SwarmError:
            return None


def not_compared(live: dict[str, Any]) -> str:
    """Why a secret that might differ cannot be deployed."""
    return (
        f"the content of secret '{live['Spec']['Name']}' could not be compared with the stored one within {wait.ELECTION:g} s "
        "(run again when the managers have a leader)"
    )
