# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of CAs and clients on the controller as plain data: certificates and public keys, nothing of a private key or a passphrase."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import Any, Callable

from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Section
from ansible_collections.apiary.swarm.plugins.module_utils._tls import due
from ansible_collections.apiary.swarm.plugins.module_utils._tls.authority import (
    ABSENT,
    directory_problem,
    named_authorities,
    passphrase_problem,
    passphrase_strength,
)
from ansible_collections.apiary.swarm.plugins.module_utils._tls.certificates import CRYPTOGRAPHY, Unusable
from ansible_collections.apiary.swarm.plugins.module_utils._tls.variables import CLIENT, flat, settings_of, text, truthy

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
except ImportError:
    pass  # CRYPTOGRAPHY is false then, and no key is opened.

# Group and others where we make the key, others where somebody hands it in.
OWN_MODE = 0o077
GIVEN_MODE = 0o007
CERTIFICATE = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----.*?-----END (?:X509 )?CERTIFICATE-----\n?", re.DOTALL)


def plan_tls(hosts: Any, limited: str, missing: list[str], passphrase_of: Callable[[str], Any]) -> Section:
    """What is due of TLS, with what lies on the controller.

    :param hosts: see due.plan.
    :param limited: what the run is limited to (C(ansible_limit)); empty where it is not.
    :param missing: hosts of the run that failed or could not be reached.
    :param passphrase_of: gives C(tls_ca_passphrase) of a host. It is asked for one host, and only where TLS is wanted at all.
    """
    first = due.first_host(hosts)
    if not first:
        return due.plan(hosts, {}, limited, missing)
    served = any(truthy((host.get("roles") or {}).get("tls_server")) for host in hosts.values())
    return due.plan(hosts, read_controller(hosts[first]["roles"], passphrase_of(first), served), limited, missing)


def read_controller(variables: dict[str, Any], passphrase: Any, served: bool = True) -> dict[str, Any]:
    """What lies on the controller.

    :param variables: those of role tls of the first host that it concerns.
    :param passphrase: of the CA's key. It is used here and goes nowhere.
    :param served: an engine serves its API, so there are clients.
    :returns: C(library) (cryptography is there), C(settings) (see variables.settings_of, with absolute paths), C(problems) (with one of
        them nothing has been read), C(passphrase) (C(none), C(short) or C(long)), C(folder) (there is one for the CA), C(files) and C(keys)
        (by path, see described and described_key).
    """
    settings, problems = settings_of(variables)
    answer: dict[str, Any] = {"library": CRYPTOGRAPHY, "settings": settings, "problems": problems, "passphrase": "none"}
    answer.update({"folder": False, "files": {}, "keys": {}})
    try:
        passphrase = text(passphrase)
    except ValueError as cause:
        # What should have been the passphrase stays as secret as if it were one.
        problems.append(f"Could not use tls_ca_passphrase: {cause}. Write one string in quotes.")
        passphrase = ""
    answer["passphrase"] = passphrase_strength(passphrase)
    problem = passphrase_problem(passphrase)
    problems += [problem] if problem else []
    if "directory" in settings:
        folder = described_folder(settings["directory"])
        problem = directory_problem(settings["directory"], folder)
        problems += [problem] if problem else []
        answer["folder"] = folder["type"] == "directory"
    if problems or not CRYPTOGRAPHY:
        return answer
    settings["directory"] = folder["path"]
    for name in ("ca_cert", "ca_key"):
        settings[name] = absolute(settings[name]) if settings[name] else ""
    settings["trusted_cas"] = [absolute(name) if "/" in name else name for name in settings["trusted_cas"]]
    for number, ca in enumerate(named_authorities(settings)):
        answer["files"][ca.cert_path] = file = described(ca.cert_path)
        if ca.key_path and (number == 0 or file["type"] == ABSENT):
            answer["keys"][ca.key_path] = described_key(ca.key_path, passphrase, own=not ca.given)
    for name in flat(variables.get("tls_clients")) if served else []:
        if CLIENT.match(str(name)):
            answer["files"].update(described_client(os.path.join(settings["directory"], "clients", str(name))))
    return answer


def absolute(path: str) -> str:
    """A path as users write it, in its one form."""
    return os.path.abspath(os.path.expanduser(path))


def described_folder(path: str) -> dict[str, Any]:
    """C(path), C(type) (C(directory), C(absent) or C(other)), C(error) and C(readable) of the folder of CAs."""
    path = os.path.expanduser(path)
    answer = {"path": os.path.abspath(path) if os.path.isabs(path) else path, "type": "other", "error": "", "readable": False}
    if not os.path.isabs(path):
        return answer
    try:
        answer["type"] = "directory" if stat.S_ISDIR(os.stat(path).st_mode) else "other"
    except FileNotFoundError:
        answer["type"] = ABSENT
    except OSError as error:
        answer["error"] = error.strerror or str(error)
    answer["readable"] = os.access(path, os.R_OK | os.X_OK)
    return answer


def read(path: str) -> tuple[bytes, dict[str, Any]]:
    """(the content of a file, C(type) (C(file), C(absent) or C(other)), C(error) (why it cannot be read) and C(mode) of it)."""
    try:
        with open(path, "rb") as file:
            return file.read(), {"type": "file", "error": "", "mode": f"{stat.S_IMODE(os.fstat(file.fileno()).st_mode):04o}"}
    except OSError as error:
        kind = "other" if os.path.lexists(path) or not isinstance(error, FileNotFoundError) else ABSENT
        return b"", {"type": kind, "error": error.strerror or str(error), "mode": None}


def described(path: str) -> dict[str, Any]:
    """A file as module host_info describes those of a host, and with C(error), why it cannot be read."""
    content, answer = read(path)
    found = CERTIFICATE.findall(content.decode("utf-8", "replace"))
    return {**answer, "sha256": hashlib.sha256(content).hexdigest() if answer["type"] == "file" else None, "certificates": found}


def described_client(folder: str) -> dict[str, dict[str, Any]]:
    """The folder of a client and its files, by path."""
    files = {path: described(path) for path in (os.path.join(folder, name) for name in ("ca.pem", "cert.pem", "docker.env"))}
    path = os.path.join(folder, "key.pem")
    content, answer = read(path)
    try:
        public_key = public_of(load_pem_private_key(content, None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        public_key = None
    return {folder: {"type": "directory" if os.path.isdir(folder) else ABSENT}, **files, path: {**answer, "public_key": public_key}}


def public_of(key: Any) -> str:
    """The public part of a private key, as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def described_key(path: str, passphrase: str, own: bool) -> dict[str, Any]:
    """C(type), C(public_key) (PEM) and C(error) (why it cannot be used, and what to do) of a CA's key.

    :param own: we have made it, so it is encrypted and readable by its owner alone.
    """
    content, answer = read(path)
    if answer["error"]:
        return {"type": answer["type"], "public_key": None, "error": f"{answer['error']}. Correct its path or its permissions."}
    try:
        return {"type": "file", "public_key": opened(content, int(answer["mode"], 8), path, passphrase, own), "error": ""}
    except Unusable as cause:
        return {"type": "file", "public_key": None, "error": str(cause)}


def opened(content: bytes, mode: int, path: str, passphrase: str, own: bool) -> str:
    """The public part of a CA's key.

    :raises Unusable: it cannot be used.
    """
    if mode & (OWN_MODE if own else GIVEN_MODE):
        raise Unusable(f"others besides its owner can read it. Make it private with 'chmod 600 {path}'.")
    encrypted = False
    try:
        load_pem_private_key(content, None)
    except TypeError:
        encrypted = True
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unusable("there is no private key in PEM form in it. Put the CA's key there, or remove both of its files.") from error
    if own and not encrypted:
        raise Unusable("it is not encrypted. Encrypt it with 'openssl pkey -aes256', or pass it as tls_ca_cert and tls_ca_key.")
    if passphrase and not encrypted:
        raise Unusable("it is not encrypted, and tls_ca_passphrase is set. Leave tls_ca_passphrase empty, or encrypt the key.")
    if encrypted and not passphrase:
        raise Unusable("it is encrypted, and there is no passphrase. Set tls_ca_passphrase.")
    try:
        return public_of(load_pem_private_key(content, passphrase.encode() if encrypted else None))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unusable("the passphrase does not decrypt it. Correct tls_ca_passphrase.") from error
