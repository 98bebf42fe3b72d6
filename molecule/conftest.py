# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixtures of every story, and a run in which no test ran is a failed one."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from stories import INVENTORY, Lab

STORIES = yaml.safe_load((pathlib.Path(__file__).parent / "stories.yml").read_text(encoding="utf-8"))["stories"]
ran = []


@pytest.fixture(scope="session")
def lab():
    """The five hosts."""
    lab = Lab(INVENTORY)
    yield lab
    lab.close()


@pytest.fixture(scope="module", autouse=True)
def precondition(request, lab):
    """Begin with the hosts that stories.yml declares for this story, and say what it leaves when it has passed."""
    name = request.path.stem.partition("_")[2]
    story = next((story for story in STORIES if story["name"] == name), None)
    if not story:
        yield
        return
    lab.begin(story["needs"])
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        lab.leave(story["leaves"])


def pytest_runtest_logreport(report):
    if report.when == "call" and not report.skipped:
        ran.append(report.nodeid)


def pytest_sessionfinish(session):
    if not ran and not session.config.option.collectonly:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
