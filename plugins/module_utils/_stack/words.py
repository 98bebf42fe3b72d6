# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the Engine's words to those of a Compose file: how a plan is shown to the person who wrote that file.

Pure functions on normal forms. What has no word in a Compose file is kept under C(x-engine) in the Engine's own,
so that no difference is ever lost.
"""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._stack.normal import HIDDEN, STACK_LABEL
from ansible_collections.apiary.swarm.plugins.module_utils._stack.rules import IMAGE_LABEL

REST = "x-engine"
CHANGED = "(hidden, changed)"
# Of a container: (the Engine's word, the Compose file's). Values are the same.
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
NETWORK = {"Driver": "driver", "Internal": "internal", "Attachable": "attachable", "Labels": "labels", "Options": "driver_opts"}
SECOND, MEBIBYTE = 10**9, 2**20


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


def size(number: int) -> str:
    """C(64M), as a Compose file has it."""
    return f"{number // MEBIBYTE}M" if number and not number % MEBIBYTE else f"{number}B"


def with_rest(words: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    """What was translated, and what was not."""
    rest = without_empty(rest)
    words = without_empty(words)
    return {**words, REST: rest} if rest else words


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


def service(normal: dict[str, Any], other: dict[str, Any] | None = None, mask: bool = True) -> dict[str, Any]:
    """A service in the words of a Compose file.

    :param other: the form that it replaces; what differs in the environment is marked.
    :param mask: do not show the values of environment variables.
    """
    rest = copy.deepcopy(normal)
    rest.pop("Name", None)
    task = rest.get("TaskTemplate", {})
    box = task.get("ContainerSpec", {})
    image = box.get("Image", "")
    words = taken(box, CONTAINER)
    words["labels"] = own_labels(words.get("labels", {}))
    words["environment"] = environment(box.pop("Env", []), environment_of(other), mask)
    words.update(times(box, {"StopGracePeriod": "stop_grace_period"}))
    health = box.get("Healthcheck", {})
    words["healthcheck"] = {**taken(health, HEALTH), **times(health, HEALTH_TIMES)}
    words.update(taken(box.get("DNSConfig", {}), DNS))
    words["volumes"] = {mount.get("Target", ""): volume(mount) for mount in box.pop("Mounts", [])}
    for kind, name in (("Secrets", "SecretName"), ("Configs", "ConfigName")):
        words[kind.lower()] = references(box.pop(kind, []), name)
    limits = {"Name": "name", "Soft": "soft", "Hard": "hard"}
    words["ulimits"] = {item.get("name", ""): item for item in (taken(one, limits) for one in box.pop("Ulimits", []))}
    words["logging"] = taken(task.get("LogDriver", {}), {"Name": "driver", "Options": "options"})
    words["networks"] = {item["Target"]: network_reference(item) for item in task.pop("Networks", [])}
    words["ports"] = [taken(port, PORT) for port in rest.get("EndpointSpec", {}).pop("Ports", [])]
    words["platforms"] = ["/".join(filter(None, (item.get("OS"), item.get("Architecture")))) for item in platforms(task)]
    words["deploy"] = deploy(rest, task, image)
    return with_rest(words, rest)


def deploy(rest: dict[str, Any], task: dict[str, Any], image: str) -> dict[str, Any]:
    """The section C(deploy) of a service; what it has is taken out of the rest."""
    words: dict[str, Any] = {"labels": own_labels(rest.pop("Labels", {}), image)}
    for name, value in rest.pop("Mode", {}).items():
        words["mode"] = MODES.get(name, name)
        job = {"TotalCompletions": "replicas", "MaxConcurrent": "max_concurrent"}
        words.update(taken(dict(value), {"Replicas": "replicas", **(job if name == "ReplicatedJob" else {})}))
    words.update(taken(rest.get("EndpointSpec", {}), {"Mode": "endpoint_mode"}))
    for name, word in (("UpdateConfig", "update_config"), ("RollbackConfig", "rollback_config")):
        config = rest.get(name, {})
        words[word] = {**taken(config, UPDATE), **times(config, UPDATE_TIMES)}
    policy = task.get("RestartPolicy", {})
    words["restart_policy"] = {**taken(policy, RESTART), **times(policy, RESTART_TIMES)}
    placement = task.get("Placement", {})
    words["placement"] = taken(
        placement, {"Constraints": "constraints", "Preferences": "preferences", "MaxReplicas": "max_replicas_per_node"}
    )
    found = task.get("Resources", {})
    words["resources"] = {word: resources(found.get(name, {})) for name, word in (("Limits", "limits"), ("Reservations", "reservations"))}
    return words


def resources(given: dict[str, Any]) -> dict[str, Any]:
    """Limits or reservations."""
    words: dict[str, Any] = taken(given, {"Pids": "pids", "GenericResources": "generic_resources"})
    if "NanoCPUs" in given:
        words["cpus"] = f"{given.pop('NanoCPUs') / 1e9:g}"
    if "MemoryBytes" in given:
        words["memory"] = size(given.pop("MemoryBytes"))
    return words


def platforms(task: dict[str, Any]) -> list[dict[str, str]]:
    """What an image was built for, as its registry says."""
    return task.get("Placement", {}).pop("Platforms", [])


def environment_of(normal: dict[str, Any] | None) -> list[str]:
    """The environment in a normal form."""
    return (normal or {}).get("TaskTemplate", {}).get("ContainerSpec", {}).get("Env", [])


def environment(entries: list[str], before: list[str], mask: bool) -> dict[str, str]:
    """C({name: value}). A hidden value is marked if the name was known with another one; a name without value hides nothing."""
    known = dict(entry.partition("=")[::2] for entry in before)
    words = {}
    for name, equals, value in (entry.partition("=") for entry in entries):
        shown = value
        if mask and equals:
            shown = CHANGED if name in known and known[name] != value else HIDDEN
        words[name] = shown
    return words


def volume(mount: dict[str, Any]) -> dict[str, Any]:
    """A mount without its target."""
    words = taken(mount, {"Type": "type", "Source": "source", "ReadOnly": "read_only"})
    options = {"BindOptions": "bind", "VolumeOptions": "volume", "TmpfsOptions": "tmpfs", "ClusterOptions": "cluster"}
    for name, word in options.items():
        if name in mount:
            words[word] = mount.pop(name)
    mount.pop("Target", None)
    return {**words, **mount}


def references(items: list[dict[str, Any]], name_key: str) -> dict[str, Any]:
    """The secrets or configs of a service, by the place where its tasks find them."""
    words = {}
    for item in items:
        file = item.get("File", {})
        mode = file.get("Mode")
        words[file.get("Name", item.get(name_key, ""))] = {
            "source": item.get(name_key, ""),
            **{word: file[key] for key, word in (("UID", "uid"), ("GID", "gid")) if key in file and file[key] != "0"},
            **({"mode": f"0{mode:o}"} if mode is not None and mode != 0o444 else {}),
        }
    return words


def network_reference(item: dict[str, Any]) -> dict[str, Any]:
    """A network of a service."""
    return {"attached": True, **taken(dict(item), {"Aliases": "aliases", "DriverOpts": "driver_opts"})}


def network(normal: dict[str, Any]) -> dict[str, Any]:
    """A network in the words of a Compose file."""
    rest = copy.deepcopy(normal)
    words = taken(rest, NETWORK)
    words["labels"] = own_labels(words.get("labels", {}))
    ipam = rest.get("IPAM", {})
    words["ipam"] = taken(ipam, {"Driver": "driver", "Subnets": "config"})
    return with_rest(words, rest)


def content(normal: dict[str, Any]) -> dict[str, Any]:
    """A config or secret in the words of a Compose file; its content is a digest, or hidden."""
    rest = copy.deepcopy(normal)
    rest.pop("Name", None)
    words = taken(rest, {"Labels": "labels", "Data": "content", "Templating": "template_driver", "Driver": "driver"})
    words["labels"] = own_labels(words.get("labels", {}))
    return with_rest(words, rest)


def of(kind: str, normal: dict[str, Any] | None, other: dict[str, Any] | None = None, mask: bool = True) -> dict[str, Any] | None:
    """An object of any kind in the words of a Compose file; None stays None."""
    if normal is None:
        return None
    if kind == "services":
        return service(normal, other, mask)
    return network(normal) if kind == "networks" else content(normal)
