# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose project in a folder, and what becomes of its builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.plugin_utils._builds import builds_of
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def builds(project: Path, *texts: str, env: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The builds of the project's Compose file, or of these instead."""
    paths = [str(write(project / f"compose-{number}.yml", text)) for number, text in enumerate(texts)]
    return builds_of({"name": "shop", "files": paths or [str(project / "compose.yml")], "env": env})


def build(project: Path, *texts: str, env: dict[str, Any] | None = None) -> dict[str, Any]:
    (only,) = builds(project, *texts, env=env)
    return only


def refusal(project: Path, *texts: str, env: dict[str, Any] | None = None) -> str:
    """The sentence with which a project is refused."""
    with pytest.raises(ComposeError) as caught:
        builds(project, *texts, env=env)
    sentence = str(caught.value)
    assert sentence.startswith("Could not ") and sentence.endswith(".") and "\n" not in sentence
    return sentence
