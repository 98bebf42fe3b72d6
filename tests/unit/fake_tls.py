# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAs and certificates, and hosts that have them, for the tests of TLS."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Section
from ansible_collections.apiary.swarm.plugins.module_utils._tls.authority import Authority, authority
from ansible_collections.apiary.swarm.plugins.module_utils._tls.certificates import PURPOSES
from ansible_collections.apiary.swarm.plugins.plugin_utils._tls_files import plan_tls, read_controller
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

PASSPHRASE = "correct horse"
DIGITS = ("127.", "10.", "fd00:", "::1")
FOLDER, REGISTRY, TRUST = "/etc/docker/tls", "/etc/docker/tls-registry", "/etc/docker/certs.d/r:5000/ca.crt"


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

    def variables(self, **change: Any) -> dict[str, Any]:
        """The variables of role tls, without a prefix in the call."""
        names = {
            "directory": str(self.path),
            "ca": "ca",
            "ca_cert": "",
            "ca_key": "",
            "trusted_cas": [],
            "ca_days": 3650,
            "days": 365,
            "renew_before": 30,
            "server": True,
            "host_directory": FOLDER,
            "registry": False,
            "registry_directory": REGISTRY,
            "registry_names": [],
            "registry_address": "",
            "addresses": [],
            "names": [],
            "clients": [],
            "endpoints": ["10.0.0.1", "10.0.0.2"],
            "port": 2376,
        }
        return {f"tls_{name}": value for name, value in {**names, **change}.items()}

    def controller(self, passphrase: Any = PASSPHRASE, **change: Any) -> dict[str, Any]:
        """What lies on the controller."""
        return read_controller(self.variables(**change), passphrase)

    def authority(self, limited: str = "", **change: Any) -> Authority:
        """What signs, and is trusted, by the files of the folder."""
        controller = self.controller(**change)
        assert controller["problems"] == []
        answer = authority(controller, limited, datetime.now(timezone.utc))
        assert answer.problems == []
        return answer

    def external(self, name: str) -> dict[str, str]:
        """The variables of a CA that is handed in."""
        return {"ca_cert": str(self.path / f"{name}.crt"), "ca_key": str(self.path / f"{name}.key")}

    def plan(self, looks: Any = None, limited: str = "", passphrase: Any = PASSPHRASE, **change: Any) -> Section:
        """What is due of the host w1 by its look, or of hosts by theirs; without any, of a bare host."""
        roles = self.variables(**change)
        named = looks if looks and "w1" in looks else {"w1": looks or look()}
        hosts = {name: {"roles": roles if one else {}, "look": one, "ansible_host": "10.0.0.4"} for name, one in named.items()}
        section = plan_tls(hosts, limited, [name for name, one in named.items() if not one], lambda _host: passphrase)
        assert all(problem.startswith("Could not ") and problem.endswith(".") for problem in section.problems), section.problems
        assert "PRIVATE" not in str(section) and (len(str(passphrase)) < 8 or str(passphrase) not in str(section))
        return section


def described(content: str = "", mode: str = "0644", uid: int = 0, public_key: str | None = None) -> dict[str, Any]:
    """A file as module host_info describes it."""
    return {
        "type": "file",
        "mode": mode,
        "uid": uid,
        "gid": 0,
        "size": len(content),
        "sha256": hashlib.sha256(content.encode()).hexdigest(),
        "certificates": [f"{pem}-----END CERTIFICATE-----\n" for pem in content.split("-----END CERTIFICATE-----\n")[:-1]],
        "public_key": public_key,
    }


def look(files: dict[str, dict[str, Any]] | None = None, library: bool = True, **system: Any) -> dict[str, Any]:
    """What module host_info says of a host, as far as TLS is concerned."""
    absent = {
        "type": "absent",
        "mode": None,
        "uid": None,
        "gid": None,
        "size": None,
        "sha256": None,
        "certificates": [],
        "public_key": None,
    }
    paths = [f"{folder}/{name}.pem" for folder in (FOLDER, REGISTRY) for name in ("ca", "cert", "key")]
    return {
        "system": {"hostname": "w1", "fqdn": None, "family": "Debian", **system},
        "python": {"version": "3.13", "docker": True, "cryptography": library},
        "network": {"default_address": system.pop("address", None)},
        "files": {**{path: dict(absent) for path in [*paths, TRUST]}, **(files or {})},
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty folder."""
    path = tmp_path / "tls"
    path.mkdir()
    return Store(path)
