# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the plan of a large cluster takes on the controller, and how much memory.

    tests/benchmark/plan [HOSTS...]

The looks of real hosts, in tests/benchmark/looks, are multiplied to so many hosts (10, 100 and 300): other names, addresses and NodeIDs.
The first three are managers, the last tenth are bare hosts that have yet to join, all others are workers. Each size is planned in a process
of its own, whose seconds include loading the planner, and whose peak of memory the looks as well.
"""

from __future__ import annotations

import copy
import json
import pathlib
import resource
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOOKS = pathlib.Path(__file__).resolve().parent / "looks"
MANAGERS = 3
SIZES = (10, 100, 300)


def plan(hosts: dict[str, dict]) -> tuple[int, list[str]]:
    """The plan of the action cluster_plan, from looks to the lines that a person reads: (changes, problems)."""
    from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import joined
    from ansible_collections.apiary.swarm.plugins.plugin_utils import _plan, _sections

    managers, workers = list(hosts)[:MANAGERS], list(hosts)[MANAGERS:]
    groups = ["all", "ungrouped", "swarm", "swarm_managers", "swarm_workers"]
    controller = _sections.Controller(lambda _name, default=None: default, "", [])
    sections = _sections.of_hosts(_plan.parts_of(["all"], [], list(_plan.PARTS)), hosts, managers, workers, groups, controller)
    whole = joined(list(sections.values()))
    _plan.table(whole, _plan.unchanged(whole, list(hosts)))
    _plan.diff(whole)
    _sections.groups(sections, list(hosts))
    return len(whole.changes), whole.problems


def looks() -> dict[str, dict]:
    """{"manager": look, "worker": look} as recorded."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(LOOKS.glob("*.json"))}


def renamed(value, words: dict[str, str]):
    """A copy in which words within texts are others."""
    if isinstance(value, dict):
        return {renamed(key, words): renamed(inner, words) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, words) for inner in value]
    if isinstance(value, str):
        for old, new in words.items():
            value = value.replace(old, new)
    return value


def cluster(size: int) -> dict[str, dict]:
    """So many hosts of one swarm."""
    recorded, hosts = looks(), {}
    members = size - size // 10
    for number in range(size):
        kind = "manager" if number < MANAGERS else "worker" if number < members else "bare"
        name, address = f"{kind}{number}", f"198.18.{number // 250}.{number % 250 + 1}"
        look = recorded[kind]
        words = {look["system"]["hostname"]: name, look["network"]["default_address"]: address}
        if look["swarm"]["node_id"]:
            words[look["swarm"]["node_id"]] = f"node{number:021}"
        hosts[name] = {"look": renamed(look, words)}
        hosts[name]["roles"] = {**hosts[name]["look"].pop("roles"), "cluster_role": "manager" if kind == "manager" else "worker"}
        hosts[name].update(addresses=[address], ansible_host=address)
    # A manager knows all nodes.
    for name in list(hosts)[:MANAGERS]:
        node = hosts[name]["look"]["swarm"]["nodes"][0]
        hosts[name]["look"]["swarm"]["nodes"] = [
            as_node(node, other, host["look"]["swarm"]) for other, host in list(hosts.items())[:members]
        ]
    return hosts


def as_node(node: dict, name: str, swarm: dict) -> dict:
    """The entry of another node in a manager's list."""
    manager = swarm["role"] == "manager"
    more = {"id": swarm["node_id"], "hostname": name, "address": swarm["node_addr"], "role": swarm["role"]}
    return {
        **copy.deepcopy(node),
        **more,
        "leader": node["leader"] and name == "manager0",
        "reachability": "reachable" if manager else None,
    }


def one(size: int) -> None:
    """Plan a cluster of this size, and print seconds and megabytes."""
    sys.path.insert(0, str(ROOT / ".venv" / "collections"))
    hosts = cluster(size)
    begin = time.process_time(), time.monotonic()
    changes, problems = plan(hosts)
    cpu, seconds = time.process_time() - begin[0], time.monotonic() - begin[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{size:6} {seconds:9.2f} {cpu:12.2f} {peak:8.0f} {changes:8}", flush=True)
    if problems:
        sys.exit(f"{len(problems)} problems, the first: {problems[0]}")


def main(sizes: list[str]) -> None:
    """Measure each size."""
    print(f"{'hosts':>6} {'seconds':>9} {'CPU seconds':>12} {'peak MB':>8} {'changes':>8}", flush=True)
    for size in sizes or SIZES:
        subprocess.run([str(ROOT / ".venv" / "bin" / "python"), __file__, "--one", str(size)], check=True)


if __name__ == "__main__":
    one(int(sys.argv[2])) if sys.argv[1:2] == ["--one"] else main(sys.argv[1:])
