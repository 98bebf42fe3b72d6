# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the Docker Engine (daemon.json, 20.10 to 29): one table, from which all that is known of an option is derived.

Much of what is refused here passes C(dockerd --validate), and the engine then does not start.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from typing import Any, Callable, Iterator, NamedTuple, Tuple
from urllib.parse import urlsplit

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import could_not
from ansible_collections.apiary.swarm.plugins.module_utils._engine import checks
from ansible_collections.apiary.swarm.plugins.module_utils._engine.checks import Check, Problem, each, mapping, matching, shown

# An engine's version; None where it is not known, and then nothing is refused that some engine takes.
Version = Tuple[int, ...]
# (all options, version) -> what is wrong with this one beside the others.
Rule = Callable[["dict[str, Any]", "Version | None"], "Iterator[Problem]"]

PID_FILES = ("/run/docker.pid", "/var/run/docker.pid")
SOCKETS = ("unix://", "unix:///run/docker.sock", "unix:///var/run/docker.sock")
TLS_FILES = ("tlscacert", "tlscert", "tlskey")
TAKE_OUT = "to null to remove it"

# What SIGHUP changes, and what it also takes back when the option has gone from the file: each was set, changed and
# removed on engine 26.1.5, and read back from /info and from the attributes of the event "daemon reload". The others keep
# their value when they go: moby's daemon/reload.go asks IsValueSet, or whether the new value is empty.
# authorization-plugins is reloaded, too, but one that does not answer ends the daemon (log.Fatalf in reloadConfig).
RESTARTS, SETS, TAKES_BACK = "restart", "reload", "reload, also without it"
# Of the features, only this one is looked at each time; containerd-snapshotter and cdi are when the engine starts.
RELOADED_FEATURES = {"buildkit"}


# -- what does not go together
def live_restore(options: dict[str, Any], version: Version | None) -> Iterator[Problem]:
    if options["live-restore"] is True:
        yield "Swarm does not work with it", f"Set it to false, or {TAKE_OUT}"


def firewall_backend(options: dict[str, Any], version: Version | None) -> Iterator[Problem]:
    """Swarm refuses nftables unless, since 29.6, it is told to use it or no firewall is made at all."""
    if options["firewall-backend"] != "nftables":
        return
    if version is not None and version < (29, 6):
        yield "Swarm does not work with nftables before engine 29.6", f"Set it to iptables, or {TAKE_OUT}"
    elif options.get("iptables") is not False and dict_or_empty(options.get("features")).get("swarm-nftables") is not True:
        yield "Swarm does not work with nftables by default", "Set features.swarm-nftables to true, too, or set it to iptables"


def gateways(options: dict[str, Any], version: Version | None) -> Iterator[Problem]:
    if options.get("host-gateway-ip") is not None:
        yield "it cannot be combined with host-gateway-ip", "Remove one of the two"
    given = options["host-gateway-ips"]
    families = [ipaddress.ip_address(one).version for one in given if not list(checks.IP(one))] if isinstance(given, list) else []
    for family in sorted({one for one in families if families.count(one) > 1}):
        yield f"it has more than one IPv{family} address", "Give one of each family at most"


def verified(options: dict[str, Any], version: Version | None) -> Iterator[Problem]:
    missing = [name for name in TLS_FILES if not options.get(name)]
    if options["tlsverify"] is True and missing:
        yield f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing", "Give all three TLS files"


def listeners(options: dict[str, Any], version: Version | None) -> Iterator[Problem]:
    """What would give the host away, or hide the engine from its own host."""
    given = options["hosts"]
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given) or not given:
        return
    exposed = [one for one in given if one.startswith("tcp://") and not is_loopback(one)]
    if exposed and options.get("tlsverify") is not True:
        cause = f"whoever reaches {shown(exposed[0])} would be root on this host"
        yield cause, "Set tlsverify, tlscacert, tlscert and tlskey, too, or listen on 127.0.0.1 only"
    if not any(one in SOCKETS or one.startswith("fd://") for one in given):
        yield "clients on this host need the engine's default socket", "Add unix:///var/run/docker.sock"


def is_loopback(listener: str) -> bool:
    """A C(tcp://) address that only this host reaches."""
    try:
        host = urlsplit(listener).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# -- the table
class Option(NamedTuple):
    """What is known of an option.

    :ivar check: what its value may be.
    :ivar reload: what brings it to the engine: RESTARTS, SETS (a reload, but not where the option goes) or TAKES_BACK.
    :ivar since: the first version that knows it, where that is later than 20.10.
    :ivar until: the first version that does not know it any more.
    :ivar rule: what does not go together with it.
    """

    check: Check
    reload: str = RESTARTS
    since: Version = ()
    until: Version | None = None
    rule: Rule | None = None


def alike(option: Option, names: str) -> dict[str, Option]:
    """Rows of options that only differ in their names."""
    return dict.fromkeys(names.split(), option)


COUNT = checks.integer()
TEXT, PATH = checks.text, checks.PATH
OPTIONS: dict[str, Option] = {
    **alike(Option(checks.boolean), "allow-direct-routing cri-containerd experimental icc init ip-forward ip-forward-no-drop ip-masq"),
    **alike(Option(checks.boolean), "ip6tables iptables ipv6 no-new-privileges raw-logs rootless selinux-enabled tls userland-proxy"),
    **alike(Option(COUNT), "cpu-rt-period cpu-rt-runtime mtu network-control-plane-mtu swarm-raft-election-tick swarm-raft-heartbeat-tick"),
    **alike(Option(TEXT), "bridge cgroup-parent containerd containerd-namespace containerd-plugins-namespace group log-driver"),
    **alike(Option(TEXT), "storage-driver swarm-default-advertise-addr userns-remap"),
    **alike(Option(PATH), "data-root exec-root init-path tlscacert tlscert tlskey userland-proxy-path"),
    **alike(Option(checks.STRINGS), "allow-nondistributable-artifacts authorization-plugins dns-opts dns-search"),
    **alike(Option(checks.PAIRS), "exec-opts node-generic-resources storage-opts"),
    **alike(Option(checks.INTERFACE), "bip bip6"),
    **alike(Option(checks.CIDR), "fixed-cidr fixed-cidr-v6"),
    **alike(Option(checks.IP), "default-gateway default-gateway-v6 host-gateway-ip ip"),
    **alike(Option(COUNT, TAKES_BACK), "max-concurrent-downloads max-concurrent-uploads max-download-attempts"),
    "api-cors-header": Option(TEXT, until=(29,)),
    "bridge-accept-fwmark": Option(checks.MARK),
    "builder": Option(mapping(checks.anything, ("gc", "entitlements", "features"))),
    "cdi-spec-dirs": Option(each(PATH)),
    "debug": Option(checks.boolean, SETS),
    "default-address-pools": Option(each(checks.address_pool)),
    "default-cgroupns-mode": Option(checks.choice("host", "private"), SETS),
    "default-ipc-mode": Option(checks.choice("private", "shareable"), SETS),
    "default-network-opts": Option(mapping(mapping(TEXT))),
    "default-runtime": Option(TEXT, SETS),
    "default-shm-size": Option(checks.SIZE, SETS),
    "default-stop-timeout": Option(COUNT, SETS, since=(29,)),
    "default-ulimits": Option(checks.ulimits),
    "dns": Option(each(checks.IP)),
    "features": Option(mapping(checks.boolean), TAKES_BACK),
    "firewall-backend": Option(checks.choice("iptables", "nftables"), since=(29,), rule=firewall_backend),
    "host-gateway-ips": Option(each(checks.IP), rule=gateways),
    "hosts": Option(
        each(matching(checks.is_listener, "an address to listen on", "Begin it with unix://, tcp:// or fd://")), rule=listeners
    ),
    "insecure-registries": Option(
        each(matching(checks.is_registry, "a registry or a network", "Write host:port or a network, without http://")), SETS
    ),
    "labels": Option(checks.labels, SETS),
    "live-restore": Option(checks.boolean, rule=live_restore),
    "log-format": Option(checks.choice("text", "json")),
    "log-level": Option(checks.choice("trace", "debug", "info", "warn", "error", "fatal", "panic")),
    "log-opts": Option(mapping(checks.string)),
    "metrics-addr": Option(matching(checks.is_host_port, "an address with a port", "Write, for example, 127.0.0.1:9323")),
    "min-api-version": Option(checks.API, since=(29,)),
    "network-diagnostic-port": Option(checks.integer(0, 65535), TAKES_BACK),
    "nri-opts": Option(checks.nri, SETS, since=(29,)),
    "oom-score-adjust": Option(checks.integer(-1000, 1000), until=(26,)),
    "pidfile": Option(matching(lambda one: one in PID_FILES, "where this collection finds the engine", "Leave it out")),
    "proxies": Option(mapping(checks.string, ("http-proxy", "https-proxy", "no-proxy")), since=(23,)),
    "registry-mirrors": Option(each(checks.mirror), SETS),
    "runtimes": Option(checks.runtimes, SETS),
    "seccomp-profile": Option(
        matching(lambda one: one in ("builtin", "unconfined") or one.startswith("/"), "a profile", "Use builtin or a path")
    ),
    "shutdown-timeout": Option(checks.integer(-1), SETS),
    "tlsverify": Option(checks.boolean, rule=verified),
}

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


# -- what follows from it
def parse_version(text: str | None) -> Version | None:
    """The numbers of an engine's version such as C(29.7.2) or C(26.1.5+dfsg1); None where there are none."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text or "")
    return tuple(int(one) for one in found.groups() if one) if found else None


def version_matters(options: dict[str, Any]) -> bool:
    """Whether another engine may judge these options otherwise."""
    rows = [OPTIONS[name] for name, value in options.items() if value is not None and name in OPTIONS]
    return any(row.since or row.until for row in rows)


def reload_suffices(name: str, read: Any, wanted: Any, gone: bool) -> bool:
    """SIGHUP brings this option from the value that the engine has read to the one that is wanted.

    :param gone: the option is not wanted any more.
    """
    row = OPTIONS.get(name)
    if row is None or row.reload == RESTARTS or (gone and row.reload != TAKES_BACK):
        return False
    if name == "features":
        old, new = dict_or_empty(read), dict_or_empty(wanted)
        differing = {key for key in {*old, *new} if json.dumps(old.get(key)) != json.dumps(new.get(key))}
        return differing <= RELOADED_FEATURES
    return True


def dict_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def problems(
    given: dict[str, Any], merged: dict[str, Any], allow_unknown: bool, host: str | None = None, version: Version | None = None
) -> list[str]:
    """What is wrong with options, each problem a sentence, and each once.

    :param given: the options that are asked for, which are looked at one by one.
    :param merged: all that would be in the file, which are looked at together.
    :param host: for the sentences.
    """
    place = f" of host '{host}'" if host else ""
    found = [*value_problems(given, allow_unknown, version), *joint_problems(merged, version)]
    words = [str(could_not(f"set daemon option '{name}'{place}", cause, advice)) for name, (cause, advice) in found]
    return list(dict.fromkeys(words))


def value_problems(options: dict[str, Any], allow_unknown: bool, version: Version | None = None) -> Iterator[tuple[str, Problem]]:
    """What is wrong with options one by one; those that are null are taken out and need no check."""
    for name, value in sorted(options.items(), key=lambda item: str(item[0])):
        row = OPTIONS.get(name)
        if value is None:
            continue
        if row is not None:
            for problem in (*age_problems(row, version), *row.check(value)):
                yield name, problem
        elif not allow_unknown or name in LEGACY_CLUSTER:
            yield str(name), unknown(str(name))


def age_problems(row: Option, version: Version | None) -> Iterator[Problem]:
    """An engine that does not know the option yet, or not any more."""
    if version is None:
        return
    if version < row.since:
        yield f"the engine is {written(version)}, and the option was added in {written(row.since)}", "Leave it out, or upgrade the engine"
    if row.until is not None and version >= row.until:
        yield f"the engine is {written(version)}, and the option was removed in {written(row.until)}", "Leave it out"


def written(version: Version) -> str:
    """C(29.7.2), C(29.0)."""
    return ".".join(str(one) for one in (version if len(version) > 1 else (*version, 0)))


def joint_problems(options: dict[str, Any], version: Version | None = None) -> Iterator[tuple[str, Problem]]:
    """What is wrong with options as a whole: what Swarm refuses, and what would give the host away."""
    for name in sorted(options, key=str):
        row = OPTIONS.get(name)
        if row is not None and row.rule is not None and options[name] is not None:
            for problem in row.rule(options, version):
                yield name, problem


def unknown(name: str) -> Problem:
    """The problem of an option that is not in the table."""
    if name in LEGACY_CLUSTER:
        return "it belongs to legacy Swarm before Docker 1.12 and is incompatible with Swarm mode", "Leave it out"
    advice = "Correct its name, or set allow_unknown"
    plain = name.lower().replace("_", "-")
    close = [OTHER_NAMES[plain]] if plain in OTHER_NAMES else difflib.get_close_matches(plain, OPTIONS, 1)
    return "this collection knows no such option of the Docker Engine", f"Did you mean '{close[0]}'? {advice}" if close else advice
