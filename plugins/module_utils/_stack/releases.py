# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of a stack: what each successful change has recorded, and the rollback to it.

A release is a config of the Swarm, so every manager has it, and it goes with the stack. It holds the specs of the
services, compressed; whoever may read configs may read services too.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import time
import zlib
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._stack import service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.content import BASE_LABEL, REFERENCES, versioned_name
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import STACK_LABEL, Operation, Snapshot, labels_of, name_of
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import WRITES, removal

RELEASE_LABEL = "apiary.swarm.release"
# Swarm takes configs of up to 1000 KB.
LARGEST = 900_000
# The fields of a release that a person gets; the rest is for rolling back.
PUBLIC = ("release", "when", "who", "what", "images")


def number_of(item: dict[str, Any]) -> int:
    """The number of a release; 0 for any other config."""
    text = labels_of("configs", item).get(RELEASE_LABEL, "")
    return int(text) if re.fullmatch(r"\d{1,9}", text) else 0


def of_stack(configs: list[dict[str, Any]], stack: str) -> list[dict[str, Any]]:
    """The releases of a stack as they are stored, the newest first."""
    own = [item for item in configs if number_of(item) and labels_of("configs", item).get(STACK_LABEL) == stack]
    return sorted(own, key=number_of, reverse=True)


def read(item: dict[str, Any]) -> dict[str, Any]:
    """The content of a stored release; empty when it cannot be read."""
    try:
        return json.loads(zlib.decompress(base64.b64decode(item["Spec"].get("Data") or "")))
    except (ValueError, zlib.error):
        return {}


def history(configs: list[dict[str, Any]], stack: str) -> list[dict[str, Any]]:
    """The public fields of all releases, the newest first."""
    return [{name: found.get(name) for name in PUBLIC} for found in (read(item) for item in of_stack(configs, stack)) if found]


def changes_of(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a plan changes, without values: they may be passwords.

    :param entries: the plan as the user got it.
    """
    return [
        {"kind": entry["kind"], "name": entry["name"], "action": entry["action"], "changes": [change[0] for change in entry["changes"]]}
        for entry in entries
        if entry["action"] in WRITES
    ]


def content(number: int, who: str, changes: list[dict[str, Any]], snapshot: Snapshot, stack: str, back_to: int) -> dict[str, Any]:
    """A release.

    :param back_to: the release that was gone back to; 0: this one is new.
    """
    names = snapshot.network_names
    specs = {item["Spec"]["Name"]: by_names(item["Spec"], names) for item in snapshot.of_stack("services", stack)}
    return {
        "release": number,
        "back_to": back_to,
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "who": who,
        "what": changes,
        "images": {name: spec["TaskTemplate"]["ContainerSpec"]["Image"] for name, spec in specs.items()},
        "services": specs,
    }


def by_names(spec: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A service's spec that names its networks, whose IDs change when a stack is removed and made again."""
    spec = copy.deepcopy(spec)
    for item in spec["TaskTemplate"].get("Networks") or []:
        item["Target"] = names.get(item["Target"], item["Target"])
    return spec


def foretell(stored: list[dict[str, Any]], keep: int) -> tuple[int, list[dict[str, Any]]]:
    """(the number of the next release, the stored ones that go then).

    :param stored: the stack's releases, the newest first.
    """
    return (number_of(stored[0]) + 1 if stored else 1), stored[max(keep, 1) - 1 :]


def record(
    client: Client, stack: str, who: str, changes: list[dict[str, Any]], keep: int, back_to: int = 0
) -> tuple[int | None, list[int]]:
    """Record a release, and remove the oldest ones.

    :returns: (its number, the numbers of those that are gone); nothing when the stack is too large for one.
    """
    snapshot = Snapshot(client)
    number, going = foretell(of_stack(snapshot.all("configs"), stack), keep)
    release = content(number, who, changes, snapshot, stack, back_to)
    data = base64.b64encode(zlib.compress(json.dumps(release).encode(), 9)).decode()
    if len(data) > LARGEST:
        return None, []
    labels = {STACK_LABEL: stack, RELEASE_LABEL: str(number)}
    name = versioned_name(f"{stack}_release", str(number))
    body = {"Name": name, "Labels": labels, "Data": data}
    client.call(f"record release {number} of stack '{stack}'", "POST", "/configs/create", None, body)
    for item in going:
        client.call(f"remove config '{item['Spec']['Name']}'", "DELETE", f"/configs/{item['ID']}")
    return number, [number_of(item) for item in going]


def chosen(stored: list[dict[str, Any]], stack: str, number: int | None, differs: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The release to go back to: that of the number, or what the stack was before its last change.

    Without a number, a second run finds the stack where the first one has brought it, also where that has left no release.

    :param stored: the stack's releases, the newest first.
    :param differs: whether the stack is other than a release now.
    :raises SwarmError: there is none.
    """
    if number is None:
        newest, *earlier = [found for found in map(read, stored) if found] or [{}]
        if newest and differs(newest):
            # A change that has left no release; or it is back at an earlier one already.
            found = next((release for release in earlier if not differs(release)), newest)
        else:
            found = newest if newest.get("back_to") else next((release for release in earlier if differs(release)), {})
    else:
        found = next((read(item) for item in stored if number_of(item) == number), {})
    if not found:
        known = ", ".join(str(number_of(item)) for item in stored) or "none"
        cause = "there is no earlier release" if number is None else f"there is no release {number}"
        raise could_not(f"roll back stack '{stack}'", cause, f"Choose one of those that are kept: {known}")
    return found


def way_back(release: dict[str, Any], snapshot: Snapshot, stack: str, keep_replicas: bool = False) -> list[Operation]:
    """From what a stack's services are to what they were: one operation for each service that was or is.

    :param keep_replicas: a service keeps the number of tasks that it has.
    """
    operations = []
    for name, recorded in release["services"].items():
        spec, gone = restored(recorded, snapshot)
        live = snapshot.find("services", name)
        if live and keep_replicas:
            service.keep_replicas(spec, live["Spec"])
        operation = service.plan(spec, live, snapshot.network_names)
        if operation.action == "impossible":
            gone.append("its former mode, which cannot be changed")
        if gone and operation.action != "unchanged":
            operation.action = "impossible"
            operation.problem = f"service '{name}' needs {', '.join(gone)}, which no longer exists"
        operation.path = f"/services/{operation.object_id}/update" if live else "/services/create"
        operation.query = {"registryAuthFrom": "spec"} if live else {}
        operations.append(operation)
    others = [item for item in snapshot.of_stack("services", stack) if name_of("services", item) not in release["services"]]
    return operations + [removal("services", item, snapshot) for item in others]


def restored(spec: dict[str, Any], snapshot: Snapshot) -> tuple[dict[str, Any], list[str]]:
    """(a recorded spec with the IDs of today, the configs, secrets and networks that are gone)."""
    spec = copy.deepcopy(spec)
    gone = []
    container = spec["TaskTemplate"].get("ContainerSpec") or {}
    for kind, (key, ident, name) in REFERENCES.items():
        for item in container.get(key) or []:
            live = next((one for one in snapshot.all(kind) if name_of(kind, one) == item[name]), None)
            if live and BASE_LABEL in labels_of(kind, live) and live["ID"] != item[ident]:
                live = None  # a version of ours whose number was free again: what is in it is not what was
            gone += [] if live else [f"{kind[:-1]} '{item[name]}'"]
            item[ident] = live["ID"] if live else item[ident]
    for item in spec["TaskTemplate"].get("Networks") or []:
        gone += [] if snapshot.find("networks", item["Target"]) else [f"network '{item['Target']}'"]
    return spec, gone
