# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is due of TLS: CAs, trust and certificates, of hosts and of clients, and why."""

from __future__ import annotations

import hashlib
import os
import shlex
from datetime import datetime, timezone
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import CONTROLLER, Change, Section, nothing
from ansible_collections.apiary.swarm.plugins.module_utils._tls.authority import Authority, authority, locked_out
from ansible_collections.apiary.swarm.plugins.module_utils._tls.certificates import (
    NO_CRYPTOGRAPHY,
    Unusable,
    alternative_name,
    alternative_names,
    common_name,
    dropped,
    first_certificate,
    issued_by,
    parse_certificate,
    parse_public_key,
    why_renew,
)
from ansible_collections.apiary.swarm.plugins.module_utils._tls.variables import (
    Hosts,
    client_settings,
    concerns,
    flat,
    host_paths,
    registry_problems,
    trust_path,
    truthy,
)

BOTH = ["serverAuth", "clientAuth"]
SERVER = ["serverAuth"]
CLIENT = ["clientAuth"]
MODES = {"ca.pem": "0644", "cert.pem": "0644", "key.pem": "0600", "ca.crt": "0644"}
OPTIONS = {"ca.pem": "tlscacert", "cert.pem": "tlscert", "key.pem": "tlskey"}
COMMON_NAME_LENGTH = 64
# Families of systems whose package of the library we know.
FAMILIES = ("Debian", "RedHat")
LIBRARY = "python3-cryptography"
ENVIRONMENT = """\
# Made by apiary.swarm: the remote API for '{name}'. Use it in a shell with
#   . {path}
# or make a context of it once, in this folder:
#   docker context create {name} --docker {context}
# bash and zsh know where this file lies, so the folder may be copied; other shells find the one it was made in.
case "${{BASH_SOURCE:-$0}}" in
*docker.env) DOCKER_CERT_PATH=$(CDPATH='' cd -- "$(dirname -- "${{BASH_SOURCE:-$0}}")" && pwd) ;;
*) DOCKER_CERT_PATH={directory} ;;
esac
export DOCKER_CERT_PATH DOCKER_HOST={host} DOCKER_TLS_VERIFY=1
"""


def first_host(hosts: Hosts) -> str:
    """The host whose variables are those of the CA and the clients; empty where no host that answered has to do with TLS."""
    return next((name for name, host in hosts.items() if host.get("look") and concerns(host.get("roles"))), "")


def plan(hosts: Hosts, controller: dict[str, Any], limited: str, missing: list[str], now: datetime | None = None) -> Section:
    """What is due of TLS.

    :param hosts: see variables.Hosts, in the order of the inventory.
    :param controller: what plugin_utils/_tls_files.py has read there for the variables of first_host.
    :param limited: what the run is limited to; empty where it is not.
    :param missing: hosts that failed or could not be reached. One has its certificate and its trust all the same.
    :returns: data: C(ca) (what signs), C(folder) (it is to be made; else empty), C(make) (CAs), C(trust) (PEM of those that are there, for
        C(engines) and for C(clients)), C(hosts) (what each host needs that needs anything: C(library), C(folders), C(write), C(issue) and
        C(modes)), C(clients) (the same without library: C(trust) is for before the hosts, C(all) for after the engines' restart),
        C(renewed) (the options of the engine whose files are written, by host) and C(work) (see where_to_work). It is empty where TLS
        is not wanted.
    """
    now = now or datetime.now(timezone.utc)
    first = first_host(hosts)
    if not first:
        return nothing()
    if not controller["library"]:
        return Section([NO_CRYPTOGRAPHY], [], [], {})
    wanted = {name: host for name, host in hosts.items() if host.get("look") and concerns(host.get("roles"))}
    served = any(truthy(host["roles"].get("tls_server")) for host in wanted.values())
    clients, problems = client_settings(hosts[first]["roles"], served)
    problems = controller["problems"] + directory_problems(wanted) + problems
    names = {}
    for name, host in wanted.items():
        names[name], wrong = certificates_of(name, host)
        problems += wrong + registry_problems(host["roles"].get("tls_registry_address"))
    ca = None if controller["problems"] else authority(controller, limited, now)
    problems += ca.problems if ca else []
    if problems or not ca:
        return Section(list(dict.fromkeys(problems)), [], [], {})
    left_out = f"is limited to {limited}" if limited else f"goes without {', '.join(missing)} (failed or unreachable)" if missing else ""
    data: dict[str, Any] = {
        "ca": {"cert_path": ca.cert_path, "key_path": ca.key_path, "not_after": ca.not_after},
        "folder": "",
        "make": [{"name": one.name, "cert_path": one.cert_path, "key_path": one.key_path} for one in ca.make],
        "trust": {"engines": ca.engines, "clients": ca.clients},
        "hosts": {},
        "clients": {},
        "renewed": {},
    }
    changes: list[Change] = []
    for name, host in wanted.items():
        due, wrong, doing = host_due(name, host, names[name], ca, left_out, now)
        problems, changes = problems + wrong, changes + doing
        if any(due.values()):
            data["hosts"][name] = due
        options = renewed(due, host["roles"])
        if options:
            data["renewed"][name] = options
    before: list[Change] = []
    after: list[Change] = []
    everything: dict[str, list[Any]] = {"folders": [], "write": [], "issue": [], "modes": []}
    for name in clients["names"]:
        try:
            due, wrong, doing = client_due(name, controller, ca, clients, left_out, now)
        except Unusable as cause:
            problems.append(str(cause))
            continue
        problems += wrong
        # A client trusts before any host changes, and is switched after all of them.
        before += [change for change in doing if change.verb == "trust"]
        after += [change for change in doing if change.verb != "trust"]
        for kind, values in due.items():
            everything[kind] += values
    trust = [one for one in everything["write"] if "whom" in one]
    data["clients"] = {"trust": {**everything, "write": trust, "issue": [], "modes": []}, "all": everything}
    if ca.blocked and (everything["issue"] or any(due["issue"] for due in data["hosts"].values())):
        problems.append(ca.blocked)
    if (ca.make or everything["folders"]) and not controller["folder"]:
        data["folder"] = controller["settings"]["directory"]
    made = [Change(CONTROLLER, "folder", "make", data["folder"])] if data["folder"] else []
    made += [Change(CONTROLLER, "CA", "make", f"{one.name}: for {controller['settings']['ca_days']} days") for one in ca.make]
    data["work"] = where_to_work(data, first)
    return Section(problems, ca.warnings, [*made, *before, *changes, *after], data)


def where_to_work(data: dict[str, Any], first: str) -> dict[str, Any]:
    """Where the role has work: C(controller) (before the hosts), C(hosts) and C(clients) (the hosts of the plays for main and for clients).

    What is due on the controller is done in the play of any host.
    """
    trust, everything = data["clients"]["trust"], data["clients"]["all"]
    early = bool(data["folder"] or data["make"] or trust["folders"] or trust["write"])
    late = everything["issue"] or everything["modes"] or len(everything["write"]) > len(trust["write"])
    return {"controller": early, "hosts": list(data["hosts"]) or ([first] if early else []), "clients": [first] if late else []}


def directory_problems(hosts: Hosts) -> list[str]:
    """Hosts that say different things of where the CA lies."""
    places = list(dict.fromkeys(str(host["roles"].get("tls_directory") or "") for host in hosts.values()))
    if len(places) < 2:
        return []
    return [
        f"Could not choose a directory for the CA: tls_directory is '{places[0]}' for one host and '{places[1]}' for another. "
        "Set tls_directory to one absolute path for all hosts."
    ]


# -- a host
def certificates_of(name: str, host: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """(the certificates that a host is to have: C(directory), C(names) and C(purposes), what is wrong with its variables)."""
    variables, look = host["roles"], host["look"]
    system = look.get("system") or {}
    full = system.get("fqdn") or ""
    own = [
        system.get("hostname"),
        full if "." in full and not full.startswith("localhost") else "",
        (look.get("network") or {}).get("default_address"),
    ]
    optional = [name, host.get("ansible_host"), *own, ""]
    words = flat(variables.get("tls_addresses")) + flat(variables.get("tls_names"))
    wanted = [("host", words, BOTH)] if truthy(variables.get("tls_server")) else []
    problems = []
    if truthy(variables.get("tls_registry")):
        wanted.append(("registry", words + flat(variables.get("tls_registry_names")), SERVER))
        if variables.get("tls_registry_directory") == variables.get("tls_host_directory"):
            problems.append(
                f"Could not certify the registry of host '{name}': tls_registry_directory and tls_host_directory are the same "
                f"('{variables.get('tls_host_directory')}'). Use a separate directory for each."
            )
    found = []
    wrong: dict[str, str] = {}
    for kind, given, purposes in wanted:
        directory = variables.get(f"tls_{kind}_directory")
        if not str(directory).startswith("/"):
            problems.append(
                f"Could not use tls_{kind}_directory '{directory}' of host '{name}': it is not an absolute path. Begin it with '/'."
            )
        names, causes = alternative_names(given, [word for word in optional if word is not None])
        wrong.update(causes)
        found.append({"directory": directory, "names": names, "purposes": purposes})
    problems += [
        f"Could not certify name '{word}' of host '{name}': {cause}. Correct tls_names, tls_addresses or tls_registry_names."
        for word, cause in wrong.items()
    ]
    return found, problems


def host_due(
    name: str, host: Any, wanted: list[dict[str, Any]], ca: Authority, left_out: str, now: datetime
) -> tuple[dict[str, Any], list[str], list[Change]]:
    """(what is due on one host, what forbids it, the same for people).

    :param wanted: see certificates_of. What a host has that needs none is of no concern, also where it is of a CA that has gone.
    """
    variables, look = host["roles"], host["look"]
    described = {path: look["files"][path] for path in host_paths(variables)}
    hidden = [path for path, file in described.items() if not file["type"] or file["type"] == "file" and file["certificates"] is None]
    files = {path: file for path, file in described.items() if file["type"] == "file"}
    due: dict[str, Any] = {"library": "", "folders": [], "write": [], "issue": [], "modes": []}
    if hidden:
        return due, [f"Could not read file '{hidden[0]}' of host '{name}': Ansible's user has no permission. Set become for this host."], []
    problems: list[str] = []
    changes: list[Change] = []
    for one in wanted:
        path = f"{one['directory']}/cert.pem"
        certificate = first_certificate(files.get(path) or {})
        key = parse_public_key((files.get(f"{one['directory']}/key.pem") or {}).get("public_key"))
        if certificate and locked_out(certificate, ca, now):
            problems.append(
                f"Could not replace certificate '{path}' of host '{name}': it is from another CA ({certificate.issuer.rfc4514_string()}), "
                "and whoever trusts only that one would be locked out. Add that CA to tls_trusted_cas until every host and client "
                "has a new certificate, or remove the file."
            )
        elif left_out and certificate and certificate.not_valid_after_utc > now and not issued_by(certificate, ca.signer):
            problems.append(
                f"Could not change the CA of host '{name}': this run {left_out}, and excluded hosts would not trust the new one. "
                "Run again with all hosts."
            )
        why = why_renew(certificate, key, ca.signer, one["purposes"], one["names"], ca.renew_before, ca.not_after, now)
        if why:
            due["issue"].append({**one, "make_key": key is None, "common_name": name[:COMMON_NAME_LENGTH]})
            changes += certificate_changes(name, "certificate", path, key is None, certificate is None, why)
    bundles = {f"{variables.get('tls_host_directory')}/ca.pem": "engines"} if truthy(variables.get("tls_server")) else {}
    bundles.update({trust_path(variables): "clients"} if trust_path(variables) else {})
    trusting: list[Change] = []
    for path, who in bundles.items():
        pems, file = getattr(ca, who), files.get(path) or {}
        if ca.make or file.get("sha256") != sha256("".join(pems)):
            due["write"].append({"path": path, "whom": who})
            trusting.append(trust_change(name, "CA", path, file, pems, ca))
        gone = dropped(file, pems, now) if left_out else []
        if gone:
            problems.append(
                f"Could not remove CA '{gone[0]}' from '{path}' of host '{name}': this run {left_out}, and excluded hosts may have "
                "certificates of it. Run again with all hosts."
            )
    written = written_files(due)
    for path, file in files.items():
        mode = MODES[os.path.basename(path)]
        if path not in written and (file["mode"], file["uid"], file["gid"]) != (mode, 0, 0):
            due["modes"].append({"path": path, "mode": mode})
            changes.append(Change(name, "file", "correct", f"{path}: {file['mode']} of {file['uid']}:{file['gid']} → {mode} of 0:0"))
    needed = [os.path.dirname(one["path"]) for one in due["write"]] + [one["directory"] for one in due["issue"]]
    there = {os.path.dirname(path) for path in files}
    due["folders"] = [{"path": folder, "mode": "0755"} for folder in dict.fromkeys(needed) if folder not in there]
    early = [Change(name, "folder", "make", folder["path"]) for folder in due["folders"]]
    if due["issue"] and not (look.get("python") or {}).get("cryptography"):
        due["library"] = family = (look.get("system") or {}).get("family") or "unknown"
        early.insert(0, Change(name, "packages", "install", LIBRARY))
        if family not in FAMILIES:
            problems.append(
                f"Could not create a certificate for host '{name}': its Python lacks the library cryptography, and for its system family "
                f"({family}) its package is not known. Install the library there."
            )
    return due, problems, early + trusting + changes


def written_files(due: dict[str, Any]) -> set[str]:
    """The paths of a host's files that will be written."""
    issue = due["issue"]
    written = {one["path"] for one in due["write"]} | {f"{one['directory']}/cert.pem" for one in issue}
    return written | {f"{one['directory']}/key.pem" for one in issue if one["make_key"]}


def renewed(due: dict[str, Any], variables: dict[str, Any]) -> list[str]:
    """The options of the engine whose files will be written, so that it has to restart."""
    if not truthy(variables.get("tls_server")):
        return []
    written = written_files(due)
    return [option for file, option in OPTIONS.items() if f"{variables.get('tls_host_directory')}/{file}" in written]


# -- a client
def client_due(
    name: str, controller: dict[str, Any], ca: Authority, settings: dict[str, Any], left_out: str, now: datetime
) -> tuple[dict[str, Any], list[str], list[Change]]:
    """(what is due in the folder of one client, what forbids it, the same for people).

    :raises Unusable: something is there that cannot be read, and so is not overwritten.
    """
    due: dict[str, Any] = {"folders": [], "write": [], "issue": [], "modes": []}
    problems: list[str] = []
    changes: list[Change] = []
    subject = f"client {name}"
    directory = os.path.join(controller["settings"]["directory"], "clients", name)
    trust, cert, key, env = (os.path.join(directory, file) for file in ("ca.pem", "cert.pem", "key.pem", "docker.env"))
    files = controller["files"]
    for path in (trust, cert, key, *([env] if settings["endpoints"] else [])):
        if files[path]["type"] == "other":
            raise Unusable(f"Could not read file '{path}': {files[path]['error']}. Correct its permissions, or remove it.")
    certificate, public_key = first_certificate(files[cert]), parse_public_key(files[key]["public_key"])
    if certificate and locked_out(certificate, ca, now):
        problems.append(
            f"Could not replace the certificate of client '{name}': it is from another CA ({certificate.issuer.rfc4514_string()}), and "
            "hosts would no longer let it in. Add that CA to tls_trusted_cas until every host and client has a new certificate, "
            f"or take the file '{cert}' away."
        )
    elif left_out and certificate and certificate.not_valid_after_utc > now and not issued_by(certificate, ca.signer):
        problems.append(
            f"Could not change the CA of client '{name}': this run {left_out}, and excluded hosts may not trust the new one. "
            "Run again with all hosts."
        )
    gone = dropped(files[trust], ca.clients, now) if left_out else []
    if gone:
        problems.append(
            f"Could not remove CA '{gone[0]}' from client '{name}': this run {left_out}, and excluded hosts may have certificates of it. "
            "Run again with all hosts."
        )
    due["folders"] = [{"path": directory, "mode": "0700"}] if files[directory]["type"] != "directory" else []
    if ca.make or files[trust].get("sha256") != sha256("".join(ca.clients)):
        due["write"].append({"path": trust, "whom": "clients"})
        changes.append(trust_change(CONTROLLER, subject, trust, files[trust], ca.clients, ca))
    why = why_renew(certificate, public_key, ca.signer, CLIENT, [], ca.renew_before, ca.not_after, now)
    if certificate and not why and common_name(certificate) != name:
        why = "it is for another name"
    if why:
        make_key = public_key is None
        due["issue"].append({"directory": directory, "names": [], "purposes": CLIENT, "make_key": make_key, "common_name": name})
        changes += certificate_changes(CONTROLLER, subject, cert, make_key, certificate is None, why)
    if public_key is not None and int(files[key]["mode"], 8) & 0o077:
        due["modes"].append({"path": key, "mode": "0600"})
        changes.append(Change(CONTROLLER, subject, "correct", f"{key}: {files[key]['mode']} → 0600"))
    if settings["endpoints"]:
        content, host = environment(name, directory, settings["endpoints"][0], settings["port"])
        if files[env].get("sha256") != sha256(content):
            due["write"].append({"path": env, "content": content})
            changes.append(Change(CONTROLLER, subject, "write", f"{env}: {host}"))
    return due, problems, changes


def environment(name: str, directory: str, endpoint: str, port: int) -> tuple[str, str]:
    """(the environment file of a client, the host in it)."""
    kind, address = alternative_name(endpoint).split(":", 1)
    host = f"tcp://[{address}]:{port}" if kind == "IP" and ":" in address else f"tcp://{address}:{port}"
    context = f"host={host},ca=ca.pem,cert=cert.pem,key=key.pem"
    words = {"path": f"{directory}/docker.env", "context": context, "host": host, "directory": directory}
    return ENVIRONMENT.format(name=name, **{word: shlex.quote(value) for word, value in words.items()}), host


# -- both
def sha256(content: str) -> str:
    """The digest by which a described file is compared with what it is to be."""
    return hashlib.sha256(content.encode()).hexdigest()


def certificate_changes(host: str, subject: str, path: str, make_key: bool, new: bool, why: str) -> list[Change]:
    """A certificate that is issued, for people."""
    key = [Change(host, subject, "make key", f"{os.path.dirname(path)}/key.pem")] if make_key else []
    return [*key, Change(host, subject, "issue" if new else "renew", f"{path}: {why}")]


def trust_change(host: str, subject: str, path: str, file: dict[str, Any], pems: list[str], ca: Authority) -> Change:
    """The CAs that a file is to have, for people."""
    before = [common_name(one) for one in (parse_certificate(pem) for pem in file.get("certificates") or []) if one]
    after = [common_name(one) for one in (parse_certificate(pem) for pem in pems) if one]
    after += [f"apiary.swarm CA {one.name}" for one in ca.make]
    known = f"{', '.join(before)} → " if before and before != after else ""
    return Change(host, subject, "trust", f"{path}: {known}{', '.join(after)}", {path: before}, {path: after})
