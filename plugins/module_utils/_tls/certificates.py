# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates as data: what they say, which names can be in them, and why one must be renewed."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime, timedelta, timezone
from typing import Any, Iterable

# The controller needs it, hosts do not: without it there is a sentence instead of a plan.
try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
    from cryptography.x509.oid import NameOID
except ImportError:
    CRYPTOGRAPHY = False
else:
    CRYPTOGRAPHY = True

NO_CRYPTOGRAPHY = "Could not read certificates: Ansible's Python on the controller lacks the library cryptography. Install it there."

# Object identifiers of extended key usages.
PURPOSES = {"serverAuth": "1.3.6.1.5.5.7.3.1", "clientAuth": "1.3.6.1.5.5.7.3.2"}
# What a host says of a key that it has no tool to open.
UNKNOWN = "unknown"
ALWAYS = ["localhost", "127.0.0.1", "::1"]
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
INTERFACE = re.compile(r"(eth\d+|en[osp]\d\w*|docker\d+|docker_gwbridge|lo)\Z")


class Unusable(Exception):
    """A file that cannot be used; its text is the cause and what to do."""


# -- what is in a certificate
def asn1_time(moment: datetime) -> str:
    """A moment as certificates spell it."""
    return moment.astimezone(timezone.utc).strftime("%Y%m%d%H%M%SZ")


def to_pem(certificate: x509.Certificate) -> str:
    """A certificate in its one PEM form."""
    return certificate.public_bytes(Encoding.PEM).decode()


def spki(key: Any) -> bytes:
    """A public key in its one binary form."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def parse_certificate(pem: str) -> x509.Certificate | None:
    """The first certificate of a text; None where there is no usable one."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        spki(certificate.public_key())
        list(certificate.extensions)
        return certificate
    except (ValueError, UnsupportedAlgorithm):
        return None


def first_certificate(file: dict[str, Any]) -> x509.Certificate | None:
    """The first certificate of a described file; None where there is no usable one."""
    return parse_certificate("".join(file.get("certificates") or []))


def parse_public_key(pem: str | None) -> bytes | None:
    """A public key in its one binary form; empty where the host cannot tell it, None where there is no usable one."""
    if pem == UNKNOWN:
        return b""
    try:
        return spki(load_pem_public_key(pem.encode())) if pem else None
    except (ValueError, UnsupportedAlgorithm):
        return None


def extension(certificate: x509.Certificate, kind: Any) -> Any:
    """The value of an extension; None where it has none."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def names_of(certificate: x509.Certificate) -> set[str]:
    """The names and addresses of a certificate as the modules of community.crypto spell them."""
    names = extension(certificate, x509.SubjectAlternativeName) or []
    kinds: dict[Any, str] = {x509.DNSName: "DNS", x509.IPAddress: "IP"}
    return {f"{kinds.get(type(name), 'other')}:{name.value}" for name in names}


def common_name(certificate: x509.Certificate) -> str:
    """Whose certificate it is, in one word where it has a common name."""
    names = [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return names[0] if len(names) == 1 else certificate.subject.rfc4514_string()


def authorities(pems: list[str]) -> list[x509.Certificate]:
    """Certificates that are each that of a CA.

    :raises Unusable: there is none, or one of them may not sign.
    """
    try:
        found = [x509.load_pem_x509_certificate(pem.encode()) for pem in pems]
        constraints = [extension(certificate, x509.BasicConstraints) for certificate in found]
        usages = [extension(certificate, x509.KeyUsage) for certificate in found]
    except (ValueError, UnsupportedAlgorithm):
        found = []
    if not found:
        raise Unusable("there is no certificate in PEM form in it. Put the certificate of a CA there.")
    if not all(constraint and constraint.ca for constraint in constraints):
        raise Unusable("it is not the certificate of a CA (its basicConstraints do not say CA:TRUE). Use the certificate of the CA itself.")
    if not all(usage is None or usage.key_cert_sign for usage in usages):
        raise Unusable("it may not sign certificates (its keyUsage has no keyCertSign). Use the certificate of the CA itself.")
    return found


def in_order(certificates: Iterable[x509.Certificate]) -> list[str]:
    """Each once as PEM, in an order of their own, so that a file is the same whichever of them signs."""
    return sorted({to_pem(one) for one in certificates})


# -- what is wrong with one
def dropped(file: dict[str, Any], trusted: list[str], moment: datetime) -> list[str]:
    """The names of the CAs that are trusted by a described file and would not be any more."""
    there = [parse_certificate(pem) for pem in file.get("certificates") or []]
    return [one.subject.rfc4514_string() for one in there if one and one.not_valid_after_utc > moment and to_pem(one) not in trusted]


def issued_by(certificate: x509.Certificate, issuer: str) -> bool:
    """The CA with this certificate (PEM) has signed that one."""
    authority = parse_certificate(issuer)
    try:
        if authority:
            certificate.verify_directly_issued_by(authority)
        return bool(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def why_renew(
    certificate: x509.Certificate | None,
    key: bytes | None,
    signer: str,
    purposes: list[str],
    names: list[str],
    renew_before: int,
    not_after: str,
    moment: datetime,
) -> str:
    """Why a certificate is to be issued anew; empty where it is right.

    :param key: the public key of the private key beside it; empty where it cannot be told.
    :param signer: the certificate of the CA that signs, as PEM; empty where it has yet to be made.
    :param renew_before: days.
    :param not_after: the end of what is signed now, as certificates spell it.
    """
    if certificate is None:
        return "there is none"
    if key is None:
        return "its key is missing or cannot be read"
    if key and key != spki(certificate.public_key()):
        return "it belongs to another key"
    if not issued_by(certificate, signer):
        return "it is from another CA"
    usage = [purpose.dotted_string for purpose in extension(certificate, x509.ExtendedKeyUsage) or []]
    for purpose in purposes:
        if PURPOSES[purpose] not in usage:
            return f"it is not for {purpose}"
    missing = set(names) - names_of(certificate)
    if missing:
        return "it lacks " + ", ".join(sorted(missing))
    if certificate.not_valid_before_utc > moment:
        return "it is not valid yet"
    ends = certificate.not_valid_after_utc
    # What ends together with its CA would not last longer if it were issued again.
    if ends - moment <= timedelta(days=renew_before) and (ends <= moment or asn1_time(ends) < not_after):
        return f"it expires on {ends:%Y-%m-%d}"
    return ""


# -- what can be in one
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
        raise ValueError("it has a port, or is not an address")
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
    """(names as certificates have them, what is wrong with the words that have no place there).

    :param optional: words that are left out where they have no place there.
    """
    names, wrong = [], {}
    for word in [*optional, *words, *ALWAYS]:
        try:
            names.append(alternative_name(str(word)))
        except ValueError as cause:
            if word not in optional:
                wrong[str(word)] = str(cause)
    return list(dict.fromkeys(names)), wrong
