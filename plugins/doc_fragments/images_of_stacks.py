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
      - They go along with a service that is written anyway. Logins that alone have changed are not noticed, as the Engine does not show
        those it has; see O(refresh_registry_auth).
    type: bool
    default: false
  registry_logins:
    description:
      - Logins for registries, to be used in the place of the manager's own, and sent to the nodes as with O(with_registry_auth=true).
    type: list
    elements: dict
    default: []
    suboptions:
      registry:
        description:
          - The registry's host and port as in the names of its images, or C(docker.io).
        type: str
        required: true
      username:
        description:
          - The account.
        type: str
        required: true
      password:
        description:
          - Its password or token.
        type: str
        required: true
  refresh_registry_auth:
    description:
      - Write each service that has a login at its registry, although nothing else differs, so that all nodes get the logins of today.
      - This replaces no task. It does make the version to roll back to the same as the one that runs.
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
      - What to do when a registry does not tell the digest of an image, as it cannot be reached, takes no login or has no such image.
      - With V(keep) a service that runs an image of that name keeps the very one that it runs. Docker would replace its tasks.
      - With V(fail) the task fails and nothing is changed.
    type: str
    choices: [keep, fail]
    default: keep
"""
