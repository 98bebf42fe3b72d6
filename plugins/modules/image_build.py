#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: Build the image of one service of a Compose project, and push it to a registry
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Sends the build context of a service with C(build) from the controller to this host as one archive, without the files that
    C(.dockerignore) excludes, builds the image, and pushes it under the tag that M(apiary.swarm.stack_images) returns. If the registry
    has that tag, nothing is sent.
  - Uses BuildKit if the docker command of this host has C(buildx), and the Engine's legacy builder otherwise. A Dockerfile that requires
    BuildKit (C(RUN --mount), here-documents, C(COPY --link)) fails without it, before anything is sent.
  - BuildKit supports only the networks C(default), C(none) and C(host); with another C(network) the legacy builder is used.
  - File modes are normalized to 0644 and 0755, as in git. Empty directories, sockets and pipes are not sent.
  - The values of build arguments are never shown, but everybody with the image can read them in its history. Do not use them for secrets.
extends_documentation_fragment:
  - apiary.swarm.attributes
  - apiary.swarm.connection
attributes:
  action:
    support: full
    description: Has an action plugin on the controller.
  diff_mode:
    support: none
    details:
      - The content of images is not shown.
options:
  project:
    description:
      - The project, in the format of O(apiary.swarm.stacks#role:main:stacks_projects). Only C(name), C(files) and C(env) are used.
    type: dict
    required: true
  service:
    description:
      - The service whose image is built.
    type: str
    required: true
  registry:
    description:
      - Address of the registry, as C(host:port). This host's engine uses the logins stored by C(docker login).
    type: str
    required: true
  _controller_data:
    description:
      - Data from the controller. The action plugin fills it in; nothing of it is ever shown.
    type: str
  timeout:
    description:
      - Timeout of one request to the Engine or the registry, in seconds. It does not limit building and pushing.
notes:
  - This module has an action plugin, which reads the Compose files and archives the context on the controller.
seealso:
  - module: apiary.swarm.stack_images
  - module: apiary.swarm.stack
"""

EXAMPLES = r"""
- name: Build and push the image of a service
  apiary.swarm.image_build:
    project:
      name: shop
      files: [shop/compose.yml]
    service: web
    registry: 127.0.0.1:5000
"""

RETURN = r"""
image:
  description: The image's name in the registry.
  returned: success
  type: str
  sample: 127.0.0.1:5000/shop/web:0f6d3d1c7a9b2e44
digest:
  description: The digest of its manifest; V(null) in check mode for an image that would be built.
  returned: success
  type: str
  sample: sha256:9b2e…
builder:
  description: The builder, V(buildkit) or V(engine).
  returned: when it was built, and in check mode
  type: str
  sample: buildkit
log:
  description: The last lines of the builder's log.
  returned: when a build has failed
  type: list
  elements: str
"""

import base64
import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.apiary.swarm.plugins.module_utils._core.client import CONNECTION_OPTIONS, sdk
from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge, execute_on_host
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineMissing, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._image.build import (
    Build,
    builder,
    docker_command,
    push,
    with_buildkit,
    with_engine,
)

OPTIONS: dict[str, dict[str, Any]] = {
    "project": {"type": "dict", "required": True},
    "service": {"type": "str", "required": True},
    "registry": {"type": "str", "required": True},
    "_controller_data": {"type": "str", "no_log": True},
    **CONNECTION_OPTIONS,
}


def run(params: dict[str, Any], converge: Converge) -> dict[str, Any]:
    """Build and push, or predict who would."""
    if not params["_controller_data"]:
        raise could_not(
            f"build service '{params['service']}'", "there is no data from the controller", "Call it as apiary.swarm.image_build"
        )
    build = Build(**json.loads(base64.b64decode(params["_controller_data"])))
    told = {"changed": True, "image": build.image, "digest": None}
    try:
        api = sdk(params)
    except EngineMissing:
        if not converge.check:
            raise
        return told  # the engine comes earlier in the same run
    docker = builder(build, docker_command())
    told["builder"] = "buildkit" if docker else "engine"
    if converge.check:
        return told
    api.timeout = None
    if docker:
        with_buildkit(build, docker, params["docker_host"], {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ})
    else:
        with_engine(build, api)
    return {**told, "digest": push(build, api)}


def main() -> None:
    """Run as a module."""
    execute_on_host(AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True), run)


if __name__ == "__main__":
    main()
