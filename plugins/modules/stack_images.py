#!/usr/bin/python
# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_images
short_description: Gather information about the images that Compose projects build, and which of them a registry lacks
version_added: 0.3.0
author:
  - The apiary.swarm authors (@apiary)
description:
  - Reads the Compose files of projects on the controller and lists one image for each service with C(build).
  - The tag is a digest of all build inputs of M(apiary.swarm.image_build) (the files of the context, the Dockerfile, the build arguments
    and all other settings), so an image with that tag in the registry need not be built again.
  - Of C(build) the keys C(context), C(dockerfile), C(dockerfile_inline), C(args), C(target), C(network), C(labels), C(shm_size) and one of
    C(platforms) are supported. Those for caches, C(pull), C(provenance) and C(sbom) are ignored, and all others fail the task.
  - Files that C(.dockerignore) excludes, by the rules of the docker command, and empty directories are not included. Symbolic links are
    hashed by their target path. A Dockerfile may have its own ignore file, C(<name>.dockerignore).
  - If a service has C(build) and an C(image) with a tag, the image also gets that name in the registry (RV(untagged)), with O(registry)
    in place of the registry in it. The stack references the image by its digest, so that moving the tag does not replace any
    task.
  - Queries the registry from the host that the task runs on, see M(apiary.swarm.registry_info). Nothing is written.
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
      - Projects, in the format of O(apiary.swarm.stacks#role:main:stacks_projects). Only C(name), C(files), C(env) and C(state) are used.
    type: list
    elements: dict
    default: []
  push:
    description:
      - Names of images to push to the registry without building them.
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
      - Timeout of one request to the registry, in seconds.
    type: int
    default: 30
notes:
  - This module has an action plugin, which does everything but query the registry.
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

- name: Deploy with the images pinned by digest
  apiary.swarm.stack:
    name: shop
    files: [shop/compose.yml]
    definitions: ["{{ images.definitions.shop }}"]
"""

RETURN = r"""
images:
  description: All images. Those of O(push) have C(name), C(image), C(repository) and C(digest) only.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: The image as C(repository:tag).
      type: str
      sample: shop/web:0f6d3d1c7a9b2e44
    image:
      description: Its full name, including the registry.
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
      description: The name in C(image) of its Compose file, without the registry; empty if that has no tag.
      type: str
    context:
      description: The directory of the build context on the controller.
      type: str
    dockerfile:
      description: The Dockerfile, relative to the context; empty if it is inline in the Compose file.
      type: str
    buildkit:
      description: Whether the Dockerfile needs BuildKit.
      type: bool
    target:
      description: The build stage (target); empty for the last one.
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
  description: Those of RV(images) that the registry does not have. All of them if it did not answer, and then the task has failed.
  type: list
  elements: dict
  returned: always
untagged:
  description: Those of RV(images) with a C(tag) under which the registry does not have them.
  type: list
  elements: dict
  returned: always
definitions:
  description: A Compose definition for each project, by its name, that pins the images by digest.
  type: dict
  returned: always
  sample: {"shop": {"services": {"web": {"image": "127.0.0.1:5000/shop/web:0f6d3d1c7a9b2e44@sha256:9b2…"}}}}
"""
