# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has planned and what a run has done, in the same words, so that a test can compare them line by line.

The plan is that of cluster_plan. What was done is told by the modules that did it: their results, read through Ansible's JSON callback.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tempfile

from ansible_collections.apiary.swarm.plugins.module_utils._engine.options import TLS_FILES
from ansible_collections.apiary.swarm.plugins.module_utils._engine.plan import differing, option_text
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.plan import shown
from ansible_collections.apiary.swarm.plugins.plugin_utils._deployments import object_text, release_text
from stories import ROOT

# Tasks whose change is one line of the plan, by the end of their names: subject and verb.
TASKS = {
    "Install the engine, its CLI and the SDK": ("packages", "install"),
    "Allow packages to start their services again": ("packages", "unblock"),
    "Hold the version": ("packages", "hold"),
    "Release the version hold": ("packages", "release"),
    "Set kernel parameters": ("kernel", "set"),
    "Configure the kernel modules to load at boot": ("kernel", "load"),
    "Start the engine at boot": ("engine", "enable"),
    "Install the cryptography library on Debian": ("packages", "install"),
}
# Tasks of role tls, each of which writes the files of a loop: subject, and verb where the file was there and where it was not.
TLS_TASKS = {
    "Create the directory of CAs and clients": ("folder", "make", "make"),
    "Create the directories": ("folder", "make", "make"),
    "Self-sign the CA's certificate": ("CA", "make", "make"),
    "Write the CA certificates and environment files": ("CA", "trust", "trust"),
    "Generate the private key": ("certificate", "make key", "make key"),
    "Write the certificate": ("certificate", "renew", "issue"),
    "Set the permissions of the files": ("file", "correct", "correct"),
}
# Tasks that carry out a line that another one stands for.
MEANS = (
    "Load the kernel modules",
    "Create the director",
    "Create a directory",
    "Copy the",
    "Remove ",
    "Generate the CA's private key",
    "Exclude the directory from git",
)


def planned(lab, *arguments):
    """The lines of playbooks/plan.yml: (host, subject, verb, what) of each change, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "plan.json")
        lab.playbook(str(ROOT / "playbooks" / "plan.yml"), "-e", f"plan_file={path}", *arguments)
        with open(path, encoding="utf-8") as file:
            changes = json.load(file)["changes"]
    return sorted(line(change) for change in changes)


def line(change):
    """A change of the plan, with what the modules can tell of it, too."""
    host, subject, verb, text = (change[key] for key in ("host", "subject", "verb", "text"))
    if subject == "engine" and verb in ("set", "start", "reload", "restart"):
        text = text.replace(" (in its turn)", "")
    elif subject == "image" and verb in ("build", "push"):
        text = text.split(":")[0]
    elif subject == "image":
        text = text.split(" from ")[0]
    elif (subject, verb) == ("node", "remove"):
        text = text.split("'")[1]
    elif subject in ("certificate", "file", "folder", "CA") or subject.startswith("client "):
        text = text.split(": ")[0]
    elif subject in ("packages", "kernel") or verb in ("init", "enable", "join"):
        text = ""
    return host, subject, verb, text


def done(lab, *arguments):
    """Run site.yml, and tell what its modules say that they have done: lines as those of planned, sorted."""
    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_DISPLAY_OK_HOSTS": "true"}
    run = subprocess.run(
        ["ansible-playbook", "-i", str(lab.inventory), str(ROOT / "playbooks" / "site.yml"), "--diff", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-3000:]
    found, unknown = [], []
    for play in json.loads(run.stdout)["plays"]:
        for task in play["tasks"]:
            for host, result in task["hosts"].items():
                if result.get("changed"):
                    lines = told(host, task["task"]["name"].rpartition(" : ")[2], result)
                    found += lines
                    if not lines and not task["task"]["name"].rpartition(" : ")[2].startswith(MEANS):
                        unknown.append((host, task["task"]["name"]))
    assert not unknown, unknown
    return sorted(found)


def told(host, name, result):
    """The lines that one changed task stands for."""
    if name in TASKS:
        return [(host, *TASKS[name], "")]
    if name in TLS_TASKS:
        return [one for item in result.get("results") or [result] if item.get("changed") for one in tls(host, name, item)]
    module = str(result.get("action", "")).rpartition(".")[2]
    tellers = {
        # The callback has put the module's name in the place of the result "action".
        "daemon_config": lambda host, result: engine(host, result, "restart" if name.endswith("restart the engine") else "reload"),
        "swarm_init": swarm,
        "swarm_join": lambda host, _result: [(host, "node", "join", "")],
        "node": nodes,
        "node_label": labels,
        "registry_stack": objects,
        "stack": stacks,
        "docker_image_load": lambda host, _result: [(host, "image", "load", name.replace("Load ", ""))],
        "docker_image": lambda _host, _result: [("swarm", "image", name.split(" ")[0].lower(), name.rpartition(" ")[2])],
        "image_build": lambda _host, _result: [("swarm", "image", "build", name.rpartition(" ")[2])],
    }
    return tellers[module](host, result) if module in tellers else []


def tls(host, name, item):
    """One file that role tls has written, on that host or on the controller; the folder of a client has no line of its own."""
    subject, changed, made = TLS_TASKS[name]
    path = pathlib.Path(next(item[key] for key in ("dest", "filename", "path") if key in item))
    diff = item.get("diff") or {}
    verb = changed if (diff[0] if isinstance(diff, list) else diff).get("before") else made
    ours = ROOT in path.parents
    if ours and "clients" in path.parts:
        if subject == "folder":
            return []
        subject, verb = f"client {path.parent.name}", "write" if path.name == "docker.env" else verb
    return [("controller" if ours else host, subject, verb, path.stem if ours and subject == "CA" else str(path))]


def engine(host, result, verb):
    """What daemon_config has done."""
    before, after = result["diff"]["before"], result["diff"]["after"]
    starts = before.get("(engine)") in ("is stopped", "is not there")
    told = [option_text(key, before.get(key), after.get(key)) for key in differing(before, after)]
    told += [f"{option} is renewed" for option in TLS_FILES if option in result["changed_options"]]
    return [(host, "engine", "start" if starts else verb, ", ".join(told) or "starts")]


def swarm(host, result):
    """What swarm_init has done."""
    before, after = result["diff"]["before"], result["diff"]["after"]
    if not before["initialised"]:
        return [(host, "swarm", "init", "")]
    keys = [key for key in after if before.get(key) != after[key]]
    return [("swarm", "swarm", "set", f"{key} {shown(before.get(key))} → {shown(after[key])}") for key in keys]


def nodes(_host, result):
    """What node has done."""
    lines = []
    for name, before in result["diff"]["before"].items():
        after = result["diff"]["after"].get(name)
        if after is None:
            lines.append(("swarm", "node", "remove", name))
            continue
        if before["role"] != after["role"]:
            lines.append((name, "node", "promote" if after["role"] == "manager" else "demote", f"{before['role']} → {after['role']}"))
        if before["availability"] != after["availability"]:
            verb = "activate" if after["availability"] == "active" else after["availability"]
            lines.append((name, "node", verb, f"availability {before['availability']} → {after['availability']}"))
    return lines


def labels(_host, result):
    """What node_label has done."""
    lines = []
    for name, before in result["diff"]["before"].items():
        after = result["diff"]["after"][name]
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                lines.append((name, "node", "label", f"{key} {shown(before.get(key))} → {shown(after.get(key))}"))
    return lines


def objects(_host, result):
    """What a stack has done to its objects."""
    changed = [item for item in result["plan"] if item["action"] in ("create", "update", "remove")]
    lines = [("swarm", item["kind"], item["action"], object_text(item)) for item in changed]
    if result.get("release"):
        lines.append(("swarm", "release", "record", release_text(result["item"], result)))
    return lines


def stacks(host, result):
    """The same of all stacks of a loop."""
    return [one for item in result.get("results") or [result] if item.get("changed") for one in objects(host, item)]
