# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA that signs, those that are trusted besides, those that are to be made, and what forbids using them."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.apiary.swarm.plugins.module_utils._tls.certificates import (
    Unusable,
    asn1_time,
    authorities,
    in_order,
    issued_by,
    parse_public_key,
    spki,
    to_pem,
)

if TYPE_CHECKING:
    from cryptography import x509

MIN_PASSPHRASE = 8
# OpenSSL's own limit; a shorter one would also be masked wherever its letters occur, in the middle of certificates.
MIN_GIVEN_PASSPHRASE = 4
ABSENT = "absent"


class CA(NamedTuple):
    """One CA on the controller.

    :ivar given: it is handed in by its path, so it is never made.
    """

    name: str
    cert_path: str
    key_path: str
    given: bool


class Authority(NamedTuple):
    """What signs and what is trusted.

    :ivar cert_path: of the CA that signs, and key_path that of its key.
    :ivar signer: its certificate as PEM; empty where it has yet to be made.
    :ivar make: the CAs that are to be made.
    :ivar engines: PEM of all that engines trust, as far as they are there, and clients the same with the rest of their chains.
    :ivar not_after: the end of what is signed now, as certificates spell it.
    :ivar blocked: why nothing may be issued; empty where it may.
    """

    cert_path: str
    key_path: str
    signer: str
    make: list[CA]
    engines: list[str]
    clients: list[str]
    not_after: str
    renew_before: int
    blocked: str
    warnings: list[str]
    problems: list[str]


def passphrase_problem(passphrase: str) -> str:
    """Why this cannot be a passphrase; empty where it can, or is none."""
    if passphrase and len(passphrase) < MIN_GIVEN_PASSPHRASE:
        return f"Could not use tls_ca_passphrase: it is shorter than {MIN_GIVEN_PASSPHRASE} characters. Choose a longer one."
    return ""


def passphrase_strength(passphrase: str) -> str:
    """Whether a key may be encrypted with it: C(none), C(short) or C(long)."""
    return ("long" if len(passphrase) >= MIN_PASSPHRASE else "short") if passphrase else "none"


def directory_problem(given: str, folder: dict[str, Any]) -> str:
    """Why the CA may not lie there; empty where it may.

    :param given: tls_directory as users write it.
    :param folder: C(path) (without C(~)), C(type), C(error) and C(readable) of it.
    """
    path = folder["path"]
    if not given:
        return (
            "Could not choose a directory for the CA: tls_directory is empty, and this inventory is not in a directory. "
            "Set tls_directory to an absolute path on the controller."
        )
    if not path.startswith("/"):
        return (
            f"Could not use tls_directory '{given}': it is relative, so it would depend on where Ansible is started. "
            "Set it to an absolute path on the controller."
        )
    if folder["error"]:
        return f"Could not use tls_directory '{path}': {folder['error']}. Correct its path or its permissions."
    if folder["type"] not in ("directory", ABSENT):
        return f"Could not use tls_directory '{path}': it is not a directory. Correct it."
    if folder["type"] == "directory" and not folder["readable"]:
        return f"Could not use tls_directory '{path}': you have no permission to read it. Correct its permissions, or run as its owner."
    return ""


def named_authorities(settings: dict[str, Any]) -> list[CA]:
    """The CAs that the variables name, each once; the first signs.

    :param settings: see variables.settings_of, with absolute paths.
    """

    def own(name: str) -> CA:
        stem = os.path.join(settings["directory"], name)
        return CA(name, f"{stem}.crt", f"{stem}.key", False)

    signer = own(settings["ca"])
    if settings["ca_cert"]:
        signer = CA(os.path.basename(settings["ca_cert"]), settings["ca_cert"], settings["ca_key"], True)
    trusted = [CA(name, name, "", True) if "/" in name else own(name) for name in settings["trusted_cas"]]
    found: dict[str, CA] = {}
    for one in [signer, *trusted]:
        found.setdefault(one.cert_path, one)
    return list(found.values())


def successor(ca: CA) -> str:
    """How to go on where a CA ends."""
    if ca.given:
        return "Use a new CA, and add this one to tls_trusted_cas."
    return "Set tls_ca to a new name and add this CA to tls_trusted_cas; a new one is created."


def read_certificates(controller: dict[str, Any], path: str) -> list[x509.Certificate]:
    """The certificates of a CA's file.

    :raises Unusable: it cannot be read, or has others.
    """
    file = controller["files"][path]
    if file["error"]:
        raise Unusable(f"{file['error']}. Correct its path or its permissions.")
    return authorities(file["certificates"])


def making_problem(ca: CA, controller: dict[str, Any], limited: str) -> str:
    """Why a CA cannot be made; empty where it can. A key without a certificate is what an interrupted run leaves."""
    if limited:
        return f"Could not create CA '{ca.name}': this run is limited to {limited}, and all hosts share one CA. Run again without --limit."
    if controller["passphrase"] != "long":
        short = controller["passphrase"] == "short"
        cause = f"tls_ca_passphrase is shorter than {MIN_PASSPHRASE} characters" if short else "tls_ca_passphrase is not set"
        return (
            f"Could not create CA '{ca.name}': {cause}. "
            f"Set it to at least {MIN_PASSPHRASE} characters, from a vault; the CA's key is encrypted with it."
        )
    key = controller["keys"][ca.key_path]
    return f"Could not use CA key '{ca.key_path}': {key['error']}" if key["type"] != ABSENT and key["error"] else ""


def signing_problem(ca: CA, controller: dict[str, Any], certificate: x509.Certificate, now: datetime) -> str:
    """Why a CA that is there cannot sign; empty where it can."""
    key = controller["keys"][ca.key_path]
    if not ca.given and key["type"] == ABSENT:
        return (
            f"Could not use CA '{ca.name}': '{ca.cert_path}' exists without its key '{ca.key_path}'. "
            "Put the key beside it, or remove the certificate to create a new CA."
        )
    if key["error"]:
        return f"Could not use CA key '{ca.key_path}': {key['error']}"
    if parse_public_key(key["public_key"]) != spki(certificate.public_key()):
        return f"Could not use CA '{ca.cert_path}': the key '{ca.key_path}' belongs to another certificate. Use those of one CA."
    if certificate.not_valid_before_utc > now:
        return (
            f"Could not use CA '{ca.cert_path}': it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC. "
            "Set this machine's clock, or wait."
        )
    if certificate.not_valid_after_utc <= now:
        return f"Could not use CA '{ca.cert_path}': it expired on {certificate.not_valid_after_utc:%Y-%m-%d}. {successor(ca)}"
    return ""


def authority(controller: dict[str, Any], limited: str, now: datetime) -> Authority:
    """The authority that signs, those that are trusted besides, and what forbids using them.

    :param controller: what plugin_utils/_tls_files.py has read, without a problem.
    :param limited: what the run is limited to; empty where it is not.
    """
    settings = controller["settings"]
    named = named_authorities(settings)
    # Who trusts a root trusts all that is under it: an engine lets in only what the CA itself has signed.
    first: dict[str, x509.Certificate] = {}
    chains: list[x509.Certificate] = []
    make: list[CA] = []
    problems: list[str] = []
    for one in named:
        if not one.given and controller["files"][one.cert_path]["type"] == ABSENT:
            make.append(one)
            problem = making_problem(one, controller, limited)
            problems += [problem] if problem else []
            continue
        try:
            found = read_certificates(controller, one.cert_path)
        except Unusable as cause:
            problems.append(f"Could not {'use' if one is named[0] else 'trust'} CA '{one.cert_path}': {cause}")
            continue
        first[one.cert_path] = found[0]
        chains += found
    signer = first.get(named[0].cert_path)
    if signer:
        problem = signing_problem(named[0], controller, signer, now)
        problems = ([problem] if problem else []) + problems
    ends = signer.not_valid_after_utc if signer else now + timedelta(days=settings["ca_days"])
    blocked, warning = ("", "") if problems else end_of(named[0], ends, settings, now)
    return Authority(
        cert_path=named[0].cert_path,
        key_path=named[0].key_path,
        signer=to_pem(signer) if signer else "",
        make=make,
        engines=in_order(first.values()),
        clients=in_order(chains),
        not_after=asn1_time(min(now + timedelta(days=settings["days"]), ends)),
        renew_before=settings["renew_before"],
        blocked=blocked,
        warnings=[warning] if warning else [],
        problems=problems,
    )


def end_of(ca: CA, ends: datetime, settings: dict[str, Any], now: datetime) -> tuple[str, str]:
    """(why nothing may be issued any more by the CA that signs, what a person should know of its end); empty where there is nothing."""
    if ends - now <= timedelta(days=settings["renew_before"]):
        when = f"it expires on {ends:%Y-%m-%d}, and what it signs would end within tls_renew_before ({settings['renew_before']} days)"
        return (
            f"Could not use CA '{ca.cert_path}': {when}. {successor(ca)}",
            f"CA '{ca.cert_path}' ends on {ends:%Y-%m-%d}, with all that it has signed. Add its successor to tls_trusted_cas now.",
        )
    if ends < now + timedelta(days=settings["days"]):
        days = f"before tls_days ({settings['days']} days) are over"
        return "", f"What CA '{ca.name}' signs now ends with it on {ends:%Y-%m-%d}, {days}."
    return "", ""


def locked_out(certificate: x509.Certificate, ca: Authority, now: datetime) -> bool:
    """This certificate is in use, and nobody would trust it any more."""
    return certificate.not_valid_after_utc > now and not any(issued_by(certificate, pem) for pem in ca.engines)
