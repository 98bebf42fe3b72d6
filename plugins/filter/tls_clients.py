# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tls_clients
short_description: What each operator's folder on the controller needs, and why
version_added: 0.1.0
author: The apiary.swarm authors (@apiary)
description:
  - Compares the folders of the clients with what is wanted.
positional: authority, endpoints, limited, registry_address
options:
  _input:
    description: Names of the clients.
    type: list
    elements: str
    required: true
  authority:
    description: The answer of P(apiary.swarm.tls_authority#filter).
    type: dict
    required: true
  endpoints:
    description: Addresses of managers; the environment file names the first.
    type: list
    elements: str
    required: true
  limited:
    description: The run is limited to some hosts, so the CA must not change.
    type: bool
    required: true
  registry_address:
    description: The address of the registry as C(host:port), or empty; it is only checked here.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Find out what to do
  ansible.builtin.set_fact:
    plan: "{{ ['operator'] | apiary.swarm.tls_clients(authority, ['192.0.2.11'], false) }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems) (one sentence each), C(folders) (paths), C(trust) (paths), C(issue) (with C(directory), C(make_key), C(common_name),
      C(why) and C(library)), C(modes) (paths of keys) and C(environments) (C(path) and C(content)).
  type: dict
"""

import os
import re
import shlex
from collections import Counter
from typing import Any

from ansible_collections.apiary.swarm.plugins.filter.tls_authority import (
    FILE_NAME,
    Unusable,
    issued_by,
    locked_out,
    now,
    parse_certificate,
    read,
    spki,
    why_renew,
)
from ansible_collections.apiary.swarm.plugins.filter.tls_hosts import alternative_name

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # tls_authority, which is asked before, says so.

REGISTRY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(:\d{1,5})?\Z")
PORT = 2376
ENVIRONMENT = """\
# Made by apiary.swarm: the remote API for '{name}'. Use it in a shell with
#   . {path}
# or make a context of it once:
#   docker context create {name} --docker {context}
export DOCKER_HOST={host} DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH={directory}
"""


def name_problems(clients: list[str], endpoints: list[str], registry_address: str) -> list[str]:
    """What is wrong with the names by themselves."""
    problems = [
        f"Could not make client '{name}': that is no name for a folder. Use up to 40 letters, digits, '.', '_', '@' and '-'."
        for name in clients
        if not FILE_NAME.match(name)
    ]
    problems += [
        f"Could not make client '{name}': tls_clients has it {uses} times. Leave it there once."
        for name, uses in Counter(clients).items()
        if uses > 1
    ]
    for endpoint in endpoints:
        try:
            alternative_name(endpoint)
        except ValueError as cause:
            problems.append(f"Could not use endpoint '{endpoint}': {cause}. Put names or addresses of managers into tls_endpoints.")
    if registry_address and not REGISTRY.match(registry_address):
        problems.append(f"Could not trust registry '{registry_address}': that is not its host:port. Correct tls_registry_address.")
    return problems


def text_of(path: str) -> str:
    """The content of a file; empty where there is none."""
    try:
        return read(path).decode("utf-8", "replace")
    except Unusable:
        return ""


def key_of(path: str) -> bytes | None:
    """The public key of a client's key; None where there is no usable one."""
    try:
        return spki(load_pem_private_key(read(path), None).public_key())
    except (Unusable, ValueError, TypeError, UnsupportedAlgorithm):
        return None


def environment(name: str, directory: str, endpoint: str) -> str:
    """The environment file of a client."""
    kind, address = alternative_name(endpoint).split(":", 1)
    host = f"tcp://[{address}]:{PORT}" if kind == "IP" and ":" in address else f"tcp://{address}:{PORT}"
    context = f"host={host},ca={directory}/ca.pem,cert={directory}/cert.pem,key={directory}/key.pem"
    path = shlex.quote(f"{directory}/docker.env")
    return ENVIRONMENT.format(name=name, path=path, context=shlex.quote(context), host=shlex.quote(host), directory=shlex.quote(directory))


def tls_clients(
    clients: list[str], authority: dict[str, Any], endpoints: list[str], limited: bool, registry_address: str = ""
) -> dict[str, Any]:
    """What the clients' folders need, and what forbids going on.

    :param clients: their names.
    :param authority: the answer of tls_authority.
    :param endpoints: addresses of managers.
    :param limited: the run is limited to some hosts.
    :param registry_address: only checked.
    """
    plan: dict[str, Any] = {"folders": [], "trust": [], "issue": [], "modes": [], "environments": []}
    plan["problems"] = name_problems(clients, endpoints, registry_address)
    if plan["problems"] or authority["problems"]:
        return plan
    moment = now()
    for name in clients:
        directory = os.path.join(authority["directory"], "clients", name)
        ca, cert, key, env = (os.path.join(directory, file) for file in ("ca.pem", "cert.pem", "key.pem", "docker.env"))
        certificate, public_key = parse_certificate(text_of(cert)), key_of(key)
        if locked_out(certificate, authority, moment):
            plan["problems"].append(
                f"Could not replace the certificate of client '{name}': it is of another CA ({certificate.issuer.rfc4514_string()}), and "
                "hosts would no longer let it in. Name that CA in tls_trusted_cas until every host and client has a new certificate, "
                f"or take the file '{cert}' away."
            )
        elif limited and certificate and certificate.not_valid_after_utc > moment and not issued_by(certificate, authority["signer"]):
            plan["problems"].append(
                f"Could not change the CA of client '{name}': this run is limited to some hosts, and the others may not trust the new one. "
                "Run again without --limit."
            )
        why = why_renew(certificate, public_key, authority, ["clientAuth"], None, moment)
        if not why and [part.value for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [name]:
            why = "it is of another name"
        if why:
            plan["issue"].append({"directory": directory, "make_key": public_key is None, "common_name": name, "why": why, "library": True})
        if not os.path.isdir(directory):
            plan["folders"].append(directory)
        if authority["make"] or text_of(ca) != authority["bundle"]:
            plan["trust"].append(ca)
        if public_key is not None and os.stat(key).st_mode & 0o077:
            plan["modes"].append(key)
        if endpoints and text_of(env) != environment(name, directory, endpoints[0]):
            plan["environments"].append({"path": env, "content": environment(name, directory, endpoints[0])})
    return plan


class FilterModule:
    """The filter tls_clients."""

    def filters(self) -> dict[str, Any]:
        return {"tls_clients": tls_clients}
