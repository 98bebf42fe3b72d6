# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A swarm in memory, and the Engines of its hosts behind the transport of Client.

It counts requests and writes, keeps versions as the real one does, and can be told to be interrupted by another writer.
"""

from __future__ import annotations

import base64
import copy
import itertools
import json
from pathlib import Path
from typing import Any, Callable
from urllib.parse import parse_qs, urlsplit

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._swarm.certificate import root_digest

SPEC: dict[str, Any] = {
    "Name": "default",
    "Labels": {},
    "Orchestration": {"TaskHistoryRetentionLimit": 5},
    "Raft": {
        "SnapshotInterval": 10000,
        "KeepOldSnapshots": 0,
        "LogEntriesForSlowFollowers": 500,
        "ElectionTick": 10,
        "HeartbeatTick": 1,
    },
    "Dispatcher": {"HeartbeatPeriod": 5000000000},
    "CAConfig": {"NodeCertExpiry": 7776000000000000},
    "TaskDefaults": {},
    "EncryptionConfig": {"AutoLockManagers": False},
}


class Refused(Exception):
    """An answer of the Engine that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def der(tag: int, content: bytes) -> bytes:
    """One DER element."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def node_certificate(node_id: str, role: str, cluster_id: str, not_after: str = "270218133800Z") -> bytes:
    """A certificate as far as it is read, in PEM."""
    names = ((b"\x55\x04\x0a", cluster_id), (b"\x55\x04\x0b", f"swarm-{role}"), (b"\x55\x04\x03", node_id))
    subject = b"".join(der(0x31, der(0x30, der(0x06, kind) + der(0x0C, text.encode()))) for kind, text in names)
    validity = der(0x17, b"261120123800Z") + der(0x17, not_after.encode())
    body = der(0xA0, der(0x02, b"\x02")) + der(0x02, b"\x01") + der(0x30, b"") + der(0x30, b"") + der(0x30, validity) + der(0x30, subject)
    text = base64.encodebytes(der(0x30, der(0x30, body + der(0x30, bytes(90))) + der(0x30, b"") + der(0x03, b"\x00")))
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"


class Swarm:
    """What the managers of one swarm agree on.

    :ivar lag: so many looks at the nodes pass before a change of role is complete.
    """

    def __init__(self, cluster_id: str = "cluster1", root: bytes = b"root certificate 1") -> None:
        self.cluster_id, self.root = cluster_id, root
        self.index = itertools.count(10)
        self.spec, self.version = copy.deepcopy(SPEC), next(self.index)
        self.pools, self.mask, self.port = ["10.0.0.0/8"], 24, 4789
        self.nodes: dict[str, dict[str, Any]] = {}
        self.engines: dict[str, Engine] = {}
        self.tasks: list[dict[str, Any]] = []
        # Tasks that drained nodes go on with, because they are given so long to stop.
        self.endless_tasks = False
        self.service_list: list[dict[str, Any]] = []
        self.conflicts: list[Callable[[], None]] = []
        self.unlock_key = ""
        self.configs: dict[str, dict[str, Any]] = {}
        self.tokens = {role.capitalize(): f"SWMTKN-1-{root_digest(root)}-{role[0] * 25}" for role in ("worker", "manager")}

    def add(
        self,
        node_id: str,
        hostname: str,
        address: str,
        role: str = "worker",
        availability: str = "active",
        state: str = "ready",
    ) -> None:
        """A node that is a member already."""
        self.nodes[node_id] = {
            "ID": node_id,
            "Version": {"Index": next(self.index)},
            "Spec": {"Labels": {}, "Role": role, "Availability": availability},
            "Description": {"Hostname": hostname, "Engine": {"EngineVersion": "26.1.5"}},
            "Status": {"State": state, "Addr": address},
        }
        self.sync()

    def sync(self) -> None:
        """Roles become facts: raft's members, and the certificates on the hosts."""
        leader = any((node.get("ManagerStatus") or {}).get("Leader") for node in self.nodes.values() if node["Spec"]["Role"] == "manager")
        for node_id, node in self.nodes.items():
            if node["Spec"]["Role"] == "worker":
                node.pop("ManagerStatus", None)
            elif "ManagerStatus" not in node:
                reachable = "reachable" if node["Status"]["State"] == "ready" else "unreachable"
                node["ManagerStatus"] = {"Reachability": reachable, "Addr": f"{node['Status']['Addr']}:2377"}
                if not leader:
                    node["ManagerStatus"]["Leader"] = leader = True
            if node["Spec"]["Availability"] == "drain" and not self.endless_tasks:
                self.tasks = [task for task in self.tasks if task["NodeID"] != node_id]
            if node_id in self.engines:
                self.engines[node_id].write_files()

    def add_config(self, name: str, labels: dict[str, str], data: str = "") -> str:
        """A config; its ID."""
        if any(one["Spec"]["Name"] == name for one in self.configs.values()):
            raise Refused(409, f"rpc error: code = AlreadyExists desc = config {name} already exists")
        index = next(self.index)
        self.configs[f"c{index}"] = {"ID": f"c{index}", "Version": {"Index": index}, "Spec": {"Name": name, "Labels": labels, "Data": data}}
        return f"c{index}"

    def interrupted_by(self, write: Callable[[], None]) -> None:
        """Before the next write somebody else writes."""
        self.conflicts.append(write)

    def check_version(self, known: int, sent: str) -> None:
        """Refuse what is out of sequence."""
        if known != int(sent):
            raise Refused(500, "rpc error: code = Unknown desc = update out of sequence")


class Engine:
    """The Engine of one host.

    :ivar requests: all requests as (method, path); C(writes) are those that are no GET.
    """

    def __init__(self, root: Path, name: str = "host1", swarm: Swarm | None = None, node_id: str | None = None) -> None:
        self.name, self.root = name, root / name
        self.swarm, self.node_id = swarm, node_id
        self.state, self.error = ("active" if swarm else "inactive"), ""
        self.joinable: dict[str, Any] = {}
        self.addresses = {"AdvertiseAddr": "10.0.0.1:2377", "ListenAddr": "0.0.0.0:2377", "DataPathAddr": ""}
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.client = Client(self.transport, "1.45")
        if swarm and node_id:
            swarm.engines[node_id] = self
            self.write_files()

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What was not only read."""
        return [request for request in self.requests if request[0] != "GET"]

    @property
    def node(self) -> dict[str, Any]:
        """This host's node object."""
        assert self.swarm and self.node_id
        return self.swarm.nodes[self.node_id]

    def write_files(self) -> None:
        """The swarm folder of a member."""
        folder = self.root / "swarm" / "certificates"
        folder.mkdir(parents=True, exist_ok=True)
        assert self.swarm and self.node_id
        (folder / "swarm-root-ca.crt").write_bytes(self.swarm.root)
        (folder / "swarm-node.crt").write_bytes(node_certificate(self.node_id, self.node["Spec"]["Role"], self.swarm.cluster_id))
        (self.root / "swarm" / "docker-state.json").write_text(json.dumps(self.addresses))

    def remove_files(self) -> None:
        """The swarm folder of a host that is no member."""
        for path in sorted((self.root / "swarm").rglob("*"), reverse=True):
            if path.is_file():
                path.unlink()

    # -- the transport
    def transport(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        """Answer one request."""
        url = urlsplit(path)
        path = url.path.replace("/v1.45", "", 1)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.requests.append((method, path))
        data = json.loads(body) if body else None
        if data is not None:
            self.bodies.append(data)
        try:
            answer = self.answer(method, path, query, data)
        except Refused as refused:
            return refused.status, {}, json.dumps({"message": str(refused)}).encode()
        return 200, {}, b"" if answer is None else json.dumps(answer).encode()

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        """The answer's data, or Refused."""
        if (method, path) == ("GET", "/info"):
            return self.info()
        if (method, path) == ("POST", "/swarm/init"):
            return self.init(body)
        if (method, path) == ("POST", "/swarm/join"):
            return self.join(body)
        if (method, path) == ("POST", "/swarm/leave"):
            return self.leave(query["force"] == "true")
        if (method, path) == ("POST", "/swarm/unlock"):
            return self.unlock(body["UnlockKey"])
        if not self.swarm or self.state != "active" or self.node["Spec"]["Role"] != "manager":
            raise Refused(503, "This node is not a swarm manager.")
        if self.error:
            raise Refused(503, self.error)
        swarm, parts = self.swarm, path.strip("/").split("/")
        if method != "GET" and swarm.conflicts:
            swarm.conflicts.pop(0)()
        if (method, path) == ("GET", "/swarm"):
            return {**self.cluster(), "JoinTokens": swarm.tokens}
        if (method, path) == ("GET", "/swarm/unlockkey"):
            return {"UnlockKey": swarm.unlock_key}
        if (method, path) == ("POST", "/swarm/update"):
            swarm.check_version(swarm.version, query["version"])
            swarm.spec, swarm.version = body, next(swarm.index)
            return None
        if (method, path) == ("GET", "/nodes"):
            return list(swarm.nodes.values())
        if (method, path) == ("GET", "/services"):
            return swarm.service_list
        if (method, path) == ("GET", "/tasks"):
            wanted = json.loads(query.get("filters", "{}")).get("node")
            return [task for task in swarm.tasks if not wanted or task["NodeID"] in wanted]
        if parts[0] == "configs":
            return self.config(method, parts[1:], query, body)
        if method == "POST" and parts[0] == "nodes" and parts[2] == "update":
            node = swarm.nodes[parts[1]]
            swarm.check_version(node["Version"]["Index"], query["version"])
            node["Spec"], node["Version"] = body, {"Index": next(swarm.index)}
            swarm.sync()
            return None
        if method == "DELETE" and parts[0] == "nodes":
            node = swarm.nodes[parts[1]]
            if node["Spec"]["Role"] == "manager" or (node["Status"]["State"] != "down" and query["force"] != "true"):
                raise Refused(400, f"node {parts[1]} is not down and can't be removed")
            del swarm.nodes[parts[1]]
            return None
        raise AssertionError(f"the fake engine does not know {method} {path}")

    def config(self, method: str, parts: list[str], query: dict[str, str], body: Any) -> Any:
        """The answer to a request for configs."""
        assert self.swarm
        configs = self.swarm.configs
        if method == "GET":
            return copy.deepcopy(list(configs.values()))
        if parts == ["create"]:
            return {"ID": self.swarm.add_config(body["Name"], body["Labels"], body["Data"])}
        if method == "DELETE":
            if parts[0] not in configs:
                raise Refused(404, f"config {parts[0]} not found")
            del configs[parts[0]]
            return None
        self.swarm.check_version(configs[parts[0]]["Version"]["Index"], query["version"])
        if body["Data"] != configs[parts[0]]["Spec"]["Data"]:
            raise Refused(400, "rpc error: code = InvalidArgument desc = only updates to Labels are allowed")
        configs[parts[0]].update(Version={"Index": next(self.swarm.index)}, Spec=body)
        return None

    # -- this host
    def cluster(self) -> dict[str, Any]:
        """The swarm object without its tokens."""
        assert self.swarm
        swarm = self.swarm
        return {
            "ID": swarm.cluster_id,
            "Version": {"Index": swarm.version},
            "Spec": swarm.spec,
            "DefaultAddrPool": swarm.pools,
            "SubnetSize": swarm.mask,
            "DataPathPort": swarm.port,
        }

    def info(self) -> dict[str, Any]:
        """C(GET /info)."""
        state: dict[str, Any] = {
            "LocalNodeState": self.state,
            "ControlAvailable": False,
            "Error": self.error,
            "NodeID": "",
            "NodeAddr": "",
        }
        if self.swarm and self.state == "active":
            state.update(NodeID=self.node_id, NodeAddr=self.node["Status"]["Addr"])
            managers = [node for node in self.swarm.nodes.values() if node["Spec"]["Role"] == "manager"]
            state["RemoteManagers"] = [{"NodeID": node["ID"], "Addr": f"{node['Status']['Addr']}:2377"} for node in managers]
            state["ControlAvailable"] = self.node["Spec"]["Role"] == "manager"
            if state["ControlAvailable"]:
                state["Cluster"] = {} if self.error else self.cluster()
        return {"Name": self.name, "ServerVersion": "26.1.5", "DockerRootDir": str(self.root), "Swarm": state}

    def init(self, body: dict[str, Any]) -> str:
        """C(POST /swarm/init)."""
        if self.state != "inactive":
            raise Refused(503, "This node is already part of a swarm.")
        swarm = Swarm("cluster9", b"root certificate 9")
        for section, value in body["Spec"].items():
            swarm.spec[section] = {**swarm.spec[section], **value} if isinstance(value, dict) else value
        if body["DefaultAddrPool"]:
            swarm.pools, swarm.mask = body["DefaultAddrPool"], body["SubnetSize"]
        swarm.port = body["DataPathPort"] or 4789
        self.enter(swarm, "manager", body)
        assert self.node_id
        return self.node_id

    def join(self, body: dict[str, Any]) -> None:
        """C(POST /swarm/join): only the first address counts. C(joinable) says what happens there."""
        if self.state != "inactive":
            raise Refused(503, "This node is already part of a swarm.")
        target = self.joinable.get(body["RemoteAddrs"][0])
        if isinstance(target, Swarm):
            role = next((role.lower() for role, token in target.tokens.items() if token == body["JoinToken"]), None)
            if role is None:
                raise Refused(400, "invalid join token")
            self.enter(target, role, body)
        elif target == "reset":
            raise Refused(500, "")
        else:
            self.state = "pending"
            raise Refused(503, "Timeout was reached before node joined.")

    def enter(self, swarm: Swarm, role: str, body: dict[str, Any]) -> None:
        """This host becomes a member."""
        self.swarm, self.node_id, self.state = swarm, f"id-{self.name}", "active"
        address = (body["AdvertiseAddr"] or "10.0.0.1").split(":")[0]
        self.addresses = {
            "AdvertiseAddr": f"{address}:{body['ListenAddr'].rpartition(':')[2]}",
            "ListenAddr": body["ListenAddr"],
            "DataPathAddr": body["DataPathAddr"],
        }
        swarm.engines[self.node_id] = self
        swarm.add(self.node_id, self.name, address, role, body["Availability"])

    def unlock(self, key: str) -> None:
        """C(POST /swarm/unlock)."""
        if self.state != "locked" or not self.swarm:
            raise Refused(409, "swarm is not locked")
        if key != self.swarm.unlock_key:
            raise Refused(400, "invalid key could not be used to unlock the swarm")
        self.state = "active"

    def leave(self, force: bool) -> None:
        """C(POST /swarm/leave)."""
        if self.state == "inactive":
            raise Refused(503, "This node is not part of a swarm")
        if self.swarm and self.node_id:
            if self.node["Spec"]["Role"] == "manager" and not force:
                raise Refused(503, "You are attempting to leave the swarm on a node that is participating as a manager.")
            self.node["Status"]["State"] = "down"
            del self.swarm.engines[self.node_id]
        self.swarm, self.node_id, self.state, self.error = None, None, "inactive", ""
        self.remove_files()


def run_module(
    module: Any, engine: Engine, params: dict[str, Any] | None = None, check: bool = False, client: Client | None = None
) -> dict[str, Any]:
    """Run a module's C(run) with its options' defaults, as C(main) would."""
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
    from ansible_collections.apiary.swarm.plugins.module_utils._core.converge import Converge

    checked = ArgumentSpecValidator(module.OPTIONS).validate(copy.deepcopy(params or {}))
    assert not checked.error_messages, checked.error_messages
    result = module.run(checked.validated_parameters, client or engine.client, Converge(check))
    json.dumps(result)
    return result
