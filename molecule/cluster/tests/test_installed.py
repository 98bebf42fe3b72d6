# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball, installed elsewhere, does the same job by its full names."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from stories import ROOT


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A folder far from the checkout, with the built collection and what it depends on."""
    folder = tmp_path_factory.mktemp("elsewhere")
    collections = folder / "collections" / "ansible_collections"
    collections.mkdir(parents=True)
    (folder / "ansible.cfg").write_text("[ssh_connection]\npipelining = True\n", encoding="utf-8")
    galaxy = ["ansible-galaxy", "collection"]
    subprocess.run([*galaxy, "build", "--output-path", str(folder)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    tarball = str(next(folder.glob("apiary-swarm-*.tar.gz")))
    # Where the checkout cannot be seen: it would count as installed already.
    subprocess.run(
        [*galaxy, "install", "--no-deps", "--offline", "-p", str(folder / "collections"), tarball],
        **environment(folder),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    link_dependencies(collections, "apiary.swarm")
    return folder


def link_dependencies(collections, name):
    """What a collection declares, and what that declares, as Galaxy would install it; nothing else is found."""
    manifest = json.loads((collections / name.replace(".", "/") / "MANIFEST.json").read_text(encoding="utf-8"))
    for dependency in manifest["collection_info"]["dependencies"]:
        link = collections / dependency.replace(".", "/")
        if not link.exists():
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(ROOT / ".venv" / "collections" / "ansible_collections" / dependency.replace(".", "/"))
            link_dependencies(collections, dependency)


def environment(folder):
    """Nothing of the checkout is found: no ansible.cfg, and another collections path."""
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"), "ANSIBLE_CONFIG": str(folder / "ansible.cfg")}
    return {"cwd": folder, "env": {**os.environ, **settings}}


def test_site_by_its_full_name_arrives_and_then_writes_nothing(lab, elsewhere):
    lab.playbook("apiary.swarm.site", **environment(elsewhere))
    before = lab.at_rest()
    _rc, recap, _text = lab.playbook("apiary.swarm.site", **environment(elsewhere))
    assert not any(counts["changed"] for counts in recap.values())
    assert not lab.changes_since(before)


def test_show_by_its_full_name_tells_what_runs(lab, elsewhere):
    _rc, _recap, text = lab.playbook("apiary.swarm.show", **environment(elsewhere))
    assert "dockercoins_webui" in text and "manager3" in text
