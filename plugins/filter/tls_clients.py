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
positional: authority, endpoints, limited, registry_address, port
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
    description: What the run does that leaves hosts out, such as V(goes without w1), so that the CA must not change; else empty.
    type: str
    required: true
  registry_address:
    description: The address of the registry as C(host:port), or empty; it is only checked here.
    type: str
    default: ""
  port:
    description: The port of the remote API.
    type: int
    default: 2376
"""

EXAMPLES = r"""
- name: Find out what to do
  ansible.builtin.set_fact:
    plan: "{{ ['operator'] | apiary.swarm.tls_clients(authority, ['192.0.2.11'], '') }}"
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

from ansible_collections.apiary.swarm.plugins.filter.tls_hosts import alternative_name
from ansible_collections.apiary.swarm.plugins.plugin_utils._certificates import (
    Unusable,
    dropped,
    issued_by,
    locked_out,
    now,
    parse_certificate,
    spki,
    text,
    texts,
    why_renew,
)

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import NameOID
except ImportError:
    pass  # tls_authority, which is asked before, says so.

REGISTRY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(:\d{1,5})?\Z")
# What Docker takes for the name of a context.
CLIENT = re.compile(r"(?!default\Z)[A-Za-z0-9][A-Za-z0-9._+-]{1,39}\Z")
ENVIRONMENT = """\
# Made by apiary.swarm: the remote API for '{name}'. Use it in a shell with
#   . {path}
# or make a context of it once, in this folder:
#   docker context create {name} --docker {context}
# bash and zsh know where this file lies, so the folder may be copied; other shells find the one it was made in.
case "${{BASH_SOURCE:-$0}}" in
*docker.env) DOCKER_CERT_PATH=$(CDPATH='' cd -- "$(dirname -- "${{BASH_SOURCE:-$0}}")" && pwd) ;;
*) DOCKER_CERT_PATH={directory} ;;
esac
export DOCKER_CERT_PATH DOCKER_HOST={host} DOCKER_TLS_VERIFY=1
"""


def name_problems(clients: list[str], endpoints: list[str], registry_address: str) -> list[str]:
    """What is wrong with the names by themselves."""
    problems = [
        f"Could not make client '{name}': that is no name for a folder and a Docker context. Use 2 to 40 letters, digits, '.', '_', '+' "
        "and '-', but not 'default'."
        for name in clients
        if not CLIENT.match(name)
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


def content_of(path: str) -> bytes:
    """The content of a file; empty where there is none. What is there and cannot be read is not overwritten."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Unusable(f"Could not read file '{path}': {error.strerror}. Correct its permissions, or take it away.") from error


def text_of(path: str) -> str:
    """The same as text."""
    return content_of(path).decode("utf-8", "replace")


def key_of(path: str) -> bytes | None:
    """The public key of a client's key; None where there is no usable one."""
    try:
        return spki(load_pem_private_key(content_of(path), None).public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def environment(name: str, directory: str, endpoint: str, port: int) -> str:
    """The environment file of a client."""
    kind, address = alternative_name(endpoint).split(":", 1)
    host = f"tcp://[{address}]:{port}" if kind == "IP" and ":" in address else f"tcp://{address}:{port}"
    context = f"host={host},ca=ca.pem,cert=cert.pem,key=key.pem"
    path = shlex.quote(f"{directory}/docker.env")
    return ENVIRONMENT.format(name=name, path=path, context=shlex.quote(context), host=shlex.quote(host), directory=shlex.quote(directory))


def client_plan(name: str, authority: dict[str, Any], limited: str) -> tuple[dict[str, Any], list[str]]:
    """(what the folder of one client needs, what forbids it).

    :raises Unusable: something in the folder cannot be read.
    """
    moment = now()
    plan: dict[str, Any] = {"folders": [], "trust": [], "issue": [], "modes": []}
    problems = []
    directory = os.path.join(authority["directory"], "clients", name)
    ca, cert, key = (os.path.join(directory, file) for file in ("ca.pem", "cert.pem", "key.pem"))
    trust, certificate, public_key = text_of(ca), parse_certificate(text_of(cert)), key_of(key)
    if locked_out(certificate, authority, moment):
        problems.append(
            f"Could not replace the certificate of client '{name}': it is of another CA ({certificate.issuer.rfc4514_string()}), and "
            "hosts would no longer let it in. Name that CA in tls_trusted_cas until every host and client has a new certificate, "
            f"or take the file '{cert}' away."
        )
    elif limited and certificate and certificate.not_valid_after_utc > moment and not issued_by(certificate, authority["signer"]):
        problems.append(
            f"Could not change the CA of client '{name}': this run {limited}, and who is left out may not trust the new one. "
            "Run again with all hosts."
        )
    gone = dropped(trust, authority["client_bundle"], moment) if limited else []
    if gone:
        problems.append(
            f"Could not take CA '{gone[0]}' from client '{name}': this run {limited}, and who is left out may have a certificate of it. "
            "Run again with all hosts."
        )
    why = why_renew(certificate, public_key, authority, ["clientAuth"], None, moment)
    if certificate and not why and [part.value for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [name]:
        why = "it is of another name"
    if why:
        plan["issue"].append({"directory": directory, "make_key": public_key is None, "common_name": name, "why": why, "library": True})
    if not os.path.isdir(directory):
        plan["folders"].append(directory)
    if authority["make"] or trust != authority["client_bundle"]:
        plan["trust"].append(ca)
    if public_key is not None and os.stat(key).st_mode & 0o077:
        plan["modes"].append(key)
    return plan, problems


def tls_clients(
    clients: list[Any], authority: dict[str, Any], endpoints: list[Any], limited: str, registry_address: Any = "", port: Any = 2376
) -> dict[str, Any]:
    """What the clients' folders need, and what forbids going on.

    :param clients: their names.
    :param authority: the answer of tls_authority.
    :param endpoints: addresses of managers.
    :param limited: what the run does that leaves hosts out; empty where it does not.
    :param registry_address: only checked.
    :param port: of the remote API.
    """
    plan: dict[str, Any] = {"folders": [], "trust": [], "issue": [], "modes": [], "environments": []}
    names, wrong_names = texts(clients, "tls_clients")
    addresses, wrong_addresses = texts(endpoints, "tls_endpoints")
    plan["problems"] = wrong_names + wrong_addresses
    try:
        plan["problems"] += name_problems(names, addresses, text(registry_address))
    except ValueError as cause:
        plan["problems"].append(f"Could not trust registry '{registry_address}': {cause}. Correct tls_registry_address.")
    if not str(port).isdigit() or not 1 <= int(port) <= 65535:
        plan["problems"].append(f"Could not use tls_port '{port}': it is no port. Set it to a number between 1 and 65535.")
    if plan["problems"] or authority["problems"]:
        return plan
    for name in names:
        directory = os.path.join(authority["directory"], "clients", name)
        try:
            more, problems = client_plan(name, authority, limited)
            wanted = environment(name, directory, addresses[0], int(port)) if addresses else ""
            path = os.path.join(directory, "docker.env")
            if wanted and text_of(path) != wanted:
                plan["environments"].append({"path": path, "content": wanted})
        except Unusable as cause:
            more, problems = {}, [str(cause)]
        plan["problems"] += problems
        for kind, values in more.items():
            plan[kind] += values
    if plan["issue"] and authority["blocked"]:
        plan["problems"].append(authority["blocked"])
    return plan


class FilterModule:
    """The filter tls_clients."""

    def filters(self) -> dict[str, Any]:
        return {"tls_clients": tls_clients}
