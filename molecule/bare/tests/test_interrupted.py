# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A first site.yml is killed at several random moments, and running it again arrives."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess

from stories import MANAGERS, ROOT, WORKERS, family

# Seconds after the start of each run: early ones hit the engine's installation, late ones the joins, images and stacks.
WINDOWS = [(4, 12), (10, 25), (12, 30), (15, 40), (20, 60)]


def test_killed_runs_leave_nothing_that_the_next_one_cannot_mend(lab):
    assert not lab.host("manager2").file("/var/run/docker.sock").exists, "this story begins with bare hosts"
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    moments = [random.Random(seed + number).uniform(*window) for number, window in enumerate(WINDOWS)]
    for moment in moments:
        kill_site_after(lab, moment)

    lab.site()
    nodes = lab.nodes()
    assert {name: node["Status"]["State"] for name, node in nodes.items()} == dict.fromkeys(MANAGERS + WORKERS, "ready")
    assert {name for name, node in nodes.items() if "ManagerStatus" in node} == set(MANAGERS)
    assert len(lab.get("/nodes")) == len(nodes), "a node has joined twice"
    before = lab.at_rest()
    _rc, recap, _text = lab.site()
    assert not any(counts["changed"] for counts in recap.values())
    assert not lab.changes_since(before)


def kill_site_after(lab, seconds):
    """SIGKILL for the run and all its children, as a controller that loses its power would have it."""
    run = subprocess.Popen(
        ["ansible-playbook", "-i", str(lab.inventory), str(ROOT / "playbooks" / "site.yml")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _nothing = run.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        for pid in family(run.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        output, _nothing = run.communicate()
        last = [line for line in output.splitlines() if line.startswith("TASK")]
        print(f"killed after {seconds:.1f} s in {last[-1] if last else 'the start'}")
    else:
        assert run.returncode == 0, output[-6000:]
