# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines of a cluster that runs an application are replaced by those of the next release of the distribution.

The tests build on each other.
"""

from __future__ import annotations

import json

from predictions import planned
from stories import MANAGERS, ROOT, WORKERS, Watch

HOSTS = MANAGERS + WORKERS
VERSION = {"engine_version": "28.5.*"}


def site(lab, *more, check=True, **variables):
    """site.yml: (rc, {host: changes}, text)."""
    rc, recap, text = lab.site("-e", json.dumps({**VERSION, **variables}), *more, check=check)
    return rc, {name: counts["changed"] for name, counts in recap.items()}, " ".join(text.split())


def versions(lab):
    """The engines that managers know."""
    return {name: node["Description"]["Engine"]["EngineVersion"][:4] for name, node in lab.nodes().items()}


def test_an_engine_is_not_replaced_unasked(lab):
    # With the engine of the lab's own release.
    lab.site()
    lab.play(str(ROOT / "molecule" / "engines" / "prepare.yml"), "-e", "lab_suite=forky")
    before, starts = lab.at_rest(), lab.engine_starts()
    assert versions(lab) == dict.fromkeys(HOSTS, "26.1")
    rc, changes, text = site(lab, check=False)
    assert rc != 0 and not any(changes.values())
    assert (
        text.count("replacing it restarts the engine. Set engine_replace to true, and the nodes of a swarm follow one after the other") >= 5
    )
    assert not lab.changes_since(before) and lab.engine_starts() == starts


def test_engines_are_replaced_one_by_one_and_the_swarm_keeps_its_quorum(lab):
    starts = lab.engine_starts()
    told = planned(lab, "-e", json.dumps({**VERSION, "engine_replace": True}))
    assert [line[:3] for line in told] == [(name, "packages", verb) for name in HOSTS for verb in ("hold", "replace")]
    with Watch(lab.managers_listening) as quorum, Watch(lambda: dict(versions(lab))) as seen:
        _rc, done, _text = site(lab, engine_replace=True)
    assert min(quorum.seen) >= 2 and len(quorum.seen) > 20, quorum.seen
    # One task installs, one holds, and one restarts: the packages of Debian leave that to others.
    assert done == dict.fromkeys(HOSTS, 3)
    assert versions(lab) == dict.fromkeys(HOSTS, "28.5")
    now = lab.engine_starts()
    assert [name for name in HOSTS if now[name] != starts[name]] == HOSTS
    order = []
    for one in seen.seen:
        order += [name for name, version in one.items() if version == "28.5" and name not in order]
    assert set(order[: len(WORKERS)]) == set(WORKERS), f"workers go first: {order}"


def test_what_runs_runs_again_and_a_second_run_writes_nothing(lab):
    lab.until(lambda: len(lab.running("dockercoins_rng")) == len(HOSTS), "rng on every node")
    before, starts = lab.at_rest(), lab.engine_starts()
    _rc, again, _text = site(lab, engine_replace=True)
    assert not any(again.values()) and not lab.changes_since(before) and lab.engine_starts() == starts
