# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all objects of a stack have in common: names, a snapshot of all, an operation on one, and how its forms are compared."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError

KINDS = ("services", "networks", "configs", "secrets")
STACK_LABEL = "com.docker.stack.namespace"
# What the CLI was asked for, as an image's name is stored with its digest.
IMAGE_LABEL = "com.docker.stack.image"
HIDDEN = "(hidden)"
CHANGED = "(hidden, changed)"
# A zero under these names says something else than nothing.
ZERO_COUNTS = {"Replicas", "Init", "StopGracePeriod", "Delay", "Window", "TotalCompletions", "MaxConcurrent"}
# The keys of these maps are the user's: an empty value is a value.
USER_MAPS = {"Labels", "Sysctls", "Options", "DriverOpts"}
# Where a Compose form keeps what has no name in a Compose file, so that no difference is ever lost.
REST = "x-engine"
SECOND = 10**9


# -- names and labels
def name_of(kind: str, item: dict[str, Any]) -> str:
    """The name of a listed object."""
    return item["Name"] if kind == "networks" else item["Spec"]["Name"]


def id_of(kind: str, item: dict[str, Any]) -> str:
    """The ID of a listed object."""
    return item["Id"] if kind == "networks" else item["ID"]


def labels_of(kind: str, item: dict[str, Any]) -> dict[str, str]:
    """The labels of a listed object."""
    return (item if kind == "networks" else item["Spec"]).get("Labels") or {}


def stack_of(spec: dict[str, Any]) -> str | None:
    """The stack that an object says to belong to."""
    return (spec.get("Labels") or {}).get(STACK_LABEL)


def of_stack(stack: str) -> dict[str, Any]:
    """The filter of the Engine API for the objects of a stack."""
    return {"label": {f"{STACK_LABEL}={stack}": True}}


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
        for ident in sorted(self._unlisted()):
            self._ask_for_name(client, ident)

    def _unlisted(self) -> set[str]:
        """The networks of services that no list has: host and bridge, which a swarm knows under IDs of its own."""
        tasks = [item["Spec"].get("TaskTemplate") or {} for item in self._lists["services"]]
        known = {*self.network_names, *self.network_names.values()}
        return {network["Target"] for task in tasks for network in task.get("Networks") or []} - known

    def _ask_for_name(self, client: Client, ident: str) -> None:
        """One that is gone keeps its ID for a name."""
        try:
            self.network_names[ident] = client.call("read a network", "GET", f"/networks/{ident}")["Name"]
        except EngineError as error:
            if error.status != 404:
                raise

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All objects of one kind."""
        return self._lists[kind]

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

    def add(self, kind: str, item: dict[str, Any]) -> None:
        """An object that would be created meanwhile."""
        self._lists[kind].append(item)


# -- operations
@dataclass
class Operation:
    """One object of the stack and what happens to it.

    :ivar kind: services, networks, configs or secrets.
    :ivar action: create, update, remove, orphan, unchanged or impossible.
    :ivar before: normal form now; None where there is none.
    :ivar after: desired normal form; None where it goes.
    :ivar changes: the paths that differ, as the Engine API names them.
    :ivar extra_changes: what else changes, as [path, before, after], where no spec shows it.
    :ivar replaces_tasks: no, some or all.
    :ivar problem: why it is impossible.
    :ivar remark: what the user should know of it.
    :ivar object_id: the ID at the Engine, once it is known; C(planned-<name>) for what is yet to be created.
    :ivar base: the name in the Compose file, of a config or secret that has versions.
    :ivar path: where to send it; empty for what is not sent.
    :ivar query: the query that goes with it. An update without a version gets the one of that moment.
    :ivar auth: the registry logins that go with it: never to be shown.
    :ivar spec: what to send. It may hold secret data: never to be shown.
    """

    kind: str
    name: str
    action: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    changes: list[str] = field(default_factory=list)
    extra_changes: list[list[Any]] = field(default_factory=list)
    replaces_tasks: str = "no"
    problem: str = ""
    remark: str = ""
    object_id: str = ""
    base: str = ""
    path: str = ""
    query: dict[str, Any] = field(default_factory=dict)
    auth: str = field(default="", repr=False)
    spec: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def word(self) -> str:
        """The kind in the singular."""
        return self.kind[:-1]


def foreign(kind: str, name: str, body: dict[str, Any]) -> Operation:
    """The CLI finds its objects by label; one of the same name without it is somebody else's."""
    problem = f"the {kind[:-1]} '{name}' exists and does not belong to this stack (remove or rename one of the two)"
    return Operation(kind, name, "impossible", None, None, problem=problem, spec=body)


def delete(client: Client, operation: Operation) -> None:
    """Remove one object; one that is gone already is fine."""
    try:
        client.call(f"remove {operation.word} '{operation.name}'", "DELETE", f"/{operation.kind}/{operation.object_id}")
    except EngineError as error:
        if error.status != 404:
            raise


# -- normal forms
def without_zeros(value: Any, key: str = "", in_user_map: bool = False) -> Any:
    """Drop what Go's JSON takes for absent: null, "", 0, false, and empty lists and maps."""
    if isinstance(value, list):
        return [without_zeros(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, item in value.items():
        item = without_zeros(item, name, name in USER_MAPS)
        if item is None or (item in ([], {}) and key != "Mode"):
            continue
        if item in ("", 0, False) and not in_user_map and name not in ZERO_COUNTS:
            continue
        kept[name] = item
    return kept


def spelled(address: str) -> str:
    """An IP address or network as Engines spell it: one of IPv6 has many spellings. Anything else stays as it is."""
    try:
        return str(ipaddress.ip_interface(address) if "/" in address else ipaddress.ip_address(address))
    except ValueError:
        return address


def as_text(value: Any) -> str:
    """A sort key for dicts."""
    return json.dumps(value, sort_keys=True)


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """{dotted path: value}; lists are values."""
    if not (isinstance(value, dict) and value):
        return {path: value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found.update(leaves(item, f"{path}.{name}" if path else name))
    return found


def changed_paths(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The dotted paths at which two normal forms differ."""
    was, will = leaves(before), leaves(after)
    return sorted(path for path in {**was, **will} if was.get(path) != will.get(path))


# -- Compose forms
def taken(source: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Take out of C(source) what has another name, under that name."""
    return {new: source.pop(old) for old, new in names.items() if old in source}


def times(source: dict[str, Any], names: dict[str, str]) -> dict[str, str]:
    """The same for durations."""
    return {name: duration(value) for name, value in taken(source, names).items()}


def duration(nanoseconds: int) -> str:
    """C(1m30s), as a Compose file has it."""
    if nanoseconds % 10**6:
        return f"{nanoseconds}ns"
    seconds, thousandths = divmod(nanoseconds // 10**6, 1000)
    if thousandths:
        return f"{seconds * 1000 + thousandths}ms"
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = [f"{count}{unit}" for count, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if count]
    return "".join(parts) or "0s"


def with_rest(form: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """What was translated, and what was not."""
    rest = without_empty(rest)
    form = without_empty(form)
    return {**form, REST: rest} if rest else form


def without_empty(value: dict[str, Any]) -> dict[str, Any]:
    """Without the shells from which all was taken; an empty value in a leaf stays."""
    kept = {}
    for name, item in value.items():
        inner = without_empty(item) if isinstance(item, dict) else item
        if inner not in ({}, [], None):
            kept[name] = inner
    return kept


def own_labels(labels: dict[str, str], image: str = "") -> dict[str, str]:
    """The labels that the file gives; docker's own say what is known already."""
    own = {name: value for name, value in labels.items() if name != STACK_LABEL}
    asked = own.get(IMAGE_LABEL)
    if asked is not None and image.partition("@")[0] in (asked, f"{asked}:latest", asked.partition("@")[0]):
        del own[IMAGE_LABEL]
    return own
