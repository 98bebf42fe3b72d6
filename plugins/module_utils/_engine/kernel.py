# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine of a node needs of the kernel: files of parameters and modules, and IPVS. Pure functions on a look."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.plan import Change

SYSCTL_FILE = "/etc/sysctl.d/90-apiary-swarm.conf"
MODULES_FILE = "/etc/modules-load.d/apiary-swarm.conf"
MODULES = ("overlay", "br_netfilter", "ip_vs")

IPVS_MESSAGE = (
    "The kernel has no IPVS (module ip_vs), so virtual IPs and the routing mesh do not work there: "
    "ports published in mode ingress do not answer, and services must be reached by DNS round robin. "
    "Give services endpoint_mode dnsrr and ports mode host (registry_mode host for the registry), and set "
    "preflight_require_ipvs to false; or use a kernel with ip_vs."
)


def ipvs_missing(look: dict[str, Any]) -> bool:
    """The kernel can neither do IPVS nor load it."""
    return not look["kernel"]["features"]["ip_vs"]


def sysctl_text(engine_sysctl: dict[str, Any]) -> str:
    """The file that sets kernel parameters, now and at boot."""
    lines = [f"{name} = {value}" for name, value in engine_sysctl.items()]
    return "\n".join(["# Made by apiary.swarm (engine_sysctl).", *lines, ""])


def modules_text(engine_kernel_modules: list[str]) -> str:
    """The file that loads kernel modules at boot."""
    return "\n".join(["# Made by apiary.swarm (engine_kernel_modules).", *engine_kernel_modules, ""])


def kernel_plan(
    look: dict[str, Any], engine_kernel_files: bool, engine_sysctl: dict[str, Any], engine_kernel_modules: list[str], host: str
) -> dict[str, Any]:
    """What is to be done about the kernel of one host.

    :param look: the answer of host_info, which has been asked for both files and all the parameters. The other options are those of the
        role engine.
    :returns: C(files) ({path: text}), C(differing) (paths of those that have to be written), C(not_in_force) ({parameter: (value now,
        value wanted)}; parameters that the host does not have are left out, and so are those of hosts whose files are not ours) and
        C(changes).
    """
    if not engine_kernel_files:
        return {"files": {}, "differing": [], "not_in_force": {}, "changes": []}
    files = {SYSCTL_FILE: sysctl_text(engine_sysctl), MODULES_FILE: modules_text(engine_kernel_modules)}
    differing = [path for path, text in files.items() if not is_right(look["files"].get(path), text)]
    values = {name: look["kernel"]["sysctl"].get(name) for name in engine_sysctl}
    wanted = {name: " ".join(str(value).split()) for name, value in engine_sysctl.items()}
    not_in_force = {name: (value, wanted[name]) for name, value in values.items() if value is not None and value != wanted[name]}
    changes = []
    if SYSCTL_FILE in differing:
        told = [f"{name} {before} → {after}" for name, (before, after) in not_in_force.items()]
        changes.append(Change(host, "kernel", "set", ", ".join(told) or f"parameters stay so ({SYSCTL_FILE})"))
    if MODULES_FILE in differing:
        changes.append(Change(host, "kernel", "load", f"{', '.join(engine_kernel_modules) or 'no module'} ({MODULES_FILE})"))
    return {"files": files, "differing": differing, "not_in_force": not_in_force, "changes": changes}


def is_right(file: dict[str, Any] | None, text: str) -> bool:
    """A file of a look holds this text, and root alone may write it."""
    return (
        file is not None
        and file["sha256"] == hashlib.sha256(text.encode()).hexdigest()
        and (file["mode"], file["uid"], file["gid"]) == ("0644", 0, 0)
    )
