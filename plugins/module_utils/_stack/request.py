# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks for: the options of the module stack, with what the controller sends along."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, fields
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._stack.redaction import secret_values

# The private options of a module with an action plugin. The data goes in one piece that is shown nowhere, registry logins with it:
# Ansible puts stars in the place of each known password wherever it stands in a result, also within the name of a service.
PRIVATE_OPTIONS: dict[str, dict[str, Any]] = {
    "_controller_data": {"type": "str", "no_log": True},
    "_checkpoint": {"type": "dict"},
}
# Options that go in the controller's data.
SENT_ALONG = ("definitions", "env", "registry_logins")
IMAGE_OPTIONS: dict[str, dict[str, Any]] = {
    "with_registry_auth": {"type": "bool", "default": False},
    "registry_logins": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "registry": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
        },
    },
    "refresh_registry_auth": {"type": "bool", "default": False},
    "resolve_image": {"type": "str", "choices": ["always", "changed", "never"], "default": "always"},
    "registry_unreachable": {"type": "str", "choices": ["keep", "fail"], "default": "keep"},
}


@dataclass(frozen=True)
class Request:
    """What a task asks for: the fields have the names and meanings of the module's options, which set their defaults.

    :ivar packed: Compose files that came from the controller, as [path as the user wrote it, stored name, base64].
    :ivar attached: files that those name, in the same form.
    :ivar dependencies: service -> the services that it depends on, by the names in the Compose files.
    :ivar who: who runs the play, and where.
    """

    name: str
    state: str = "present"
    files: list[str] = field(default_factory=list)
    definitions: list[dict[str, Any]] = field(default_factory=list)
    env: dict[str, Any] = field(default_factory=dict, repr=False)
    prune: bool = False
    rotate: bool = True
    keep_versions: int = 3
    mask_env: bool = True
    with_registry_auth: bool = False
    registry_logins: list[dict[str, str]] = field(default_factory=list, repr=False)
    refresh_registry_auth: bool = False
    resolve_image: str = "always"
    registry_unreachable: str = "keep"
    replicas: str = "defined"
    rerun_jobs: bool = False
    assume_present: dict[str, list[str]] = field(default_factory=dict)
    release: int | None = None
    keep_releases: int = 0
    wait_for_dependencies: bool = False
    wait: bool = True
    wait_timeout: float = 300
    max_failures: int = 0
    stable_for: float = 0
    rollback: bool = False
    packed: list[list[str]] = field(default_factory=list, repr=False)
    attached: list[list[str]] = field(default_factory=list, repr=False)
    dependencies: dict[str, list[str]] = field(default_factory=dict)
    who: str = ""

    @classmethod
    def of(cls, params: dict[str, Any], **others: Any) -> Request:
        """The request of a task's options.

        :param others: fields that are no options of that module.
        """
        data = unpack(params["_controller_data"])
        names = {item.name for item in fields(cls)}
        given = {name: value for name, value in {**params, **data, **others}.items() if name in names}
        for name in SENT_ALONG:
            if name in params and name in data:
                given[name] = {**params[name], **data[name]} if name == "env" else params[name] + data[name]
        return cls(**given)

    @property
    def depends_on(self) -> dict[str, list[str]]:
        """Full service name -> those that it depends on."""
        return {f"{self.name}_{one}": [f"{self.name}_{other}" for other in others] for one, others in self.dependencies.items()}

    @property
    def kept_versions(self) -> int:
        """How many versions of a config or secret stay; 0, which is all, when nobody waits until the new ones run."""
        return self.keep_versions if self.rotate and self.wait else 0

    @property
    def secrets(self) -> list[str]:
        """What must stand in no result."""
        return [str(login["password"]) for login in self.registry_logins]

    @property
    def hidden(self) -> list[str]:
        """The values that are not shown in plan and diff, wherever the Compose files put them."""
        return secret_values(as_value(value) for value in self.env.values()) if self.mask_env else []

    def refuse(self) -> None:
        """Refuse options that do not go together.

        :raises SwarmError: there is nothing to deploy, or nobody would know when to remove or to roll back.
        """
        deploy, roll_back = f"deploy stack '{self.name}'", f"roll back stack '{self.name}'"
        if self.state == "present" and not (self.files or self.definitions or self.packed):
            raise could_not(deploy, "there is nothing to deploy", "Give files or definitions")
        if self.keep_versions < 1:
            raise could_not(deploy, "no version would be kept", "Give keep_versions 1 or more")
        if self.refresh_registry_auth and not (self.with_registry_auth or self.registry_logins):
            raise could_not(deploy, "there is no login to send", "Give with_registry_auth or registry_logins")
        if self.rollback and not self.wait:
            raise could_not(deploy, "rollback requires waiting for the result", "Leave out either rollback or wait: false")
        if self.state == "rolled_back" and not self.wait:
            cause = "services that the release does not contain are removed only after waiting for the others"
            raise could_not(roll_back, cause, "Leave out wait: false")
        if self.prune and not self.wait:
            cause = "prune removes services only after waiting for the others"
            raise could_not(deploy, cause, "Leave out either prune or wait: false")


def unpack(packed: str | None) -> dict[str, Any]:
    """The controller's data: fields of a request."""
    return json.loads(base64.b64decode(packed)) if packed else {}


def as_value(value: Any) -> str:
    """An interpolation value as an environment variable has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
