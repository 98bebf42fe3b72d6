# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands the module an unlock key, without a file on the host."""

from __future__ import annotations

from ansible.plugins.action.normal import ActionModule as Normal
from ansible_collections.apiary.swarm.plugins.plugin_utils._connection import ActionWithSecrets


class ActionModule(ActionWithSecrets, Normal):
    """The action of M(apiary.swarm.swarm_unlock)."""
