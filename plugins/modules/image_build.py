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
  - Sends the build context of a service with C(build) from the controller to this host as one archive, without what C(.dockerignore) names,
    builds it, and pushes it under the tag that M(apiary.swarm.stack_images) tells. Where the registry has that tag, nothing is sent.
  - BuildKit builds where the docker command of this host has C(buildx), and the Engine's own builder elsewhere. A Dockerfile that needs
    BuildKit (C(RUN --mount), here documents, C(COPY --link)) fails where there is none, before anything is sent.
  - BuildKit knows the networks C(default), C(none) and C(host) only; with another C(network) the Engine's own builder builds.
  - Files have the modes 0644 and 0755, as git knows them. Empty folders, sockets and pipes are not sent.
  - The values of build arguments are shown nowhere, but whoever has the image can read them in its history. They are no place for a secret.
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
      - The project, as O(apiary.swarm.stacks#role:main:stacks_projects) has it. Of it C(name), C(files) and C(env) are read.
    type: dict
    required: true
  service:
    description:
      - The service whose image is built.
    type: str
    required: true
  registry:
    description:
      - Address of the registry, as C(host:port). This host's engine uses the logins that C(docker login) has left.
    type: str
    required: true
  _controller_data:
    description:
      - What the action plugin has found out on the controller. Nothing of it is ever shown.
    type: str
  timeout:
    description:
      - How long one question to the Engine or the registry may take, in seconds. Building and pushing take the time that they need.
notes:
  - This module has an action of the same name, which reads the Compose files and packs the context on the controller.
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
  description: The digest of its manifest; V(null) in check mode, for an image that is to be built.
  returned: success
  type: str
  sample: sha256:9b2e…
builder:
  description: What has built it, V(buildkit) or V(engine).
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
            f"build service '{params['service']}'", "nothing has come from the controller", "Call it as apiary.swarm.image_build"
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
