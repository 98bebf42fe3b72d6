# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of this collection say of their variables."""

from __future__ import annotations

import os
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.template import trust_as_template

ROLES = os.path.join(os.path.dirname(__file__), "..", "..", "roles")
# The one in C where there is one: it reads the same ten times as fast.
SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_role(role: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """(argument_specs of the entry point main, defaults, variables) of a role of this collection."""
    folder = os.path.join(ROLES, role)
    specification = load(os.path.join(folder, "meta", "argument_specs.yml"))
    if not specification:
        raise AnsibleActionFail(f"Could not look for role '{role}': this collection has no such role. Correct the option roles.")
    entries = specification["argument_specs"].values()
    options = {name: option for entry in entries for name, option in (entry.get("options") or {}).items()}
    defaults, variables = (trusted(load(os.path.join(folder, part, "main.yml"))) for part in ("defaults", "vars"))
    return options, defaults, variables


def load(path: str) -> dict[str, Any]:
    """A YAML file of this collection; nothing where there is none. Ansible's own loader takes ten times as long, on each host anew."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as stream:
        return yaml.load(stream, SafeLoader) or {}


def trusted(value: Any) -> Any:
    """The same with strings that may be templates."""
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return trust_as_template(value) if isinstance(value, str) else value
