# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates and keys on the controller: what is in their files, what they may do, and why they must be renewed."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from typing import Any

# ansible-core needs it, too, but an installation can do without.
try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, load_pem_public_key
except ImportError:
    CRYPTOGRAPHY = False
else:
    CRYPTOGRAPHY = True

# Group and others where we make the key, others where somebody hands it in.
OWN_MODE = 0o077
GIVEN_MODE = 0o007
# Object identifiers of extended key usages.
PURPOSES = {"serverAuth": "1.3.6.1.5.5.7.3.1", "clientAuth": "1.3.6.1.5.5.7.3.2"}


class Unusable(Exception):
    """A file that cannot be used; its text is the cause and what to do."""


def now() -> datetime:
    """The time that validity is measured by."""
    return datetime.now(timezone.utc)


def text(value: Any) -> str:
    """A word as users write it: a number is one, too, and nothing is an empty one.

    :raises ValueError: it is none; the text says why.
    """
    if isinstance(value, (bool, dict, list, tuple)):
        raise ValueError("it is no text")
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
            problems.append(f"Could not use {variable} '{word}': {cause}. Put one word into quotes.")
    return words, problems


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


def parse_public_key(pem: str) -> bytes | None:
    """A public key in its one binary form; None where there is no usable one."""
    try:
        return spki(load_pem_public_key(pem.encode()))
    except (ValueError, UnsupportedAlgorithm):
        return None


def extension(certificate: x509.Certificate, kind: Any) -> Any:
    """The value of an extension; None where it has none."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def alternative_names(certificate: x509.Certificate) -> set[str]:
    """The names and addresses of a certificate as the modules of community.crypto spell them."""
    names = extension(certificate, x509.SubjectAlternativeName) or []
    kinds: dict[Any, str] = {x509.DNSName: "DNS", x509.IPAddress: "IP"}
    return {f"{kinds.get(type(name), 'other')}:{name.value}" for name in names}


def dropped(content: str, bundle: str, moment: datetime) -> list[str]:
    """The names of the CAs that are trusted by a file and would not be any more."""
    try:
        there = x509.load_pem_x509_certificates(content.encode())
    except ValueError:
        return []
    return [one.subject.rfc4514_string() for one in there if one.not_valid_after_utc > moment and to_pem(one) not in bundle]


def issued_by(certificate: x509.Certificate, authority: str) -> bool:
    """This authority has signed this certificate."""
    issuer = parse_certificate(authority)
    try:
        if issuer:
            certificate.verify_directly_issued_by(issuer)
        return bool(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False


def locked_out(certificate: x509.Certificate | None, authority: dict[str, Any], moment: datetime) -> bool:
    """This certificate is in use, and nobody would trust it any more."""
    if not certificate or certificate.not_valid_after_utc <= moment:
        return False
    return not any(issued_by(certificate, pem) for pem in (authority["signer"], *authority["trusted"]))


def why_renew(
    certificate: x509.Certificate | None,
    key: bytes | None,
    authority: dict[str, Any],
    purposes: list[str],
    names: list[str] | None,
    moment: datetime,
) -> str:
    """Why a certificate is to be issued anew; empty where it is right.

    :param key: the public key of the private key beside it; empty where it cannot be told.
    """
    if certificate is None:
        return "there is none"
    if key is None:
        return "its key is missing or cannot be read"
    if key and key != spki(certificate.public_key()):
        return "it belongs to another key"
    if not issued_by(certificate, authority["signer"]):
        return "it is of another CA"
    usage = [purpose.dotted_string for purpose in extension(certificate, x509.ExtendedKeyUsage) or []]
    for purpose in purposes:
        if PURPOSES[purpose] not in usage:
            return f"it is not for {purpose}"
    missing = set(names or []) - alternative_names(certificate)
    if missing:
        return "it lacks " + ", ".join(sorted(missing))
    if certificate.not_valid_before_utc > moment:
        return "it is not valid yet"
    ends = certificate.not_valid_after_utc
    # What ends together with its CA would not last longer if it were issued again.
    if ends - moment <= timedelta(days=authority["renew_before"]) and (ends <= moment or asn1_time(ends) < authority["not_after"]):
        return f"it ends on {ends:%Y-%m-%d}"
    return ""


def read(path: str) -> bytes:
    """The content of a file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Unusable(f"{error.strerror}. Correct its path or its permissions.") from error


def read_authorities(path: str) -> list[x509.Certificate]:
    """The certificates of a PEM file, each that of a CA."""
    content = read(path)
    try:
        found = x509.load_pem_x509_certificates(content)
        constraints = [extension(certificate, x509.BasicConstraints) for certificate in found]
        usages = [extension(certificate, x509.KeyUsage) for certificate in found]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unusable("there is no certificate in PEM form in it. Put the certificate of a CA there.") from error
    if not all(constraint and constraint.ca for constraint in constraints):
        raise Unusable("it is not the certificate of a CA (its basicConstraints do not say CA:TRUE). Use the certificate of the CA itself.")
    if not all(usage is None or usage.key_cert_sign for usage in usages):
        raise Unusable("it may not sign certificates (its keyUsage has no keyCertSign). Use the certificate of the CA itself.")
    return found


def read_key(path: str, passphrase: str, own: bool) -> bytes:
    """The public key of a private key.

    :param own: we have made it, so it is encrypted and readable by its owner alone.
    """
    content = read(path)
    if os.stat(path).st_mode & (OWN_MODE if own else GIVEN_MODE):
        raise Unusable(f"others than its owner can read it. Make it private with 'chmod 600 {path}'.")
    encrypted = False
    try:
        load_pem_private_key(content, None)
    except TypeError:
        encrypted = True
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unusable("there is no private key in PEM form in it. Put the CA's key there, or take both of its files away.") from error
    if own and not encrypted:
        raise Unusable("it is not encrypted. Encrypt it with 'openssl pkey -aes256', or hand it in as tls_ca_cert and tls_ca_key.")
    if passphrase and not encrypted:
        raise Unusable("it is not encrypted, and tls_ca_passphrase is set. Leave tls_ca_passphrase empty, or encrypt the key.")
    if encrypted and not passphrase:
        raise Unusable("it is encrypted, and there is no passphrase. Set tls_ca_passphrase.")
    try:
        return spki(load_pem_private_key(content, passphrase.encode() if encrypted else None).public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unusable("the passphrase does not open it. Correct tls_ca_passphrase.") from error


def in_order(certificates: list[x509.Certificate]) -> list[str]:
    """Each once, in an order of their own, so that the file is the same whichever of them signs."""
    return [pem for _print, pem in sorted({one.fingerprint(SHA256()): to_pem(one) for one in certificates}.items())]
