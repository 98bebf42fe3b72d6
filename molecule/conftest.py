# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixture of every story, and a run in which no test ran is a failed one."""

from __future__ import annotations

import pytest
from stories import INVENTORY, Lab

ran = []


@pytest.fixture(scope="session")
def lab():
    """The five hosts."""
    return Lab(INVENTORY)


def pytest_runtest_logreport(report):
    if report.when == "call" and not report.skipped:
        ran.append(report.nodeid)


def pytest_sessionfinish(session):
    if not ran and not session.config.option.collectonly:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
