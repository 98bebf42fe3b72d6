# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the Docker Engine (daemon.json, 20.10 to 29): their types, and what is refused before anything is written.

Much of what is wrong here passes C(dockerd --validate), and the engine then does not start.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from typing import Any, Callable, Iterator, Tuple
from urllib.parse import urlsplit

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._engine.configuration import conceal

# A cause and what to do.
Problem = Tuple[str, str]
Check = Callable[[Any], "Iterator[Problem]"]

PID_FILES = ("/run/docker.pid", "/var/run/docker.pid")
SOCKETS = ("unix://", "unix:///run/docker.sock", "unix:///var/run/docker.sock")
TLS_FILES = ("tlscacert", "tlscert", "tlskey")

# Names that an option has had, or has elsewhere.
OTHER_NAMES = {
    "add-runtime": "runtimes",
    "graph": "data-root",
    "host": "hosts",
    "http-proxy": "proxies",
    "https-proxy": "proxies",
    "no-proxy": "proxies",
}
LEGACY_CLUSTER = ("cluster-store", "cluster-store-opts", "cluster-advertise")


def kind_of(value: Any) -> str:
    """A value's type, as YAML's reader calls it."""
    kinds = ((bool, "a boolean"), (int, "a number"), (float, "a number"), (str, "a string"), (list, "a list"), (dict, "a dictionary"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "nothing")


def shown(value: Any) -> str:
    """A value for a sentence, without credentials."""
    return f"'{conceal('', str(value))[:80]}'"


# -- types
def boolean(value: Any) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield f"it is {kind_of(value)} and must be a boolean", "Write true or false, without quotes"


def integer(least: int | None = 0, most: int | None = None) -> Check:
    def check(value: Any) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield f"it is {kind_of(value)} and must be an integer", "Write the number without quotes, unit and fraction"
        elif (least is not None and value < least) or (most is not None and value > most):
            yield f"{value} is out of range", f"Use {f'{least} to {most}' if most is not None else f'{least} or more'}"

    return check


def text(value: Any) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield f"it is {kind_of(value)} and must be a string", "Put the value into quotes"
    elif not value.strip():
        yield "it is empty", "Give a value, or null to take the option out"


def string(value: Any) -> Iterator[Problem]:
    """A text that may be empty."""
    if not isinstance(value, str):
        yield from text(value)


def matching(test: Callable[[str], Any], what: str, advice: str) -> Check:
    """A string that passes a test; one that raises ValueError has not."""

    def check(value: Any) -> Iterator[Problem]:
        wrong_type = list(text(value))
        yield from wrong_type
        if not wrong_type:
            try:
                fine = test(value)
            except ValueError:
                fine = False
            if not fine:
                yield f"{shown(value)} is not {what}", advice

    return check


def choice(*values: str) -> Check:
    return matching(lambda value: value in values, "a value that it can have", f"Use {', '.join(values[:-1])} or {values[-1]}")


def each(check: Check) -> Check:
    def check_list(value: Any) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield f"it is {kind_of(value)} and must be a list", "Write a list, also of one item"
            return
        for number, item in enumerate(value, 1):
            for cause, advice in check(item):
                yield f"item {number}: {cause}", advice

    return check_list


def mapping(check: Check, keys: tuple[str, ...] = ()) -> Check:
    def check_mapping(value: Any) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield f"it is {kind_of(value)} and must be a dictionary", "Write key: value below it"
            return
        for key, item in value.items():
            if keys and key not in keys:
                yield f"it has no key '{key}'", f"Use {', '.join(keys)}"
                continue
            for cause, advice in check(item):
                yield f"key '{key}': {cause}", advice

    return check_mapping


def anything(value: Any) -> Iterator[Problem]:
    return iter(())


def is_host_port(value: str) -> bool:
    host, colon, port = value.rpartition(":")
    return bool(host and colon and port.isdigit() and int(port) < 65536)


def is_registry(value: str) -> bool:
    """C(host[:port]) or a network."""
    return "://" not in value and (
        bool(re.fullmatch(r"[\w.\-]+(:\d+)?|\[[\da-fA-F:]+\](:\d+)?", value)) or "/" in value and is_network(value)
    )


def is_network(value: str) -> bool:
    return "/" in value and bool(ipaddress.ip_network(value, strict=False))


def is_interface(value: str) -> bool:
    """An address with its network's prefix; the network's own address fails at the engine's start."""
    one = ipaddress.ip_interface(value)
    return "/" in value and (one.network.num_addresses <= 2 or one.ip != one.network.network_address)


def is_listener(value: str) -> bool:
    scheme, found, rest = value.partition("://")
    return bool(found) and (scheme == "fd" or scheme == "unix" or scheme == "tcp" and bool(rest))


# -- options with a shape of their own
def labels(value: Any) -> Iterator[Problem]:
    problems = list(each(matching(lambda one: re.match(r"[^=\s]+=", one), "of the form key=value", "Write key=value"))(value))
    yield from problems
    if not problems:
        names = [one.split("=", 1)[0] for one in value]
        for name in sorted({one for one in names if names.count(one) > 1}):
            yield f"key '{name}' is there more than once", "Leave one of them"


def address_pool(value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict) or set(value) != {"base", "size"}:
        yield "it must be a dictionary of base and size", "Write, for example, {base: 172.30.0.0/16, size: 24}"
        return
    problems = list(CIDR(value["base"])) + list(integer()(value["size"]))
    yield from problems
    if not problems:
        network = ipaddress.ip_network(value["base"], strict=False)
        if not network.prefixlen <= value["size"] <= network.max_prefixlen:
            yield f"size {value['size']} does not fit into {shown(value['base'])}", f"Use {network.prefixlen} to {network.max_prefixlen}"


def ulimits(value: Any) -> Iterator[Problem]:
    advice = "Write, for example, nofile: {Name: nofile, Soft: 1024, Hard: 4096}"
    if not isinstance(value, dict):
        yield f"it is {kind_of(value)} and must be a dictionary", advice
        return
    for name, limit in value.items():
        if not isinstance(limit, dict) or set(limit) != {"Name", "Hard", "Soft"}:
            yield f"limit '{name}' must be a dictionary of Name, Hard and Soft", advice
        elif limit["Name"] != name:
            yield f"limit '{name}' has another Name", advice
        elif list(integer(-1)(limit["Hard"])) + list(integer(-1)(limit["Soft"])):
            yield f"Hard and Soft of limit '{name}' must be integers", advice
        elif limit["Hard"] != -1 and not 0 <= limit["Soft"] <= limit["Hard"]:
            yield f"Soft of limit '{name}' is above Hard", advice


def runtimes(value: Any) -> Iterator[Problem]:
    yield from mapping(mapping(anything))(value)
    for name, one in value.items() if isinstance(value, dict) else ():
        if isinstance(one, dict) and bool(one.get("path")) == bool(one.get("runtimeType")):
            yield f"runtime '{name}' must have either path or runtimeType", "Give one of the two"
        if name == "runc":
            yield "the runtime 'runc' is the engine's own", "Give yours another name"


STRINGS = each(text)
PAIRS = each(matching(lambda one: re.match(r"[^=\s]+=.", one), "of the form name=value", "Write name=value"))
CIDR = matching(is_network, "a network in CIDR notation", "Write, for example, 172.30.0.0/16")
INTERFACE = matching(is_interface, "the address of the bridge with its prefix", "Write, for example, 172.30.0.1/24")
IP = matching(ipaddress.ip_address, "an IP address", "Write an address without a prefix")
PATH = matching(lambda one: one.startswith("/"), "an absolute path", "Begin it with /")
URL = matching(lambda one: urlsplit(one).scheme in ("http", "https") and urlsplit(one).netloc, "a URL", "Begin it with https:// or http://")

# The options whose type says it all.
BY_TYPE: tuple[tuple[Check, str], ...] = (
    (
        boolean,
        "allow-direct-routing cri-containerd debug experimental icc init ip-forward ip-forward-no-drop ip-masq ip6tables iptables ipv6",
    ),
    (boolean, "live-restore no-new-privileges raw-logs rootless selinux-enabled tls tlsverify userland-proxy"),
    (integer(), "cpu-rt-period cpu-rt-runtime max-concurrent-downloads max-concurrent-uploads max-download-attempts"),
    (integer(), "mtu network-control-plane-mtu swarm-raft-election-tick swarm-raft-heartbeat-tick"),
    (text, "api-cors-header bridge bridge-accept-fwmark cgroup-parent containerd containerd-namespace containerd-plugins-namespace"),
    (text, "default-runtime group log-driver storage-driver swarm-default-advertise-addr userns-remap"),
    (PATH, "data-root exec-root init-path tlscacert tlscert tlskey userland-proxy-path"),
    (STRINGS, "allow-nondistributable-artifacts authorization-plugins dns-opts dns-search"),
    (PAIRS, "exec-opts node-generic-resources storage-opts"),
    (INTERFACE, "bip bip6"),
    (CIDR, "fixed-cidr fixed-cidr-v6"),
    (IP, "default-gateway default-gateway-v6 host-gateway-ip ip"),
    (each(IP), "dns host-gateway-ips"),
)
CHECKS: dict[str, Check] = {
    **{name: check for check, names in BY_TYPE for name in names.split()},
    "builder": mapping(anything, ("gc", "entitlements")),
    "cdi-spec-dirs": each(PATH),
    "default-address-pools": each(address_pool),
    "default-cgroupns-mode": choice("host", "private"),
    "default-ipc-mode": choice("private", "shareable"),
    "default-network-opts": mapping(mapping(text)),
    "default-shm-size": matching(lambda one: re.fullmatch(r"(?i)\d+(\.\d+)? ?[kmgt]?i?b?", one), "a size", 'Write, for example, "64M"'),
    "default-ulimits": ulimits,
    "features": mapping(boolean),
    "firewall-backend": choice("iptables", "nftables"),
    "hosts": each(matching(is_listener, "an address to listen on", "Begin it with unix://, tcp:// or fd://")),
    "insecure-registries": each(matching(is_registry, "a registry or a network", "Write host:port or a network, without http://")),
    "labels": labels,
    "log-format": choice("text", "json"),
    "log-level": choice("debug", "info", "warn", "error", "fatal"),
    "log-opts": mapping(string),
    "metrics-addr": matching(is_host_port, "an address with a port", "Write, for example, 127.0.0.1:9323"),
    "network-diagnostic-port": integer(0, 65535),
    "oom-score-adjust": integer(-1000, 1000),
    "pidfile": matching(lambda one: one in PID_FILES, "where this collection finds the engine", "Leave it out"),
    "proxies": mapping(string, ("http-proxy", "https-proxy", "no-proxy")),
    "registry-mirrors": each(URL),
    "runtimes": runtimes,
    "seccomp-profile": matching(lambda one: one in ("builtin", "unconfined") or one.startswith("/"), "a profile", "Use builtin or a path"),
    "shutdown-timeout": integer(-1),
}


# -- all options
def unknown(name: str) -> Problem:
    """The problem of an option that is in no table."""
    if name in LEGACY_CLUSTER:
        return "it belongs to the swarm of before Docker 1.12 and does not go with Swarm mode", "Leave it out"
    advice = "Correct its name, or set allow_unknown"
    plain = name.lower().replace("_", "-")
    close = [OTHER_NAMES[plain]] if plain in OTHER_NAMES else difflib.get_close_matches(plain, CHECKS, 1)
    return "this collection knows no such option of the Docker Engine", f"Did you mean '{close[0]}'? {advice}" if close else advice


def value_problems(options: dict[str, Any], allow_unknown: bool) -> Iterator[tuple[str, Problem]]:
    """What is wrong with options one by one; those that are null are taken out and need no check."""
    for name, value in sorted(options.items(), key=lambda item: str(item[0])):
        if value is None:
            continue
        if name in CHECKS:
            for problem in CHECKS[name](value):
                yield name, problem
        elif not allow_unknown or name in LEGACY_CLUSTER:
            yield str(name), unknown(str(name))


def is_loopback(listener: str) -> bool:
    """A C(tcp://) address that only this host reaches."""
    try:
        host = urlsplit(listener).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def joint_problems(options: dict[str, Any]) -> Iterator[tuple[str, Problem]]:
    """What is wrong with options as a whole: what Swarm refuses, and what would give the host away."""
    if options.get("live-restore") is True:
        yield "live-restore", ("Swarm does not work with it", "Set it to false, or to null to take it out")
    if options.get("firewall-backend") == "nftables":
        yield "firewall-backend", ("Swarm does not work with nftables", "Set it to iptables, or to null to take it out")
    verified = options.get("tlsverify") is True
    missing = [name for name in TLS_FILES if not options.get(name)]
    if verified and missing:
        yield "tlsverify", (f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing", "Give the three files of TLS")
    listeners = options.get("hosts")
    if not isinstance(listeners, list) or not all(isinstance(one, str) for one in listeners) or not listeners:
        return
    exposed = [one for one in listeners if one.startswith("tcp://") and not is_loopback(one)]
    if exposed and not verified:
        cause = f"whoever reaches {shown(exposed[0])} would be root on this host"
        yield "hosts", (cause, "Set tlsverify, tlscacert, tlscert and tlskey, too, or listen on 127.0.0.1 only")
    if not any(one in SOCKETS or one.startswith("fd://") for one in listeners):
        yield "hosts", ("nothing on this host would find the engine without its socket", "Add unix:///var/run/docker.sock")


def sentences(problems: list[tuple[str, Problem]], host: str | None) -> list[str]:
    """Problems in words, each once."""
    place = f" of host '{host}'" if host else ""
    words = [str(could_not(f"set daemon option '{name}'{place}", cause, advice)) for name, (cause, advice) in problems]
    return list(dict.fromkeys(words))
