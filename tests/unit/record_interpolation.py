# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what docker's own command makes of texts with variables: python tests/unit/record_interpolation.py, with docker on the PATH.

The texts are put together by chance, always the same, from pieces that matter; the answers are in interpolation.json beside this file.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import subprocess
import tempfile

import yaml

ENV = {"A": "one", "B": "two", "EMPTY": "", "_x": "three"}
NAMES = ["A", "B", "EMPTY", "_x", "UNSET", "a"]
PIECES = ["$", "$$", "{", "}", ":", "-", "?", "+", "/", "2y", "05", "é", " ", "x", ":-", ":?", *NAMES]
WHOLE = ["$2y$05$oZcjYkb3Fqz0", "${%s}", "$%s", "${%s:-word}", "${%s-word}", "${%s:?text}", "${%s?text}", "${%s+x}", "${%s:-$2y$05$o}"]
WHOLE += ["${%s:-${A}}", "${%s:-$A}", "$${%s}", "$%s-b", "${%s:-}", "${%s"]
COUNT = 600
HERE = pathlib.Path(__file__).parent / "interpolation.json"


def texts() -> list[str]:
    """Each once."""
    chance = random.Random(19)
    found: dict[str, None] = {}
    while len(found) < COUNT:
        pieces = []
        for _number in range(chance.randint(1, 5)):
            whole = chance.choice(WHOLE)
            pieces.append(whole.replace("%s", chance.choice(NAMES)) if chance.random() < 0.5 else chance.choice(PIECES))
        text = "".join(pieces)
        if "$" in text:
            found[text] = None
    return list(found)


def answer(text: str, folder: str) -> str | None:
    """What becomes of a text; None where the command refuses it."""
    path = os.path.join(folder, "compose.yml")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"version": "3.9", "services": {"a": {"image": "x", "labels": {"v": text}}}}, file)
    environment = {**ENV, "PATH": os.environ["PATH"], "HOME": folder}
    run = subprocess.run(["docker", "stack", "config", "-c", path], env=environment, capture_output=True, text=True, check=False)
    return None if run.returncode else yaml.safe_load(run.stdout)["services"]["a"]["labels"]["v"]


if __name__ == "__main__":
    version = subprocess.run(["docker", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        cases = [[text, answer(text, folder)] for text in texts()]
    lines = ",\n".join(f"    {json.dumps(case, ensure_ascii=False)}" for case in cases)
    HERE.write_text(
        f'{{\n  "command": {json.dumps(version)},\n  "env": {json.dumps(ENV)},\n  "cases": [\n{lines}\n  ]\n}}\n', encoding="utf-8"
    )
