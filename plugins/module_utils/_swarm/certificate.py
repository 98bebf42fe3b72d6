# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's swarm certificate says: pure functions, no packages (X.509 is read with a DER reader of 20 lines)."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime, timezone
from typing import Iterator, NamedTuple

ORGANISATION, UNIT, COMMON_NAME = b"\x55\x04\x0a", b"\x55\x04\x0b", b"\x55\x04\x03"
UTC_TIME, CONTEXT_0 = 0x17, 0xA0
TOKEN = re.compile(r"SWMTKN-(?:1|2-[01])-([0-9a-z]{50})-[0-9a-z]{25}\Z")


class Certificate(NamedTuple):
    """A node's certificate: who it is, in which swarm, as what, until when."""

    node_id: str
    cluster_id: str
    role: str
    not_after: datetime


def elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The (tag, content) pairs of a DER sequence's content."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size], "big"), at + size
        yield tag, der[at : at + length]
        at += length


def parse_time(tag: int, content: bytes) -> datetime:
    """UTCTime (two digits of a year) or GeneralizedTime."""
    text = content.decode("ascii")
    if tag == UTC_TIME:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def parse_certificate(pem: bytes) -> Certificate:
    """The first certificate of a PEM file.

    :raises ValueError: it is not a node's certificate.
    """
    block = re.search(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.DOTALL)
    if not block:
        raise ValueError("there is no certificate in it")
    try:
        ((_tag, certificate),) = elements(base64.b64decode(block.group(1)))
        (_tag, body), *_signature = elements(certificate)
        fields = [element for element in elements(body) if element[0] != CONTEXT_0]
        _serial, _algorithm, _issuer, (_tag, validity), (_tag, subject) = fields[:5]
        names = {}
        for _tag, name_set in elements(subject):
            for _tag, pair in elements(name_set):
                (_tag, kind), (_tag, value) = elements(pair)
                names[kind] = value.decode("utf-8")
        _not_before, not_after = elements(validity)
        role = names[UNIT].replace("swarm-", "", 1)
        return Certificate(names[COMMON_NAME], names[ORGANISATION], role, parse_time(*not_after))
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"it is not the certificate of a swarm node ({error})") from error


def base36(number: int) -> str:
    """A number in the digits that join tokens use."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


def root_digest(root_pem: bytes) -> str:
    """The digest of a swarm's root certificate as its join tokens hold it."""
    return base36(int(hashlib.sha256(root_pem).hexdigest(), 16)).rjust(50, "0")


def token_digest(token: str) -> str | None:
    """The root certificate's digest in a join token; None where it is no join token."""
    match = TOKEN.match(token)
    return match.group(1) if match else None
