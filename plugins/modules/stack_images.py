#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_images
short_description: Gather the images that Compose projects build, and find out which of them a registry lacks
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Reads the Compose files of projects on the controller and lists one image for each service with C(build).
  - The tag is a digest of all that M(apiary.swarm.image_build) builds it from (the files of the context, the Dockerfile, the arguments
    and all other settings), so an image with that tag in the registry need not be built again.
  - Of C(build) the keys C(context), C(dockerfile), C(dockerfile_inline), C(args), C(target), C(network), C(labels), C(shm_size) and one of
    C(platforms) are honoured. Those for caches, C(pull), C(provenance) and C(sbom) are passed over, and all others fail the task.
  - Files that C(.dockerignore) names do not count, by the rules of docker's own command, nor do empty folders. Links count by what they
    say. A Dockerfile may have a C(.dockerignore) of its own, called like itself with that ending.
  - Where a service has C(build) and an C(image) with a tag, the registry gets the image under that name, too (RV(untagged)); what stands
    there as the registry is replaced by O(registry). The stack itself names the image by its digest, so that a tag that moves replaces no
    task by itself.
  - Asks the registry from the host that the task runs on, see M(apiary.swarm.registry_info). Nothing is written.
  - Nothing is built for a project whose C(state) is V(absent) or V(rolled_back). It needs no C(files).
extends_documentation_fragment:
  - apiary.swarm.attributes.reads
attributes:
  action:
    support: full
    description: Has an action plugin on the controller.
options:
  projects:
    description:
      - Projects, as O(apiary.swarm.stacks#role:main:stacks_projects) has them. Of each C(name), C(files), C(env) and C(state) are read.
    type: list
    elements: dict
    default: []
  push:
    description:
      - Names of images that are to be in the registry without being built.
    type: list
    elements: str
    default: []
  registry:
    description:
      - Address of the registry, as C(host:port).
    type: str
    required: true
  timeout:
    description:
      - How long the registry may take to answer, in seconds.
    type: int
    default: 30
notes:
  - This module has an action of the same name, which does all but asking the registry.
seealso:
  - module: apiary.swarm.image_build
  - module: apiary.swarm.registry_info
  - module: apiary.swarm.stack
"""

EXAMPLES = r"""
- name: Find out which images have to be built
  apiary.swarm.stack_images:
    registry: 127.0.0.1:5000
    projects:
      - name: shop
        files: [shop/compose.yml]
  register: images

- name: Deploy with the images named by their digests
  apiary.swarm.stack:
    name: shop
    files: [shop/compose.yml]
    definitions: ["{{ images.definitions.shop }}"]
"""

RETURN = r"""
images:
  description: All images. What is pushed without being built has C(name), C(image), C(repository) and C(digest) only.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: The image as C(repository:tag).
      type: str
      sample: shop/web:0f6d3d1c7a9b2e44
    image:
      description: Its name with that of the registry.
      type: str
      sample: 127.0.0.1:5000/shop/web:0f6d3d1c7a9b2e44
    repository:
      description: The repository.
      type: str
    digest:
      description: The digest of its manifest; V(null) if the registry does not have it.
      type: str
    project:
      description: Name of the project that builds it.
      type: str
    service:
      description: Name of the service that it is for.
      type: str
    tag:
      description: The name that C(image) of its Compose file gives it, without a registry; empty where that gives no tag.
      type: str
    context:
      description: The folder of the build context on the controller.
      type: str
    dockerfile:
      description: The Dockerfile, relative to the context; empty where the Compose file has its text.
      type: str
    buildkit:
      description: Whether the Dockerfile needs BuildKit.
      type: bool
    target:
      description: The stage to build; empty for the last one.
      type: str
    network:
      description: The network of C(RUN) instructions; empty for the default one.
      type: str
    labels:
      description: Labels of the image.
      type: dict
    shm_size:
      description: The size of C(/dev/shm) in the build; empty for the default one.
      type: str
    platform:
      description: The platform to build for; empty for that of the engine.
      type: str
missing:
  description: Those of RV(images) that the registry does not have. All of them where it did not answer, and then the task has failed.
  type: list
  elements: dict
  returned: always
untagged:
  description: Those of RV(images) with a C(tag) under which the registry does not have them.
  type: list
  elements: dict
  returned: always
definitions:
  description: A Compose definition for each project, by its name, that names the images by their digests.
  type: dict
  returned: always
  sample: {"shop": {"services": {"web": {"image": "127.0.0.1:5000/shop/web:0f6d3d1c7a9b2e44@sha256:9b2…"}}}}
"""
