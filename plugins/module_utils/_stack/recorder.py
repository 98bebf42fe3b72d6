# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recording API: stands between the docker CLI and the Engine.

C(docker stack deploy) is the only complete converter of Compose files. It talks to this recorder instead of the
Engine: reads are answered from one snapshot, every write is captured, compared with what there is, and answered as if it
had been done. The captured writes are the plan; what of them changes something is sent when the plan is applied.
A call that is not known here is refused and fails the run, so nothing ever slips through.
"""

from __future__ import annotations

import json
import re
import threading
from typing import Any, Dict, Tuple
from urllib.parse import parse_qsl, unquote, urlsplit

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client, error_message
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError, could_not
from ansible_collections.apiary.swarm.plugins.module_utils._core.wait import passes
from ansible_collections.apiary.swarm.plugins.module_utils._stack import compose, network, service
from ansible_collections.apiary.swarm.plugins.module_utils._stack.content import Contents
from ansible_collections.apiary.swarm.plugins.module_utils._stack.health import ran_to_completion
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import KINDS, Operation, Snapshot, foreign
from ansible_collections.apiary.swarm.plugins.module_utils._stack.request import Request

Answer = Tuple[int, Dict[str, str], bytes]
JSON = {"Content-Type": "application/json"}
# Headers that belong to one connection.
HOP_HEADERS = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding", "content-encoding"}
PASSED_READS = re.compile(r"^/version$|^/(distribution|tasks|nodes)(/|$)")
WRITES = re.compile(r"^/(networks|configs|secrets|services)/(?:create|([^/]+)/update)$")
# All that the CLI wants to know of the Engine, and what nobody gets here without.
INFO = {"Swarm": {"ControlAvailable": True}}
STUCK = ("paused", "rollback_paused")


class Recorder:
    """One run of the CLI.

    :param services: all services as listed just now; None to read them.
    :param answers: what registries have answered, path -> (status, body). It is not asked for again; what is asked for is added.
    :param assume: take external objects and images that the request names for present.
    :ivar operations: what was captured, in the CLI's order.
    :ivar unresolved: image -> why its registry did not tell its digest.
    :ivar lacking: the external objects that are not there, as C(network 'front').
    """

    def __init__(
        self,
        client: Client,
        request: Request,
        services: list[dict[str, Any]] | None = None,
        answers: dict[str, list[Any]] | None = None,
        assume: bool = False,
    ) -> None:
        self._client, self._request, self._services, self._assume = client, request, services, assume
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._contents: Contents | None = None
        self._settled: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, list[Any]] = {} if answers is None else answers
        self.operations: list[Operation] = []
        self.refused: list[str] = []
        self.unresolved: dict[str, str] = {}
        self.lacking: list[str] = []
        # The images that will be in their registry by then.
        self._coming = set(request.assume_present.get("images") or [] if assume else [])

    def run(self, sources: compose.Sources) -> list[str]:
        """Let the CLI ask for all that it wants; its warnings.

        :raises SwarmError: with the CLI's own words.
        """
        said = compose.deploy(self.handle, self._request, sources)
        if self.refused:
            cause = f"this docker CLI made calls that the collection does not know: {', '.join(self.refused)}"
            raise could_not(f"deploy stack '{self._request.name}'", cause, "Use another version of the docker command, and report this")
        return said

    @property
    def client(self) -> Client:
        """The Engine, in the API version that the CLI negotiated, so that both speak of the same fields."""
        return self._client

    @property
    def snapshot(self) -> Snapshot:
        """What the Engine holds; read when the CLI's API version is known."""
        if self._snapshot is None:
            self._snapshot = Snapshot(self._client, self._services)
            for kind, names in self._request.assume_present.items() if self._assume else ():
                for name in names or [] if kind != "images" else []:
                    if not self._snapshot.find(kind, name):
                        self._snapshot.add(kind, assumed_object(kind, name))
        return self._snapshot

    @property
    def contents(self) -> Contents:
        """The configs and secrets."""
        if self._contents is None:
            self._contents = Contents(self._client, self.snapshot, self._request.name, self._request.rotate)
        return self._contents

    def handle(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Answer one request of the CLI."""
        with self._lock:
            try:
                return self._answer(method, target, headers, body)
            except SwarmError as error:
                # What passes is told in the Engine's own words: what to do about it says who asked.
                return message(502, getattr(error, "message", str(error)) if passes(str(error)) else str(error))

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Answer:
        url = urlsplit(target)
        match = re.match(r"^(?:/v([\d.]+))?(/.*)$", url.path)
        version, path = match.groups() if match else (None, url.path)
        if version and self._snapshot is None:
            self._client = Client(self._client.raw, version)
        headers = {name: value for name, value in headers.items() if name.lower() not in HOP_HEADERS}
        query = dict(parse_qsl(url.query))
        if method in ("GET", "HEAD"):
            return self._read(path, query) or self._pass_read(method, target, path, headers)
        match = WRITES.match(path) if method == "POST" else None
        if match is None:
            return self._refuse(method, path)
        operation = self._capture(match.group(1), match.group(2) or "", json.loads(body or b"null"), registry_auth(headers))
        if not operation.path:
            operation.path, operation.query = path, query
        return self._pretend(operation)

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
        if found is None and kind == "networks":
            found = self._lacks(kind, unquote(key))  # only external ones are asked for by name
        return ok(found) if found else message(404, f"{kind[:-1]} {key} not found")

    def _lacks(self, kind: str, name: str) -> dict[str, Any]:
        """Note an external object that is not there. The CLI would stop at the first one: it goes on with what stands for it."""
        self.lacking.append(f"{kind[:-1]} '{name}'")
        self.snapshot.add(kind, assumed_object(kind, name))
        return assumed_object(kind, name)

    def _listed(self, kind: str, filters: dict[str, Any]) -> list[dict[str, Any]]:
        """A list as the CLI filters it: by the stack's label, or by names.

        Networks are never listed (see _read): the CLI leaves existing ones alone without a word, and only when it
        sees none does it spell out what it wants.
        """
        if "name" in filters:
            found, names = self.contents.listed(kind, list(filters["name"])), list(filters["name"])
            # The CLI asks for all that a service names, and a filter takes a part of a name, too.
            there = {item["Spec"]["Name"] for item in found}
            return found + [self._lacks(kind, name) for name in names if name not in there]
        stacks = [label.partition("=")[2] for label in filters.get("label", {})]
        return [item for stack in stacks for item in self.snapshot.of_stack(kind, stack)]

    def _pass_read(self, method: str, target: str, path: str, headers: dict[str, str]) -> Answer:
        if not PASSED_READS.match(path):
            return self._refuse(method, path)
        if not path.startswith("/distribution/"):
            return self._client.raw(method, target, headers, None)
        if path not in self.answers:
            status, _headers, body = self._client.raw(method, target, headers, None)
            self.answers[path] = [status, body.decode("utf-8", "replace")]
        status, text = self.answers[path]
        if status >= 300:
            image = unquote(path[len("/distribution/") :].rpartition("/json")[0])
            if image not in self._coming:
                self.unresolved[image] = error_message(text.encode()).strip().rstrip(".")
        return status, JSON, text.encode()

    def _refuse(self, method: str, path: str) -> Answer:
        self.refused.append(f"{method} {path}")
        return message(501, f"this docker CLI made a call that the collection does not know: {method} {path}")

    # -- writes
    def _capture(self, kind: str, key: str, body: dict[str, Any], auth: str) -> Operation:
        """What becomes of a write, by what there is.

        :param key: the ID of what is to be updated; empty for what is to be created.
        """
        live = self._live(kind, key) if key else None
        if kind == "networks":
            return network.plan(body, self.snapshot)
        if kind in ("configs", "secrets"):
            return self.contents.update(body, kind, live) if live else self.contents.create(body, kind)
        if live is None and self.snapshot.find("services", body["Name"]):
            return foreign("services", body["Name"], body)
        given = self._request
        remark = ""
        if live is not None:
            remark = service.keep_image(body, live["Spec"], self.unresolved)
            service.keep_platforms(body, live["Spec"], self._coming)
            if given.replicas == "keep":
                service.keep_replicas(body, live["Spec"])
        self.contents.refer(body)
        extra = service.extra_changes(body, auth, given.rerun_jobs, given.refresh_registry_auth)
        operation = service.plan(body, live, self.snapshot.network_names, extra)
        operation.auth, operation.remark = auth, remark
        state = ((live or {}).get("UpdateStatus") or {}).get("State")
        if live is not None and operation.action == "unchanged" and state in STUCK and not self._ran_to_completion(live):
            # The same spec, but its tasks are half way: docker resumes the update.
            operation.action, operation.extra_changes = "update", [["update state", state, "resumed"]]
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

    def _pretend(self, operation: Operation) -> Answer:
        """Answer as if it had been done; later reads of the CLI see it."""
        status = 200 if operation.object_id else 201
        operation.object_id = operation.object_id or f"planned-{operation.name}"
        self.operations.append(operation)
        spec = {name: value for name, value in operation.spec.items() if name != "Data"}
        if operation.kind in ("configs", "secrets"):
            self.contents.remember(operation)
            if operation.action == "create":
                self.snapshot.add(operation.kind, {"ID": operation.object_id, "Version": {"Index": 1}, "Spec": spec})
        if operation.kind == "services":
            # Newer CLIs wait for the service. We wait ourselves, with reasons: let the CLI find it settled.
            mode = service.mode(spec.get("Mode") or {})
            self._settled[operation.object_id] = {
                "ID": operation.object_id,
                "Version": {"Index": 1},
                "Spec": {**spec, "Mode": mode},
                "UpdateStatus": {"State": "completed", "Message": "update completed"},
                **({"JobStatus": {"JobIteration": {"Index": 0}}} if set(mode) & service.JOB_MODES else {}),
            }
        ident = "Id" if operation.kind == "networks" else "ID"
        return status, JSON, json.dumps({"Warnings": None, ident: operation.object_id}).encode()


def assumed_object(kind: str, name: str) -> dict[str, Any]:
    """Stands for an external object that an earlier task of the same check run would have made."""
    if kind == "networks":
        return {"Id": f"planned-{name}", "Name": name, "Scope": "swarm", "Driver": "overlay", "Labels": {}}
    return {"ID": f"planned-{name}", "Version": {"Index": 1}, "Spec": {"Name": name, "Labels": {}}}


def registry_auth(headers: dict[str, str]) -> str:
    """The logins that come with a call."""
    return next((value for name, value in headers.items() if name.lower() == "x-registry-auth"), "")


def ok(document: Any) -> Answer:
    """A found object or list."""
    return 200, JSON, json.dumps(document).encode()


def message(status: int, text: str) -> Answer:
    """An error in the Engine's form."""
    return status, JSON, json.dumps({"message": text}).encode()
