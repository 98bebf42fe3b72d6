# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.daemon_problems import FilterModule

daemon_problems = FilterModule().filters()["daemon_problems"]


def test_sound_options_have_no_problems() -> None:
    assert daemon_problems({"log-driver": "json-file", "log-opts": {"max-file": "3"}, "debug": None}) == []


@pytest.mark.parametrize(("host", "place"), [(None, ""), ("manager1", " of host 'manager1'")])
def test_each_problem_is_a_sentence_that_names_option_and_host(host: str | None, place: str) -> None:
    options: dict[str, Any] = {"log-opts": {"max-file": 3, "max-size": 10}, "live-restore": True, "labls": []}
    assert daemon_problems(options, host=host) == [
        f"Could not set daemon option 'labls'{place}: this collection knows no such option of the Docker Engine. "
        "Did you mean 'labels'? Correct its name, or set allow_unknown.",
        f"Could not set daemon option 'log-opts'{place}: key 'max-file': it is a number and must be a string. Put the value into quotes.",
        f"Could not set daemon option 'log-opts'{place}: key 'max-size': it is a number and must be a string. Put the value into quotes.",
        f"Could not set daemon option 'live-restore'{place}: Swarm does not work with it. Set it to false, or to null to take it out.",
    ]


def test_unknown_options_may_be_allowed_but_not_those_of_the_legacy_swarm() -> None:
    assert daemon_problems({"brand-new": 1}, allow_unknown=True) == []
    (problem,) = daemon_problems({"brand-new": 1, "cluster-store": "etcd://x"}, allow_unknown=True)
    assert problem.startswith("Could not set daemon option 'cluster-store': it belongs to the swarm of before Docker 1.12")
