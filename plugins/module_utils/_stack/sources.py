# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose files of a stack: those on this host, and those that came with the task's input."""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile
from dataclasses import dataclass, field
from typing import Any, Iterator

from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError

# Folders in memory: what is written there never reaches a disk.
MEMORY_FOLDERS = ("/dev/shm", "/run")
# Our folders carry the number of their process.
LEFTOVER = re.compile(r"apiary-(\d+)-")


@dataclass(frozen=True)
class Sources:
    """What the CLI reads.

    :ivar paths: Compose files, merged from left to right.
    :ivar env: values for C(${NAME}) in them.
    :ivar unset: names that those files fill in and that have no value here, whatever this host's environment says.
    :ivar folder: where carried files lie during the run; empty when there are none.
    :ivar shown: {path in the folder: path as the user wrote it}.
    :ivar digest: tells the Compose files from others.
    """

    paths: list[str]
    env: dict[str, str] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    folder: str = ""
    shown: dict[str, str] = field(default_factory=dict)
    digest: str = ""

    def as_the_user_knows_them(self, text: str) -> str:
        """Put the user's own paths into a message of the CLI."""
        for path, shown in self.shown.items():
            text = text.replace(path, shown)
        return text.replace(self.folder + "/", "") if self.folder else text


def unpack(packed: str | None) -> dict[str, Any]:
    """The bundle of the action plugin: C(files) and C(attached) as [shown path, stored name, base64], and the
    C(definitions) and C(env) of the task."""
    return json.loads(base64.b64decode(packed)) if packed else {}


@contextlib.contextmanager
def prepare(
    stack: str, files: list[str], definitions: list[dict[str, Any]], env: dict[str, Any], bundle: dict[str, Any]
) -> Iterator[Sources]:
    """Lay the files out for the CLI, in a folder that only this user can enter, and take them away again."""
    for path in files:
        if not os.path.isfile(path) or not os.access(path, os.R_OK):
            raise SwarmError(
                f"Could not deploy stack '{stack}': there is no file '{path}' on this host that can be read. "
                "Correct files, or leave remote_src out if it is on the controller."
            )
    above = memory_folder() or tempfile.gettempdir()
    remove_leftovers(above)
    with tempfile.TemporaryDirectory(prefix=f"apiary-{os.getpid()}-", dir=above) as folder:  # made with mode 0700
        shown: dict[str, str] = {}
        for origin, name, content in bundle.get("files", []) + bundle.get("attached", []):
            shown[store(folder, name, base64.b64decode(content))] = origin
        paths = [os.path.abspath(path) for path in files]
        paths += [os.path.join(folder, name) for _origin, name, _content in bundle.get("files", [])]
        version = compose_version(paths[0]) if paths else ""
        for number, definition in enumerate(definitions):
            wanted = {"version": version, **definition} if version else definition
            text = json.dumps(wanted, ensure_ascii=False)
            paths.append(store(folder, f"definition-{number}.yml", text.encode()))
            shown[paths[-1]] = f"definitions[{number}]"
        values = {name: as_value(value) for name, value in env.items()}
        digest = hashlib.sha256(b"".join(pathlib.Path(path).read_bytes() for path in paths)).hexdigest()
        yield Sources(paths, values, bundle.get("unset", []), folder, shown, digest)


def memory_folder() -> str | None:
    """A folder that is not on a disk, where there is one."""
    return next((path for path in MEMORY_FOLDERS if os.path.ismount(path) and os.access(path, os.W_OK | os.X_OK)), None)


def remove_leftovers(above: str) -> None:
    """Take away what killed runs of this user could not."""
    for path in glob.glob(os.path.join(glob.escape(above), "apiary-*")):
        match = LEFTOVER.match(os.path.basename(path))
        if match and not lives(int(match.group(1))) and belongs_to_us(path):
            shutil.rmtree(path, ignore_errors=True)  # follows no link


def belongs_to_us(path: str) -> bool:
    """Whether it is this user's."""
    try:
        return os.lstat(path).st_uid == os.getuid()
    except OSError:  # another run took it away just now
        return False


def lives(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def store(folder: str, name: str, content: bytes) -> str:
    """Write one file for this user alone."""
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    return path


def compose_version(path: str) -> str:
    """The C(version:) of a Compose file: files that are merged must have the same, or none."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        match = re.search(r"""^version:\s*["']?([\d.]+)""", stream.read(), re.MULTILINE)
    return match.group(1) if match else ""


def as_value(value: Any) -> str:
    """An interpolation value as an environment variable has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
