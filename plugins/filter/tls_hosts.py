# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tls_hosts
short_description: What each host needs for TLS, and why
version_added: 0.1.0
author: The apiary.swarm authors (@apiary)
description:
  - Compares what lies on the hosts with what is wanted. A host that needs nothing has C(work) false.
positional: authority, limited
options:
  _input:
    description:
      - One view a host, with C(host), C(optional) and C(names) (names of the host; an optional one that cannot be in a certificate is left
        out), C(server), C(directory), C(registry), C(registry_directory), C(registry_names), C(registry_trust) (a path, or empty) and
        C(look), what the role P(apiary.swarm.tls#role) asks a host.
    type: list
    elements: dict
    required: true
  authority:
    description: The answer of P(apiary.swarm.tls_authority#filter).
    type: dict
    required: true
  limited:
    description: What the run does that leaves hosts out, such as V(goes without w1), so that the CA must not change; else empty.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Find out what to do
  ansible.builtin.set_fact:
    plan: "{{ views | apiary.swarm.tls_hosts(authority, '') }}"
"""

RETURN = r"""
_value:
  description:
    - C(problems) (one sentence each) and C(hosts), of each host C(work), C(folders), C(issue) (V(host) and V(registry), with C(directory),
      C(make_key), C(names), C(purposes), C(common_name), C(why) and C(library), cryptography is there), C(trust) (paths),
      C(modes) (C(path) and C(mode)) and C(renewed) (the options of the engine whose files are written).
  type: dict
"""

import hashlib
import ipaddress
import os
import re
from typing import Any

from ansible_collections.apiary.swarm.plugins.plugin_utils._certificates import (
    dropped,
    flat,
    issued_by,
    locked_out,
    now,
    parse_certificate,
    parse_public_key,
    why_renew,
)

ALWAYS = ["localhost", "127.0.0.1", "::1"]
BOTH = ["serverAuth", "clientAuth"]
SERVER = ["serverAuth"]
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
INTERFACE = re.compile(r"(eth\d+|en[osp]\d\w*|docker\d+|docker_gwbridge|lo)\Z")
MODES = {"ca.pem": "644", "cert.pem": "644", "key.pem": "600", "ca.crt": "644"}
COMMON_NAME_LENGTH = 64


def alternative_name(word: str) -> str:
    """A name or an address as certificates have it.

    :raises ValueError: it cannot be in a certificate; the text says why.
    """
    name = word.strip("[]") if word.startswith("[") and word.endswith("]") else word.rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        address = None
    if address:
        if address.is_unspecified or "%" in name:
            raise ValueError("nobody can connect to that address")
        return f"IP:{address}"
    if not name:
        raise ValueError("it is empty")
    if not name.isascii():
        raise ValueError("it is not ASCII (write its form with xn--)")
    if "://" in name:
        raise ValueError("it is a URL")
    if re.search(r"\s", name):
        raise ValueError("it has a space")
    if "/" in name:
        raise ValueError("it is a network or a path")
    if ":" in name:
        raise ValueError("it has a port, or is no address")
    if INTERFACE.match(name):
        raise ValueError("it is a network interface")
    labels = name.lower().split(".")
    if labels[0] == "*" and len(labels) > 2:
        labels = labels[1:]
    if "*" in "".join(labels):
        raise ValueError("a '*' may only be the whole first part of a name with at least two more")
    if len(name) > 253:
        raise ValueError("it is longer than 253 characters")
    if not all(LABEL.match(label) for label in labels):
        raise ValueError("it is neither a name nor an address")
    if labels[-1].isdigit():
        raise ValueError("it is neither a name nor an address (it ends in a number)")
    return f"DNS:{name.lower()}"


def alternative_names(words: list[Any], optional: list[Any]) -> tuple[list[str], dict[str, str]]:
    """(names as certificates have them, what is wrong with the words that have no place there)."""
    names, wrong = [], {}
    for word in [*flat(optional), *flat(words), *ALWAYS]:
        try:
            names.append(alternative_name(str(word)))
        except ValueError as cause:
            if word not in optional:
                wrong[str(word)] = str(cause)
    return list(dict.fromkeys(names)), wrong


def parse_look(text: str) -> tuple[list[str], dict[str, tuple[str, str]], bool]:
    """(the host's own names, {path: (mode, content)} of the files that are there, the library cryptography is there).

    The mode is empty where the file is not root's.
    """
    names: list[str] = []
    files: dict[str, tuple[str, str]] = {}
    path, library = "", False
    for line in text.splitlines():
        if line.startswith("name ") and not path:
            names.append(line.split(" ", 1)[1].strip())
        elif line.startswith("file "):
            _word, mode, owner, path = line.split(" ", 3)
            files[path] = (mode if owner == "0:0" else "", "")
        elif line == "library":
            path, library = "", True
        elif path:
            files[path] = (files[path][0], f"{files[path][1]}{line}\n")
    return names, files, library


def key_of(content: str | None) -> bytes | None:
    """The public key of a host's key; empty where the host cannot tell it, None where there is no usable one."""
    return b"" if content == "unknown\n" else parse_public_key(content) if content else None


def host_plan(view: dict[str, Any], authority: dict[str, Any], limited: str) -> tuple[dict[str, Any], list[str]]:
    """(what one host needs, its problems)."""
    moment, host = now(), view["host"]
    own, files, library = parse_look(view["look"])
    problems = []
    # What a host has that needs none is of no concern, also where it is of a CA that has gone.
    wanted = {"host": (view["directory"], flat(view["names"]), BOTH)} if view["server"] else {}
    if view["registry"]:
        wanted["registry"] = (view["registry_directory"], flat(view["names"]) + flat(view["registry_names"]), SERVER)
        if view["registry_directory"] == view["directory"]:
            problems.append(
                f"Could not certify the registry of host '{host}': tls_registry_directory and tls_host_directory are the same "
                f"('{view['directory']}'). Give each a folder of its own."
            )
    issue: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for kind, (directory, words, purposes) in wanted.items():
        if not str(directory).startswith("/"):
            problems.append(
                f"Could not use tls_{kind}_directory '{directory}' of host '{host}': it is not an absolute path. Write it from '/' on."
            )
        names, wrong_here = alternative_names(words, flat(view["optional"]) + own)
        wrong.update(wrong_here)
        path = f"{directory}/cert.pem"
        certificate = parse_certificate(files.get(path, ("", ""))[1])
        key = key_of(files.get(f"{directory}/key.pem", ("", None))[1])
        if locked_out(certificate, authority, moment):
            problems.append(
                f"Could not replace certificate '{path}' of host '{host}': it is of another CA ({certificate.issuer.rfc4514_string()}), "
                "and whoever trusts only that one would be locked out. Name that CA in tls_trusted_cas until every host and client "
                "has a new certificate, or take the file away."
            )
        elif limited and certificate and certificate.not_valid_after_utc > moment and not issued_by(certificate, authority["signer"]):
            problems.append(
                f"Could not change the CA of host '{host}': this run {limited}, and who is left out would not trust the new one. "
                "Run again with all hosts."
            )
        why = why_renew(certificate, key, authority, purposes, names, moment)
        if why:
            issue[kind] = {
                "directory": directory,
                "make_key": key is None,
                "names": names,
                "purposes": purposes,
                "common_name": host[:COMMON_NAME_LENGTH],
                "why": why,
                "library": library,
            }
    problems += [
        f"Could not certify name '{word}' of host '{host}': {cause}. Correct tls_names, tls_addresses or tls_registry_names."
        for word, cause in wrong.items()
    ]
    bundles = {f"{view['directory']}/ca.pem": authority["bundle"]} if view["server"] else {}
    bundles.update({view["registry_trust"]: authority["client_bundle"]} if view["registry_trust"] else {})
    trust = []
    for path, bundle in bundles.items():
        said, _end, content = files.get(path, ("", ""))[1].partition("\n")
        if authority["make"] or said.split(" ")[0] != hashlib.sha256(bundle.encode()).hexdigest():
            trust.append(path)
        gone = dropped(content, bundle, moment) if limited else []
        if gone:
            problems.append(
                f"Could not take CA '{gone[0]}' from '{path}' of host '{host}': this run {limited}, and who is left out may have a "
                "certificate of it. Run again with all hosts."
            )
    written = {f"{one['directory']}/cert.pem" for one in issue.values()} | {
        f"{one['directory']}/key.pem" for one in issue.values() if one["make_key"]
    }
    modes = [
        {"path": path, "mode": f"0{MODES[os.path.basename(path)]}"}
        for path, (mode, _content) in files.items()
        if mode != MODES[os.path.basename(path)] and path not in written and path not in trust
    ]
    needed = [os.path.dirname(path) for path in trust] + [one["directory"] for one in issue.values()]
    folders = [folder for folder in dict.fromkeys(needed) if not any(os.path.dirname(path) == folder for path in files)]
    server = {f"{view['directory']}/{file}.pem": option for file, option in (("ca", "tlscacert"), ("cert", "tlscert"), ("key", "tlskey"))}
    renewed = [option for path, option in server.items() if path in {*trust, *written}]
    plan = {"folders": folders, "issue": issue, "trust": trust, "modes": modes, "renewed": renewed}
    return {**plan, "work": bool(issue or trust or modes)}, problems


def tls_hosts(views: list[dict[str, Any]], authority: dict[str, Any], limited: str) -> dict[str, Any]:
    """What each host needs, and what forbids going on.

    :param views: one a host of the play, see DOCUMENTATION.
    :param authority: the answer of tls_authority.
    :param limited: what the run does that leaves hosts out; empty where it does not.
    """
    plans = {view["host"]: host_plan(view, authority, limited) for view in views}
    problems = [problem for _plan, problems in plans.values() for problem in problems]
    if authority["blocked"] and any(plan["issue"] for plan, _problems in plans.values()):
        problems.append(authority["blocked"])
    return {"hosts": {host: plan for host, (plan, _problems) in plans.items()}, "problems": problems}


class FilterModule:
    """The filter tls_hosts."""

    def filters(self) -> dict[str, Any]:
        return {"tls_hosts": tls_hosts}
