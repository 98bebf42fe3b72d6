# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs beside each other take one node away at a time, and a run that died holds up nobody.

The tests build on each other; the last one ends where the story began.
"""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import time

from ansible_collections.apiary.swarm.plugins.plugin_utils._owner import place
from stories import MANAGERS, PATIENCE, ROOT, Watch

ULIMITS = {"nofile": {"Name": "nofile", "Hard": 4096, "Soft": 4096}}
CHANGE = json.dumps({"engine_ulimits": f"{{{{ {json.dumps(ULIMITS)} if inventory_hostname in groups.swarm_managers else none }}}}"})
HOLD = "apiary.swarm.hold"


def held_by(lab, owner, seconds):
    """Somebody holds the swarm."""
    labels = {"apiary.swarm.owner": owner, "apiary.swarm.until": f"{time.time() + seconds:.0f}"}
    given = " ".join(f"--label {shlex.quote(f'{key}={value}')}" for key, value in labels.items())
    lab.host("manager2").check_output(f"echo x | docker config create {given} {HOLD} -")


def holds(lab):
    """The hold that there is."""
    return [one["Spec"]["Labels"] for one in lab.get("/configs") if one["Spec"]["Name"] == HOLD]


def test_two_runs_at_once_never_cost_the_quorum(lab):
    command = ["ansible-playbook", "-i", str(lab.inventory), str(ROOT / "playbooks" / "site.yml"), "--tags", "engine", "-e", CHANGE]
    starts = lab.engine_starts()
    with Watch(lab.managers_listening) as quorum, Watch(lambda: len(holds(lab)), pause=1) as held:
        runs = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _number in range(2)]
        texts = [run.communicate(timeout=5 * PATIENCE)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], texts
    assert min(quorum.seen) >= 2 and len(quorum.seen) > 20, quorum.seen
    assert max(held.seen) == 1 and not holds(lab)
    assert any("Waiting for " in text and f"@{socket.gethostname()} (process " in text for text in texts), texts
    now = lab.engine_starts()
    assert [name for name in starts if now[name] != starts[name]] == MANAGERS
    before = lab.at_rest()
    _rc, recap, _text = lab.site("--tags", "engine", "-e", CHANGE)
    assert not any(counts["changed"] for counts in recap.values()) and not lab.changes_since(before)


def test_a_run_waits_for_one_on_another_controller_until_its_time_is_over(lab):
    held_by(lab, "bob@elsewhere (process 1)", 20)
    begin = time.monotonic()
    _rc, recap, text = lab.site("--tags", "engine")
    assert "Waiting for bob@elsewhere (process 1), who holds the swarm for up to " in text
    assert time.monotonic() - begin > 10 and not holds(lab)
    assert [name for name, counts in recap.items() if counts["changed"]] == MANAGERS


def test_a_run_that_holds_for_too_long_is_named_and_nothing_is_restarted(lab):
    held_by(lab, "bob@elsewhere (process 1)", 10 * PATIENCE)
    starts = lab.engine_starts()
    rc, recap, text = lab.site("--tags", "engine", "-e", CHANGE, "-e", "engine_restart_wait=3", check=False)
    assert rc != 0 and not any(counts["changed"] for counts in recap.values()) and lab.engine_starts() == starts
    assert "Could not hold the swarm within 3 s: bob@elsewhere (process 1) holds it. Run again when it has ended" in " ".join(text.split())
    lab.host("manager2").check_output(f"docker config rm {HOLD}")


def test_a_run_that_died_on_this_controller_holds_up_nobody(lab):
    held_by(lab, f"me@{socket.gethostname()} (process {2**22 + 1}, {place()}-1)", 10 * PATIENCE)
    _rc, recap, text = lab.site("--tags", "engine", "-e", CHANGE)
    assert "Waiting for " not in text and not holds(lab)
    assert [name for name, counts in recap.items() if counts["changed"]] == MANAGERS


def test_the_story_ends_where_it_began(lab):
    lab.site()
    before = lab.at_rest()
    _rc, again, _text = lab.site()
    assert not any(counts["changed"] for counts in again.values()) and not lab.changes_since(before)
