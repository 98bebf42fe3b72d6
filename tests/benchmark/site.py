# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of site.yml with nothing to do costs, beside a playbook that only pings the hosts and beside community.docker's idiom.

    tests/benchmark/site [--hosts 15] [--rounds 5] [--no-idiom]

Uses the lab, which it brings up where it is not. All take turns, so that what else goes on here weighs on all alike; told are the medians.
With --hosts the lab gets more workers for a second table, which go afterwards. idiom.yml does the same job
with the modules of community.docker.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE, PLAYBOOKS, MOLECULE = ROOT / "tests" / "benchmark", ROOT / "playbooks", ROOT / "molecule"
LAB = ROOT / "inventories" / "lab"
ENVIRONMENT = {
    **os.environ,
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
    "ANSIBLE_HOME": str(ROOT / ".ansible"),
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",
}
PING, SITE, PLAN, IDIOM = "ping", "site.yml", "plan.yml", "community.docker"


class Run:
    """One run of ansible-playbook: how long, how many tasks, how much was changed."""

    def __init__(self, *arguments: str) -> None:
        begin = time.monotonic()
        done = subprocess.run(["ansible-playbook", *arguments], cwd=ROOT, env=ENVIRONMENT, text=True, capture_output=True, check=False)
        self.seconds = time.monotonic() - begin
        if done.returncode:
            sys.exit(f"ansible-playbook {' '.join(arguments)}:\n{done.stdout[-4000:]}{done.stderr[-2000:]}")
        # Of a play that runs host by host each time counts.
        self.tasks = len(re.findall(r"^(?:TASK|RUNNING HANDLER) \[", done.stdout, re.MULTILINE))
        self.changed = sum(map(int, re.findall(r"\bchanged=(\d+)", done.stdout)))


def variables(inventory: list[str]) -> dict:
    """Each host's variables."""
    done = subprocess.run(["ansible-inventory", *inventory, "--list"], cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)["_meta"]["hostvars"]


def idiom_variables(inventory: list[str], hosts: dict) -> list[str]:
    """What idiom.yml is told: the options that the engines have already, so that neither job undoes the other's."""
    as_json = {**ENVIRONMENT, "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    command = ["ansible", *inventory, "swarm", "-m", "ansible.builtin.slurp", "-a", "src=/etc/docker/daemon.json"]
    answer = json.loads(subprocess.run(command, cwd=ROOT, env=as_json, check=True, stdout=subprocess.PIPE).stdout)
    files = {name: host["content"] for name, host in answer["plays"][0]["tasks"][0]["hosts"].items()}
    told = {
        "idiom_daemon_files": {name: f"{{{{ '{content}' | b64decode }}}}" for name, content in files.items()},
        "idiom_registry": f"{hosts['worker1']['ansible_host']}:5002",
        "idiom_sources": str(ROOT / "examples" / "dockercoins"),
    }
    return ["-e", json.dumps(told)]


def measure(inventory: list[str], rounds: int, idiom: bool) -> dict[str, list[Run]]:
    """All kinds of runs by turns. The first of each is not counted: it may have something to do."""
    kinds = {PING: [*inventory, str(HERE / "ping.yml")], SITE: [*inventory, str(PLAYBOOKS / "site.yml")]}
    if (PLAYBOOKS / "plan.yml").exists():
        kinds[PLAN] = [*inventory, str(PLAYBOOKS / "plan.yml")]
    if idiom:
        kinds[IDIOM] = [*inventory, *idiom_variables(inventory, variables(inventory)), str(HERE / "idiom.yml")]
    runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
    for number in range(rounds + 1):
        for kind, arguments in kinds.items():
            run = Run(*arguments)
            if number:
                runs[kind].append(run)
                print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return runs


def median(runs: list[Run]) -> float:
    """Seconds."""
    return statistics.median(run.seconds for run in runs)


def table(hosts: int, runs: dict[str, list[Run]]) -> None:
    """Print it; a ratio where there is something to compare with."""
    print(f"\n{hosts} hosts{'seconds':>24} {'tasks':>6} {'changed':>8} {'÷ ping':>7} {'÷ community.docker':>19}")
    for kind, done in runs.items():
        cost = median(done)
        beside = f"{cost / median(runs[IDIOM]):.2f}" if IDIOM in runs else ""
        changed = max(run.changed for run in done)
        print(f"{kind:20} {cost:11.2f} {done[-1].tasks:6} {changed:8} {cost / median(runs[PING]):7.2f} {beside:>19}")


def more_workers(folder: pathlib.Path, count: int, hosts: dict) -> str:
    """An inventory with so many more workers, named and numbered after those of the lab."""
    last = max(hosts, key=lambda name: name.startswith("worker") and int(name[len("worker") :] or 0))
    net, _dot, number = hosts[last]["ansible_host"].rpartition(".")
    first = int(last[len("worker") :])
    more = {f"worker{first + step}": {"ansible_host": f"{net}.{int(number) + step}"} for step in range(1, count + 1)}
    (folder / "more.json").write_text(json.dumps({"swarm_workers": {"hosts": more}, "lab_more": {"hosts": dict.fromkeys(more, {})}}))
    return str(folder / "more.json")


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, help="measure with so many hosts, too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-idiom", action="store_true", help="leave community.docker's idiom out")
    options = parser.parse_args()
    lab = ["-i", str(LAB)]
    hosts = variables(lab)
    Run(*lab, str(MOLECULE / "default" / "create.yml"))
    Run(*lab, str(PLAYBOOKS / "site.yml"))
    runs = measure(lab, options.rounds, not options.no_idiom)
    table(len(hosts), runs)
    if not options.no_idiom:
        for stack in ("idiom", "idiom-registry"):
            arguments = ["-m", "apiary.swarm.stack", "-a", f"name={stack} state=absent"]
            subprocess.run(["ansible", *lab, "manager1", *arguments], cwd=ROOT, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
    if options.hosts and options.hosts > len(hosts):
        with tempfile.TemporaryDirectory() as folder:
            more = [*lab, "-i", more_workers(pathlib.Path(folder), options.hosts - len(hosts), hosts)]
            try:
                Run(*more, str(MOLECULE / "default" / "create.yml"))
                many = measure(more, options.rounds, idiom=False)
                table(options.hosts, many)
                print(f"\ngrowth of {SITE} from {len(hosts)} to {options.hosts} hosts: {median(many[SITE]) / median(runs[SITE]):.2f}")
            finally:
                Run(*more, str(MOLECULE / "default" / "remove.yml"))
                Run(*lab, str(PLAYBOOKS / "site.yml"), "--tags", "cluster", "-e", json.dumps({"cluster_prune": True}))


if __name__ == "__main__":
    main()
