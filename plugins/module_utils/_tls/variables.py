# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of role tls: their types, what is wrong with them, and which a whole run derives from those of other roles."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Mapping

from ansible_collections.apiary.swarm.plugins.module_utils._tls.certificates import alternative_name

MAX_DAYS = 36500
# Variables of a CA, which is one for all hosts; the passphrase is none of them, it stays where the files are read.
WORDS = ("directory", "ca", "ca_cert", "ca_key")
NUMBERS = {"ca_days": 3650, "days": 365, "renew_before": 30}
YES = ("true", "yes", "on", "1", "y", "t")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,39}\Z")
REGISTRY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(:\d{1,5})?\Z")
# What Docker takes for the name of a context.
CLIENT = re.compile(r"(?!default\Z)[A-Za-z0-9][A-Za-z0-9._+-]{1,39}\Z")
# An address of the cluster may have a port, or be the name of an interface.
WITH_PORT = re.compile(r"(\[.*\]|[^:]*):\d+\Z")
ADDRESS = re.compile(r"\[?[0-9a-fA-F]*[.:][0-9a-fA-F.:]*\]?\Z")

# name -> roles (variables of the roles; none where they are not known), look (of module host_info; None where the host did not answer)
# and ansible_host (of the inventory; may be missing)
Hosts = Any


# -- their types
def text(value: Any) -> str:
    """A word as users write it: a number is one, too, and nothing is an empty one.

    :raises ValueError: it is none; the text says why.
    """
    if isinstance(value, (bool, dict, list, tuple)):
        raise ValueError("it is not a string")
    return "" if value is None else str(value)


def flat(value: Any) -> list[Any]:
    """A list as users write it: one word is one, too, and nothing is an empty one."""
    if isinstance(value, (list, tuple)):
        return [word for one in value for word in flat(one)]
    return [] if value is None else [value]


def texts(value: Any, variable: str) -> tuple[list[str], list[str]]:
    """(the words of a list, one sentence for each that is none)."""
    words, problems = [], []
    for word in flat(value):
        try:
            words.append(text(word))
        except ValueError as cause:
            problems.append(f"Could not use {variable} '{word}': {cause}. Write one string in quotes.")
    return words, problems


def truthy(value: Any) -> bool:
    """A condition as users write it."""
    return value.strip().lower() in YES if isinstance(value, str) else bool(value)


def settings_of(variables: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """(the variables of the CA in their types and without their prefix, all that is wrong with them by themselves).

    :param variables: those of role tls of one host.
    """
    settings: dict[str, Any] = {}
    problems = []
    for name in WORDS:
        value = variables.get(f"tls_{name}")
        try:
            settings[name] = text(value)
        except ValueError as cause:
            problems.append(f"Could not use tls_{name} '{value}': {cause}. Write one string in quotes.")
    for name, default in NUMBERS.items():
        value = variables.get(f"tls_{name}", default)
        try:
            settings[name] = int(text(value))
        except ValueError:
            settings[name] = 0
        if not 1 <= settings[name] <= MAX_DAYS:
            problems.append(f"Could not use tls_{name} '{value}': it is not a number of days between 1 and {MAX_DAYS}. Correct it.")
    settings["trusted_cas"], wrong = texts(variables.get("tls_trusted_cas"), "tls_trusted_cas")
    problems += wrong
    return settings, problems or setting_problems(settings)


def setting_problems(settings: dict[str, Any]) -> list[str]:
    """What is wrong with the variables of the CA together."""
    problems = []
    if settings["renew_before"] >= min(settings["days"], settings["ca_days"]):
        problems.append(
            f"Could not use tls_renew_before '{settings['renew_before']}': a certificate would be renewed in every run. "
            "Set it to less than tls_days and tls_ca_days."
        )
    if bool(settings["ca_cert"]) != bool(settings["ca_key"]):
        there, missing = ("ca_cert", "ca_key") if settings["ca_cert"] else ("ca_key", "ca_cert")
        problems.append(
            f"Could not use the external CA '{settings[there]}': tls_{there} is set and tls_{missing} is not. "
            "Set both, or neither for a CA that the role creates."
        )
    elif not settings["ca_cert"] and not FILE_NAME.match(settings["ca"]):
        problems.append(f"Could not use CA '{settings['ca']}': that is not a file name. Use up to 40 letters, digits, '.', '_' and '-'.")
    problems += [
        f"Could not trust CA '{name}': that is neither a path nor the name of a CA. Give its path, or its name as in tls_ca."
        for name in settings["trusted_cas"]
        if "/" not in name and (not FILE_NAME.match(name) or name.endswith((".crt", ".pem", ".key")))
    ]
    return problems


def client_settings(variables: dict[str, Any], served: bool) -> tuple[dict[str, Any], list[str]]:
    """(C(names), C(endpoints) and C(port) of the clients in their types, all that is wrong with them by themselves).

    :param variables: those of role tls of one host.
    :param served: an engine serves its API; where none does there are no clients.
    """
    names, wrong_names = texts(variables.get("tls_clients") if served else [], "tls_clients")
    endpoints, wrong_endpoints = texts(variables.get("tls_endpoints"), "tls_endpoints")
    port = variables.get("tls_port", 2376)
    problems = wrong_names + wrong_endpoints
    problems += [
        f"Could not create client '{name}': that cannot name a directory and a Docker context. Use 2 to 40 letters, digits, '.', '_', '+' "
        "and '-', but not 'default'."
        for name in names
        if not CLIENT.match(name)
    ]
    problems += [
        f"Could not create client '{name}': tls_clients has it {uses} times. List it once."
        for name, uses in Counter(names).items()
        if uses > 1
    ]
    for endpoint in endpoints:
        try:
            alternative_name(endpoint)
        except ValueError as cause:
            problems.append(f"Could not use endpoint '{endpoint}': {cause}. Put names or addresses of managers into tls_endpoints.")
    if not str(port).isdigit() or not 1 <= int(port) <= 65535:
        problems.append(f"Could not use tls_port '{port}': it is not a port number. Set it to a number between 1 and 65535.")
        port = 0
    return {"names": names, "endpoints": endpoints, "port": int(port)}, problems


def registry_problems(address: Any) -> list[str]:
    """What is wrong with the address of a registry that is to be trusted."""
    try:
        cause = "" if not text(address) or REGISTRY.match(text(address)) else "that is not its host:port"
    except ValueError as error:
        cause = str(error)
    return [f"Could not trust registry '{address}': {cause}. Correct tls_registry_address."] if cause else []


# -- of which hosts, and of which files, they speak
def concerns(variables: dict[str, Any] | None) -> bool:
    """This host needs something of TLS: it serves the API of its engine, has a registry, or trusts one."""
    variables = variables or {}
    return truthy(variables.get("tls_server")) or truthy(variables.get("tls_registry")) or bool(variables.get("tls_registry_address"))


def trust_path(variables: Mapping[str, Any]) -> str:
    """Where a host's engine looks for the CAs of the registry; empty where it trusts none."""
    address = variables.get("tls_registry_address")
    return f"/etc/docker/certs.d/{address}/ca.crt" if address else ""


def host_paths(variables: Mapping[str, Any]) -> list[str]:
    """The files of a host that module host_info has to describe."""
    folder, registry = variables.get("tls_host_directory"), variables.get("tls_registry_directory")
    paths = [f"{folder}/{file}.pem" for file in ("ca", "cert", "key")] if truthy(variables.get("tls_server")) else []
    paths += [f"{registry}/{file}.pem" for file in ("cert", "key")] if truthy(variables.get("tls_registry")) else []
    return [path for path in [*paths, trust_path(variables)] if path.startswith("/")]


# -- as a whole run derives them
def tls_variables(hosts: Hosts, managers: list[str]) -> Hosts:
    """The hosts with the variables of role tls that those of the roles engine and cluster stand for.

    :param hosts: of all hosts of the inventory, also of those that did not answer, as far as their variables are known.
    :param managers: names of those that are to be managers.
    """
    endpoints = managers_with_api(hosts, managers)
    return {name: {**host, "roles": derived(host.get("roles"), endpoints)} for name, host in hosts.items()}


def derived(variables: Mapping[str, Any] | None, endpoints: list[str]) -> dict[str, Any]:
    """The variables of one host, see tls_variables. Of a host with unknown variables there are none."""
    if not variables:
        return {}
    advertised = str(variables.get("cluster_advertise_addr") or "")
    port = WITH_PORT.match(advertised)
    address = port.group(1) if port else advertised
    return {
        "tls_endpoints": endpoints,
        **variables,
        "tls_server": truthy(variables.get("engine_remote_api")),
        "tls_host_directory": variables.get("engine_tls_directory", "/etc/docker/tls"),
        "tls_port": variables.get("engine_remote_api_port", 2376),
        "tls_addresses": flat(variables.get("tls_addresses")) + ([address] if ADDRESS.match(address) else []),
    }


def managers_with_api(hosts: Hosts, managers: list[str]) -> list[str]:
    """The addresses of the managers that serve the API, in the order of the inventory.

    None where that of the first cannot be told, because its variables are not known: what is written already stays then.
    """
    found: list[str] = []
    for name in managers:
        host = hosts.get(name) or {}
        if not host.get("roles"):
            return found
        if truthy(host["roles"].get("engine_remote_api")):
            found.append(str(host.get("ansible_host") or name))
    return found
