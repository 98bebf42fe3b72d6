# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.apiary.swarm.plugins.plugin_utils import _summary

CHANGES = [
    {"host": "w1", "subject": "engine", "verb": "restart", "text": "x"},
    {"host": "w1", "subject": "node", "verb": "label", "text": "a"},
    {"host": "w1", "subject": "node", "verb": "label", "text": "b"},
    {"host": "swarm", "subject": "service", "verb": "update", "text": "y"},
]
PHASES = [{"name": "engines", "epoch": 100.0}, {"name": "swarm", "epoch": 130.0}, {"name": "engines", "epoch": 140.0}]


def test_summary_has_hosts_services_and_times() -> None:
    services = [{"name": "shop_web", "running": 2, "desired": 3}]
    assert _summary.lines(CHANGES, PHASES, services, 165.0) == [
        "Done: 4 changes in 1 min 5 s",
        "  w1     engine restart, node label ×2",
        "  swarm  service update",
        "  runs: shop_web 2/3",
        "  took: engines 55 s, swarm 10 s",
    ]


def test_summary_of_one_change_without_a_phase_is_short() -> None:
    assert _summary.lines(CHANGES[:1], [], [], 5.0) == ["Done: 1 change in 0 s", "  w1  engine restart"]
