# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what a real Engine answers and what its docker command asks for, to traffic/<version>.json beside this file:

    export ENGINE=26.1 ANSIBLE_HOME=$PWD/.ansible/engines    # once tests/engines has made the image of its hosts
    molecule converge -s engines && python tests/unit/record_traffic.py $ENGINE
    molecule destroy -s engines

It copies itself and plugins/ to both hosts, and runs there part by part; for the last one the swarm loses its majority. The hosts are of
no more use then.
"""

from __future__ import annotations

import base64
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tarfile
import time
import urllib.parse
import urllib.request
from typing import Any

STACK, FAILING = "traffic", "failing"
HERE = pathlib.Path(__file__).parent
PROJECT = HERE / "traffic"
ROOT = HERE.parent.parent
COLLECTION = "ansible_collections/apiary/swarm"
DAEMON_CONFIG = pathlib.Path("/etc/docker/daemon.json")
# What an engine does not take when it reads its options again.
REFUSED_OPTIONS: dict[str, Any] = {"labels": ["a=1", "a=2"], "max-concurrent-downloads": -1, "nosuch": True}
# With what it does not start.
DEADLY_OPTIONS: dict[str, Any] = {"storage-driver": "nosuch", "nosuch": True}
# Long, and nothing here reads it.
LEFT_OUT = {"/info": {"Runtimes"}, "task": {"Spec", "NetworksAttachments"}}
# An image index: docker's command has handed on these platforms each in its own way.
PLATFORMS = [
    {"architecture": "amd64", "os": "linux"},
    {"architecture": "arm", "os": "linux", "variant": "v5"},
    {"architecture": "arm", "os": "linux", "variant": "v7"},
    {"architecture": "arm64", "os": "linux", "variant": "v8"},
    {"architecture": "unknown", "os": "unknown"},
    {"architecture": "unknown", "os": "unknown"},
]
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


# -- on the hosts
class Engine:
    """This host's."""

    def __init__(self) -> None:
        from ansible_collections.apiary.swarm.plugins.module_utils._core.client import connect_for_reading

        self.client = connect_for_reading({"docker_host": "unix:///var/run/docker.sock", "timeout": 120})

    def ask(self, target: str, method: str = "GET", body: Any = None) -> tuple[int, bytes]:
        """(status, answer) of one request."""
        data, headers = (None, {}) if body is None else (json.dumps(body).encode(), {"Content-Type": "application/json"})
        status, _headers, answer = self.client.raw(method, f"/v{self.client.api_version}{target}", headers, data)
        return status, answer

    def get(self, path: str, **query: Any) -> Any:
        """A document."""
        pairs = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in query.items()}
        status, answer = self.ask(f"{path}?{urllib.parse.urlencode(pairs)}")
        assert status == 200, (path, status, answer)
        return without(LEFT_OUT.get(path, set()), json.loads(answer))

    def tasks(self, service: str) -> list[dict[str, Any]]:
        """Those of a service, the oldest first."""
        found = [without(LEFT_OUT["task"], task) for task in self.get("/tasks", filters={"service": {service: True}})]
        return sorted(found, key=lambda task: task["CreatedAt"])

    def refusal(self, method: str, target: str, body: Any = None) -> list[Any]:
        """[status, document] of a request that the Engine does not do."""
        status, answer = self.ask(target, method, body)
        assert status >= 400, (method, target, status, answer)
        return [status, json.loads(answer)]


def without(names: set[str], document: Any) -> Any:
    """A document without what is left out of it."""
    return {name: value for name, value in document.items() if name not in names} if names else document


def docker(*arguments: str, **environment: str) -> None:
    """Docker's own command."""
    subprocess.run(["docker", *arguments], check=True, stdout=sys.stderr, env={**os.environ, **environment})


def until(condition: Any, limit: float = 120) -> None:
    """Wait; what does not come in time is no answer worth recording."""
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(1)


def marked(value: Any) -> Any:
    """Without join tokens and keys."""
    if isinstance(value, dict):
        return {name: marked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [marked(item) for item in value]
    return re.sub(r"SWMTKN-[\w-]+", "SWMTKN-(token)", value) if isinstance(value, str) else value


def files_of_node(root: str) -> dict[str, str]:
    """What the swarm has left on this host. The key itself is replaced, its frame stays."""
    folder, key = pathlib.Path(root) / "swarm", "certificates/swarm-node.key"
    found = {name: (folder / name).read_text() for name in (key, "certificates/swarm-node.crt", "docker-state.json")}
    framed = [
        line if line.startswith("-----") or not line else re.sub(r"^(?:([\w-]+: ).*|.*)$", r"\1(key)", line)
        for line in found[key].splitlines()
    ]
    return {**found, key: "\n".join(dict.fromkeys(framed)) + "\n"}


def make_index(registry: str) -> None:
    """An image for many platforms, which all have the same bytes."""
    url = f"http://{registry}/v2/lab/many/manifests/"
    with urllib.request.urlopen(urllib.request.Request(f"{url}amd64", headers={"Accept": MANIFEST})) as answer:
        digest, size = answer.headers["Docker-Content-Digest"], len(answer.read())
    manifests = [{"mediaType": MANIFEST, "digest": digest, "size": size, "platform": platform} for platform in PLATFORMS]
    data = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_LIST, "manifests": manifests}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}1", data, {"Content-Type": MANIFEST_LIST}, method="PUT")).close()


def requests_of_command(engine: Engine, registry: str, files: list[str], rotate: bool) -> dict[str, Any]:
    """What docker's command asks the collection's recorder for."""
    from ansible_collections.apiary.swarm.plugins.module_utils._stack import compose
    from ansible_collections.apiary.swarm.plugins.module_utils._stack.recorder import Recorder
    from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import Request

    request = Request(name=STACK, files=files, env={"REGISTRY": registry}, rotate=rotate)
    recorder, asked = Recorder(engine.client, request), []
    real = recorder.handle

    def handle(method: str, target: str, headers: dict[str, str], body: bytes | None) -> Any:
        asked.append([method, urllib.parse.unquote(target), json.loads(body) if body else None])
        return real(method, target, headers, body)

    recorder.handle = handle  # type: ignore[method-assign]
    with compose.prepare(request) as sources:
        recorder.run(sources)
    answers = {path: [status, json.loads(text)] for path, (status, text) in recorder.answers.items()}
    return {"asked": asked, "registries": answers}


def deploy(engine: Engine, registry: str, files: list[str]) -> None:
    """Both stacks, by docker's own command, until they are as they stay."""
    arguments = [word for path in files for word in ("--compose-file", path)]
    docker("stack", "deploy", *arguments, STACK, REGISTRY=registry)
    docker("stack", "deploy", "--compose-file", str(PROJECT / "failing.yml"), FAILING, REGISTRY=registry)
    of_stack = {"label": {f"com.docker.stack.namespace={STACK}": True}}

    def settled() -> bool:
        status = {one["Spec"]["Name"]: one["ServiceStatus"] for one in engine.get("/services", filters=of_stack, status="true")}
        jobs = [name for name, one in status.items() if one.get("CompletedTasks")]
        left = [name for name, one in status.items() if one["RunningTasks"] != one["DesiredTasks"] or not one["DesiredTasks"]]
        return set(left) <= set(jobs)

    until(settled)
    time.sleep(50)  # the failing services have all the tasks by then that Swarm keeps


def refused_reloads(engine: Engine) -> dict[str, str]:
    """The lines of the log that follow each option that the engine does not take."""
    before, logs = DAEMON_CONFIG.read_text(), {}
    for name, value in REFUSED_OPTIONS.items():
        DAEMON_CONFIG.write_text(json.dumps({**json.loads(before), name: value}))
        since = time.time()
        os.kill(int(pathlib.Path("/run/docker.pid").read_text()), signal.SIGHUP)
        time.sleep(2)
        logs[name] = journal(since)
    DAEMON_CONFIG.write_text(before)
    return logs


def journal(since: float) -> str:
    """As the collection reads it."""
    command = ["journalctl", "--no-pager", "--quiet", "--output=cat", f"--since=@{since:.6f}", "_SYSTEMD_UNIT=docker.service"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def as_manager(registry: str) -> dict[str, Any]:
    """All that a manager in control has to say."""
    engine = Engine()
    make_index(registry)
    (PROJECT / "pw").write_text("(a password)")
    (PROJECT / "conf").write_text("(a configuration)")
    jobs = [] if engine.client.api_version == "1.41" else [str(PROJECT / "jobs.yml")]
    files = [str(PROJECT / "stack.yml"), *jobs]
    docker("network", "create", "--driver", "overlay", "--attachable", "shared")
    first = requests_of_command(engine, registry, files, rotate=False)
    deploy(engine, registry, files)
    commands = {"first": first, "again": requests_of_command(engine, registry, files, rotate=False)}
    commands["with versions"] = requests_of_command(engine, registry, files, rotate=True)
    (secret,) = [one for one in engine.get("/secrets") if one["Spec"]["Name"] == f"{STACK}_pw"]
    services = {one["Spec"]["Name"]: one for one in engine.get("/services")}
    web = services[f"{STACK}_web"]
    probe, update = f"/secrets/{secret['ID']}/update?version=0", f"/services/{web['ID']}/update?version=0"
    data = {text: base64.b64encode(text.encode()).decode() for text in ("(a password)", "(another)")}
    nobody = {"ConfigID": "nobodys", "ConfigName": "nobodys", "File": {"Name": "nobodys", "UID": "0", "GID": "0", "Mode": 0o444}}
    container = web["Spec"]["TaskTemplate"]["ContainerSpec"]
    unknown_config = {**web["Spec"]["TaskTemplate"], "ContainerSpec": {**container, "Configs": [nobody]}}
    small = {**web["Spec"]["TaskTemplate"], "Resources": {"Limits": {"MemoryBytes": 2**20}}}
    tasks = {name: engine.tasks(one["ID"]) for name, one in services.items()}
    crashed = [task for task in tasks[f"{FAILING}_crash"] if task["Status"]["State"] == "failed"][-1]
    return {
        "answers": {
            **{path: engine.get(path) for path in ("/version", "/info", "/swarm", "/nodes", "/networks", "/configs", "/secrets")},
            "/services": engine.get("/services", status="true"),
            "/tasks": [task for name in services if not name.startswith(FAILING) for task in tasks[name]],
        },
        "files": files_of_node(engine.client.info()["DockerRootDir"]),
        "commands": commands,
        "refusals": {
            "same secret": engine.refusal("POST", probe, {**secret["Spec"], "Data": data["(a password)"]}),
            "other secret": engine.refusal("POST", probe, {**secret["Spec"], "Data": data["(another)"]}),
            "same service": engine.refusal("POST", update, web["Spec"]),
            "unknown config": engine.refusal("POST", "/services/create", {"Name": "new", "TaskTemplate": unknown_config}),
            "small memory": engine.refusal("POST", update, {**web["Spec"], "TaskTemplate": small}),
        },
        "failing": {name[len(FAILING) + 1 :]: tasks[name] for name in services if name.startswith(FAILING)},
        "log": base64.b64encode(engine.ask(f"/tasks/{crashed['ID']}/logs?stdout=1&stderr=1&tail=5")[1]).decode(),
        "reloads": refused_reloads(engine),
    }


def as_worker() -> dict[str, Any]:
    """What a worker says of itself."""
    engine = Engine()
    return {"/info": engine.get("/info"), "files": files_of_node(engine.client.info()["DockerRootDir"])}


def as_last_words() -> dict[str, Any]:
    """The log of an engine that does not start, for each option that it dies of."""
    logs = {}
    for name, value in DEADLY_OPTIONS.items():
        subprocess.run(["systemctl", "stop", "docker.socket", "docker"], check=True)
        subprocess.run(["systemctl", "reset-failed", "docker"], check=True)
        DAEMON_CONFIG.write_text(json.dumps({name: value}))
        since = time.time()
        assert subprocess.run(["systemctl", "start", "docker"], check=False).returncode
        logs[name] = journal(since)
    subprocess.run(["systemctl", "stop", "docker.socket", "docker"], check=True)
    return logs


def as_alone() -> dict[str, Any]:
    """A manager without the majority."""
    engine = Engine()
    until(lambda: engine.client.info()["Swarm"].get("Error"))
    return {"/info": engine.get("/info"), **{path: engine.refusal("GET", path) for path in ("/nodes", "/services", "/swarm")}}


PARTS = {"manager": as_manager, "worker": as_worker, "last words": as_last_words, "alone": as_alone}


# -- here
class Host:
    """One of the lab's."""

    def __init__(self, address: str) -> None:
        options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        self.ssh = ["ssh", "-i", os.path.expanduser("~/.cache/apiary-lab/id_ed25519")]
        self.ssh += [word for option in options for word in ("-o", option)] + [f"root@{address}"]

    def run(self, command: str, given: bytes = b"") -> bytes:
        """Run it there."""
        return subprocess.run([*self.ssh, command], input=given, check=True, stdout=subprocess.PIPE).stdout

    def copy(self) -> None:
        """The collection, and this file."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path in ("plugins", "tests/unit/record_traffic.py", "tests/unit/traffic"):
                archive.add(ROOT / path, f"{COLLECTION}/{path}")
        self.run("mkdir -p traffic && tar -xzf - -C traffic", packed.getvalue())

    def record(self, part: str, *arguments: str) -> dict[str, Any]:
        """One part, with nothing secret in it."""
        words = " ".join(f"'{word}'" for word in (part, *arguments))
        return marked(json.loads(self.run(f"cd traffic && PYTHONPATH=. python3 {COLLECTION}/tests/unit/record_traffic.py --here {words}")))


def main(version: str) -> None:
    """Record one version."""
    import yaml

    groups = yaml.safe_load((ROOT / f"molecule/engines/inventory/{version}.yml").read_text(encoding="utf-8"))["swarm"]["children"]
    addresses = {name: host["ansible_host"] for group in groups.values() for name, host in group["hosts"].items()}
    manager, worker = Host(addresses["manager2"]), Host(addresses["worker1"])
    registry = f"{addresses['worker1']}:5000"
    image = f"{registry}/lab/many:amd64"
    worker.run(f"docker tag apiary-lab/python:13 {image} && docker push --quiet {image} && docker image rm {image}")
    for host in (manager, worker):
        host.copy()
    found = {"manager": manager.record("manager", registry), "worker": worker.record("worker")}
    manager.run("docker node promote worker1")
    time.sleep(10)  # until it is one
    found["last words"] = worker.record("last words")
    found["alone"] = manager.record("alone")
    write(PROJECT / f"{version}.json", found)


def write(path: pathlib.Path, found: dict[str, Any]) -> None:
    """One line for each thing, so that a later recording can be compared."""
    parts = []
    for part, things in found.items():
        lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(thing, separators=(',', ':'))}" for name, thing in things.items())
        parts.append(f"  {json.dumps(part)}: {{\n{lines}\n  }}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--here":
        print(json.dumps(PARTS[sys.argv[2]](*sys.argv[3:])))
    else:
        main(sys.argv[1])
