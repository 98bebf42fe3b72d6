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
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible_collections.apiary.swarm.plugins.plugin_utils._certificates import (
    CRYPTOGRAPHY,
    Unusable,
    asn1_time,
    flat,
    in_order,
    now,
    read_authorities,
    read_key,
    spki,
    text,
    texts,
    to_pem,
)

if TYPE_CHECKING:
    from cryptography import x509

MAX_DAYS = 36500
MIN_PASSPHRASE = 8
# OpenSSL's own limit; a shorter one would also be masked wherever its letters occur, in the middle of certificates.
MIN_GIVEN_PASSPHRASE = 4
TEXTS = {"directory": "tls_directory", "ca": "tls_ca", "ca_cert": "tls_ca_cert", "ca_key": "tls_ca_key", "passphrase": "tls_ca_passphrase"}
NUMBERS = ("ca_days", "days", "renew_before")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,39}\Z")


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
