# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stories share: the lab's hosts through testinfra, the Engine API on them, and site.yml as a user runs it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import testinfra
from engine_api import EngineApi
from warm_ansible import WarmAnsible

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Of the lab, or of other hosts with the same names.
INVENTORY = pathlib.Path(os.environ.get("LAB_INVENTORY", ROOT / "inventories" / "lab"))
MANAGERS = ["manager1", "manager2", "manager3"]
WORKERS = ["worker1", "worker2"]
# Generous: the machine is small and shared. A condition that holds ends the wait at once.
PATIENCE = 180
# A swarm in which nothing has moved for so long, in seconds, is at rest.
QUIET = 3
# The file in which tests/run hands on from one story to the next what there is.
LEFT = os.environ.get("LAB_LEFT")


def family(pid):
    """A process and all that it has started; Ansible's workers have sessions of their own."""
    parents = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            parents[int(path.parent.name)] = int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += [child for child, parent in parents.items() if parent == found[-1]]
    return found


class Watch:
    """Looks again and again in the background, and keeps what it has seen.

    :param look: is called until the block ends; what it returns is kept.
    """

    def __init__(self, look, pause=0.2):
        self.look, self.pause = look, pause
        self.seen = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.over.is_set():
            self.seen.append(self.look())
            self.over.wait(self.pause)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_error):
        self.over.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "the look in the background has not ended"


class Lab:
    """The hosts, as a test sees them."""

    def __init__(self, inventory: pathlib.Path) -> None:
        self.inventory = inventory
        command = ["ansible-inventory", "-i", str(inventory), "--list"]
        told = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
        self.variables = told["_meta"]["hostvars"]
        self.name = next(iter(self.variables.values()))["lab_name"]
        self.addresses = {name: host["ansible_host"] for name, host in self.variables.items()}
        self.folder = tempfile.TemporaryDirectory(prefix="lab-")
        self.engines = {name: EngineApi(host, pathlib.Path(self.folder.name, name)) for name, host in self.variables.items()}
        self.ansible = WarmAnsible(ROOT)
        self.left = pathlib.Path(LEFT).read_text(encoding="utf-8") if LEFT else ""

    def close(self):
        """Leave nothing behind on this machine."""
        self.ansible.close()
        for engine in self.engines.values():
            engine.close()
        self.folder.cleanup()

    def host(self, name):
        """The testinfra host of this inventory name."""
        return testinfra.get_host(f"ansible://{name}", ansible_inventory=str(self.inventory))

    def everywhere(self, command):
        """What a command answers on each host, all at once."""
        with ThreadPoolExecutor(len(self.addresses)) as pool:
            return dict(zip(self.addresses, pool.map(lambda name: self.host(name).check_output(command), self.addresses)))

    def container(self, name):
        """The container that this host is."""
        return f"{self.name}-{name}"

    def get(self, path, via="manager2"):
        """The answer of GET path of the Engine on a node."""
        return self.engines[via].get(path)

    def nodes(self, via="manager2"):
        """hostname -> node, of the nodes that are not down."""
        return {node["Description"]["Hostname"]: node for node in self.get("/nodes", via) if node["Status"]["State"] != "down"}

    def settled(self, via, named=True):
        """After an election a node may be unknown, or listed under the name of another, until it has reported to the new leader.

        :param named: names have to be right; they were seen to stay mixed up (moby issue 46167).
        """
        nodes = [node for node in self.get("/nodes", via) if node["Status"]["State"] != "down"]
        names = {node["Description"]["Hostname"] for node in nodes}
        return (len(names) == len(nodes) or not named) and all(node["Status"]["State"] == "ready" for node in nodes)

    def snapshot(self, via="manager2"):
        """All that a write would change: the version and previous spec of every object, and the IDs of all live tasks."""
        objects = {("swarm", "swarm"): self.get("/swarm", via)["Version"]["Index"]}
        for kind in ("nodes", "services", "configs", "secrets"):
            for item in self.get(f"/{kind}", via):
                objects[kind, item["ID"]] = (item["Version"]["Index"], json.dumps(item.get("PreviousSpec"), sort_keys=True))
        for network in self.get("/networks", via):
            if network["Scope"] == "swarm":
                objects["networks", network["Id"]] = network["Created"]
        for task in self.get("/tasks", via):
            if task["DesiredState"] == "running":
                objects["tasks", task["ID"]] = task["NodeID"]
        return objects

    def at_rest(self, via="manager2"):
        """A snapshot, once nothing moves of itself any more: restarted engines, and tasks that have failed, settle by and by."""
        seen, since, begin = {}, 0.0, time.monotonic()

        def quiet():
            nonlocal seen, since
            named = time.monotonic() - begin < PATIENCE / 3
            before, seen = seen, self.snapshot(via)
            counts = [service["ServiceStatus"] for service in self.get("/services?status=true", via)]
            missing = any(count["RunningTasks"] < count["DesiredTasks"] for count in counts)
            if seen != before or missing or not self.settled(via, named):
                since = time.monotonic()
            return time.monotonic() - since > QUIET

        self.until(quiet, "a swarm at rest")
        return seen

    def changes_since(self, before, via="manager2"):
        """What differs from an earlier snapshot: {(kind, ID): (before, now)}."""
        now = self.snapshot(via)
        return {key: (before.get(key), now.get(key)) for key in {*before, *now} if before.get(key) != now.get(key)}

    def running(self, service, via="manager2"):
        """The running tasks of a service."""
        filters = urllib.request.quote(json.dumps({"service": {service: True}, "desired-state": {"running": True}}))
        return [task for task in self.get(f"/tasks?filters={filters}", via) if task["Status"]["State"] == "running"]

    def managers_listening(self):
        """How many managers listen on the port of raft: three can spare one."""
        count = 0
        for name in MANAGERS:
            try:
                socket.create_connection((self.addresses[name], 2377), timeout=5).close()
                count += 1
            except OSError:
                pass
        return count

    def engine_starts(self):
        """When the engine of each host was started last."""
        return self.everywhere("stat --format=%y /run/docker.pid")

    def daemon_files(self):
        """Content and age of each host's daemon.json."""
        return self.everywhere("stat --format=%y /etc/docker/daemon.json && cat /etc/docker/daemon.json")

    def http(self, url):
        """(status, text); status 0 when nothing answers."""
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def playbook(self, *arguments, check=True, cwd=ROOT, env=None):
        """Run ansible-playbook as a user does; returns (rc, {host: {what: count}}, output)."""
        run = subprocess.run(
            ["ansible-playbook", "-i", str(self.inventory), *arguments],
            cwd=cwd,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            env={**(env or os.environ), "ANSIBLE_FORCE_COLOR": "false"},
        )
        return self.told(run.returncode, run.stdout, check)

    def told(self, rc, output, check=True):
        """(rc, {host: {what: count}}, output) of a run of ansible-playbook."""
        assert rc == 0 or not check, output[-6000:]
        recap = re.findall(r"^(\S+)\s+: (ok=\d+.*)$", output, re.MULTILINE)
        assert recap, output[-6000:]
        return rc, {name: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)} for name, text in recap}, output

    def play(self, *arguments):
        """A playbook that does nothing but call modules for a story, in the Ansible that is loaded already."""
        return self.told(*self.ansible.playbook("-i", str(self.inventory), *arguments))

    def site(self, *arguments, check=True):
        """site.yml of this checkout."""
        return self.playbook(str(ROOT / "playbooks" / "site.yml"), *arguments, check=check)

    def until(self, condition, what):
        """Wait until the condition gives something true, and return that."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                seen, reason = condition(), ""
            except AssertionError as error:
                # While managers elect a leader they answer with errors.
                seen, reason = None, f": {error}"
            if seen:
                return seen
            assert time.monotonic() < end, f"{what} did not come true within {PATIENCE} s{reason}"
            time.sleep(0.5)

    def begin(self, needs):
        """Make of the hosts what a story needs, unless the one before has left that."""
        left, folder = self.left, ROOT / "molecule" / "default"
        self.leave("")
        if needs == "new":
            self.play(str(folder / "destroy.yml"))
        if needs == "new" or not left:
            self.play(str(folder / "create.yml"))
        if needs == "cluster" != left:
            self.site()

    def leave(self, what):
        """Say what there is now: hosts, a cluster, or who knows what."""
        self.left = what
        if LEFT:
            pathlib.Path(LEFT).write_text(what, encoding="utf-8")
