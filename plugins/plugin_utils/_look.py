# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles' decisions need of a host, and which of their variables a look may return. Pure functions."""

from __future__ import annotations

from typing import Any, Mapping

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._engine.kernel import MODULES, MODULES_FILE, SYSCTL_FILE
from ansible_collections.apiary.swarm.plugins.module_utils._tls.variables import derived, host_paths

# Beside those that are no_log: they, or the credentials in their URLs, may be secrets, and the roles that use them read them themselves.
HIDDEN = frozenset(
    (
        "engine_daemon_options",
        "engine_log_opts",
        "engine_proxies",
        "engine_registry_mirrors",
        "images_projects",
        "registry_environment",
        "registry_storage",
        "stacks_overlays",
        "stacks_projects",
    )
)
# What else has to be known of a role to look for it.
PRIVATE = {"engine": ("__engine_options",)}


def may_return(name: str, option: Mapping[str, Any]) -> bool:
    """A variable that cannot hold a secret.

    :param option: its entry in the role's argument_specs.
    """
    inner = (option.get("options") or {}).items()
    return name not in HIDDEN and not option.get("no_log") and all(may_return(key, one) for key, one in inner)


def checked(name: str, option: Mapping[str, Any], value: Any, host: str) -> tuple[Any, str | None]:
    """(the value as its entry in argument_specs has it, what is wrong with it as a sentence)."""
    result = ArgumentSpecValidator({name: option}).validate({name: value})
    if result.error_messages:
        return None, refusal(name, host, "; ".join(result.error_messages))
    return result.validated_parameters[name], None


def refusal(name: str, host: str, cause: str) -> str:
    """Why a variable cannot be used."""
    return str(could_not(f"use variable '{name}' of host '{host}'", " ".join(cause.split()), "Correct it in the inventory"))


def look_arguments(role: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the module host_info for what a role decides by.

    :param variables: those of the role, checked; what could not be made out is missing.
    """
    if role == "engine":
        return engine_arguments(variables)
    if role == "tls":
        # Together with the role engine its variables say where the certificates are, as in the plan.
        return {"files": host_paths(derived(variables, []) if "engine_remote_api" in variables else variables)}
    if role == "images":
        return {"images": [archive["image"] for archive in variables.get("images_archives") or []]}
    return {}


def engine_arguments(variables: Mapping[str, Any]) -> dict[str, Any]:
    """For packages, the kernel and the daemon's options."""
    arguments: dict[str, Any] = {"kernel_modules": [*MODULES, *(variables.get("engine_kernel_modules") or [])]}
    if variables.get("engine_kernel_files"):
        arguments.update(files=[SYSCTL_FILE, MODULES_FILE], sysctl=list(variables.get("engine_sysctl") or {}))
    if "__engine_options" in variables:
        arguments["daemon"] = {
            "options": variables["__engine_options"],
            "exclusive": variables.get("engine_daemon_exclusive", True),
            "allow_unknown": variables.get("engine_daemon_allow_unknown", False),
        }
    return arguments


def merged(given: Mapping[str, Any], wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """The options of the task and those that the roles need: lists are joined, and what the task says itself wins."""
    arguments = dict(given)
    for one in wanted:
        for name, value in one.items():
            if isinstance(value, list):
                arguments[name] = list(dict.fromkeys([*(arguments.get(name) or []), *value]))
            else:
                arguments.setdefault(name, value)
    return arguments
