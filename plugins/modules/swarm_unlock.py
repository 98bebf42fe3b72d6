#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: swarm_unlock
short_description: Unlock a manager of a Swarm with autolock
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - In a swarm with O(apiary.swarm.swarm_init#module:autolock), a manager is locked after its engine has restarted. This module
    unlocks it, and waits until it is a member again.
  - On a manager that is not locked it verifies that O(unlock_key) is the swarm's, so that a wrong or rotated key is detected
    before a restart. In a swarm without autolock any key is accepted.
  - Workers, and hosts in no swarm, are never locked. On them it does nothing.
extends_documentation_fragment:
  - apiary.swarm.connection
  - apiary.swarm.attributes
options:
  unlock_key:
    description:
      - The key, as C(docker swarm unlock-key) shows it on another manager.
      - Keep it in a vault. Without it and without a running manager the swarm is lost.
    type: str
    required: true
  verify:
    description:
      - Whether to verify the key on a manager that is not locked. If V(false), nothing is done there.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long the manager may take to be a member again, in seconds.
    type: int
    default: 60
seealso:
  - module: apiary.swarm.swarm_init
  - module: apiary.swarm.swarm_health
"""

EXAMPLES = r"""
- name: Unlock the managers after a power failure
  apiary.swarm.swarm_unlock:
    unlock_key: "{{ vault_cluster_unlock_key }}"
"""

RETURN = r"""
node_id:
  description: This host's NodeID; V(null) where it is in no swarm, and in check mode on a manager that is locked.
  type: str
  returned: success
"""

import hmac
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import wait_until
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.membership import (
    host_name,
    is_manager,
    lost_quorum,
    swarm_error,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "unlock_key": {"type": "str", "required": True, "no_log": True},
    "verify": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 60},
}
PREFIX = "SWMKEY-"
KEY_ADVICE = "Take it from 'docker swarm unlock-key' on a manager that runs"


def check_params(params: dict[str, Any]) -> None:
    """Refuse what is no key at all, such as a join token."""
    if not params["unlock_key"].strip().startswith(PREFIX):
        raise could_not("use option 'unlock_key'", f"it is not an unlock key, which begins with {PREFIX}", KEY_ADVICE)


def verify_key(info: dict[str, Any], client: Client, key: str) -> None:
    """Refuse a key that is not that of this manager's swarm. Without a quorum nobody can tell."""
    if not is_manager(info) or lost_quorum(info):
        return
    actual = client.swarm_unlock_key()
    if actual and not hmac.compare_digest(actual.encode(), key.encode()):
        raise could_not(
            f"use the unlock key for manager '{host_name(info)}'", "it is not the key of its swarm, or was rotated since", KEY_ADVICE
        )


def run(params: dict[str, Any], client: Client, converge: Converge) -> dict[str, Any]:
    """Verify the key, or use it."""
    check_params(params)
    key = params["unlock_key"].strip()

    def observe() -> tuple[Any, dict[str, Any]]:
        info = client.info()
        if params["verify"]:
            verify_key(info, client, key)
        return {"locked": info["Swarm"]["LocalNodeState"] == "locked"}, info

    def apply(_before: Any, _after: Any, info: dict[str, Any]) -> dict[str, Any]:
        client.swarm_unlock(key)
        return wait_until(
            client.info,
            lambda info: info["Swarm"]["LocalNodeState"] == "active",
            f"unlock manager '{host_name(info)}'",
            params["wait_timeout"],
            explain=lambda info: swarm_error(info) or f"its state is '{info['Swarm']['LocalNodeState']}'",
        )

    outcome = converge(observe, lambda _current, _info: {"locked": False}, apply)
    return {"changed": outcome.changed, "diff": outcome.diff, "node_id": outcome.context["Swarm"].get("NodeID") or None}


def main() -> None:
    """Run as a module."""
    execute(AnsibleModule(argument_spec={**CONNECTION_OPTIONS, **OPTIONS}, supports_check_mode=True), run, without_engine=True)


if __name__ == "__main__":
    main()
