# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tls_authority
short_description: The certificate authority on the controller, and what forbids using it
version_added: 0.1.0
author: The apiary.swarm authors (@apiary)
description:
  - Reads the certificate and the key of the authority that signs, and the certificates of those that are trusted besides.
  - Nothing of a private key or of the passphrase is in the answer.
  - A certificate authority that is trusted by its name and does not exist is made, too, so that trust in it can go out before it signs.
options:
  _input:
    description:
      - C(directory), C(ca), C(ca_cert), C(ca_key), C(passphrase), C(trusted_cas), C(ca_days), C(days) and C(renew_before), which are
        the variables of the role P(apiary.swarm.tls#role) without their prefix.
      - C(directories), where each host of the play says that the folder is, and C(limit), what the run is limited to, may be left out.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the CA
  ansible.builtin.set_fact:
    authority: "{{ settings | apiary.swarm.tls_authority }}"
  vars:
    settings:
      directory: /home/me/tls
      ca: ca
      ca_cert: ""
      ca_key: ""
      passphrase: "{{ vault_passphrase }}"
      trusted_cas: []
      ca_days: 3650
      days: 365
      renew_before: 30
"""

RETURN = r"""
_value:
  description:
    - C(name), C(directory), C(folder) (it is to be made), C(cert_path), C(key_path), C(make) (the authorities that are to be made, with
      C(name), C(cert_path), C(key_path) and whether the C(key) is, too), C(signer) and C(trusted) (PEM), C(bundle) (PEM of all that
      engines trust), C(client_bundle) (the same with the rest of their chains), C(not_after) (of what is signed now), C(renew_before),
      C(warnings), C(blocked) (why nothing may be issued) and C(problems) (why nothing may be done), one sentence each.
  type: dict
"""

import os
import re
import stat
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible.errors import AnsibleFilterError

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

MAX_DAYS = 36500
MIN_PASSPHRASE = 8
# OpenSSL's own limit; a shorter one would also be masked wherever its letters occur, in the middle of certificates.
MIN_GIVEN_PASSPHRASE = 4
# Group and others where we make the key, others where somebody hands it in.
OWN_MODE = 0o077
GIVEN_MODE = 0o007
TEXTS = {"directory": "tls_directory", "ca": "tls_ca", "ca_cert": "tls_ca_cert", "ca_key": "tls_ca_key", "passphrase": "tls_ca_passphrase"}
NUMBERS = ("ca_days", "days", "renew_before")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,39}\Z")
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
    kinds = {x509.DNSName: "DNS", x509.IPAddress: "IP"}
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


def correct(settings: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """(the variables in their types, what cannot be brought into its type)."""
    answer, problems = {"limit": "", **settings}, []
    for name, variable in TEXTS.items():
        try:
            answer[name] = text(settings[name])
        except ValueError as cause:
            # What should have been the passphrase stays as secret as if it were one.
            value = "" if name == "passphrase" else f" '{settings[name]}'"
            problems.append(f"Could not use {variable}{value}: {cause}. Put one word into quotes.")
    for name in NUMBERS:
        try:
            answer[name] = int(text(settings[name]))
        except ValueError:
            problems.append(f"Could not use tls_{name} '{settings[name]}': it is no number of days between 1 and {MAX_DAYS}. Correct it.")
    answer["trusted_cas"], wrong = texts(settings["trusted_cas"], "tls_trusted_cas")
    return answer, problems + wrong


def directory_problem(directory: str, others: list[Any]) -> str:
    """Why the CA may not lie there; empty where it may."""
    if not directory:
        return (
            "Could not choose a folder for the CA: tls_directory is empty, and this inventory lies in no folder beside which it could be. "
            "Set tls_directory to an absolute path on the controller."
        )
    path = os.path.expanduser(directory)
    if not os.path.isabs(path):
        return (
            f"Could not use tls_directory '{directory}': it is relative, so it would be another folder wherever Ansible is started. "
            "Set it to an absolute path on the controller."
        )
    other = next((one for one in others if one != directory), directory)
    if other != directory:
        return (
            f"Could not choose a folder for the CA: tls_directory is '{directory}' for one host and '{other}' for another. "
            "Set tls_directory to one absolute path for all hosts."
        )
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):
            return f"Could not use tls_directory '{path}': it is no folder. Correct it."
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"Could not use tls_directory '{path}': {error.strerror}. Correct its path or its permissions."
    if not os.access(path, os.R_OK | os.X_OK):
        return f"Could not use tls_directory '{path}': you may not read it. Correct its permissions, or run as its owner."
    return ""


def setting_problems(settings: dict[str, Any]) -> list[str]:
    """What is wrong with the variables by themselves."""
    days = {name: settings[name] for name in NUMBERS}
    problems = [
        f"Could not use tls_{name} '{value}': it is no number of days between 1 and {MAX_DAYS}. Correct it."
        for name, value in days.items()
        if not 1 <= value <= MAX_DAYS
    ]
    if not problems and days["renew_before"] >= min(days["days"], days["ca_days"]):
        problems.append(
            f"Could not use tls_renew_before '{days['renew_before']}': a certificate would be renewed in every run. "
            "Set it to less than tls_days and tls_ca_days."
        )
    if bool(settings["ca_cert"]) != bool(settings["ca_key"]):
        there, missing = ("ca_cert", "ca_key") if settings["ca_cert"] else ("ca_key", "ca_cert")
        problems.append(
            f"Could not use the external CA '{settings[there]}': tls_{there} is set and tls_{missing} is not. "
            "Set both, or neither for a CA that is made here."
        )
    elif not settings["ca_cert"] and not FILE_NAME.match(settings["ca"]):
        problems.append(f"Could not use CA '{settings['ca']}': that is no name for a file. Use up to 40 letters, digits, '.', '_' and '-'.")
    problems += [
        f"Could not trust CA '{name}': that is neither a path nor the name of a CA. Give its path, or its name as in tls_ca."
        for name in settings["trusted_cas"]
        if "/" not in name and (not FILE_NAME.match(name) or name.endswith((".crt", ".pem", ".key")))
    ]
    if settings["passphrase"] and len(settings["passphrase"]) < MIN_GIVEN_PASSPHRASE:
        problems.append(f"Could not use tls_ca_passphrase: it is shorter than {MIN_GIVEN_PASSPHRASE} characters. Choose a longer one.")
    problem = directory_problem(settings["directory"], flat(settings.get("directories")))
    return problems + ([problem] if problem else [])


def stem_of(settings: dict[str, Any], name: str) -> str:
    """The files of a CA in the folder, without their endings."""
    return os.path.join(settings["directory"], name)


def signer_problem(settings: dict[str, Any], cert_path: str, key_path: str, certificate: x509.Certificate, moment: datetime) -> str:
    """Why this CA cannot sign; empty where it can."""
    try:
        key = read_key(key_path, settings["passphrase"], own=not settings["ca_cert"])
    except Unusable as cause:
        return f"Could not use CA key '{key_path}': {cause}"
    if key != spki(certificate.public_key()):
        return f"Could not use CA '{cert_path}': the key '{key_path}' belongs to another certificate. Put both of one CA there."
    if certificate.not_valid_before_utc > moment:
        return (
            f"Could not use CA '{cert_path}': it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC. "
            "Set this machine's clock, or wait."
        )
    if certificate.not_valid_after_utc <= moment:
        return f"Could not use CA '{cert_path}': it ended on {certificate.not_valid_after_utc:%Y-%m-%d}. {successor(settings)}"
    return ""


def successor(settings: dict[str, Any]) -> str:
    """How to go on where a CA ends."""
    if settings["ca_cert"]:
        return "Hand in a new CA, and name this one in tls_trusted_cas."
    return "Set tls_ca to a new name and name this CA in tls_trusted_cas; a new one is made."


def making(settings: dict[str, Any], name: str) -> tuple[dict[str, Any], list[str]]:
    """(what is to be made of a CA, what forbids it). A key without a certificate is what an interrupted run leaves."""
    stem = stem_of(settings, name)
    new = {"name": name, "cert_path": f"{stem}.crt", "key_path": f"{stem}.key", "key": not os.path.lexists(f"{stem}.key")}
    if settings["limit"]:
        cause = f"this run is limited to {settings['limit']}, and a CA is one for all hosts. Run again without --limit."
        return new, [f"Could not make CA '{name}': {cause}"]
    if len(settings["passphrase"]) < MIN_PASSPHRASE:
        cause = (
            f"tls_ca_passphrase is shorter than {MIN_PASSPHRASE} characters" if settings["passphrase"] else "tls_ca_passphrase is not set"
        )
        return new, [
            f"Could not make CA '{name}': {cause}. "
            f"Set it to at least {MIN_PASSPHRASE} characters, from a vault; the CA's key is encrypted with it."
        ]
    if not new["key"]:
        try:
            read_key(f"{stem}.key", settings["passphrase"], own=True)
        except Unusable as cause:
            return new, [f"Could not use CA key '{stem}.key': {cause}"]
    return new, []


def signing(settings: dict[str, Any], cert_path: str, key_path: str, moment: datetime) -> dict[str, Any]:
    """The CA that signs and is there: C(chain), C(ends), C(blocked), C(warnings) and C(problems)."""
    answer: dict[str, Any] = {"chain": [], "ends": moment, "blocked": "", "warnings": [], "problems": []}
    try:
        answer["chain"] = read_authorities(cert_path)
    except Unusable as cause:
        answer["problems"].append(f"Could not use CA '{cert_path}': {cause}")
        return answer
    answer["ends"] = ends = answer["chain"][0].not_valid_after_utc
    problem = signer_problem(settings, cert_path, key_path, answer["chain"][0], moment)
    if not settings["ca_cert"] and not os.path.lexists(key_path):
        problem = (
            f"Could not use CA '{settings['ca']}': '{cert_path}' is there without its key '{key_path}'. "
            "Put the key beside it, or take the certificate away for a new CA."
        )
    if problem:
        answer["problems"].append(problem)
    elif ends - moment <= timedelta(days=settings["renew_before"]):
        when = f"it ends on {ends:%Y-%m-%d}, and what it signs would end within tls_renew_before ({settings['renew_before']} days)"
        answer["blocked"] = f"Could not use CA '{cert_path}': {when}. {successor(settings)}"
        answer["warnings"].append(
            f"CA '{cert_path}' ends on {ends:%Y-%m-%d}, and all that it has signed with it. Name its successor in tls_trusted_cas now."
        )
    return answer


def in_order(certificates: list[x509.Certificate]) -> list[str]:
    """Each once, in an order of their own, so that the file is the same whichever of them signs."""
    return [pem for _print, pem in sorted({one.fingerprint(SHA256()): to_pem(one) for one in certificates}.items())]


def tls_authority(settings: dict[str, Any]) -> dict[str, Any]:
    """The authority that signs, those that are trusted besides, and what forbids using them.

    :param settings: directory, ca, ca_cert, ca_key, passphrase, trusted_cas, ca_days, days and renew_before; directories and limit.
    :returns: see RETURN; with any problem nothing may be written.
    """
    if not CRYPTOGRAPHY:
        raise AnsibleFilterError(
            "Could not read certificates: Ansible's Python on the controller has no library cryptography. Install it beside Ansible."
        )
    moment = now()
    settings, problems = correct(settings)
    authority: dict[str, Any] = {
        "name": "",
        "directory": "",
        "folder": False,
        "cert_path": "",
        "key_path": "",
        "make": [],
        "signer": "",
        "trusted": [],
        "bundle": "",
        "client_bundle": "",
        "not_after": "",
        "renew_before": settings["renew_before"],
        "warnings": [],
        "blocked": "",
        "problems": problems or setting_problems(settings),
    }
    if authority["problems"]:
        return authority
    problems = authority["problems"]
    settings["directory"] = authority["directory"] = os.path.abspath(os.path.expanduser(settings["directory"]))
    authority["folder"] = not os.path.isdir(settings["directory"])
    external, stem = bool(settings["ca_cert"]), stem_of(settings, settings["ca"])
    cert_path, key_path = authority["cert_path"], authority["key_path"] = [
        os.path.abspath(os.path.expanduser(path))
        for path in ((settings["ca_cert"], settings["ca_key"]) if external else (f"{stem}.crt", f"{stem}.key"))
    ]
    authority["name"] = os.path.basename(cert_path) if external else settings["ca"]
    wanted = moment + timedelta(days=settings["days"])
    trusted: list[x509.Certificate] = []
    chains: list[x509.Certificate] = []
    if external or os.path.lexists(cert_path):
        signer = signing(settings, cert_path, key_path, moment)
        problems += signer["problems"]
        authority["blocked"], authority["warnings"] = signer["blocked"], signer["warnings"]
        ends = signer["ends"]
        # Who trusts a root trusts all that is under it: an engine lets in only what the CA itself has signed.
        trusted += signer["chain"][:1]
        chains += signer["chain"]
        authority["signer"] = to_pem(trusted[0]) if trusted else ""
    else:
        new, wrong = making(settings, settings["ca"])
        authority["make"].append(new)
        problems += wrong
        ends = moment + timedelta(days=settings["ca_days"])
    if ends < wanted and not problems and not authority["warnings"]:
        authority["warnings"].append(
            f"What CA '{authority['name']}' signs now ends with it on {ends:%Y-%m-%d}, before tls_days ({settings['days']} days) are over."
        )
    for name in dict.fromkeys(settings["trusted_cas"]):
        path = os.path.abspath(os.path.expanduser(name)) if "/" in name else f"{stem_of(settings, name)}.crt"
        if path in [new["cert_path"] for new in authority["make"]]:
            continue
        if "/" not in name and not os.path.lexists(path):
            new, wrong = making(settings, name)
            authority["make"].append(new)
            problems += wrong
            continue
        try:
            found = read_authorities(path)
            trusted += found[:1]
            chains += found
        except Unusable as cause:
            problems.append(f"Could not trust CA '{path}': {cause}")
    coming = "".join(f"# Here comes the certificate of CA '{new['name']}', which is yet to be made.\n" for new in authority["make"])
    authority["trusted"] = [pem for pem in in_order(trusted) if pem != authority["signer"]]
    authority["bundle"] = coming + "".join(in_order(trusted))
    authority["client_bundle"] = coming + "".join(in_order(chains))
    authority["not_after"] = asn1_time(min(wanted, ends))
    return authority


class FilterModule:
    """The filter tls_authority."""

    def filters(self) -> dict[str, Any]:
        return {"tls_authority": tls_authority}
