# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's network: its addresses and routes, and who listens on Swarm's ports."""

from __future__ import annotations

import socket
import struct
from typing import Any, Iterator

from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import QUICK, Host
from ansible_collections.apiary.swarm.plugins.module_utils._host.files import readable

# Remote API, cluster management, gossip, data path.
PORTS = (2376, 2377, 7946, 4789)
# (protocol, file, what its state says of a socket that waits for others)
LISTENING = (("tcp", "tcp", "0A"), ("tcp", "tcp6", "0A"), ("udp", "udp", "07"), ("udp", "udp6", "07"))
# An address of the networks for documentation, behind the default route of every host. Nothing is sent to it.
ELSEWHERE = ("192.0.2.1", 9)


def network(host: Host) -> dict[str, Any]:
    """Addresses without those of a link only, the address on the default route, IPv4 routes but the default one, and listeners."""
    return {
        "addresses": parse_addresses(host.command(["ip", "-o", "address", "show"], None, QUICK)[1]),
        "default_address": default_address(),
        "routes": parse_routes(readable(host, "/proc/net/route") or ""),
        "listeners": [
            {"protocol": protocol, "address": address, "port": port}
            for protocol, file, state in LISTENING
            for address, port in parse_sockets(readable(host, f"/proc/net/{file}") or "", state)
            if port in PORTS
        ],
    }


def parse_addresses(answer: str) -> list[dict[str, Any]]:
    """The addresses in what C(ip -o address show) answers."""
    found = []
    for line in answer.splitlines():
        words = line.split()
        if len(words) < 4 or words[2] not in ("inet", "inet6") or "scope link" in line:
            continue
        address, _slash, length = words[3].partition("/")
        if not length and words[4:5] == ["peer"]:
            length = words[5].partition("/")[2]
        whole = 32 if words[2] == "inet" else 128
        found.append({"interface": words[1], "address": address, "prefix_length": int(length or whole)})
    return found


def default_address() -> str | None:
    """The address from which this host would speak to others; None without a default route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            return None
        return str(probe.getsockname()[0])


def parse_routes(text: str) -> list[str]:
    """The networks in C(/proc/net/route)."""
    networks = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        length = bin(int(words[7], 16)).count("1")
        if length:
            networks.append(f"{from_hex(words[1])}/{length}")
    return list(dict.fromkeys(networks))


def parse_sockets(text: str, state: str) -> Iterator[tuple[str, int]]:
    """(address, port) of the sockets in C(/proc/net/tcp) and the like that are in this state, each once."""
    found = {}
    for line in text.splitlines()[1:]:
        # A busy host has ten thousands of others.
        if f" {state} " not in line:
            continue
        words = line.split()
        if words[3] == state:
            address, _colon, port = words[1].partition(":")
            found[from_hex(address), int(port, 16)] = True
    return iter(found)


def from_hex(text: str) -> str:
    """An address as the kernel writes it: 32-bit words in the machine's own order."""
    packed = b"".join(struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8))
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
