# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.swarm.tests.unit.compose_project import write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one Compose file that builds one service from the folder web."""
    write(tmp_path / "compose.yml", "services: {web: {build: web}}")
    write(tmp_path / "web" / "Dockerfile", "FROM scratch")
    write(tmp_path / "web" / "app.py", "print()")
    return tmp_path
