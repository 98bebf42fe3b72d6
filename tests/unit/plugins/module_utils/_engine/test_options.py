# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._engine.options import OPTIONS, parse_version, version_matters
from ansible_collections.apiary.swarm.plugins.module_utils._engine.options import problems as option_problems

TLS = {"tlscacert": "/etc/docker/ca.pem", "tlscert": "/etc/docker/cert.pem", "tlskey": "/etc/docker/key.pem"}


def problems(options: dict[str, Any], allow_unknown: bool = False, host: str | None = None, engine: str | None = None) -> list[str]:
    return option_problems(options, options, allow_unknown, host, parse_version(engine))


@pytest.mark.parametrize(
    "options",
    [
        {"hosts": ["fd://"]},
        {"hosts": ["unix:///var/run/docker.sock", "tcp://127.0.0.1:2375"]},
        {"hosts": ["unix://", "tcp://[::1]:2375", "tcp://localhost:2375"]},
        {"hosts": ["fd://", "tcp://0.0.0.0:2376"], "tlsverify": True, **TLS},
        {"live-restore": False, "firewall-backend": "iptables", "swarm-default-advertise-addr": "eth0"},
        {"default-address-pools": [{"base": "172.30.0.0/16", "size": 24}, {"base": "fd00::/48", "size": 64}]},
        {"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 32000}, "core": {"Name": "core", "Hard": -1, "Soft": -1}}},
        {"labels": ["rack=a7", "rack.row=", "zone=a=b"]},
        {"insecure-registries": ["registry:5000", "10.0.0.0/8", "registry.example.com", "[fd00::1]:5000", "fd00::/64"]},
        {"registry-mirrors": ["https://mirror.example.com", "http://10.0.0.1:5000/"]},
        {"proxies": {"http-proxy": "http://user:pass@proxy:3128", "no-proxy": "localhost"}},
        {"runtimes": {"fast": {"path": "/usr/bin/crun"}, "kata": {"runtimeType": "io.containerd.kata.v2", "options": {"a": 1}}}},
        {"builder": {"gc": {"enabled": True, "defaultKeepStorage": "10GB"}}, "features": {"buildkit": True}},
        {"default-shm-size": "64M", "shutdown-timeout": -1, "mtu": 1450, "bip": "172.30.0.1/24", "fixed-cidr": "172.30.0.128/25"},
        {"metrics-addr": "0.0.0.0:9323", "dns": ["10.0.0.53", "fd00::53"], "data-root": "/srv/docker", "log-level": "warn"},
        {"storage-opts": ["overlay2.size=10G"], "exec-opts": ["native.cgroupdriver=systemd"], "node-generic-resources": ["gpu=uuid1"]},
        {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1450"}}, "pidfile": "/var/run/docker.pid"},
        {"seccomp-profile": "unconfined", "log-format": "json", "oom-score-adjust": -500, "api-cors-header": "*"},
        {"min-api-version": "1.24"},
        {"min-api-version": "1.44", "default-stop-timeout": 0, "nri-opts": {"enable": True, "socket-path": "/run/nri.sock"}},
        {"log-level": "trace"},
        {"log-level": "panic", "builder": {"features": {"x": True}}},
        {"firewall-backend": "nftables", "features": {"swarm-nftables": True}},
        {"firewall-backend": "nftables", "iptables": False},
        {"bridge-accept-fwmark": "0x1/0x3", "host-gateway-ips": ["192.0.2.1", "2001:db8::1"]},
        dict.fromkeys(OPTIONS),
    ],
)
def test_sound_options_are_accepted(options: dict[str, Any]) -> None:
    assert problems(options) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"log-opts": {"max-file": 3}}, "key 'max-file': it is a number and must be a string. Put the value into quotes"),
        ({"log-opts": {"compress": True}}, "key 'compress': it is a boolean and must be a string. Put the value into quotes"),
        ({"log-opts": {"max-size": None}}, "key 'max-size': it is nothing and must be a string"),
        ({"log-opts": ["max-size=10m"]}, "it is a list and must be a dictionary"),
        ({"log-driver": ""}, "it is empty. Give a value, or null to remove the option"),
        ({"max-concurrent-downloads": "3"}, "it is a string and must be an integer. Write an integer without quotes"),
        ({"max-concurrent-uploads": -1}, "-1 is out of range. Use 0 or more"),
        ({"shutdown-timeout": 1.5}, "it is a number and must be an integer"),
        ({"mtu": True}, "it is a boolean and must be an integer"),
        ({"network-diagnostic-port": 70000}, "70000 is out of range. Use 0 to 65535"),
        ({"debug": "true"}, "it is a string and must be a boolean. Write true or false, without quotes"),
        ({"icc": 1}, "it is a number and must be a boolean"),
        ({"labels": "rack=a7"}, "it is a string and must be a list"),
        ({"labels": {"rack": "a7"}}, "it is a dictionary and must be a list"),
        ({"labels": ["rack"]}, "item 1: 'rack' is not of the form key=value"),
        ({"labels": ["rack=1", "zone=1", "rack=2"]}, "key 'rack' is given more than once"),
        ({"default-address-pools": [{"base": "172.30.0.0/16", "size": 8}]}, "size 8 does not fit into '172.30.0.0/16'. Use 16 to 32"),
        ({"default-address-pools": [{"base": "fd00::/48", "size": 129}]}, "Use 48 to 128"),
        ({"default-address-pools": [{"base": "172.30.0.0/16"}]}, "must be a dictionary of base and size"),
        ({"default-address-pools": [{"base": "172.30.0.0", "size": 24}]}, "is not a network in CIDR notation"),
        ({"default-address-pools": [{"base": "172.30.0.0/16", "size": "24"}]}, "it is a string and must be an integer"),
        ({"default-ulimits": {"nofile": {"Hard": 1, "Soft": 1}}}, "limit 'nofile' must be a dictionary of Name, Hard and Soft"),
        ({"default-ulimits": {"nofile": {"Name": "core", "Hard": 1, "Soft": 1}}}, "limit 'nofile' has another Name"),
        ({"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 1, "Soft": 2}}}, "Soft of limit 'nofile' is above Hard"),
        ({"default-ulimits": {"nofile": {"Name": "nofile", "Hard": "1", "Soft": 1}}}, "must be integers"),
        ({"node-generic-resources": ["gpu"]}, "is not of the form name=value"),
        ({"storage-opts": "overlay2.size=10G"}, "it is a string and must be a list"),
        ({"dns": ["dns.example.com"]}, "item 1: 'dns.example.com' is not an IP address"),
        ({"dns": ["10.0.0.1/24"]}, "is not an IP address. Write an address without a prefix"),
        ({"metrics-addr": "9323"}, "is not an address with a port"),
        ({"registry-mirrors": ["mirror.example.com"]}, "is not a URL. Begin it with https:// or http://"),
        ({"registry-mirrors": ["http://[x"]}, "is not a URL. Begin it with https:// or http://"),
        (
            {"registry-mirrors": ["https://u:p@mirror"]},
            "item 1: 'https://********@mirror' contains credentials, which the engine does not accept",
        ),
        ({"registry-mirrors": "https://mirror.example.com"}, "must be a list"),
        ({"insecure-registries": ["http://registry:5000"]}, "Write host:port or a network, without http://"),
        ({"insecure-registries": ["10.0.0.0/99"]}, "is not a registry or a network"),
        ({"runtimes": ["runc"]}, "it is a list and must be a dictionary"),
        ({"runtimes": {"x": {}}}, "runtime 'x' must have either path or runtimeType"),
        ({"runtimes": {"runc": {"path": "/x"}}}, "the runtime 'runc' is the engine's own"),
        ({"bip": "172.30.0.1"}, "is not the address of the bridge with its prefix"),
        ({"bip": "172.30.0.0/24"}, "is not the address of the bridge with its prefix"),
        ({"fixed-cidr": "bad"}, "is not a network in CIDR notation"),
        ({"log-level": "verbose"}, "Use trace, debug, info, warn, error, fatal or panic"),
        ({"min-api-version": "9"}, "'9' is not a version of the API. Write, for example, \"1.44\""),
        ({"min-api-version": "1.23"}, "is not a version of the API"),
        ({"min-api-version": "v1.44"}, "is not a version of the API"),
        ({"min-api-version": 1.44}, "it is a number and must be a string"),
        ({"default-stop-timeout": -1}, "-1 is out of range. Use 0 or more"),
        ({"nri-opts": {"enable": "true"}}, "key 'enable': it is a string and must be a boolean"),
        ({"nri-opts": {"enabled": True}}, "it has no key 'enabled'"),
        ({"nri-opts": {"plugin-path": "nri"}}, "key 'plugin-path': 'nri' is not an absolute path"),
        ({"nri-opts": True}, "it is a boolean and must be a dictionary"),
        ({"bridge-accept-fwmark": "zz"}, "'zz' is not a firewall mark"),
        ({"host-gateway-ips": ["192.0.2.1", "192.0.2.2"]}, "it has more than one IPv4 address"),
        ({"host-gateway-ip": "192.0.2.1", "host-gateway-ips": ["192.0.2.1"]}, "it cannot be combined with host-gateway-ip"),
        ({"data-root": "srv/docker"}, "is not an absolute path"),
        ({"pidfile": "/run/other.pid"}, "is not where this collection finds the engine"),
        ({"proxies": {"ftp-proxy": "x"}}, "it has no key 'ftp-proxy'. Use http-proxy, https-proxy, no-proxy"),
        ({"proxies": {"http-proxy": 1}}, "key 'http-proxy': it is a number and must be a string"),
        ({"features": {"buildkit": "true"}}, "key 'buildkit': it is a string and must be a boolean"),
        ({"builder": True}, "it is a boolean and must be a dictionary"),
        ({"builder": {"cache": 1}}, "it has no key 'cache'"),
        ({"default-shm-size": 67108864}, "it is a number and must be a string"),
        ({"default-shm-size": "much"}, "is not a size"),
        ({"hosts": ["fd://", "http://10.0.0.1"]}, "Begin it with unix://, tcp:// or fd://"),
        ({"hosts": "fd://"}, "must be a list"),
        ({"hosts": ["fd://", "tcp://10.0.0.1:2375"]}, "whoever reaches 'tcp://10.0.0.1:2375' would be root on this host"),
        ({"hosts": ["fd://", "tcp://0.0.0.0:2376"], "tls": True, **TLS}, "would be root on this host"),
        ({"hosts": ["fd://", "tcp://:2375"]}, "would be root on this host"),
        ({"hosts": ["fd://", "tcp://localhost.evil.example:2375"]}, "would be root on this host"),
        ({"hosts": ["fd://", "tcp://127.0.0.1:x@10.0.0.1:2375"]}, "would be root on this host"),
        ({"hosts": ["tcp://127.0.0.1:2375"]}, "default socket. Add unix:///var/run/docker.sock"),
        ({"tlsverify": True, "tlscert": "/x"}, "tlscacert, tlskey are missing"),
        ({"live-restore": True}, "Swarm does not work with it"),
        ({"firewall-backend": "nftables"}, "Swarm does not work with nftables by default. Set features.swarm-nftables to true"),
        ({"firewall-backend": "nftables", "features": {"swarm-nftables": False}}, "Swarm does not work with nftables"),
        ({"firewall-backend": "ipfw"}, "Use iptables or nftables"),
        ({"cluster-store": "etcd://x"}, "it belongs to legacy Swarm before Docker 1.12"),
        ({"log_driver": "json-file"}, "Did you mean 'log-driver'?"),
        ({"insecure-registry": ["x"]}, "Did you mean 'insecure-registries'?"),
        ({"graph": "/srv/docker"}, "Did you mean 'data-root'?"),
        ({"http-proxy": "http://proxy"}, "Did you mean 'proxies'?"),
        ({"zzz": 1}, "no such option of the Docker Engine. Correct its name, or set allow_unknown"),
        ({True: 1}, "Could not set daemon option 'True': this collection knows no such option"),
    ],
)
def test_bad_options_are_one_sentence_each(options: dict[str, Any], words: str) -> None:
    (sentence,) = problems(options)
    assert words in sentence
    assert re.match(r"Could not set daemon option '[\w-]+': .+\. .+\.$", sentence) and "\n" not in sentence


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({"debug": "x", "mtu": "x", "zzz": 1, "live-restore": True, "labels": ["a", "b"]})) == 6


def test_options_that_are_null_are_not_checked() -> None:
    assert problems({"zzz": None, "live-restore": None, "mtu": None}) == []


@pytest.mark.parametrize("words", ["http://user:pass@registry:5000", "https://user:pass@"])
def test_credentials_are_in_no_sentence(words: str) -> None:
    (sentence,) = problems({"insecure-registries": [words]})
    assert "pass" not in sentence


# -- what depends on the engine's version
@pytest.mark.parametrize(
    ("options", "engine", "words"),
    [
        ({"min-api-version": "1.44"}, "28.5.2", "the engine is 28.5.2, and the option was added in 29.0. Leave it out, or"),
        ({"default-stop-timeout": 5}, "26.1.5+dfsg1", "the engine is 26.1.5, and the option was added in 29.0"),
        ({"nri-opts": {}}, "20.10.24", "the option was added in 29.0"),
        ({"oom-score-adjust": 1}, "26.1.5", "the engine is 26.1.5, and the option was removed in 26.0. Leave it out"),
        ({"api-cors-header": "*"}, "29.7.2", "the option was removed in 29.0"),
        ({"firewall-backend": "nftables", "iptables": False}, "29.5.0", "Swarm does not work with nftables before engine 29.6"),
    ],
)
def test_options_that_this_engine_does_not_take_are_refused(options: dict[str, Any], engine: str, words: str) -> None:
    (sentence,) = problems(options, engine=engine)
    assert words in sentence
    assert version_matters(options)


@pytest.mark.parametrize(
    ("options", "engine"),
    [
        ({"min-api-version": "1.44", "nri-opts": {}, "default-stop-timeout": 1}, "29.0.0"),
        ({"oom-score-adjust": 1, "api-cors-header": "*", "proxies": {}}, "25.0.3"),
        ({"firewall-backend": "nftables", "features": {"swarm-nftables": True}}, "29.6.0"),
        ({"firewall-backend": "nftables", "iptables": False}, "29.10.1"),
    ],
)
def test_options_that_this_engine_takes_are_accepted(options: dict[str, Any], engine: str) -> None:
    assert problems(options, engine=engine) == []


def test_version_is_not_asked_for_where_it_does_not_matter() -> None:
    assert not version_matters({"labels": ["a=b"], "zzz": 1, "min-api-version": None, "live-restore": True})


@pytest.mark.parametrize(
    ("text", "version"),
    [("29.7.2", (29, 7, 2)), ("26.1.5+dfsg1, build a72d7cd", (26, 1, 5)), ("29.6", (29, 6)), ("dev", None), (None, None)],
)
def test_version_of_an_engine(text: str | None, version: tuple[int, ...] | None) -> None:
    assert parse_version(text) == version


# -- sentences
@pytest.mark.parametrize(("host", "place"), [(None, ""), ("manager1", " of host 'manager1'")])
def test_each_problem_is_a_sentence_that_names_option_and_host(host: str | None, place: str) -> None:
    options: dict[str, Any] = {"log-opts": {"max-file": 3, "max-size": 10}, "live-restore": True, "labls": []}
    assert problems(options, host=host) == [
        f"Could not set daemon option 'labls'{place}: this collection knows no such option of the Docker Engine. "
        "Did you mean 'labels'? Correct its name, or set allow_unknown.",
        f"Could not set daemon option 'log-opts'{place}: key 'max-file': it is a number and must be a string. Put the value into quotes.",
        f"Could not set daemon option 'log-opts'{place}: key 'max-size': it is a number and must be a string. Put the value into quotes.",
        f"Could not set daemon option 'live-restore'{place}: Swarm does not work with it. Set it to false, or to null to remove it.",
    ]


def test_unknown_options_may_be_allowed_but_not_those_of_the_legacy_swarm() -> None:
    assert problems({"brand-new": 1}, allow_unknown=True) == []
    (problem,) = problems({"brand-new": 1, "cluster-store": "etcd://x"}, allow_unknown=True)
    assert problem.startswith("Could not set daemon option 'cluster-store': it belongs to legacy Swarm before Docker 1.12")
