# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be wished of a stack."""

from __future__ import annotations

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack.deploy import Wish


def refuse(wish: Wish, state: str) -> None:
    """Refuse options that do not go together.

    :param state: present, absent or rolled_back.
    :raises SwarmError: there is nothing to deploy, or nobody would know when to remove or to go back.
    """
    if state == "present" and not (wish.files or wish.definitions or wish.bundle.get("files")):
        raise SwarmError(f"Could not deploy stack '{wish.stack}': there is nothing to deploy. Give files or definitions.")
    if wish.keep_versions < 1:
        raise SwarmError(f"Could not deploy stack '{wish.stack}': no version would be kept. Give keep_versions 1 or more.")
    if wish.rules.refresh_registry_auth and not (wish.flags.with_registry_auth or wish.flags.logins):
        raise SwarmError(f"Could not deploy stack '{wish.stack}': there is no login to send. Give with_registry_auth or registry_logins.")
    if wish.rollback and not wish.wait:
        raise SwarmError(f"Could not deploy stack '{wish.stack}': nobody waits to see it fail. Leave out either rollback or wait: false.")
    if state == "rolled_back" and not wish.wait:
        raise SwarmError(
            f"Could not roll back stack '{wish.stack}': what the release does not have is removed only when the others run, and nobody "
            "waits for them. Leave out wait: false."
        )
    if wish.prune and not wish.wait:
        raise SwarmError(
            f"Could not deploy stack '{wish.stack}': prune removes services only when the others run, and nobody waits for them. "
            "Leave out either prune or wait: false."
        )
