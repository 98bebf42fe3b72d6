# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """The options about the images of a stack and their registries."""

    DOCUMENTATION = r"""
options:
  with_registry_auth:
    description:
      - Send the manager's registry logins to the nodes, so that they can pull.
      - They are sent with a service that is written anyway. A change of logins alone goes unnoticed, as the Engine does not show the
        stored ones; see O(refresh_registry_auth).
    type: bool
    default: false
  registry_logins:
    description:
      - Logins for registries, used instead of the manager's own, and sent to the nodes as with O(with_registry_auth=true).
    type: list
    elements: dict
    default: []
    suboptions:
      registry:
        description:
          - The host and port of the registry as in the names of its images, or C(docker.io).
        type: str
        required: true
      username:
        description:
          - The user name.
        type: str
        required: true
      password:
        description:
          - The password or token.
        type: str
        required: true
  refresh_registry_auth:
    description:
      - Update each service that has a login at its registry, even if nothing else differs, so that all nodes get the current logins.
      - This replaces no tasks, but makes the rollback target of the service the same as its current version.
    type: bool
    default: false
  resolve_image:
    description:
      - When to ask the registry for the digest of an image, so that all nodes run the same one.
      - Use V(never) for images that are in no registry.
    type: str
    choices: [always, changed, never]
    default: always
  registry_unreachable:
    description:
      - What to do when a registry does not return the digest of an image, because it is unreachable, refuses the login or does not have it.
      - With V(keep), a service that runs an image of that name keeps the exact image. Docker would replace its tasks.
      - With V(fail), the task fails and nothing is changed.
    type: str
    choices: [keep, fail]
    default: keep
"""
