# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: the operations that a deployment consists of, why they cannot be carried out, and how they are shown."""

from __future__ import annotations

import copy
import itertools
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmConflict, SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import passes
from ansible_collections.apiary.swarm.plugins.module_utils._stack import content, network, service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import (
    CHANGED,
    HIDDEN,
    KINDS,
    REST,
    Operation,
    Snapshot,
    changed_paths,
    id_of,
    leaves,
    name_of,
)
from ansible_collections.apiary.swarm.plugins.module_utils._stack.redaction import redact, redact_both

WRITES = ("create", "update", "remove")
# What can stand in YAML without quotes and still is a string to every reader.
PLAIN = re.compile(r"[A-Za-z_/(][A-Za-z0-9_/.@()+,=:-]*(?: [A-Za-z0-9_/.@()+,=-]+)*")
YAML_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


@dataclass
class Plan:
    """What a run would do to a stack.

    :ivar action: what is planned, such as C(deploy stack 'shop').
    :ivar snapshot: what the Engine held when it was planned.
    :ivar problems: why it cannot be carried out.
    :ivar warnings: what the user should know although nothing fails.
    :ivar secrets: texts that are shown nowhere, the longest first.
    :ivar digest: tells the Compose files on this host from what may become of them.
    """

    action: str
    snapshot: Snapshot
    operations: list[Operation]
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mask_env: bool = True
    digest: str = ""
    secrets: list[str] = field(default_factory=list, repr=False)

    @property
    def state(self) -> dict[str, Any]:
        """What there is of the objects, for comparison only: it holds what is hidden from people."""
        return {key(item): [item.before, [was for _path, was, _will in item.extra_changes]] for item in self.operations}

    @property
    def public(self) -> dict[str, Any]:
        """The plan as the user gets it."""
        return {
            "changed": bool(writes(self.operations)),
            "plan": [entry(item, self.mask_env, self.secrets) for item in in_order(self.operations)],
            "diff": diff(self.operations, self.mask_env, self.secrets),
            "warnings": self.warnings,
        }


def desired(before: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """What there would be of the objects.

    :raises SwarmError: all reasons at once, with the plan that cannot be carried out.
    """
    if plan.problems:
        error = could_not(plan.action, "; ".join(plan.problems), "Nothing was changed")
        error.details = {**plan.public, "changed": False}
        raise error
    after = {key(item): [item.after, [will for _path, _was, will in item.extra_changes]] for item in writes(plan.operations)}
    return {**before, **after}


def key(operation: Operation) -> str:
    """Tells an object from all others: C(service shop_web)."""
    return f"{operation.word} {operation.name}"


def writes(operations: list[Operation]) -> list[Operation]:
    """The operations that change something."""
    return [item for item in operations if item.action in WRITES]


def in_order(operations: list[Operation]) -> list[Operation]:
    """By kind and name."""
    return sorted(operations, key=lambda item: (KINDS.index(item.kind), item.name))


def removal(kind: str, item: dict[str, Any], snapshot: Snapshot) -> Operation:
    """A listed object is to be removed."""
    if kind == "services":
        before = service.normal(item["Spec"], snapshot.network_names)
    else:
        before = network.normal(item) if kind == "networks" else content.normal(kind, item["Spec"])
    replaces = "all" if kind == "services" else "no"
    return Operation(kind, name_of(kind, item), "remove", before, replaces_tasks=replaces, object_id=id_of(kind, item))


# -- how it is shown
def compose_form(
    kind: str, normal_form: dict[str, Any] | None, other: dict[str, Any] | None = None, mask: bool = True
) -> dict[str, Any] | None:
    """An object of any kind as a Compose file has it; None stays None.

    :param other: the normal form that it replaces.
    """
    if normal_form is None:
        return None
    if kind == "services":
        return service.compose_form(normal_form, other, mask)
    return network.compose_form(normal_form) if kind == "networks" else content.compose_form(normal_form)


def compose_forms(
    operation: Operation, mask: bool = True, secrets: list[str] | None = None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """(before, after) as Compose files have them.

    :param mask: do not show the values of environment variables.
    :param secrets: texts that are not shown either.
    """
    before = compose_form(operation.kind, operation.before, None, mask)
    after = compose_form(operation.kind, operation.after, operation.before, mask)
    return redact_both(before, after, secrets) if secrets else (before, after)


def entry(operation: Operation, mask: bool = True, secrets: list[str] | None = None) -> dict[str, Any]:
    """An operation as the user gets it."""
    return {
        "kind": operation.word,
        "name": operation.name,
        "action": operation.action,
        "changes": differences(operation, mask, secrets),
        "replaces_tasks": operation.replaces_tasks,
    }


def differences(operation: Operation, mask: bool = True, secrets: list[str] | None = None) -> list[list[Any]]:
    """What changes, as [path, before, after]: nothing where the object comes or goes as a whole."""
    before, after = compose_forms(operation, mask) if operation.changes else (None, None)
    if before is None or after is None:
        return operation.extra_changes
    found = changed_paths(before, after)
    was, will = (leaves(form) for form in compose_forms(operation, mask, secrets))
    told = [[path, was.get(path), will.get(path)] for path in found] or redact(in_engine_words(operation, mask), secrets or [])
    return told + operation.extra_changes


def in_engine_words(operation: Operation, mask: bool) -> list[list[Any]]:
    """The same where the forms of Compose files do not differ, such as a variable that is given twice."""
    was, will = leaves(operation.before), leaves(operation.after)
    hidden = {path for path in operation.changes if mask and path.endswith("ContainerSpec.Env")}
    return [[f"{REST}.{path}", *((HIDDEN, CHANGED) if path in hidden else (was.get(path), will.get(path)))] for path in operation.changes]


def diff(operations: list[Operation], mask: bool = True, secrets: list[str] | None = None) -> list[dict[str, str]]:
    """Before and after of what changes, as Compose files have it, one document an object."""
    shown = []
    for item in in_order(writes(operations)):
        before, after = compose_forms(item, mask, secrets)
        shown.append(
            {
                "before_header": key(item) if before is not None else f"{key(item)} (not there)",
                "after_header": key(item) if after is not None else f"{key(item)} (removed)",
                "before": yaml_text({**(before or {}), **{path: was for path, was, _will in item.extra_changes if was is not None}}),
                "after": yaml_text({**(after or {}), **{path: will for path, _was, will in item.extra_changes if will is not None}}),
            }
        )
    return shown


def yaml_text(value: dict[str, Any]) -> str:
    """Plain data as YAML, for people to read: managed hosts need not have PyYAML. Empty for nothing."""
    return "".join(f"{line}\n" for line in yaml_lines(value)) if value else ""


def yaml_lines(value: Any) -> list[str]:
    """The lines of a mapping or list, sorted by name."""
    if isinstance(value, dict):
        found = []
        for name in sorted(value):
            found += yaml_entry(f"{scalar(name)}:", value[name], "  ")
        return found
    return [line for item in value for line in yaml_entry("-", item, "  ")]


def yaml_entry(head: str, value: Any, indent: str) -> list[str]:
    """One key or item with its value; a mapping in a list begins on the line of its dash."""
    if not (isinstance(value, (dict, list)) and value):
        return [f"{head} {scalar(value)}"]
    inner = yaml_lines(value)
    if head == "-":
        return [f"- {inner[0]}", *(indent + line for line in inner[1:])]
    return [head, *(indent + line for line in inner)]


def scalar(value: Any) -> str:
    """A scalar, quoted where it could be taken for something else."""
    if isinstance(value, str):
        plain = PLAIN.fullmatch(value) and value.lower() not in YAML_WORDS and ": " not in value and value[-1] != ":"
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


# -- why it cannot be carried out
def problems(operations: list[Operation]) -> list[str]:
    """Why the plan cannot be carried out: nothing, or all its reasons."""
    return [item.problem for item in operations if item.problem] + port_conflicts(operations)


def port_conflicts(operations: list[Operation]) -> list[str]:
    """The ports that two services would begin to publish, which the Engine refuses when the second one is written.

    Only host mode goes with host mode, on different nodes. What is published already, the Engine itself compares.
    """
    takers: dict[tuple[int, str], dict[str, str]] = {}
    for item in in_order([item for item in operations if item.kind == "services"]):
        before = published(item.before)
        for port, mode in published(item.after).items():
            if before.get(port) != mode:
                takers.setdefault(port, {})[item.name] = mode
    return [
        f"service '{one}' and service '{other}' both publish port {number}/{protocol}"
        for (number, protocol), modes in sorted(takers.items())
        for one, other in itertools.combinations(modes, 2)
        if "ingress" in (modes[one], modes[other])
    ]


def published(service: dict[str, Any] | None) -> dict[tuple[int, str], str]:
    """(port, protocol) -> mode of a service in normal form; the Engine chooses a port where none is given."""
    ports = ((service or {}).get("EndpointSpec") or {}).get("Ports") or []
    return {(port["PublishedPort"], port["Protocol"]): port["PublishMode"] for port in ports if port.get("PublishedPort")}


def refusals(client: Client, operations: list[Operation], snapshot: Snapshot) -> list[str]:
    """What the Engine would refuse of the services to write; it stores none of them."""
    found = []
    for operation in operations:
        if operation.kind == "services" and operation.action in ("create", "update"):
            cause = refusal(client, operation, snapshot)
            if cause:
                found.append(f"service '{operation.name}': {cause}")
    return found


def refusal(client: Client, operation: Operation, snapshot: Snapshot) -> str:
    """What the Engine has against one spec; empty when it would take it.

    It is asked in a way that goes through all of its checks and always fails at the last one: an update has the
    version 0, which is out of sequence, and a service to be created names a config that nobody can have.

    :raises SwarmError: the managers have no leader at the moment, or are slow.
    """
    spec, nobodys = without_planned(operation.spec, snapshot), uuid.uuid4().hex
    path, query = f"/services/{operation.object_id}/update", {"version": 0}
    if operation.action == "create":
        path, query = "/services/create", {}
        file = {"Name": nobodys, "UID": "0", "GID": "0", "Mode": 0o444}
        spec["TaskTemplate"]["ContainerSpec"]["Configs"].append({"ConfigID": nobodys, "ConfigName": nobodys, "File": file})
    try:
        client.call("check the service", "POST", path, query, spec)
    except SwarmConflict:
        return ""
    except SwarmError as error:
        if passes(str(error)):
            raise
        return without_name(getattr(error, "message", str(error)).strip().rstrip("."), nobodys)
    return ""


def without_name(cause: str, nobodys: str) -> str:
    """The Engine's answer without the config that nobody has, which it names together with others that it has not found."""
    if nobodys not in cause:
        return cause
    _head, found, names = cause.rpartition("not found: ")
    others = [name for name in names.split(", ") if found and nobodys not in name]
    return f"config not found: {', '.join(others)}" if others else ""


def without_planned(spec: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """A service's spec without what the same plan has yet to create."""
    spec = copy.deepcopy(spec)
    task, names = spec["TaskTemplate"], snapshot.network_names
    task["Networks"] = [item for item in task.get("Networks") or [] if item["Target"] in {*names, *names.values()}]
    container = task["ContainerSpec"]
    for kind, key in (("Secrets", "SecretID"), ("Configs", "ConfigID")):
        container[kind] = [item for item in container.get(kind) or [] if not item[key].startswith("planned-")]
    return spec


def warnings(said: list[str], operations: list[Operation], unresolved: dict[str, str]) -> list[str]:
    """What the CLI said and what there is to say beside it.

    :param unresolved: image -> why its registry did not tell its digest. The CLI says so only of services that it updates.
    """
    remarks = [item.remark for item in operations if item.remark]
    users: dict[str, list[str]] = {}
    for item in in_order([item for item in operations if item.kind == "services" and not item.remark]):
        image = service.image_of(item.spec)
        if image in unresolved and "@" not in image:
            users.setdefault(image, []).append(f"'{item.name}'")
    for image, names in users.items():
        whose = f"service {names[0]} runs" if len(names) == 1 else f"services {', '.join(names)} run"
        remarks.append(f"{service.NO_DIGEST} '{image}' ({unresolved[image]}): {whose} what each node finds under that tag, or has already.")
    return said + remarks


def stray_mounts(operations: list[Operation], folder: str) -> list[str]:
    """A relative bind mount of a carried file has no place on the nodes: it would point into our folder."""
    found = []
    for operation in operations:
        if operation.kind == "services":
            container = operation.spec.get("TaskTemplate", {}).get("ContainerSpec", {})
            for mount in container.get("Mounts") or []:
                if (mount.get("Source") or "").startswith(folder):
                    found.append(
                        f"service '{operation.name}' mounts a path relative to its Compose file at '{mount['Target']}', "
                        "and that file is on the controller (give the path on the nodes, beginning with a slash)"
                    )
    return found


def external(lacking: list[str]) -> list[str]:
    """The external objects that are not there, all in one reason.

    :param lacking: each as C(network 'front').
    """
    if not lacking:
        return []
    verb = "is declared as external and does not exist" if len(lacking) == 1 else "are declared as external and do not exist"
    return [f"{', '.join(sorted(set(lacking)))} {verb} (create what is missing first, or correct its name)"]


def unresolved(images: dict[str, str], registry_unreachable: str) -> list[str]:
    """The images whose registries did not tell their digest, where that is not accepted.

    :param images: image -> why.
    """
    if registry_unreachable == "keep":
        return []
    return [f"the registry did not return the digest of image '{image}' ({cause})" for image, cause in sorted(images.items())]
