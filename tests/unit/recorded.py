# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Engine that says what a real one has said, and a docker command that asks for what the real one has asked for.

The traffic is that of record_traffic.py.
"""

from __future__ import annotations

import copy
import functools
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.apiary.swarm.plugins.module_utils._core.client import Client
from ansible_collections.apiary.swarm.plugins.module_utils._stack.objects import STACK_LABEL, id_of, labels_of
from ansible_collections.apiary.swarm.tests.unit.fake_stack import KINDS, install_command

VERSIONS = ("20.10", "26.1", "28.5")
TRAFFIC = Path(__file__).parent / "traffic"
STACK = "traffic"
# The command's requests lie beside it, so that a test can change them.
COMMAND = r"""
for method, target, body in json.load(open(os.path.dirname(os.path.abspath(sys.argv[0])) + "/asked.json")):
    call(method, target, body)
"""


@functools.cache
def read(version: str) -> dict[str, Any]:
    """The file of a version."""
    return json.loads((TRAFFIC / f"{version}.json").read_text(encoding="utf-8"))


def traffic(version: str) -> dict[str, Any]:
    """What was recorded of a version, to be changed at will."""
    return copy.deepcopy(read(version))


class RecordedEngine:
    """A manager as it was when both stacks ran.

    :ivar answers: path -> document.
    :ivar requests: all requests, as C(METHOD path).
    :ivar writes: those that a real Engine would have stored, as (path, body).
    """

    def __init__(self, version: str, folder: Path, command: str = "again") -> None:
        """:param command: which of the recorded runs of docker's command is played; it is put into the folder."""
        recorded = traffic(version)
        self.recorded, self.folder = recorded["manager"], folder
        self.answers: dict[str, Any] = self.recorded["answers"]
        self.run = self.recorded["commands"][command]
        self.requests: list[str] = []
        self.writes: list[tuple[str, Any]] = []
        install_command(folder, COMMAND)
        self.ask()

    def ask(self) -> None:
        """Let the command ask for what is in C(run) now."""
        (self.folder / "asked.json").write_text(json.dumps(self.run["asked"]))

    def sent(self, kind: str, name: str = "") -> list[dict[str, Any]]:
        """What the command writes of a kind, or of one object."""
        bodies = [body for _method, target, body in self.run["asked"] if body and f"/{kind}/" in target]
        return [body for body in bodies if body["Name"] in (name or body["Name"], f"{STACK}_{name}")]

    @property
    def client(self) -> Client:
        """The words of this Engine."""
        return Client(self.answer, self.answers["/version"]["ApiVersion"])

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> tuple[int, dict[str, str], bytes]:
        """One request."""
        url = urlsplit(target)
        path, query = re.sub(r"^/v[\d.]+", "", url.path), dict(parse_qsl(url.query))
        self.requests.append(f"{method} {path}")
        if method == "GET":
            status, document = self.read(path, json.loads(query.get("filters", "{}")))
        else:
            status, document = self.refuse(path, query, json.loads(body) if body else {})
        return status, {"Content-Type": "application/json"}, json.dumps(document).encode()

    def read(self, path: str, filters: dict[str, Any]) -> tuple[int, Any]:
        """One of the recorded documents, or a part of it."""
        if path in self.run["registries"]:
            status, document = self.run["registries"][path]
            return status, document
        kind, _slash, key = path[1:].partition("/")
        if key:
            found = [item for item in self.answers[f"/{kind}"] if id_of(kind, item) == key]
            return (200, found[0]) if found else (404, {"message": f"{kind[:-1]} {key} not found"})
        document = self.answers[path]
        if kind == "tasks":
            services = filters.get("service", {}) or [one["ID"] for one in self.of_stack("services", filters)]
            document = [task for task in document if task["ServiceID"] in services]
        return 200, self.of_stack(kind, filters) if kind in KINDS else document

    def of_stack(self, kind: str, filters: dict[str, Any]) -> list[dict[str, Any]]:
        """The objects of a kind that carry a label, if one is asked for."""
        wanted = [label.partition("=")[2] for label in filters.get("label", {})]
        return [item for item in self.answers[f"/{kind}"] if not wanted or labels_of(kind, item).get(STACK_LABEL) in wanted]

    def refuse(self, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        """The recorded answer to a question that is put as a write; a real write is taken down."""
        refusals = self.recorded["refusals"]
        kind, key, *_rest = path[1:].split("/")
        if query.get("version") == "0":
            asked = {item["Name"]: item["Data"] for item in self.sent_at_first("secrets")}
            same = kind == "services" or body["Data"] == asked[STACK + "_pw"]
            return tuple(refusals[f"{'same' if same else 'other'} {kind[:-1]}"])  # type: ignore[return-value]  # a pair in JSON
        nobodys = [item["ConfigName"] for item in body.get("TaskTemplate", {}).get("ContainerSpec", {}).get("Configs") or []][-1:]
        if (kind, key) == ("services", "create") and len(nobodys[0]) == 32:
            status, document = refusals["unknown config"]
            return status, {"message": document["message"].replace("nobodys", nobodys[0])}
        self.writes.append((path, body))
        return 200, {"ID": "new"}

    def sent_at_first(self, kind: str) -> list[dict[str, Any]]:
        """What the command wrote when the stack was made."""
        return [body for _method, target, body in self.recorded["commands"]["first"]["asked"] if body and f"/{kind}/" in target]

    def forget(self) -> None:
        """As it was before the stack was deployed."""
        for kind in KINDS:
            gone = self.of_stack(kind, {"label": {f"{STACK_LABEL}={STACK}": True}})
            self.answers[f"/{kind}"] = [item for item in self.answers[f"/{kind}"] if item not in gone]
