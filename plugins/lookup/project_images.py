# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: project_images
short_description: What the registry must have for the projects
version_added: 0.1.0
author: The apiary.swarm authors (@apiary)
description:
  - Reads the Compose files of the projects on the controller and lists one image for each service with C(build).
  - The tag is a digest of all that goes into the build (the files of the context, the Dockerfile's name, the arguments and the
    target), so an image with that tag in the registry need not be built again.
  - Nothing is built for a project whose C(state) is V(absent) or V(rolled_back). It needs no C(files).
options:
  _terms:
    description: Projects, as O(apiary.swarm.stacks#role:main:stacks_projects) has them.
    type: list
    elements: dict
    required: true
  push:
    description: Names of images that are to be in the registry without being built.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show what would be built
  ansible.builtin.debug:
    msg: "{{ lookup('apiary.swarm.project_images', [{'name': 'shop', 'files': ['shop/compose.yml']}]) }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary an image, with C(name) (C(repository:tag)) and C(repository).
    - What is built has also C(project), C(service), C(context), C(dockerfile), C(args) and C(target).
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError, as_list, builds_of


class LookupModule(LookupBase):
    """Turns Compose files into a list of images."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        projects = [project for term in terms for project in (term if isinstance(term, list) else [term])]
        try:
            images = [
                build for project in projects if project.get("state", "present") == "present" for build in self._builds(project, variables)
            ]
        except ComposeError as error:
            raise AnsibleLookupError(str(error)) from error
        for name in self.get_option("push"):
            repository, colon, tag = name.rpartition(":")
            tagged = colon and "/" not in tag
            images.append({"name": name if tagged else f"{name}:latest", "repository": repository if tagged else name})
        return [images]

    def _builds(self, project: dict[str, Any], variables: dict[str, Any] | None) -> list[dict[str, Any]]:
        """The builds of one project, its Compose files looked for where the stack's action looks for them."""

        def find(path: str) -> str:
            # A file that is nowhere keeps its name: reading it will say so.
            return self.find_file_in_search_path(variables or {}, "files", path, ignore_missing=True) or path

        return builds_of({**project, "files": [find(path) for path in as_list(project.get("files"))]})
