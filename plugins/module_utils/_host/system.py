# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The system of a host: what it is, its Python, its kernel, its clock and its disk."""

from __future__ import annotations

import os
import re
import struct
import sys
import time
from importlib.util import find_spec
from typing import Any, Sequence

from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import Host
from ansible_collections.apiary.swarm.plugins.module_utils._host.files import readable

# The words of the ID and ID_LIKE of os-release, in Ansible's words.
FAMILIES = {"debian": "Debian", "ubuntu": "Debian", "rhel": "RedHat", "fedora": "RedHat", "centos": "RedHat", "suse": "Suse"}
DISTRIBUTIONS = {"raspbian": "Debian", "rhel": "RedHat", "centos": "CentOS", "almalinux": "AlmaLinux", "ol": "OracleLinux"}
# A name that the host's own files do not tell may take a look over the network (seconds).
NAME_TIMEOUT = 2.0
# From this error on the kernel counts the clock as not synchronised (microseconds); so does systemd's timedated.
LARGEST_CLOCK_ERROR = 16_000_000


# -- what it is
def system(host: Host) -> dict[str, Any]:
    """Names and versions of the system; C(boot_id) changes with every boot."""
    release = parse_os_release(readable(host, "/etc/os-release") or readable(host, "/usr/lib/os-release") or "")
    words = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    one = words[0]
    names = os.uname()
    distribution = DISTRIBUTIONS.get(one) or one.capitalize() or "unknown"
    return {
        "hostname": names.nodename,
        "fqdn": fqdn(host, names.nodename),
        "family": next((FAMILIES[word] for word in words if word in FAMILIES), distribution),
        "distribution": distribution,
        "version": release.get("VERSION_ID") or None,
        "codename": release.get("VERSION_CODENAME") or None,
        "architecture": names.machine,
        "service_manager": service_manager(host),
        "boot_id": (readable(host, "/proc/sys/kernel/random/boot_id") or "").strip() or None,
    }


def parse_os_release(text: str) -> dict[str, str]:
    """The variables of os-release."""
    pairs = (line.strip().partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name: re.sub(r"\\(.)", r"\1", value.strip("\"'")) for name, equals, value in pairs if equals}


def service_manager(host: Host) -> str:
    """C(systemd), or the name of the first process."""
    if os.path.isdir(f"{host.root}/run/systemd/system"):
        return "systemd"
    return (readable(host, "/proc/1/comm") or "").strip() or "unknown"


def fqdn(host: Host, hostname: str) -> str | None:
    """The host's name with its domain; None where it has none, or nobody tells in time."""
    for line in (readable(host, "/etc/hosts") or "").splitlines():
        _address, *names = line.partition("#")[0].split() or [""]
        if hostname in names:
            return qualified(names[0])
    status, answer = host.command(["hostname", "-f"], None, NAME_TIMEOUT)
    return None if status else qualified(answer.strip())


def qualified(name: str) -> str | None:
    """A name that has a domain."""
    return name if "." in name and not name.startswith("localhost") else None


def python() -> dict[str, Any]:
    """This Python, and whether it finds the libraries that modules use."""
    return {
        "version": ".".join(map(str, sys.version_info[:3])),
        "docker": has_library("docker") and has_library("requests"),
        "cryptography": has_library("cryptography"),
    }


def has_library(name: str) -> bool:
    """A library is there; a folder of its name that is none does not count."""
    found = find_spec(name)
    return found is not None and found.origin is not None


# -- kernel
def kernel(host: Host, modules: Sequence[str], parameters: Sequence[str]) -> dict[str, Any]:
    """The running kernel: what it can do or load, and the values of parameters (None: there is no such one)."""
    release = os.uname().release
    folder = f"/lib/modules/{release}"
    return {
        "release": release,
        "has_modules": os.path.isdir(host.root + folder),
        "features": {name: has_feature(host, folder, name) for name in modules},
        "sysctl": {name: sysctl(host, name) for name in parameters},
    }


def has_feature(host: Host, folder: str, module: str) -> bool:
    """The kernel has this module: loaded, built in, or to be loaded when it is needed."""
    signs = [f"/sys/module/{module}", f"/proc/net/{module}"]
    if module == "ip_vs":
        signs.append(f"{folder}/kernel/net/netfilter/ipvs")
    if any(os.path.exists(host.root + sign) for sign in signs):
        return True
    if re.search(rf"^(nodev)?\t{re.escape(module)}$", readable(host, "/proc/filesystems") or "", re.MULTILINE):
        return True
    file = re.compile(rf"/{re.escape(module).replace('_', '[_-]')}\.ko(\.\w+)?(:|$)", re.MULTILINE)
    return any(file.search(readable(host, f"{folder}/modules.{list_}") or "") for list_ in ("builtin", "dep"))


def sysctl(host: Host, name: str) -> str | None:
    """A kernel parameter's value; dots and slashes change places in its path, as sysctl(8) has it."""
    first = re.search(r"[./]", name)
    path = name if first and first.group() == "/" else name.translate(str.maketrans("./", "/."))
    text = readable(host, f"/proc/sys/{path}")
    return None if text is None else " ".join(text.split())


# -- clock and disk
def clock(host: Host) -> dict[str, Any]:
    """The time (seconds since 1970) and whether something keeps it right; None where nobody knows."""
    told = True if os.path.exists(f"{host.root}/run/systemd/timesync/synchronized") else kernel_synchronized()
    return {"epoch": time.time(), "synchronized": told}


def kernel_synchronized() -> bool | None:
    """What the kernel says of its clock, through adjtimex(2); None where it may not be asked, as in a container."""
    try:
        import ctypes

        # struct timex begins with modes (none set: only read), offset, freq and maxerror, and is 208 bytes.
        answer = ctypes.create_string_buffer(256)
        if ctypes.CDLL(None, use_errno=True).adjtimex(answer) < 0:
            return None
        return bool(struct.unpack_from("@Illl", answer)[3] < LARGEST_CLOCK_ERROR)
    except (ImportError, OSError, AttributeError):
        return None


def disk(host: Host, path: str) -> dict[str, Any]:
    """The file system on which a folder is, or will be: all of it and what is free, in bytes."""
    place = path
    while place != "/" and not os.path.exists(host.root + place):
        place = os.path.dirname(place)
    try:
        found = os.statvfs(host.root + place)
    except OSError:
        return {"path": path, "total": None, "free": None}
    return {"path": path, "total": found.f_blocks * found.f_frsize, "free": found.f_bavail * found.f_frsize}
