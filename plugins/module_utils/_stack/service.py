# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services: their normal form, their form in a Compose file, and which changes replace their tasks. Pure functions on the API's dicts.

The Engine fills in defaults, and Go leaves out or sends zeros; two specs ask for the same when their normal forms are equal.
"""

from __future__ import annotations

import base64
import copy
import json
from typing import Any, Container

from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import (
    CHANGED,
    HIDDEN,
    IMAGE_LABEL,
    Operation,
    as_text,
    changed_paths,
    own_labels,
    spelled,
    taken,
    times,
    with_rest,
    without_zeros,
)

JOB_MODES = {"ReplicatedJob", "GlobalJob"}
MEBIBYTE = 2**20
# Of an environment variable that a service takes away from its image.
UNSET = "(unset)"
UNKNOWN = (None, "", "unknown")
NO_DIGEST = "The registry did not return the digest of image"
# The Engine's key -> the key in a Compose file; the values are the same. First those of a container.
CONTAINER = {
    "Image": "image",
    "Command": "entrypoint",
    "Args": "command",
    "Hostname": "hostname",
    "Dir": "working_dir",
    "User": "user",
    "StopSignal": "stop_signal",
    "TTY": "tty",
    "OpenStdin": "stdin_open",
    "ReadOnly": "read_only",
    "Hosts": "extra_hosts",
    "Init": "init",
    "Sysctls": "sysctls",
    "CapabilityAdd": "cap_add",
    "CapabilityDrop": "cap_drop",
    "Isolation": "isolation",
    "Labels": "labels",
    "OomScoreAdj": "oom_score_adj",
}
DNS = {"Nameservers": "dns", "Search": "dns_search", "Options": "dns_opt"}
UPDATE = {"Parallelism": "parallelism", "FailureAction": "failure_action", "MaxFailureRatio": "max_failure_ratio", "Order": "order"}
UPDATE_TIMES = {"Delay": "delay", "Monitor": "monitor"}
HEALTH = {"Test": "test", "Retries": "retries"}
HEALTH_TIMES = {"Interval": "interval", "Timeout": "timeout", "StartPeriod": "start_period", "StartInterval": "start_interval"}
RESTART = {"Condition": "condition", "MaxAttempts": "max_attempts"}
RESTART_TIMES = {"Delay": "delay", "Window": "window"}
PORT = {"TargetPort": "target", "PublishedPort": "published", "Protocol": "protocol", "PublishMode": "mode", "Name": "name"}
MODES = {"Replicated": "replicated", "Global": "global", "ReplicatedJob": "replicated-job", "GlobalJob": "global-job"}


# -- normal form
def normal(spec: dict[str, Any], network_names: dict[str, str], keep_order: bool = False) -> dict[str, Any]:
    """The normal form of a ServiceSpec.

    :param network_names: network ID -> name; files name networks, the Engine stores IDs.
    :param keep_order: keep the order of lists in which it has no meaning but for which Swarm replaces tasks.
    """
    form = copy.deepcopy(spec)
    form.pop("Networks", None)  # the place before API 1.25, same content
    task = form["TaskTemplate"] = form.get("TaskTemplate") or {}
    container = task["ContainerSpec"] = task.get("ContainerSpec") or {}
    if task.get("Runtime") == "container":
        del task["Runtime"]
    if container.get("Isolation") == "default":
        del container["Isolation"]
    for name in ("UpdateConfig", "RollbackConfig"):
        if form.get(name) is not None:
            form[name] = update_config(form[name])
    form["Mode"] = mode(form.get("Mode") or {})
    form["EndpointSpec"] = endpoint(form.get("EndpointSpec") or {})
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
    if task.get("Placement"):
        task["Placement"]["Platforms"] = known_platforms(task["Placement"].get("Platforms") or [])
    if container.get("DNSConfig"):
        container["DNSConfig"]["Nameservers"] = [spelled(one) for one in container["DNSConfig"].get("Nameservers") or []]
    if not keep_order:
        sort_meaningless(task, container)
    return without_zeros(form)


def sort_meaningless(task: dict[str, Any], container: dict[str, Any]) -> None:
    """Sort, in place, the lists whose order says nothing."""
    container["Mounts"].sort(key=lambda item: item.get("Target") or "")
    container["Env"] = sorted(container.get("Env") or [], key=lambda item: item.split("=")[0])
    placement = task.get("Placement") or {}
    if placement.get("Constraints"):
        placement["Constraints"].sort()


def known_platforms(given: list[dict[str, str]]) -> list[dict[str, str]]:
    """Each platform once, without the entries of an image that are none: docker's command sent those, too, before 29.7."""
    known = {as_text(item): item for item in given if not (item.get("OS") in UNKNOWN and item.get("Architecture") in UNKNOWN)}
    return [known[text] for text in sorted(known)]


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
    form = {
        **given,
        "FailureAction": given.get("FailureAction") or "pause",
        "Order": given.get("Order") or "stop-first",
        "Parallelism": given.get("Parallelism") or "all at once",
    }
    if not form.get("Delay"):
        form.pop("Delay", None)
    return form


def endpoint(given: dict[str, Any]) -> dict[str, Any]:
    """An EndpointSpec; the order of ports has no meaning."""
    ports = [
        {**port, "Protocol": (port.get("Protocol") or "tcp").lower(), "PublishMode": port.get("PublishMode") or "ingress"}
        for port in given.get("Ports") or []
    ]
    return {**given, "Mode": (given.get("Mode") or "vip").lower(), "Ports": sorted(ports, key=as_text)}


def mount(given: dict[str, Any]) -> dict[str, Any]:
    """A Mount. Its Consistency never reaches the store."""
    form = {name: value for name, value in given.items() if name != "Consistency"}
    form["Type"] = (given.get("Type") or "bind").lower()
    bind = given.get("BindOptions")
    if bind and any(bind.values()):
        form["BindOptions"] = {**bind, "Propagation": bind.get("Propagation") or "rprivate"}
    return form


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


# -- Compose form
def size(number: int) -> str:
    """C(64M), as a Compose file has it."""
    return f"{number // MEBIBYTE}M" if number and not number % MEBIBYTE else f"{number}B"


def compose_form(normal_form: dict[str, Any], other: dict[str, Any] | None = None, mask: bool = True) -> dict[str, Any]:
    """A service as a Compose file has it.

    :param other: the form that it replaces; what differs in the environment is marked.
    :param mask: do not show the values of environment variables.
    """
    rest = copy.deepcopy(normal_form)
    rest.pop("Name", None)
    task = rest.get("TaskTemplate", {})
    box = task.get("ContainerSpec", {})
    image = box.get("Image", "")
    form = taken(box, CONTAINER)
    form["labels"] = own_labels(form.get("labels", {}))
    form["environment"] = environment(box.pop("Env", []), environment_of(other), mask)
    form.update(times(box, {"StopGracePeriod": "stop_grace_period"}))
    health = box.get("Healthcheck", {})
    form["healthcheck"] = {**taken(health, HEALTH), **times(health, HEALTH_TIMES)}
    form.update(taken(box.get("DNSConfig", {}), DNS))
    form["volumes"] = {mount.get("Target", ""): volume(mount) for mount in box.pop("Mounts", [])}
    for kind, name in (("Secrets", "SecretName"), ("Configs", "ConfigName")):
        form[kind.lower()] = references(box.pop(kind, []), name)
    limits = {"Name": "name", "Soft": "soft", "Hard": "hard"}
    form["ulimits"] = {item.get("name", ""): item for item in (taken(one, limits) for one in box.pop("Ulimits", []))}
    form["logging"] = taken(task.get("LogDriver", {}), {"Name": "driver", "Options": "options"})
    form["networks"] = {item["Target"]: network_reference(item) for item in task.pop("Networks", [])}
    form["ports"] = [taken(port, PORT) for port in rest.get("EndpointSpec", {}).pop("Ports", [])]
    form["platforms"] = ["/".join(filter(None, (item.get("OS"), item.get("Architecture")))) for item in platforms(task)]
    form["deploy"] = deploy(rest, task, image)
    return with_rest(form, rest)


def deploy(rest: dict[str, Any], task: dict[str, Any], image: str) -> dict[str, Any]:
    """The section C(deploy) of a service; what it has is taken out of the rest."""
    form: dict[str, Any] = {"labels": own_labels(rest.pop("Labels", {}), image)}
    for name, value in rest.pop("Mode", {}).items():
        form["mode"] = MODES.get(name, name)
        job = {"TotalCompletions": "replicas", "MaxConcurrent": "max_concurrent"}
        form.update(taken(dict(value), {"Replicas": "replicas", **(job if name == "ReplicatedJob" else {})}))
    form.update(taken(rest.get("EndpointSpec", {}), {"Mode": "endpoint_mode"}))
    for name, key in (("UpdateConfig", "update_config"), ("RollbackConfig", "rollback_config")):
        config = rest.get(name, {})
        form[key] = {**taken(config, UPDATE), **times(config, UPDATE_TIMES)}
    policy = task.get("RestartPolicy", {})
    form["restart_policy"] = {**taken(policy, RESTART), **times(policy, RESTART_TIMES)}
    placement = task.get("Placement", {})
    form["placement"] = taken(
        placement, {"Constraints": "constraints", "Preferences": "preferences", "MaxReplicas": "max_replicas_per_node"}
    )
    found = task.get("Resources", {})
    form["resources"] = {key: resources(found.get(name, {})) for name, key in (("Limits", "limits"), ("Reservations", "reservations"))}
    return form


def resources(given: dict[str, Any]) -> dict[str, Any]:
    """Limits or reservations."""
    form: dict[str, Any] = taken(given, {"Pids": "pids", "GenericResources": "generic_resources"})
    if "NanoCPUs" in given:
        form["cpus"] = f"{given.pop('NanoCPUs') / 1e9:g}"
    if "MemoryBytes" in given:
        form["memory"] = size(given.pop("MemoryBytes"))
    return form


def platforms(task: dict[str, Any]) -> list[dict[str, str]]:
    """What an image was built for, as its registry says."""
    return task.get("Placement", {}).pop("Platforms", [])


def environment_of(normal_form: dict[str, Any] | None) -> list[str]:
    """The environment in a normal form."""
    return (normal_form or {}).get("TaskTemplate", {}).get("ContainerSpec", {}).get("Env", [])


def environment(entries: list[str], before: list[str], mask: bool) -> dict[str, str]:
    """C({name: value}). A hidden value is marked if the name was known with another one; a name without value is no empty value."""
    known = dict(entry.partition("=")[::2] for entry in before)
    form = {}
    for name, equals, value in (entry.partition("=") for entry in entries):
        shown = value if equals else UNSET
        if mask and equals:
            shown = CHANGED if name in known and known[name] != value else HIDDEN
        form[name] = shown
    return form


def volume(mount: dict[str, Any]) -> dict[str, Any]:
    """A mount without its target."""
    form = taken(mount, {"Type": "type", "Source": "source", "ReadOnly": "read_only"})
    options = {"BindOptions": "bind", "VolumeOptions": "volume", "TmpfsOptions": "tmpfs", "ClusterOptions": "cluster"}
    for name, key in options.items():
        if name in mount:
            form[key] = mount.pop(name)
    mount.pop("Target", None)
    return {**form, **mount}


def references(items: list[dict[str, Any]], name_key: str) -> dict[str, Any]:
    """The secrets or configs of a service, by the place where its tasks find them."""
    form = {}
    for item in items:
        file = item.get("File", {})
        mode = file.get("Mode")
        form[file.get("Name", item.get(name_key, ""))] = {
            "source": item.get(name_key, ""),
            **{key: file[word] for word, key in (("UID", "uid"), ("GID", "gid")) if word in file and file[word] != "0"},
            **({"mode": f"0{mode:o}"} if mode is not None and mode != 0o444 else {}),
        }
    return form


def network_reference(item: dict[str, Any]) -> dict[str, Any]:
    """A network of a service."""
    return {"attached": True, **taken(dict(item), {"Aliases": "aliases", "DriverOpts": "driver_opts"})}


# -- what a service keeps of its own, and what is written although nothing differs
def keep_replicas(spec: dict[str, Any], live: dict[str, Any]) -> None:
    """A service that somebody else scales keeps the number of its tasks."""
    own, there = (item.get("Mode") or {} for item in (spec, live))
    if own.get("Replicated") is not None and (there.get("Replicated") or {}).get("Replicas") is not None:
        spec["Mode"]["Replicated"] = {**own["Replicated"], "Replicas": there["Replicated"]["Replicas"]}


def keep_platforms(spec: dict[str, Any], live: dict[str, Any], coming: Container[str] = ()) -> None:
    """An image that was not looked up keeps the platforms that are known of it.

    With C(--resolve-image changed) or C(never) the CLI copies the live image and forgets them.

    :param coming: the images that are yet to be built, most likely for the same platforms.
    """
    platforms = (live.get("TaskTemplate", {}).get("Placement") or {}).get("Platforms")
    placement = spec["TaskTemplate"].get("Placement") or {}
    same = image_of(spec) == image_of(live) or image_of(spec) in coming
    if platforms and same and not placement.get("Platforms"):
        spec["TaskTemplate"]["Placement"] = {**placement, "Platforms": copy.deepcopy(platforms)}


def keep_image(spec: dict[str, Any], live: dict[str, Any], unresolved: dict[str, str]) -> str:
    """A service keeps the image that it runs where the registry does not tell whether its tag has moved.

    :param unresolved: image -> why its registry did not tell.
    :returns: what the user should know; nothing where no image was kept.
    """
    asked = (spec.get("Labels") or {}).get(IMAGE_LABEL, "")
    same = asked == (live.get("Labels") or {}).get(IMAGE_LABEL)
    if asked not in unresolved or not same or "@" in image_of(spec) or "@" not in image_of(live):
        return ""
    spec["TaskTemplate"]["ContainerSpec"]["Image"] = image_of(live)
    return f"{NO_DIGEST} '{asked}' ({unresolved[asked]}): service '{spec['Name']}' keeps the one that it runs."


def image_of(spec: dict[str, Any]) -> str:
    """The image of a service."""
    return (spec.get("TaskTemplate", {}).get("ContainerSpec") or {}).get("Image") or ""


def has_login(auth: str) -> bool:
    """Whether a header C(X-Registry-Auth) has more to say than that there is no login."""
    try:
        found = json.loads(base64.urlsafe_b64decode(auth + "=" * (-len(auth) % 4)))
    except ValueError:
        return False
    return any(value for name, value in found.items() if name != "serveraddress")


def extra_changes(spec: dict[str, Any], auth: str, rerun_jobs: bool, refresh_registry_auth: bool) -> list[list[Any]]:
    """What is written although nothing differs, as [path, before, after].

    :param auth: the login that comes with the call.
    """
    found: list[list[Any]] = []
    if rerun_jobs and set(mode(spec.get("Mode") or {})) & JOB_MODES:
        found.append(["job", "as it ran", "runs again"])
    if refresh_registry_auth and has_login(auth):
        found.append(["registry login", HIDDEN, "(hidden, sent again)"])
    return found


def plan(
    spec: dict[str, Any], live: dict[str, Any] | None, names: dict[str, str], extra_changes: list[list[Any]] | None = None
) -> Operation:
    """What becomes of a service that the CLI sends, or that a release has.

    :param live: as listed; None where there is none.
    :param names: network ID -> name.
    """
    after = normal(spec, names)
    if live is None:
        return Operation("services", spec["Name"], "create", None, after, spec=spec)
    before = normal(live["Spec"], names)
    operation = Operation("services", spec["Name"], "unchanged", before, after, object_id=live["ID"], spec=spec)
    operation.changes, operation.extra_changes = changed_paths(before, after), extra_changes or []
    if operation.changes or operation.extra_changes:
        operation.action = "update"
        operation.replaces_tasks = replaces_tasks(*(normal(one, names, keep_order=True) for one in (live["Spec"], spec)))
    if set(before["Mode"]) != set(after["Mode"]):
        operation.action = "impossible"
        operation.problem = (
            f"service '{operation.name}' is {list(before['Mode'])[0]} and cannot become {list(after['Mode'])[0]} (remove the service first)"
        )
    return operation
