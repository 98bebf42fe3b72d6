#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_info
short_description: Gather information about images in a registry
version_added: 0.1.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Returns the digests of any number of images in a registry in one task.
extends_documentation_fragment:
  - apiary.swarm.attributes.reads
options:
  address:
    description:
      - The address of the registry, as C(host:port).
    type: str
    required: true
  images:
    description:
      - Images as C(repository:tag).
    type: list
    elements: str
    required: true
  timeout:
    description:
      - Timeout of one request, in seconds.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Gather the digests of two images
  apiary.swarm.registry_info:
    address: 10.0.0.5:5000
    images: [shop/web:1.4, shop/worker:1.4]
  register: registry
"""

RETURN = r"""
digests:
  description: The digest of the manifest of each image; V(null) if the registry does not have it.
  type: dict
  returned: success
  sample: {"shop/web:1.4": "sha256:9b2…", "shop/worker:1.4": null}
"""

from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import fetch_url
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not

OPTIONS: dict[str, dict[str, Any]] = {
    "address": {"type": "str", "required": True},
    "images": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "int", "default": 30},
}
# A registry answers with the kind of manifest that is asked for: these are all that an engine can pull.
MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "oci.image.index.v1",
    )
)

# URL -> (status, headers in lower case); the status is -1 where nothing answers.
Ask = Callable[[str], "tuple[int, dict[str, Any]]"]


def digests(address: str, images: list[str], ask: Ask) -> dict[str, str | None]:
    """Image to digest, None for one that the registry does not have.

    :raises SwarmError: an image's name is wrong, or the registry answers unexpectedly.
    """
    found: dict[str, str | None] = {}
    for image in images:
        repository, _colon, tag = image.rpartition(":")
        if not (repository and tag) or "/" in tag:
            raise could_not(f"look up image '{image}'", "it has no tag", "Write it as repository:tag")
        status, headers = ask(f"http://{address}/v2/{repository}/manifests/{tag}")
        if status not in (200, 404):
            answer = "does not answer" if status == -1 else "answers unexpectedly"
            cause = f"the registry at '{address}' {answer} ({headers.get('msg') or status})"
            raise could_not(f"look up image '{image}'", cause, "Check the registry's log, or correct the address")
        found[image] = headers.get("docker-content-digest") if status == 200 else None
    return found


def main() -> None:
    """Run as a module."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)

    def ask(url: str) -> tuple[int, dict[str, Any]]:
        _answer, info = fetch_url(module, url, method="HEAD", headers={"Accept": MANIFESTS}, timeout=module.params["timeout"])
        return info["status"], info

    try:
        found = digests(module.params["address"], module.params["images"], ask)
    except SwarmError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, digests=found)


if __name__ == "__main__":
    main()
