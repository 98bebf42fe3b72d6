# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a host: who may read them, what is in them, and which certificates and keys. Of a key only the public part is ever told."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError
from ansible_collections.apiary.swarm.plugins.module_utils._engine.unit import QUICK, Host

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")
PUBLIC_KEY = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)
# A larger file is read in pieces of this size (bytes), and is no certificate.
PIECE = 1 << 20


def readable(host: Host, path: str) -> str | None:
    """A file's text; None where there is none or this user may not read it."""
    try:
        return host.read(path)
    except SwarmError:
        return None


def describe(host: Host, path: str) -> dict[str, Any]:
    """A file or folder, links followed.

    :returns: C(type) is file, directory, other or absent, and None where this user may not know. C(mode) is such as C(0644).
        C(sha256), C(certificates) (PEM) and C(public_key) are told of files; they are None of one that cannot be read.
        C(sha256) is not told of a private key, and C(public_key) is C(unknown) where the host has no openssl to tell it, and None
        where the file holds no usable key.
    """
    told: dict[str, Any] = dict.fromkeys(("type", "mode", "uid", "gid", "size", "sha256", "certificates", "public_key"))
    try:
        found = os.stat(host.root + path)
    except (FileNotFoundError, NotADirectoryError):
        return {**told, "type": "absent"}
    except OSError:
        return told
    kind = "file" if stat.S_ISREG(found.st_mode) else "directory" if stat.S_ISDIR(found.st_mode) else "other"
    told.update(type=kind, mode=f"{stat.S_IMODE(found.st_mode):04o}", uid=found.st_uid, gid=found.st_gid, size=found.st_size)
    if kind != "file":
        return told
    digest, first = hashlib.sha256(), b""
    try:
        with open(host.root + path, "rb") as file:
            for piece in iter(lambda: file.read(PIECE), b""):
                first = first or piece
                digest.update(piece)
    except OSError:
        return told
    if PRIVATE_KEY.search(first):
        return {**told, "certificates": [], "public_key": public_key(host, path)}
    return {
        **told,
        "sha256": digest.hexdigest(),
        "certificates": [f"{one.decode('ascii', 'replace')}\n" for one in CERTIFICATE.findall(first)],
    }


def public_key(host: Host, path: str) -> str | None:
    """The public part of a private key in PEM."""
    status, answer = host.command(["openssl", "pkey", "-in", host.root + path, "-passin", "pass:", "-pubout"], None, QUICK)
    if status == 127:
        return "unknown"
    found = PUBLIC_KEY.search(answer)
    return f"{found.group()}\n" if found and status == 0 else None
