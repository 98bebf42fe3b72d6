# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Engine that holds a stack's objects, and a docker command that talks as the real one does.

The command is a script of its own, so the recorder, its socket and the run of a process are tested for real.
"""

from __future__ import annotations

import base64
import copy
import json
import re
import stat
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError

KINDS = ("services", "networks", "configs", "secrets")
NODE = {
    "ID": "node1",
    "Description": {"Hostname": "one"},
    "Spec": {"Role": "manager", "Availability": "active", "Labels": {"registry": "true"}},
    "Status": {"State": "ready", "Addr": "0.0.0.0"},
    "ManagerStatus": {"Addr": "192.0.2.1:2377"},
}

# How a docker command talks to the address that it is given.
TALK = r"""
import base64, json, os, socket, sys, time

# Not http.client: to import it takes longer than all the rest.
sock = socket.socket(socket.AF_UNIX)
arguments, stack, project = sys.argv[1:], sys.argv[-1], {}
options = dict(zip(arguments, arguments[1:]))
sock.connect(options["--host"][len("unix://"):])
answers = sock.makefile("rb")

auth = {}
if "--with-registry-auth" in sys.argv:
    config = options["--config"] + "/config.json"
    logins = json.load(open(config)) if os.path.exists(config) else {}
    auth = {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(logins.get("auths", {})).encode()).decode()}

def call(method, path, body=None, may_fail=False):
    data = json.dumps(body).encode() if body else b""
    headers = {"Host": "docker", "Content-Type": "application/json", "Content-Length": len(data), **auth}
    lines = ["%s %s HTTP/1.1" % (method, path), *("%s: %s" % item for item in headers.items()), "", ""]
    sock.sendall("\r\n".join(lines).encode() + data)
    status, length = int(answers.readline().split()[1]), 0
    for line in iter(answers.readline, b"\r\n"):
        name, _colon, value = line.lower().partition(b":")
        length = int(value) if name == b"content-length" else length
    text = b"" if method == "HEAD" else answers.read(length)
    if status >= 400 and may_fail:
        return None
    if status >= 400 and status != 404:
        sys.exit("Error response from daemon: " + json.loads(text)["message"])
    return None if status == 404 else json.loads(text) if text else None
"""
# What docker stack deploy sends, in its order, for the few words of Compose that the tests use.
COMMAND = r"""
for word, path in zip(arguments, arguments[1:]):
    if word == "--compose-file":
        folder = os.path.dirname(path)
        for name, section in json.load(open(path)).items():
            project.setdefault(name, {}).update(section) if isinstance(section, dict) else None
for word in project.get("complain", {}):
    sys.exit(word + " Additional property foo is not allowed")
for word in project.get("hang", {}):
    time.sleep(float(word))
for word in project.get("unknown", {}):
    call("POST", "/v1.41/plugins/pull")
print("Since --detach=false was not specified, tasks will be created in the background.", file=sys.stderr)
for word in project.get("warn", {}):
    print(word, file=sys.stderr)
labels = {"com.docker.stack.namespace": stack}
call("HEAD", "/_ping"), call("GET", "/v1.41/info")
OF_STACK = '?filters={"label":{"com.docker.stack.namespace=' + stack + '":true}}'
networks = {item["Name"] for item in call("GET", "/v1.41/networks" + OF_STACK)}
for name, item in project.get("networks", {}).items():
    if "external" in item:
        if not call("GET", "/v1.41/networks/" + name):
            sys.exit('network "%s" is declared as external, but could not be found' % name)
        continue
    if stack + "_" + name not in networks:
        call("POST", "/v1.41/networks/create", {"Name": stack + "_" + name, "Driver": "overlay", "Labels": labels, **item})
for kind in ("secrets", "configs"):
    for name, item in project.get(kind, {}).items():
        if "external" in item:
            continue
        full = item.get("name", stack + "_" + name)
        spec = {"Name": full, "Labels": {**labels, **item.get("labels", {})}, "Data": base64.b64encode(item["text"].encode()).decode()}
        live = call("GET", "/v1.41/%s/%s" % (kind, full))
        update = "/v1.41/%s/%s/update?version=%d" % (kind, live["ID"], live["Version"]["Index"]) if live else ""
        call("POST", update or "/v1.41/%s/create" % kind, spec)
listed = call("GET", "/v1.41/services" + OF_STACK)
existing = {item["Spec"]["Name"]: item for item in listed}
for name, item in project.get("services", {}).items():
    full = stack + "_" + name
    spec = {"Name": full, "Labels": {**labels, "com.docker.stack.image": item["image"]},
            "TaskTemplate": {"ContainerSpec": {"Image": item["image"]}}, "Mode": item.get("mode", {"Replicated": {}}), "EndpointSpec": {}}
    container = spec["TaskTemplate"]["ContainerSpec"]
    container["Env"] = [item["env"]] if "env" in item else None
    container["Mounts"] = [{"Type": "bind", "Target": "/x", "Source": os.path.join(folder, "x")}] if "bind" in item else None
    for kind, word in (("secrets", "Secret"), ("configs", "Config")):
        for short in item.get(kind, []):
            full_name = short if "external" in project[kind][short] else project[kind][short].get("name", stack + "_" + short)
            found = call("GET", '/v1.41/%s?filters={"name":{"%s":true}}' % (kind, full_name))
            if [one["Spec"]["Name"] for one in found] != [full_name]:
                sys.exit(word + " not found: " + short)
            reference = {word + "ID": found[0]["ID"], word + "Name": found[0]["Spec"]["Name"], "File": {"Name": short}}
            container.setdefault(word + "s", []).append(reference)
    live = existing.get(full)
    found = call("GET", "/v1.41/distribution/" + item["image"] + "/json", may_fail=True)
    if found:
        container["Image"] += "@" + found["Descriptor"]["digest"]
        spec["TaskTemplate"]["Placement"] = {"Platforms": [{"OS": "linux", "Architecture": "amd64"}]}
    elif live:
        print("image %s could not be accessed on a registry to record\nits digest. Each node" % item["image"], file=sys.stderr)
    target = "/v1.41/services/%s/update?version=%d" % (live["ID"], live["Version"]["Index"]) if live else "/v1.41/services/create"
    made = call("POST", target, spec)
    call("GET", "/v1.41/services/" + (live or made)["ID"])["UpdateStatus"]
"""


def install_command(folder: Path, command: str = COMMAND) -> str:
    """Put the command into a folder; its path."""
    path = folder / "docker"
    # Without what a user or an environment adds: it starts in half the time.
    path.write_text(f"#!{sys.executable} -IS\n{TALK}{command}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


class StackEngine:
    """One manager; tasks run at once unless told otherwise.

    :ivar requests: all requests, as C(METHOD path).
    :ivar writes: those that stored something.
    :ivar task_state: the state that tasks come to.
    :cvar nodes: as listed.
    :ivar digests: image -> digest at its registry; all other images are unknown there.
    :ivar auths: the logins of the writes.
    :ivar lingering: how often the tasks of removed services are still listed.
    :ivar away: how many requests nobody answers.
    :ivar interrupted: how many writes come too late because somebody else wrote.
    """

    nodes = [NODE]

    def __init__(self, manager: bool = True) -> None:
        self.manager = manager
        self.node_addr = "192.0.2.1"
        self.objects: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.requests: list[str] = []
        self.writes: list[str] = []
        self.task_state, self.task_error = "running", ""
        self.interrupted = 0
        self.digests: dict[str, str] = {}
        self.auths: list[str] = []
        self.index = 10
        self.lingering = self.away = 0
        self.ending: list[dict[str, Any]] = []
        # Networks that no list has: ID -> name.
        self.predefined: dict[str, str] = {}

    @property
    def client(self) -> Client:
        """The words of this Engine."""
        return Client(self.answer, "1.41")

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        """One request."""
        url = urlsplit(target)
        path = re.sub(r"^/v[\d.]+", "", url.path)
        if self.away > 0:
            self.away -= 1
            raise SwarmError("Could not connect to the Docker Engine: nothing listens there. Start it.")
        self.requests.append(f"{method} {path}")
        self.auths += [value for name, value in headers.items() if name == "X-Registry-Auth" and method == "POST"]
        image = path[len("/distribution/") : -len("/json")]
        if path.startswith("/distribution/") and image in self.digests:
            return 200, {}, json.dumps({"Descriptor": {"digest": self.digests[image]}}).encode()
        status, document = self.route(method, path, dict(parse_qsl(url.query)), json.loads(body) if body else {})
        return status, {"Content-Type": "application/json"}, b"" if document is None else json.dumps(document).encode()

    def route(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """The answer to one request."""
        kind, *rest = path.strip("/").split("/")
        if method in ("GET", "HEAD"):
            if kind == "services" and rest:
                return 200, self.objects[kind][rest[0]]
            if kind == "networks" and rest:
                name = self.predefined.get(rest[0])
                return (200, {"Id": rest[0], "Name": name, "Scope": "swarm"}) if name else (404, {"message": "network not found"})
            return self.read(kind, json.loads(query.get("filters", "{}")))
        if rest == ["create"]:
            return self.store(kind, path, body)
        if method == "DELETE":
            named = json.dumps([item["Spec"] for item in self.objects["services"].values()])
            if kind in ("configs", "secrets") and f'"{rest[0]}"' in named:
                return 400, {"message": f"{kind} {rest[0]} is in use"}
            self.writes.append(f"DELETE {path}")
            gone = self.objects[kind].pop(rest[0], None)
            self.ending += [self.task(gone)] if gone and kind == "services" and self.lingering else []
            return (204, None) if gone else (404, {"message": "not found"})
        if query.get("rollback") == "previous":
            body = self.objects[kind][rest[0]]["PreviousSpec"]
        return self.update(kind, rest[0], path, int(query["version"]), body)

    def read(self, kind: str, filters: dict[str, Any]) -> tuple[int, Any]:
        """A list, or what else is asked for."""
        if kind in KINDS and not self.manager:
            return 503, {"message": "This node is not a swarm manager."}
        if kind in KINDS:
            items = copy.deepcopy(list(self.objects[kind].values()))
            for item in items:
                item.get("Spec", {}).pop("Data", None) if kind == "secrets" else None
            return 200, items
        if kind == "tasks":
            self.lingering = max(0, self.lingering - len(self.ending[:1]))
            self.ending = self.ending if self.lingering else []
            services = [item for key, item in self.objects["services"].items() if key in filters.get("service", {key: 1})]
            return 200, self.ending + [self.task(item) for item in services if of_stack(item, filters)]
        if kind == "nodes":
            return 200, self.nodes
        if kind == "info":
            return 200, {"Swarm": {"ControlAvailable": self.manager, "LocalNodeState": "active", "NodeAddr": self.node_addr}}
        return (200, {"OK": True}) if kind == "_ping" else (404, {"message": "no such registry"})

    def task(self, service: dict[str, Any]) -> dict[str, Any]:
        """The one task of a service, as old as the world."""
        return {
            "ID": "task-" + service["ID"],
            "ServiceID": service["ID"],
            "Slot": 1,
            "NodeID": "node1",
            "DesiredState": "running",
            "CreatedAt": "2020-01-01T00:00:00Z",
            "UpdatedAt": "2020-01-01T00:00:00Z",
            "Status": {"State": self.task_state, "Err": self.task_error},
        }

    def store(self, kind: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Create an object, with the Engine's order of checks."""
        if "refused" in json.dumps(body):
            return 400, {"message": "rpc error: code = InvalidArgument desc = this spec is refused"}
        configs = body.get("TaskTemplate", {}).get("ContainerSpec", {}).get("Configs") or []
        lacking = [item["ConfigName"] for item in configs if item["ConfigID"] not in self.objects["configs"]]
        if lacking:
            word = "config" if len(lacking) == 1 else "configs"
            return 400, {"message": f"rpc error: code = InvalidArgument desc = {word} not found: {', '.join(lacking)}"}
        self.index += 1
        ident = f"{kind[0]}{self.index}"
        self.writes.append(f"POST {path} {body['Name']}")
        if kind == "networks":
            self.objects[kind][ident] = {**body, "Id": ident, "Scope": "swarm", "IPAM": {"Config": [{"Subnet": "10.0.1.0/24"}]}}
            return 201, {"Id": ident}
        made = f"2026-01-01T00:00:00.{self.index:09}Z"
        self.objects[kind][ident] = {"ID": ident, "Version": {"Index": self.index}, "CreatedAt": made, "Spec": body}
        return 201, {"ID": ident}

    def update(self, kind: str, ident: str, path: str, version: int, body: dict[str, Any]) -> tuple[int, Any]:
        """Replace a spec, with the Engine's order of checks."""
        live = self.objects[kind][ident]
        if kind in ("configs", "secrets") and body.get("Data") != live["Spec"].get("Data"):
            return 400, {"message": "rpc error: code = InvalidArgument desc = only updates to Labels are allowed"}
        if "refused" in json.dumps(body):
            return 400, {"message": "rpc error: code = InvalidArgument desc = this spec is refused"}
        if version != live["Version"]["Index"] or self.interrupted > 0:
            if version:
                self.interrupted -= 1
            return 500, {"message": "rpc error: code = Unknown desc = update out of sequence"}
        self.index += 1
        self.writes.append(f"POST {path} {body['Name']}")
        live.update(PreviousSpec=live["Spec"], Spec=body, Version={"Index": self.index}, UpdateStatus={"State": "completed"})
        return 200, {"Warnings": None}

    def named(self, kind: str, name: str) -> dict[str, Any]:
        """One object."""
        return next(item for item in self.objects[kind].values() if name in (item.get("Name"), item.get("Spec", {}).get("Name")))


def of_stack(item: dict[str, Any], filters: dict[str, Any]) -> bool:
    """Whether an object has the labels of a filter."""
    labels = item["Spec"].get("Labels") or {}
    return all(label in [f"{name}={value}" for name, value in labels.items()] for label in filters.get("label", {}))


def encoded(text: str) -> str:
    """Base64 of a text."""
    return base64.b64encode(text.encode()).decode()
