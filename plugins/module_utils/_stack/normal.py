# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Normal forms: what a Compose file asks for and what the Engine stores, made comparable.

The Engine fills in defaults, and Go leaves out or sends zeros; two specs are the same wish when their normal
forms are equal. Everything here is a pure function on the API's dicts.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from typing import Any

STACK_LABEL = "com.docker.stack.namespace"
# A zero under these names says something else than nothing.
ZERO_COUNTS = {"Replicas", "Init", "StopGracePeriod", "Delay", "Window", "TotalCompletions", "MaxConcurrent"}
# The keys of these maps are the user's: an empty value is a value.
USER_MAPS = {"Labels", "Sysctls", "Options", "DriverOpts"}
JOB_MODES = {"ReplicatedJob", "GlobalJob"}
HIDDEN = "(hidden)"


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


def service(spec: dict[str, Any], network_names: dict[str, str], keep_order: bool = False) -> dict[str, Any]:
    """The normal form of a ServiceSpec.

    :param network_names: network ID -> name; files name networks, the Engine stores IDs.
    :param keep_order: keep the order of lists in which it has no meaning but for which Swarm replaces tasks.
    """
    normal = copy.deepcopy(spec)
    normal.pop("Networks", None)  # the place before API 1.25, same content
    task = normal["TaskTemplate"] = normal.get("TaskTemplate") or {}
    container = task["ContainerSpec"] = task.get("ContainerSpec") or {}
    if task.get("Runtime") == "container":
        del task["Runtime"]
    if container.get("Isolation") == "default":
        del container["Isolation"]
    for name in ("UpdateConfig", "RollbackConfig"):
        if normal.get(name) is not None:
            normal[name] = update_config(normal[name])
    normal["Mode"] = mode(normal.get("Mode") or {})
    normal["EndpointSpec"] = endpoint(normal.get("EndpointSpec") or {})
    if task.get("RestartPolicy") is not None:
        task["RestartPolicy"]["Condition"] = task["RestartPolicy"].get("Condition") or "any"
    container["Mounts"] = [mount(item) for item in container.get("Mounts") or []]
    # The CLI lists two references to one object in random order (Go maps).
    for kind, name in (("Secrets", "SecretName"), ("Configs", "ConfigName")):
        container[kind] = sorted(container.get(kind) or [], key=lambda item: (item.get(name) or "", as_text(item)))
    task["Networks"] = sorted(
        (
            {**item, "Target": network_names.get(item["Target"], item["Target"]), "Aliases": sorted(item.get("Aliases") or [])}
            for item in task.get("Networks") or []
        ),
        key=lambda item: item["Target"],
    )
    if not keep_order:
        sort_meaningless(task, container)
    return without_zeros(normal)


def sort_meaningless(task: dict[str, Any], container: dict[str, Any]) -> None:
    """Sort, in place, the lists whose order says nothing."""
    container["Mounts"].sort(key=lambda item: item.get("Target") or "")
    container["Env"] = sorted(container.get("Env") or [], key=lambda item: item.split("=")[0])
    placement = task.get("Placement") or {}
    if placement.get("Constraints"):
        placement["Constraints"].sort()


def mode(given: dict[str, Any]) -> dict[str, Any]:
    """One of Replicated, Global, ReplicatedJob, GlobalJob, with the Engine's defaults."""
    given = {name: dict(value) for name, value in given.items() if value is not None} or {"Replicated": {}}
    if "Replicated" in given and given["Replicated"].get("Replicas") is None:
        given["Replicated"]["Replicas"] = 1
    if "ReplicatedJob" in given:
        job = given["ReplicatedJob"]
        job["MaxConcurrent"] = 1 if job.get("MaxConcurrent") is None else job["MaxConcurrent"]
        job["TotalCompletions"] = job["MaxConcurrent"] if job.get("TotalCompletions") is None else job["TotalCompletions"]
    return given


def update_config(given: dict[str, Any]) -> dict[str, Any]:
    """An UpdateConfig or RollbackConfig: parallelism 0 means all at once, which is not the default."""
    normal = {
        **given,
        "FailureAction": given.get("FailureAction") or "pause",
        "Order": given.get("Order") or "stop-first",
        "Parallelism": given.get("Parallelism") or "all at once",
    }
    if not normal.get("Delay"):
        normal.pop("Delay", None)
    return normal


def endpoint(given: dict[str, Any]) -> dict[str, Any]:
    """An EndpointSpec; the order of ports has no meaning."""
    ports = [
        {**port, "Protocol": (port.get("Protocol") or "tcp").lower(), "PublishMode": port.get("PublishMode") or "ingress"}
        for port in given.get("Ports") or []
    ]
    return {**given, "Mode": (given.get("Mode") or "vip").lower(), "Ports": sorted(ports, key=as_text)}


def mount(given: dict[str, Any]) -> dict[str, Any]:
    """A Mount. Its Consistency never reaches the store."""
    normal = {name: value for name, value in given.items() if name != "Consistency"}
    normal["Type"] = (given.get("Type") or "bind").lower()
    bind = given.get("BindOptions")
    if bind and any(bind.values()):
        normal["BindOptions"] = {**bind, "Propagation": bind.get("Propagation") or "rprivate"}
    return normal


def network(given: dict[str, Any]) -> dict[str, Any]:
    """A network, as listed or as asked for."""
    ipam = given.get("IPAM") or {}
    return without_zeros(
        {
            "Driver": given.get("Driver") or "overlay",
            "Internal": given.get("Internal"),
            "Attachable": given.get("Attachable"),
            "Labels": given.get("Labels"),
            "Options": {
                name: value
                for name, value in (given.get("Options") or {}).items()
                if name != "com.docker.network.driver.overlay.vxlanid_list"  # given by the Engine
            },
            "IPAM": {
                "Driver": ipam.get("Driver") or "default",
                "Subnets": sorted(item["Subnet"] for item in ipam.get("Config") or [] if item.get("Subnet")),
            },
        }
    )


def with_chosen_subnets(live: dict[str, Any], desired: dict[str, Any]) -> dict[str, Any]:
    """The wished network, with the subnets that the Engine chose if it was left to choose."""
    if desired["IPAM"].get("Subnets") or not live["IPAM"].get("Subnets"):
        return desired
    return {**desired, "IPAM": {**desired["IPAM"], "Subnets": live["IPAM"]["Subnets"]}}


def config(spec: dict[str, Any]) -> dict[str, Any]:
    """A config's spec, its content as a digest."""
    content = base64.b64decode(spec.get("Data") or "")
    return {**without_data(spec), "Data": "sha256:" + hashlib.sha256(content).hexdigest()[:16]}


def secret(spec: dict[str, Any], content: str = HIDDEN) -> dict[str, Any]:
    """A secret's spec. Its content never shows, not even as a digest: short secrets could be guessed from it."""
    return {**without_data(spec), "Data": content}


def stack_of(spec: dict[str, Any]) -> str | None:
    """The stack that an object says to belong to."""
    return (spec.get("Labels") or {}).get(STACK_LABEL)


def without_data(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of a config or secret without its content."""
    return without_zeros({name: value for name, value in spec.items() if name != "Data"})


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


def replaces_tasks(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Whether an update from one ordered normal form to the other replaces running tasks: no, some or all.

    Swarm does so when the task template or the endpoint differ; when only the placement does, just for the tasks
    on nodes that no longer match. Jobs always run again.
    """
    if set(after["Mode"]) & JOB_MODES:
        return "all"
    was, will = before.get("TaskTemplate", {}), after.get("TaskTemplate", {})
    if before.get("EndpointSpec") != after.get("EndpointSpec"):
        return "all"
    if was == will:
        return "no"
    but = "Placement"
    same = {k: v for k, v in was.items() if k != but} == {k: v for k, v in will.items() if k != but}
    return "some" if same else "all"
