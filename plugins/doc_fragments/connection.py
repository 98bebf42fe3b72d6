# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """Options that every module here has."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The socket or URL of the Docker Engine of this host.
    type: str
    default: unix:///var/run/docker.sock
  timeout:
    description:
      - Timeout of one request to the Engine, in seconds.
    type: int
    default: 60
requirements:
  - Python 3.8 or later on the managed host
  - "L(Docker SDK for Python, https://docker-py.readthedocs.io/) 5.0.3 or later on the managed host"
"""
