# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into an image: the files of a build context, less those that .dockerignore names, and the Dockerfile wherever it lies.

The digest that becomes a tag is that of what is sent to the host that builds.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import tarfile
from typing import Any, BinaryIO, Iterator, NamedTuple

from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError

# What has a meaning in a pattern of .dockerignore, as a regular expression (github.com/moby/patternmatcher).
WILDCARD = re.compile(r"\*\*/|\*\*|\*|\?|\[\^?[^\]]+\]|\\.|.")
WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
# The name in the context of a Dockerfile that is none of its files.
FOREIGN_DOCKERFILE = ".dockerfile.apiary"


class Entry(NamedTuple):
    """A file or a link of a build context, as it is sent.

    :ivar link: where a link leads to; None for a file.
    """

    name: str
    content: bytes = b""
    executable: bool = False
    link: str | None = None
    changed: float = 0.0


class Context(NamedTuple):
    """A build context on the controller.

    :ivar folder: its path.
    :ivar dockerfile: path of the Dockerfile, in the folder or elsewhere.
    :ivar inline: the Dockerfile's text, where the Compose file has it instead.
    """

    folder: str
    dockerfile: str
    inline: str = ""

    @property
    def inside(self) -> str:
        """The path of the Dockerfile in what is sent."""
        relative = os.path.relpath(self.dockerfile, self.folder)
        return FOREIGN_DOCKERFILE if self.inline or relative.split(os.sep)[0] == os.pardir else relative

    def dockerfile_content(self) -> bytes:
        """What the Dockerfile says, also where it is a link."""
        if self.inline:
            return self.inline.encode()
        with open(self.dockerfile, "rb") as file:
            return file.read()

    def entries(self) -> Iterator[Entry]:
        """All that is sent, in an order that is always the same."""
        inside = self.inside
        names = context_files(self.folder, inside, ignore_rules(self.folder, "" if self.inline else self.dockerfile))
        if inside == FOREIGN_DOCKERFILE:
            yield Entry(inside, self.dockerfile_content())
        for name in names:
            yield read(os.path.join(self.folder, name))._replace(name=name)


def digest(context: Context, settings: Any) -> str:
    """Tells the content of an image: what is sent, and the settings it is built with.

    :raises OSError: a file cannot be read.
    """
    found = hashlib.sha256(repr((context.inside, settings)).encode())
    for entry in context.entries():
        add(found, entry)
    return found.hexdigest()


def pack(context: Context, settings: Any, file: BinaryIO) -> str:
    """Write what is sent as a tar archive, compressed; the digest of what was written.

    Modes are those that git knows, so that a checkout with another umask gives the same image.
    """
    found = hashlib.sha256(repr((context.inside, settings)).encode())
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as compressed, tarfile.open(fileobj=compressed, mode="w|") as archive:
        for entry in context.entries():
            add(found, entry)
            member = tarfile.TarInfo(entry.name)
            member.mtime = int(entry.changed)
            if entry.link is None:
                member.size, member.mode = len(entry.content), 0o755 if entry.executable else 0o644
            else:
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, entry.link, 0o777
            archive.addfile(member, io.BytesIO(entry.content))
    return found.hexdigest()


def add(found: Any, entry: Entry) -> None:
    """Let a digest know of one file or link."""
    content = entry.content if entry.link is None else os.fsencode(entry.link)
    found.update(repr((entry.name, entry.executable, entry.link is not None, len(content))).encode() + content)


def read(path: str) -> Entry:
    """A file, or a link as what it says."""
    if os.path.islink(path):
        return Entry(path, link=os.readlink(path), changed=os.lstat(path).st_mtime)
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        return Entry(path, file.read(), bool(status.st_mode & 0o100), changed=status.st_mtime)


# -- .dockerignore
class Rule(NamedTuple):
    """A line of .dockerignore.

    :ivar keeps: it begins with C(!), and takes back what earlier ones name.
    """

    pattern: re.Pattern[str]
    keeps: bool


def context_files(context: str, dockerfile: str, rules: list[Rule]) -> list[str]:
    """Relative paths of the files and links of a build context, less those that are ignored; a Dockerfile in it always counts."""
    keeps = any(rule.keeps for rule in rules)
    found = []
    for folder, folders, files in os.walk(context):
        relative = os.path.relpath(folder, context)
        paths = {name: os.path.normpath(os.path.join(relative, name)) for name in folders + files}
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        # In a folder that is ignored there may be something that a later line takes back.
        folders[:] = sorted(name for name in folders if name not in links and (keeps or not ignored(paths[name], rules)))
        for name in sorted(files + links):
            full = os.path.join(folder, name)
            if (os.path.isfile(full) or os.path.islink(full)) and not ignored(paths[name], rules):
                found.append(paths[name])
    return found if dockerfile in (*found, FOREIGN_DOCKERFILE) else [dockerfile, *found]


def ignored(path: str, rules: list[Rule]) -> bool:
    """Whether the last line that names a path, or a folder that it is in, ignores it."""
    verdict = False
    for rule in rules:
        if rule.keeps == verdict and any(rule.pattern.fullmatch(one) for one in with_parents(path)):
            verdict = not rule.keeps
    return verdict


def with_parents(path: str) -> Iterator[str]:
    """A relative path and the folders that it is in."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def ignore_rules(context: str, dockerfile: str) -> list[Rule]:
    """The lines of .dockerignore, or of the Dockerfile's own one; C(*) stays within one folder, C(**) does not."""
    own = f"{dockerfile}.dockerignore"
    path = own if os.path.isfile(own) else os.path.join(context, ".dockerignore")
    if not os.path.isfile(path):
        return []
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        patterns = [line.strip() for line in file if line.strip() and not line.startswith("#")]
    rules = []
    for pattern in patterns:
        keeps = pattern.startswith("!")
        normal = os.path.normpath(pattern.lstrip("!").strip().strip("/"))
        try:
            rules.append(Rule(re.compile("".join(map(expression, WILDCARD.findall(normal)))), keeps))
        except re.error as error:
            raise ComposeError(f"Could not read the file '{path}': its line '{pattern}' is not a pattern ({error}). Correct it.") from error
    return rules


def expression(part: str) -> str:
    """A part of a pattern as a regular expression."""
    if part in WILDCARDS:
        return WILDCARDS[part]
    if part[0] == "[" and len(part) > 1:
        return part
    return re.escape(part[1:] if part[0] == "\\" and len(part) > 1 else part)
