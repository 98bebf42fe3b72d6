# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: restart_problems
short_description: Why the engine of a node must not be restarted now
version_added: 0.2.0
author: The apiary.swarm authors (@apiary)
description:
  - Looks at the swarm as a manager sees it. A manager may only go if the others are a majority without it.
  - A host that says it is a member and is not Ready as the manager sees it stops the rest, because it may have been restarted just now.
  - The only manager of a swarm may always go, because nothing is lost that could be kept.
options:
  _input:
    description: The result of M(apiary.swarm.swarm_info) on a manager.
    type: dict
    required: true
  host:
    description: The name of the host, for the sentence.
    type: str
    required: true
  node_id:
    description: The NodeID of the host.
    type: str
    required: true
  members:
    description: NodeIDs and names of the hosts that say they are members. They have to be Ready, all but this one.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Refuse a restart that would cost the quorum
  ansible.builtin.assert:
    that: swarm | apiary.swarm.restart_problems('manager1', node_id) | length == 0
"""

RETURN = r"""
_value:
  description: One sentence a problem.
  type: list
"""

from typing import Any


def restart_problems(swarm: dict[str, Any], host: str, node_id: str | None, members: dict[str, str] | None = None) -> list[str]:
    """What speaks against a restart now.

    :param swarm: what swarm_info says on the manager that watches.
    :returns: one sentence a problem; none means that the engine may be restarted.
    """
    refusal = f"Could not restart the engine of '{host}'"
    override = "or set engine_restart_without_quorum to true"
    if not swarm.get("control_available") or swarm.get("nodes") is None:
        reason = swarm.get("error") or "the swarm has no quorum"
        return [f"{refusal}: no manager is in control ({str(reason).rstrip('.')}). Bring the managers back and run again, {override}."]
    missed = sorted(name for node, name in (members or {}).items() if node != node_id and not ready(swarm["nodes"], node))
    if missed:
        cause = f"{', '.join(missed)} should be Ready before it and is not"
        return [f"{refusal}: {cause}. Look into the log there ('journalctl -u docker') and run again."]
    managers = [node for node in swarm["nodes"] if node["role"] == "manager"]
    others = [node for node in managers if node["id"] != node_id]
    if len(others) == len(managers) or not others:
        return []
    reachable, needed = sum(node["reachability"] == "reachable" for node in others), len(managers) // 2 + 1
    if reachable >= needed:
        return []
    return [
        f"{refusal}: without it {reachable} of {len(managers)} managers are reachable, and the swarm needs {needed} for its quorum. "
        f"{'Bring the other managers back' if reachable < len(others) else 'Use an odd number of managers'} and run again, {override}."
    ]


def ready(nodes: list[dict[str, Any]], node_id: str) -> bool:
    """The managers see this node Ready; one that they do not know is not theirs to wait for."""
    return all(node["state"] == "ready" for node in nodes if node["id"] == node_id)


class FilterModule:
    """The filter restart_problems."""

    def filters(self) -> dict[str, Any]:
        return {"restart_problems": restart_problems}
