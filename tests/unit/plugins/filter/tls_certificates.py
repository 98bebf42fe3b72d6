# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs and certificates for the tests of the tls filters."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.filter.tls_authority import tls_authority
from ansible_collections.apiary.swarm.plugins.plugin_utils._certificates import PURPOSES
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

PASSPHRASE = "correct horse"
DIGITS = ("127.", "10.", "fd00:", "::1")


class Pair:
    """A certificate and its key."""

    def __init__(self, certificate: x509.Certificate, key: Any) -> None:
        self.certificate, self.key = certificate, key
        self.pem = certificate.public_bytes(Encoding.PEM).decode()
        self.public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @classmethod
    def make(
        cls,
        name: str,
        issuer: Pair | None = None,
        ca: bool = True,
        signs: bool = True,
        days: float = 3650,
        starts: float = -1,
        names: tuple[str, ...] = (),
        purposes: tuple[str, ...] = (),
        until: datetime | None = None,
        key: Any = None,
    ) -> Pair:
        """Sign it, by itself where nobody else does."""
        key, now = key or ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=min(starts, days - 1)))
            .not_valid_after(until or now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not signs:
            usage = dict.fromkeys(
                ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign"), False
            )
            builder = builder.add_extension(x509.KeyUsage(digital_signature=True, encipher_only=False, decipher_only=False, **usage), True)
        if names:
            values = [x509.IPAddress(ipaddress.ip_address(one)) if one.startswith(DIGITS) else x509.DNSName(one) for one in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(values), critical=False)
        if purposes:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([x509.ObjectIdentifier(PURPOSES[one]) for one in purposes]), critical=False
            )
        return cls(builder.sign(issuer.key if issuer else key, SHA256()), key)

    def private(self, passphrase: str = "") -> bytes:
        """The key as a file has it."""
        encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


class Store:
    """The folder of CAs and clients."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, pair: Pair, passphrase: str = PASSPHRASE, mode: int = 0o600) -> None:
        """A CA's two files."""
        (self.path / f"{name}.crt").write_text(pair.pem)
        key = self.path / f"{name}.key"
        key.write_bytes(pair.private(passphrase))
        key.chmod(mode)

    def ca(self, name: str, passphrase: str = PASSPHRASE, mode: int = 0o600, **make: Any) -> Pair:
        """A CA in the folder."""
        pair = Pair.make(name, **make)
        self.write(name, pair, passphrase, mode)
        return pair

    def authority(self, **change: Any) -> dict[str, Any]:
        """What the filter says of the folder."""
        settings = {
            "directory": str(self.path),
            "ca": "ca",
            "ca_cert": "",
            "ca_key": "",
            "passphrase": PASSPHRASE,
            "trusted_cas": [],
            "ca_days": 3650,
            "days": 365,
            "renew_before": 30,
        }
        return tls_authority({**settings, **change})

    def external(self, name: str, **change: Any) -> dict[str, Any]:
        """What the filter says of a CA that is handed in."""
        return self.authority(ca_cert=str(self.path / f"{name}.crt"), ca_key=str(self.path / f"{name}.key"), **change)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty folder."""
    path = tmp_path / "tls"
    path.mkdir()
    return Store(path)
