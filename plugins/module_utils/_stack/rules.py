# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a definition is meant: what a service keeps of its own, and what is written although nothing differs.

The functions change a captured spec in place, before it is compared.
"""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal

IMAGE_LABEL = "com.docker.stack.image"
NOT_TOLD = "The registry did not tell the digest of image"


@dataclass(frozen=True)
class Rules:
    """What the task says beside the definition.

    :ivar rotate: other content for a config or secret becomes a new version of it.
    :ivar keep_replicas: a service keeps the number of tasks that it has.
    :ivar rerun_jobs: jobs run again although nothing differs.
    :ivar refresh_registry_auth: logins are sent although nothing differs.
    :ivar registry_unreachable: keep or fail, where a registry does not tell the digest of an image.
    :ivar assumed: kind -> names of external objects that are taken for present.
    """

    stack: str
    rotate: bool = True
    keep_replicas: bool = False
    rerun_jobs: bool = False
    refresh_registry_auth: bool = False
    registry_unreachable: str = "keep"
    assumed: dict[str, list[str]] = field(default_factory=dict)


def keep_replicas(spec: dict[str, Any], live: dict[str, Any]) -> None:
    """A service that somebody else scales keeps the number of its tasks."""
    own, there = (item.get("Mode") or {} for item in (spec, live))
    if own.get("Replicated") is not None and (there.get("Replicated") or {}).get("Replicas") is not None:
        spec["Mode"]["Replicated"] = {**own["Replicated"], "Replicas": there["Replicated"]["Replicas"]}


def keep_platforms(spec: dict[str, Any], live: dict[str, Any]) -> None:
    """An image that was not looked up keeps the platforms that are known of it.

    With C(--resolve-image changed) or C(never) the CLI copies the live image and forgets them.
    """
    platforms = (live.get("TaskTemplate", {}).get("Placement") or {}).get("Platforms")
    placement = spec["TaskTemplate"].get("Placement") or {}
    if platforms and image_of(spec) == image_of(live) and not placement.get("Platforms"):
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
    return f"{NOT_TOLD} '{asked}' ({unresolved[asked]}): service '{spec['Name']}' keeps the one that it runs."


def image_of(spec: dict[str, Any]) -> str:
    """The image of a service."""
    return (spec.get("TaskTemplate", {}).get("ContainerSpec") or {}).get("Image") or ""


def asked_for(rules: Rules, spec: dict[str, Any], auth: str) -> list[list[Any]]:
    """What is written although nothing differs, as [path, before, after].

    :param auth: the login that comes with the call.
    """
    told: list[list[Any]] = []
    if rules.rerun_jobs and set(normal.mode(spec.get("Mode") or {})) & normal.JOB_MODES:
        told.append(["job", "as it ran", "runs again"])
    if rules.refresh_registry_auth and has_login(auth):
        told.append(["registry login", normal.HIDDEN, "(hidden, sent again)"])
    return told


def has_login(auth: str) -> bool:
    """Whether a header C(X-Registry-Auth) has more to say than that there is no login."""
    try:
        found = json.loads(base64.urlsafe_b64decode(auth + "=" * (-len(auth) % 4)))
    except ValueError:
        return False
    return any(value for name, value in found.items() if name != "serveraddress")


def assumed_object(kind: str, name: str) -> dict[str, Any]:
    """Stands for an external object that an earlier task of the same check run would have made."""
    if kind == "networks":
        return {"Id": f"planned-{name}", "Name": name, "Scope": "swarm", "Driver": "overlay", "Labels": {}}
    return {"ID": f"planned-{name}", "Version": {"Index": 1}, "Spec": {"Name": name, "Labels": {}}}
