# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stacks as the stories run them: through the module, and seen through the Engine API."""

from __future__ import annotations

import copy
import json
from urllib.parse import quote

from stories import ROOT

# Series of runs at a time: the machine is small.
AT_ONCE = 6
IMAGE = "apiary-lab/python:13"
# What engines say of an image that is nowhere: of their own store, of containerd's, and of a registry that tells strangers nothing.
NO_IMAGE = "(?:No such image|failed to resolve reference|pull access denied|failed to pull)"
# The lab's images are on the node with this label, and the kernel may have no IPVS.
PLACE = {
    "endpoint_mode": "dnsrr",
    "placement": {"constraints": ["node.labels.registry == true"]},
    "update_config": {"monitor": "300ms", "parallelism": 0},
    "restart_policy": {"delay": "1s"},
}


def service(*command, **more):
    """A service of the lab that does nothing, or runs a command."""
    deploy = copy.deepcopy({**PLACE, **more.pop("deploy", {})})
    return {
        "image": IMAGE,
        "init": True,
        "stop_grace_period": "1s",
        "command": list(command) or ["sleep", "100000"],
        "deploy": deploy,
        **more,
    }


def play(lab, folder, series):
    """Run the module in series, beside each other: {series: [options, ...]}; what each run returned, in the same shape."""
    given = folder / "series.json"
    given.write_text(json.dumps({"series": series, "results_folder": str(folder)}), encoding="utf-8")
    lab.play(str(ROOT / "molecule" / "stack.yml"), "--forks", str(AT_ONCE), "-e", f"@{given}")
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in series}


class Stack:
    """One stack of a story."""

    def __init__(self, lab, folder, name):
        self.lab, self.folder, self.name = lab, folder, name

    def runs(self, *runs, **options):
        """Run the module with these options each; what each run returned."""
        return play(self.lab, self.folder, {self.name: [{"name": self.name, **options, **run} for run in runs]})[self.name]

    def run(self, **options):
        """One run."""
        return self.runs(options)[0]

    def services(self):
        """{short name: service} of the stack."""
        label = json.dumps({"label": {f"com.docker.stack.namespace={self.name}": True}})
        found = self.lab.get(f"/services?filters={quote(label)}")
        return {item["Spec"]["Name"][len(self.name) + 1 :]: item for item in found}

    def update_state(self, name):
        """How far the update of a service is; None where the managers have not begun with it."""
        return self.services()[name].get("UpdateStatus", {}).get("State")

    def tasks(self):
        """{short name: IDs of the tasks that should run}."""
        names = {item["ID"]: name for name, item in self.services().items()}
        found = {name: set() for name in names.values()}
        for task in self.all_tasks():
            if task["DesiredState"] != "running":
                continue
            found.setdefault(names.get(task["ServiceID"]), set()).add(task["ID"])
        return found

    def all_tasks(self):
        """The tasks of the stack, ended ones as well."""
        label = json.dumps({"label": {f"com.docker.stack.namespace={self.name}": True}})
        return self.lab.get(f"/tasks?filters={quote(label)}")


def plan_of(result):
    """{short name: entry} of what a plan does not leave unchanged."""
    return {entry["name"].partition("_")[2]: entry for entry in result["plan"] if entry["action"] != "unchanged"}
