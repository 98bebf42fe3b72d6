# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._host import network
from ansible_collections.apiary.swarm.tests.unit.fake_host import Machine

ADDRESSES = r"""1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host noprefixroute \       valid_lft forever preferred_lft forever
2: eth0    inet 10.1.2.3/24 brd 10.1.2.255 scope global eth0\       valid_lft forever preferred_lft forever
2: eth0    inet6 fe80::1/64 scope link \       valid_lft forever preferred_lft forever
3: tun0    inet 10.8.0.2 peer 10.8.0.1/32 scope global tun0\       valid_lft forever preferred_lft forever
4: wg0    inet 10.9.0.2 scope global wg0
"""
ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100010A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0002010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t0002010A\t00000000\t0001\t0\t0\t9\t00FFFFFF\t0\t0\t0
"""
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0302010A:0949 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0302010A:0949 0402010A:9C40 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
"""
UDP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
  11: 00000000000000000000000000000000:1F0A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000
"""
little = pytest.mark.skipif(sys.byteorder != "little", reason="the texts are those of a little-endian machine")


def test_addresses_are_told_with_their_interfaces() -> None:
    found = [(one["interface"], one["address"], one["prefix_length"]) for one in network.parse_addresses(ADDRESSES)]
    assert found == [
        ("lo", "127.0.0.1", 8),
        ("lo", "::1", 128),
        ("eth0", "10.1.2.3", 24),
        ("tun0", "10.8.0.2", 32),
        ("wg0", "10.9.0.2", 32),
    ]
    assert network.parse_addresses("ip: not found\n") == []


@little
def test_routes_are_networks_without_the_default_one() -> None:
    assert network.parse_routes(ROUTES) == ["10.1.2.0/24"]
    assert network.parse_routes("") == []


@little
def test_only_who_waits_on_swarms_ports_is_a_listener(empty: Machine) -> None:
    empty.put("/proc/net/tcp", TCP)
    empty.put("/proc/net/udp6", UDP6)
    empty.put("/proc/net/route", ROUTES)
    empty.answers["ip"] = 0, ADDRESSES
    found = network.network(empty)
    assert found["listeners"] == [
        {"protocol": "tcp", "address": "10.1.2.3", "port": 2377},
        {"protocol": "udp", "address": "::", "port": 7946},
    ]
    assert found["routes"] == ["10.1.2.0/24"] and len(found["addresses"]) == 5
    assert empty.commands == ["ip -o address show"]


def test_a_host_without_a_default_route_has_no_default_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "ELSEWHERE", ("255.255.255.255", 9))  # refused without SO_BROADCAST, as an unreachable one would be
    assert network.default_address() is None


@little
def test_an_ipv6_address_is_read_word_by_word() -> None:
    assert network.from_hex("B80D0120000000000000000001000000") == "2001:db8::1"
