# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recording API: stands between the docker CLI and the Engine.

C(docker stack deploy) is the only complete converter of Compose files. It talks to this recorder instead of the
Engine: reads are answered from one snapshot, every write is captured and compared with what there is. To plan,
all writes are only answered as if they had been done; to apply, those that change something are forwarded.
A call that is not known here is refused and fails the run, so nothing ever slips through.
"""

from __future__ import annotations

import json
import re
import threading
from typing import Any, Callable, Dict, Tuple
from urllib.parse import parse_qsl, unquote, urlsplit

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, error_message
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import EngineError, SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._stack import normal, rules
from ansible_collections.apiary.swarm.plugins.module_utils._stack.contents import Contents, foreign
from ansible_collections.apiary.swarm.plugins.module_utils._stack.plan import Operation
from ansible_collections.apiary.swarm.plugins.module_utils._stack.rules import Rules
from ansible_collections.apiary.swarm.plugins.module_utils._stack.snapshot import KINDS, Snapshot
from ansible_collections.apiary.swarm.plugins.module_utils._stack.verdict import ran_to_completion

Answer = Tuple[int, Dict[str, str], bytes]
# Headers that belong to one connection.
HOP_HEADERS = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding", "content-encoding"}
PASSED_READS = re.compile(r"^/version$|^/(distribution|tasks|nodes)(/|$)")
# All that the CLI wants to know of the Engine, and what nobody gets here without.
INFO = {"Swarm": {"ControlAvailable": True}}
STUCK = ("paused", "rollback_paused")


class Memory:
    """What a plan learned and the run that applies it need not ask again.

    :ivar services: as listed before the first run, for that run; every other one reads anew.
    :ivar distribution: answers of the registry by (image, credentials).
    :ivar secrets: by ID, whether a stored secret has the wanted content; None: could not be found out.
    :ivar handed_on: answers of the registry by image, from the process that made the plan.
    """

    def __init__(self, services: list[dict[str, Any]] | None = None, learned: dict[str, Any] | None = None) -> None:
        self.services = services
        self.distribution: dict[tuple[str, str], Answer] = {}
        self.secrets: dict[str, bool | None] = (learned or {}).get("secrets", {})
        answers = (learned or {}).get("answers", {})
        self.handed_on: dict[str, Answer] = {
            path: (status, {"Content-Type": "application/json"}, body.encode()) for path, (status, body) in answers.items()
        }

    def packed(self) -> dict[str, Any]:
        """As plain data, without credentials."""
        answers = {**self.handed_on, **{path: answer for (path, _auth), answer in self.distribution.items()}}
        found = {path: [status, body.decode("utf-8", "replace")] for path, (status, _headers, body) in answers.items()}
        return {"secrets": self.secrets, "answers": found}


class Recorder:
    """One run of the CLI.

    :param forward: whether changes are sent to the Engine.
    :ivar operations: what was captured, in the CLI's order.
    :ivar held: writes of services that are yet to be sent, as (operation, target, headers).
    :ivar unresolved: image -> why its registry did not tell its digest.
    """

    def __init__(self, client: Client, forward: bool, memory: Memory, given: Rules) -> None:
        self._client, self._forward, self._memory, self._rules = client, forward, memory, given
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._contents: Contents | None = None
        self._settled: dict[str, dict[str, Any]] = {}
        self.operations: list[Operation] = []
        self.held: list[tuple[Operation, str, dict[str, str]]] = []
        self.refused: list[str] = []
        self.conflict = False
        self._auth = ""
        self.unresolved: dict[str, str] = {}

    @property
    def snapshot(self) -> Snapshot:
        """What the Engine holds; read when the CLI's API version is known, so that both speak of the same fields."""
        if self._snapshot is None:
            services, self._memory.services = self._memory.services, None
            self._snapshot = Snapshot(self._client, services)
            for kind, names in self._rules.assumed.items():
                for name in names:
                    if not self._snapshot.find(kind, name):
                        self._snapshot.add(kind, rules.assumed_object(kind, name))
        return self._snapshot

    @property
    def contents(self) -> Contents:
        """The configs and secrets."""
        if self._contents is None:
            self._contents = Contents(self._client, self.snapshot, self._rules.stack, self._rules.rotate, self._memory.secrets)
        return self._contents

    @property
    def client(self) -> Client:
        """The Engine, in the API version that the CLI negotiated."""
        return self._client

    def handle(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Answer one request of the CLI."""
        with self._lock:
            try:
                return self._answer(method, target, headers, body)
            except SwarmError as error:
                return message(502, str(error))

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        url = urlsplit(target)
        match = re.match(r"^(?:/v([\d.]+))?(/.*)$", url.path)
        version, path = match.groups() if match else (None, url.path)
        if version and self._snapshot is None:
            self._client = Client(self._client.raw, version)
        headers = {name: value for name, value in headers.items() if name.lower() not in HOP_HEADERS}
        if method in ("GET", "HEAD"):
            answer = self._read(path, dict(parse_qsl(url.query)))
            return answer or self._pass_read(method, target, path, headers)
        if method == "POST":
            self._auth = registry_auth(headers)
            for pattern, capture in WRITES:
                match = re.match(pattern, path)
                if match:
                    return self._write(capture(self, json.loads(body or b"null"), *match.groups()), target, headers)
        return self._refuse(method, path)

    # -- reads
    def _read(self, path: str, query: dict[str, str]) -> Answer | None:
        """The answer from what is known; None for what has to be asked."""
        if path == "/_ping":
            headers = {"Api-Version": self._client.api_version, "Ostype": "linux", "Docker-Experimental": "false"}
            return 200, {**headers, "Content-Type": "text/plain"}, b"OK"
        if path == "/info":
            return ok(INFO)
        kind, _slash, key = path[1:].partition("/")
        if kind not in KINDS:
            return None
        if not key:
            return ok([] if kind == "networks" else self._listed(kind, json.loads(query.get("filters") or "{}")))
        found = self._settled.get(key) or (None if self.contents.hides(kind) else self.snapshot.find(kind, key))
        return ok(found) if found else message(404, f"{kind[:-1]} {key} not found")

    def _listed(self, kind: str, filters: dict[str, Any]) -> list[dict[str, Any]]:
        """A list as the CLI filters it: by the stack's label, or by names.

        Networks are never listed (see _read): the CLI leaves existing ones alone without a word, and only when it
        sees none does it spell out what it wants.
        """
        if "name" in filters:
            return self.contents.listed(kind, list(filters["name"]))
        stacks = [label.partition("=")[2] for label in filters.get("label", {})]
        return [item for stack in stacks for item in self.snapshot.of_stack(kind, stack)]

    def _pass_read(self, method: str, target: str, path: str, headers: dict[str, str]) -> Answer:
        if not PASSED_READS.match(path):
            return self._refuse(method, path)
        if not path.startswith("/distribution/"):
            return self._client.raw(method, target, headers, None)
        key = path, registry_auth(headers)
        if key not in self._memory.distribution:
            answer = self._memory.handed_on.get(path) or self._client.raw(method, target, headers, None)
            self._memory.distribution[key] = answer
        answer = self._memory.distribution[key]
        if answer[0] >= 300:
            image = unquote(path[len("/distribution/") :].rpartition("/json")[0])
            self.unresolved[image] = error_message(answer[2]).strip().rstrip(".")
        return answer

    def _refuse(self, method: str, path: str) -> Answer:
        self.refused.append(f"{method} {path}")
        return message(501, f"this docker CLI made a call that the collection does not know: {method} {path}")

    # -- writes
    def _write(self, operation: Operation, target: str, headers: dict[str, str]) -> Answer:
        """Forward what changes something, answer the rest as if it had been done.

        Services are held back: the CLI sends them in an order of its own.
        """
        if operation.path:
            target = f"/v{self._client.api_version}{operation.path}"
        self.operations.append(operation)
        if self._forward and operation.problem:
            return message(409, operation.problem)
        changes = self._forward and operation.action in ("create", "update")
        if changes and operation.kind == "services":
            self.held.append((operation, target, headers))
        if changes and operation.kind != "services":
            status, answer_headers, body = self._client.raw("POST", target, headers, json.dumps(operation.spec).encode())
            if status >= 300:
                self.conflict = self.conflict or "update out of sequence" in error_message(body)
                operation.action = "failed"
                return status, answer_headers, body
            reply = json.loads(body) if body.strip() else {}
        else:
            status, answer_headers, reply = (200 if operation.object_id else 201), {}, {"Warnings": None}
        operation.object_id = operation.object_id or reply.get("ID") or reply.get("Id") or f"planned-{operation.name}"
        reply = {**reply, "Id": operation.object_id} if operation.kind == "networks" else {**reply, "ID": operation.object_id}
        self._remember(operation)
        return status, {"Content-Type": "application/json"}, json.dumps(reply).encode()

    def send(self, name: str) -> str:
        """Send the write of this service, which was held back.

        :returns: create or update.
        :raises SwarmError: the Engine refuses it.
        """
        operation, target, headers = next(item for item in self.held if item[0].name == name)
        status, _headers, body = self._client.raw("POST", target, headers, json.dumps(operation.spec).encode())
        if status >= 300:
            self.conflict = self.conflict or "update out of sequence" in error_message(body)
            raise EngineError(f"{operation.action} service '{name}'", status, error_message(body))
        return operation.action

    def _remember(self, operation: Operation) -> None:
        """Later reads of the CLI see what was written, or would have been."""
        spec = {name: value for name, value in operation.spec.items() if name != "Data"}
        if operation.kind in ("configs", "secrets"):
            self.contents.remember(operation, operation.base or operation.name)
            if operation.action == "create":
                self.snapshot.add(operation.kind, {"ID": operation.object_id, "Version": {"Index": 1}, "Spec": spec})
        if operation.kind == "services":
            # Newer CLIs wait for the service. We wait ourselves, with reasons: let the CLI find it settled.
            mode = normal.mode(spec.get("Mode") or {})
            self._settled[operation.object_id] = {
                "ID": operation.object_id,
                "Version": {"Index": 1},
                "Spec": {**spec, "Mode": mode},
                "UpdateStatus": {"State": "completed", "Message": "update completed"},
                **({"JobStatus": {"JobIteration": {"Index": 0}}} if set(mode) & normal.JOB_MODES else {}),
            }

    def _create_network(self, body: dict[str, Any]) -> Operation:
        name, after = body["Name"], normal.network(body)
        live = self.snapshot.find("networks", name)
        if live is None:
            return Operation("networks", name, "create", None, after, spec=body)
        before = normal.network(live)
        if normal.stack_of(before) != normal.stack_of(after):
            return foreign("networks", name, body)
        after = normal.with_chosen_subnets(before, after)
        drift = normal.changed_paths(before, after)
        if not drift:
            return Operation("networks", name, "unchanged", before, before, object_id=live["Id"], spec=body)
        operation = Operation("networks", name, "impossible", before, after, drift, object_id=live["Id"], spec=body)
        operation.problem = (
            f"network '{name}' exists and differs ({', '.join(path for path, _was, _will in operation.differences())}), and docker "
            "never changes an existing network (remove the stack first, or give the network as it is)"
        )
        return operation

    def _create_object(self, body: dict[str, Any], kind: str) -> Operation:
        operation = self.contents.create(body, kind)
        operation.base = body["Name"]
        return operation

    def _update_object(self, body: dict[str, Any], kind: str, key: str) -> Operation:
        return self.contents.update(body, kind, self._live(kind, key))

    def _create_service(self, body: dict[str, Any]) -> Operation:
        name = body["Name"]
        if self.snapshot.find("services", name):
            return foreign("services", name, body)
        self.contents.refer(body)
        after = normal.service(body, self.snapshot.network_names)
        return Operation("services", name, "create", None, after, replaces_tasks="no", spec=body)

    def _update_service(self, body: dict[str, Any], key: str) -> Operation:
        live, names = self._live("services", key), self.snapshot.network_names
        remark = rules.keep_image(body, live["Spec"], self.unresolved)
        rules.keep_platforms(body, live["Spec"])
        if self._rules.keep_replicas:
            rules.keep_replicas(body, live["Spec"])
        self.contents.refer(body)
        before, after = normal.service(live["Spec"], names), normal.service(body, names)
        changes = normal.changed_paths(before, after)
        asked_for = rules.asked_for(self._rules, body, self._auth)
        action = "update" if changes or asked_for else "unchanged"
        operation = Operation(
            "services", body["Name"], action, before, after, changes, asked_for, remark=remark, object_id=live["ID"], spec=body
        )
        if changes or asked_for:
            ordered = [normal.service(spec, names, keep_order=True) for spec in (live["Spec"], body)]
            operation.replaces_tasks = normal.replaces_tasks(*ordered)
        elif (live.get("UpdateStatus") or {}).get("State") in STUCK and not self._ran_to_completion(live):
            # The same wish, but its tasks are half way: docker takes it up again.
            operation.action, operation.told = "update", [["update state", live["UpdateStatus"]["State"], "taken up again"]]
        if set(before["Mode"]) != set(after["Mode"]):
            operation.action = "impossible"
            operation.problem = (
                f"service '{operation.name}' is {list(before['Mode'])[0]} and cannot become {list(after['Mode'])[0]} "
                "(remove the service first)"
            )
        return operation

    def _ran_to_completion(self, live: dict[str, Any]) -> bool:
        """Whether a service whose update is paused has nothing left to do."""
        filters = {"service": {live["ID"]: True}, "_up-to-date": {"true": True}}
        return ran_to_completion(live, self._client.tasks(filters))

    def _live(self, kind: str, key: str) -> dict[str, Any]:
        found = self.snapshot.find(kind, key)
        if found is None:
            raise SwarmError(f"{kind[:-1]} {key} not found")
        return found


WRITES: list[tuple[str, Callable[..., Operation]]] = [
    (r"^/networks/create$", Recorder._create_network),
    (r"^/(configs|secrets)/create$", Recorder._create_object),
    (r"^/(configs|secrets)/([^/]+)/update$", Recorder._update_object),
    (r"^/services/create$", Recorder._create_service),
    (r"^/services/([^/]+)/update$", Recorder._update_service),
]


def registry_auth(headers: dict[str, str]) -> str:
    """The logins that come with a call."""
    return next((value for name, value in headers.items() if name.lower() == "x-registry-auth"), "")


def ok(document: Any) -> Answer:
    """A found object or list."""
    return 200, {"Content-Type": "application/json"}, json.dumps(document).encode()


def message(status: int, text: str) -> Answer:
    """An error in the Engine's form."""
    return status, {"Content-Type": "application/json"}, json.dumps({"message": text}).encode()
