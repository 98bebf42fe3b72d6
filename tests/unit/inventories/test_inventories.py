# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories that users start from, in a folder of their own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.manager import VariableManager

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["staging", "production"])
def test_an_inventory_finds_its_stacks_where_it_is_copied_to(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "inventories" / name, tmp_path / "cluster")
    loader = DataLoader()
    # As it is while a play of the collection runs.
    loader.set_basedir(str(ROOT / "playbooks"))
    inventory = InventoryManager(loader, [str(tmp_path / "cluster")])
    manager = VariableManager(loader, inventory)
    hosts = inventory.get_hosts("swarm")
    assert len(hosts) == 5
    for host in hosts:
        variables = manager.get_vars(host=host)
        (project,) = Templar(loader, variables).template(variables["stacks_projects"])
        assert [Path(path).resolve() for path in project["files"]] == [
            ROOT / "examples" / "dockercoins" / file for file in ("compose.yml", f"compose.{name}.yml")
        ]
        assert all(Path(path).is_file() for path in project["files"])


def test_the_kernel_lab_is_production_but_for_how_to_reach_it_and_where_images_come_from() -> None:
    production, kernel = (_variables_of_a_host(name) for name in ("production", "kernel"))
    assert {key for key in production if production[key] != kernel.get(key)} == {"stacks_projects"}
    (project,) = kernel["stacks_projects"]
    assert [{key: project[key] for key in project if key != "env"}] == production["stacks_projects"]
    assert {key for key in kernel.keys() - production.keys() if not key.startswith("ansible_")} == {
        "images_builder",
        "images_push",
        "lab_images",
        "registry_image",
        "show_hints",
    }


def _variables_of_a_host(inventory: str) -> dict[str, Any]:
    loader = DataLoader()
    hosts = InventoryManager(loader, [str(ROOT / "inventories" / inventory)])
    manager = VariableManager(loader, hosts)
    # Without what Ansible itself tells of a play, and the address, which is each host's own.
    own = {
        "ansible_host",
        "inventory_dir",
        "inventory_file",
        "inventory_hostname",
        "inventory_hostname_short",
        "groups",
        "group_names",
        "omit",
    }
    host = hosts.get_hosts("swarm_managers")[0]
    return {key: value for key, value in manager.get_vars(host=host, include_hostvars=False).items() if key not in own}
