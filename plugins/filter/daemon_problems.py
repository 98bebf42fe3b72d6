# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: daemon_problems
short_description: What is wrong with options of the Docker Engine
version_added: 0.2.0
author: The apiary.swarm authors (@apiary)
description:
  - Looks at options of the Docker Engine as M(apiary.swarm.daemon_config) would, before any host is asked.
options:
  _input:
    description: Options in the words of C(daemon.json), all that go together. Those that are V(null) are not set.
    type: dict
    required: true
  allow_unknown:
    description: Whether options that this collection does not know are accepted.
    type: bool
    default: false
  host:
    description: The host for which they are, for the sentences.
    type: str
"""

EXAMPLES = r"""
- name: Refuse bad options before anything is written
  ansible.builtin.assert:
    that: problems | length == 0
    fail_msg: "{{ problems | join(' ') }}"
  vars:
    problems: "{{ {'log-opts': {'max-file': '3'}} | apiary.swarm.daemon_problems(host=inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: One sentence a problem.
  type: list
"""

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._engine.options import joint_problems, sentences, value_problems


def daemon_problems(options: dict[str, Any], allow_unknown: bool = False, host: str | None = None) -> list[str]:
    """Problems of the options of one engine.

    :returns: one sentence a problem; none are options that the module would not refuse by itself.
    """
    return sentences([*value_problems(options, allow_unknown), *joint_problems(options)], host)


class FilterModule:
    """The filter daemon_problems."""

    def filters(self) -> dict[str, Any]:
        return {"daemon_problems": daemon_problems}
