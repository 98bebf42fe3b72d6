# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's engine as it is: packages, unit, options in the file and in force, and what new options would need. Nothing is written."""

from __future__ import annotations

from typing import Any, Sequence

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client, connect_for_reading, no_engine
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineMissing, SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._engine import configuration, redaction
from ansible_collections.apiary.swarm.plugins.module_utils._engine.packages import (
    CONTAINERD,
    DOCKER_CONTAINERD,
    FAMILIES,
    brought_along,
    others_needs,
    parse_dependents,
    parse_packages,
)
from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import LOOK_AT_THE_LOG, QUICK, UNIT, Host
from ansible_collections.apiary.swarm.plugins.module_utils._host.files import readable

DATA_ROOT = "/var/lib/docker"
# Containerd has it from its first start on: where there is none, nobody has ever used it.
CONTAINERD_DATA = "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"
# With this file ansible.builtin.apt keeps packages from starting their services, and takes it away at its end.
BLOCKER, BLOCKED = "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n"
PROPERTIES = ("ActiveState", "SubState", "UnitFileState")
# Those in which systemctl calls a unit active, or enabled.
ACTIVE = ("active", "reloading", "refreshing")
ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated", "transient")


# -- packages
def packages(host: Host, family: str, names: Sequence[str]) -> dict[str, str]:
    """The versions of those of the packages that are installed."""
    if family not in FAMILIES or not names:
        return {}
    return parse_packages(host.command([*FAMILIES[family].query, *names], None, QUICK)[1])


def holds(host: Host, family: str) -> list[str]:
    """The lines of the file that holds versions."""
    return (readable(host, FAMILIES[family].holds_file) or "").splitlines() if family in FAMILIES else []


def others(host: Host, family: str, own: Sequence[str]) -> dict[str, list[str]]:
    """Who else needs what an engine has brought along, by package.

    :param own: packages that go with the engine.
    """
    there = packages(host, family, brought_along(family))
    dependents = {}
    for name in [name for name in brought_along(family) if name in there]:
        # Docker's package has in it what the distributions' packages are, and others ask for it by their names.
        names = brought_along(family) if name == DOCKER_CONTAINERD else [name]
        dependents[name] = parse_dependents(host.command([*FAMILIES[family].dependents, *names], None, QUICK)[1])
    asked = {CONTAINERD, DOCKER_CONTAINERD} & set(there)
    return others_needs(dependents, list(own), namespaces(host) if asked else [])


def namespaces(host: Host) -> list[str] | None:
    """The namespaces of containerd; None where it does not answer and has been used."""
    status, answer = host.command(["ctr", "namespaces", "list", "--quiet"], None, QUICK)
    if status == 0:
        return answer.split()
    return None if host.changed_at(CONTAINERD_DATA) is not None else []


# -- the unit
def unit(host: Host) -> dict[str, Any]:
    """The engine's unit. C(state) is systemd's word such as running, dead or auto-restart; None where there is no systemd."""
    installed = bool(host.unit_texts())
    status, answer = host.command(["systemctl", "show", f"--property={','.join(PROPERTIES)}", UNIT], None, QUICK)
    told = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line) if status == 0 else {}
    return {
        "installed": installed,
        "state": told.get("SubState"),
        "active": told.get("ActiveState") in ACTIVE if told else host.pid() is not None,
        "enabled": told.get("UnitFileState") in ENABLED,
        "starts_blocked": readable(host, BLOCKER) == BLOCKED,
    }


# -- the engine
def reach(host: Host, params: dict[str, Any], seen: dict[str, Any]) -> tuple[Client | None, dict[str, Any] | None, str | None]:
    """(client, C(GET /info), why the engine does not answer).

    Client and info are None where there is an engine and nobody knows more. Of a host without one, or whose engine is stopped, they are
    those of C(no_engine).

    :param seen: what C(unit) has told. Systemd starts an engine for whoever knocks at its socket, so one that is stopped is not asked.
    """
    if params["docker_host"] == CONNECTION_OPTIONS["docker_host"]["default"] and is_stopped(seen):
        error = could_not(f"connect to the Docker Engine of '{host.name}'", f"its unit is {seen['state']}", f"Start it. {LOOK_AT_THE_LOG}")
        return no_engine(), no_engine().info(), str(error)
    try:
        client = connect_for_reading(params)
        return client, client.info(), None
    except EngineMissing as missing:
        client = no_engine(missing.sdk)
        return client, client.info(), str(missing)
    except SwarmError as error:
        return None, None, str(error)


def is_stopped(seen: dict[str, Any]) -> bool:
    """There is a unit, and it neither runs nor is on its way."""
    return seen["installed"] and seen["state"] in ("dead", "failed", "auto-restart", "auto-restart-queued")


def engine(host: Host, client: Client | None, info: dict[str, Any] | None, error: str | None) -> dict[str, Any]:
    """The engine, with its options (redacted) as they are in force and as the file has them; None where nobody knows."""
    info = info or {}
    version = info.get("ServerVersion")
    try:
        files = host.files()
        read = host.has_read(files) if host.pid() is not None else None
        file: dict[str, Any] | None = configuration.parse(files.options)
    except (SwarmError, ValueError):
        read, file = None, None
    return {
        "answers": bool(version),
        "error": error,
        "version": version,
        "replaced": host.pid() is not None and host.program_replaced(),
        "api": client.api_version if client and version else None,
        "data_root": info.get("DockerRootDir") or (file or {}).get("data-root") or DATA_ROOT,
        "options": None if read is None else redaction.redact("", read.options),
        "file_options": None if file is None else redaction.redact("", file),
    }


def images(client: Client | None, names: list[str]) -> dict[str, bool] | None:
    """Whether the engine has these images; None where it does not answer."""
    if client is None:
        return None
    there = {tag for image in client.images() for tag in image.get("RepoTags") or []} if names else set()
    return {name: familiar(name) in there for name in names}


def familiar(image: str) -> str:
    """The name of an image as the Engine lists it: with its tag, and without Docker Hub (github.com/distribution/reference)."""
    first, slash, rest = image.partition("/")
    name = rest if slash and first in ("docker.io", "index.docker.io") else image
    name = name[len("library/") :] if name.startswith("library/") and name.count("/") == 1 else name
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


# -- what new options would need
def daemon(host: Host, wanted: dict[str, Any]) -> dict[str, Any]:
    """What the module daemon_config would do with C(apply=reload), and what the engine needs beyond that.

    :param wanted: the module's C(options), C(exclusive) and C(allow_unknown).
    :returns: C(action), C(pending), C(changed) and C(changed_options) as the module tells them; C(before) and C(after) (redacted) of all
        that is wanted, what is pending included; C(problems). With a problem C(action) is None.
    """
    from ansible_collections.apiary.swarm.plugins.module_utils._engine import rollout

    params = {**wanted, "apply": "reload", "renewed": [], "restart_replaced": False}
    try:
        before, plan = rollout.observe(host, params)
    except SwarmError as error:
        told: dict[str, Any] = {"action": None, "pending": False, "changed": False, "changed_options": [], "before": {}, "after": {}}
        return {**told, "problems": [str(error)]}
    now, later = (rollout.desired_state(before, plan, apply) for apply in ("reload", "restart"))
    return {
        "action": plan.action,
        "pending": plan.action != configuration.NOTHING and now["engine"] != rollout.RUNS,
        "changed": now != before,
        "changed_options": plan.unread,
        **rollout.difference(before, later),
        "problems": [],
    }
