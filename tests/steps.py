# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All tests: the gates, then every story on the lab, in the order of molecule/stories.yml.

    tests/run [STEP...]

Each step's output is in build/test/; the last line counts. With KEEP=1 the hosts stay for a look at them.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv" / "bin"

LOGS = ROOT / "build" / "test"
GATES = {
    "lint": ["tests/lint"],
    "unit": ["tests/unit/run"],
    "docs": ["tests/docs"],
    "tarball": ["tests/tarball"],
    "sanity": ["tests/sanity/run"],
}
# It takes as long as all other gates, and begins beside them.
BESIDE = "sanity"
# By name only (make test-long): it takes twenty minutes.
MORE = {"engines": ["tests/engines"]}
TOLD = yaml.safe_load((ROOT / "molecule" / "stories.yml").read_text(encoding="utf-8"))["stories"]
STORIES = {story["name"]: ["pytest", "--durations=6", f"molecule/{story['shape']}/tests/test_{story['name']}.py"] for story in TOLD}
ENVIRONMENT = {
    **os.environ,
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
    "ANSIBLE_HOME": str(ROOT / ".ansible"),
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    "PATH": f"{VENV}:{os.environ['PATH']}",
    "LAB_LEFT": str(LOGS / "left"),
}


def start(name: str, *command: str) -> subprocess.Popen:
    """Run a command with its output in a file of that name."""
    with open(LOGS / f"{name}.log", "wb") as log:
        return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)


def end_of(name: str, lines: int) -> str:
    """The last lines of a file, indented."""
    text = (LOGS / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])


def step(name: str, command: list[str], begun: subprocess.Popen | None = None) -> bool:
    """Run one step, or wait for one that has begun, and tell how it went."""
    print(f"{name:20} ", end="", flush=True)
    begin = time.monotonic()
    process = begun or start(name, *command)
    try:
        passed = process.wait() == 0
    finally:
        process.terminate()
    seconds = f"{time.monotonic() - begin:4.0f} s"
    print(f"passed  {seconds}" if passed else f"FAILED  {seconds}, the end of build/test/{name}.log:\n{end_of(name, 60)}", flush=True)
    return passed


def main(wanted: list[str]) -> int:
    """Run the steps; all of them where none is named."""
    steps = {**GATES, **STORIES, **MORE}
    for name in wanted:
        if name not in steps:
            sys.exit(f"Could not run step '{name}': there is no such step. Use one of {', '.join(steps)}.")
    wanted = wanted or [*GATES, *(story["name"] for story in TOLD if not story.get("long"))]
    LOGS.mkdir(parents=True, exist_ok=True)
    # Nobody knows what somebody has left who ran stories earlier.
    (LOGS / "left").write_text("", encoding="utf-8")
    needs_lab = bool(set(wanted) & set(STORIES))
    # While the gates run.
    lab = start("lab", "bash", "-c", "tests/lab/engine up && tests/lab/images") if needs_lab else None
    beside = start(BESIDE, *GATES[BESIDE]) if BESIDE in wanted else None
    results = []
    try:
        for name in wanted:
            if name in STORIES and lab and lab.wait():
                print(f"{'lab':20} FAILED, the end of build/test/lab.log:\n{end_of('lab', 20)}")
                results.append(False)
                break
            results.append(step(name, steps[name], beside if name == BESIDE else None))
    finally:
        if beside:
            beside.terminate()
            beside.wait()
        if lab:
            lab.wait()
            if not os.environ.get("KEEP"):
                start("destroy", "ansible-playbook", "-i", "inventories/lab", "molecule/default/destroy.yml").wait()
                start("down", "tests/lab/engine", "down").wait()
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return int(not all(results))


if __name__ == "__main__":
    # As on Ctrl-C, so that the hosts are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
