# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""reset.yml takes all down again, and leaves nothing."""

from __future__ import annotations

import json

import pytest
from stories import MANAGERS, ROOT, WORKERS

HOSTS = MANAGERS + WORKERS
RESET = str(ROOT / "playbooks" / "reset.yml")


@pytest.fixture(scope="module")
def refused(lab):
    """What a run says that would leave the workers in a swarm without a manager, and what it has changed."""
    before = lab.at_rest()
    rc, _recap, text = lab.playbook(RESET, "--limit", "swarm_managers", "-e", "reset_confirm=yes", check=False)
    return rc, text, lab.changes_since(before)


@pytest.fixture(scope="module", autouse=True)
def gone(lab, refused):
    """The playbook has run."""
    assert refused[0] != 0
    lab.playbook("apiary.swarm.reset", "-e", json.dumps({"reset_confirm": True}))


def test_a_part_of_a_swarm_is_not_left_behind_without_a_majority(refused):
    _rc, text, changed = refused
    assert "it is the last manager, and worker1, worker2 would remain in it" in " ".join(text.split())
    assert not changed


def test_no_package_of_the_engine_is_left(lab):
    for name in HOSTS:
        for package in ("docker.io", "docker-cli", "python3-docker"):
            assert not lab.host(name).package(package).is_installed, (name, package)


def test_no_data_and_no_file_is_left(lab):
    for name in HOSTS:
        host = lab.host(name)
        assert host.file("/var/lib/docker").listdir() == [], name
        for path in (
            "/etc/docker",
            "/etc/modules-load.d/apiary-swarm.conf",
            "/etc/sysctl.d/90-apiary-swarm.conf",
            "/var/lib/apiary-swarm",
            "/var/run/docker.sock",
        ):
            assert not host.file(path).exists, (name, path)


def test_no_interface_process_or_port_is_left(lab):
    for name in HOSTS:
        host = lab.host(name)
        assert not set(host.interface.names()) & {"docker0", "docker_gwbridge"}, name
        assert not host.process.filter(comm="dockerd") and not host.process.filter(comm="containerd"), name
        listening = host.check_output("ss -Hltun")
        assert not any(f":{port} " in listening for port in (2377, 7946, 4789, 5000, 8000)), listening


def test_reset_again_changes_nothing(lab):
    _rc, recap, _text = lab.playbook(RESET, "-e", "reset_confirm=yes")
    assert {name: counts["changed"] for name, counts in recap.items()} == dict.fromkeys(HOSTS, 0)


def test_reset_without_confirmation_is_refused(lab):
    rc, _recap, text = lab.playbook(RESET, check=False)
    assert rc != 0
    assert "reset_confirm" in text
