# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import os
import socket
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.plugin_utils._builds import pack_image
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError
from ansible_collections.apiary.swarm.tests.unit.compose_project import build, refusal, write


# -- what counts
@pytest.mark.parametrize(
    ("patterns", "path", "counts"),
    [
        ("notes.md", "notes.md", False),
        ("notes.md", "docs/notes.md", True),
        ("*.md", "notes.md", False),
        ("*.md", "docs/notes.md", True),
        ("**/*.md", "notes.md", False),
        ("**/*.md", "a/b/notes.md", False),
        ("docs", "docs/a/notes.md", False),
        ("/docs/", "docs/notes.md", False),
        ("./docs", "docs/notes.md", False),
        ("docs/*/x", "docs/a/x", False),
        ("docs/*/x", "docs/a/b/x", True),
        ("docs/**", "docs/a/b", False),
        ("docs", "docs2/notes.md", True),
        ("?.md", "a.md", False),
        ("?.md", "ab.md", True),
        ("a.md", "axmd", True),
        ("# notes.md\n\n", "notes.md", True),
        ("*\n!notes.md", "notes.md", True),
        ("[n]otes.md", "notes.md", False),
        ("[^m]otes.md", "notes.md", False),
        ("\\*.md", "notes.md", True),
        ("*\n!notes.md", "other.md", False),
        ("*\n!src", "src/deep/app.py", True),
        ("*\n!src", "doc/deep/app.py", False),
        ("*\n!src\nsrc/*.pyc", "src/app.pyc", False),
        ("*\n!src/app.py", "src/app.py", True),
        ("*\n!src/app.py", "src/other.py", False),
        (".git", ".git/index", False),
        ("!notes.md\nnotes.md", "notes.md", False),
        ("*", "anything/at/all", False),
    ],
)
def test_what_dockerignore_names_does_not_count(project: Path, patterns: str, path: str, counts: bool) -> None:
    write(project / "web" / ".dockerignore", patterns)
    write(project / "web" / path, "before")
    before = build(project)["name"]
    write(project / "web" / path, "after")
    assert (build(project)["name"] != before) is counts


@pytest.mark.parametrize("dockerfile", ["Dockerfile", "docker/web.Dockerfile"])
def test_a_dockerfile_counts_also_where_dockerignore_names_it(project: Path, dockerfile: str) -> None:
    text = f"services: {{web: {{build: {{context: web, dockerfile: {dockerfile}}}}}}}"
    write(project / "web" / ".dockerignore", "Dockerfile\ndocker")
    write(project / "web" / dockerfile, "FROM before")
    before = build(project, text)["name"]
    write(project / "web" / dockerfile, "FROM after")
    assert build(project, text)["name"] != before


def test_links_of_every_kind_count(project: Path) -> None:
    web = project / "web"
    write(web / "data" / "file", "x")
    seen = {build(project)["name"]}
    for name, target in {"file": "app.py", "folder": "data", "dangling": "nowhere", "itself": "itself", "up": "."}.items():
        (web / name).symlink_to(target)
        seen.add(build(project)["name"])
    (web / "dangling").unlink()
    (web / "dangling").symlink_to("nowhere-else")
    seen.add(build(project)["name"])
    (web / "app.py").write_text("what the link to a file leads to")
    seen.add(build(project)["name"])
    assert len(seen) == 8


def test_links_that_dockerignore_names_do_not_count(project: Path) -> None:
    write(project / "web" / ".dockerignore", "link-*")
    before = build(project)["name"]
    (project / "web" / "link-a").symlink_to("nowhere")
    (project / "web" / "link-b").symlink_to(".")
    assert build(project)["name"] == before


def test_sockets_and_pipes_do_not_count(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = build(project)["name"]
    os.mkfifo(project / "web" / "pipe")
    monkeypatch.chdir(project / "web")  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert build(project)["name"] == before


def test_a_line_of_dockerignore_that_is_no_pattern_is_named(project: Path) -> None:
    write(project / "web" / ".dockerignore", "ok\n[z-a]*\n")
    assert "its line '[z-a]*' is not a pattern" in refusal(project)


# -- what is sent
def sent(image: dict[str, Any]) -> tuple[str, dict[str, tarfile.TarInfo], dict[str, bytes]]:
    """The name of the Dockerfile in the archive, its members and their content."""
    file = io.BytesIO()
    dockerfile = pack_image(image, file)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:gz") as archive:
        members = {member.name: member for member in archive}
        files = {name: archive.extractfile(one) for name, one in members.items() if one.isfile()}
        return dockerfile, members, {name: file.read() for name, file in files.items() if file}


def test_what_counts_is_what_is_sent(project: Path) -> None:
    web = project / "web"
    write(web / ".dockerignore", "*.md\nDockerfile")
    write(web / "notes.md", "x")
    write(web / "deep" / "run.sh", "#!/bin/sh").chmod(0o700)
    (web / "link").symlink_to("deep")
    (web / "empty").mkdir()
    os.utime(web / "app.py", (1, 77))
    dockerfile, members, contents = sent(build(project))
    assert dockerfile == "Dockerfile" and sorted(members) == [".dockerignore", "Dockerfile", "app.py", "deep/run.sh", "link"]
    assert contents["Dockerfile"] == b"FROM scratch" and members["app.py"].mtime == 77
    assert (members["deep/run.sh"].mode, members["app.py"].mode) == (0o755, 0o644)
    assert members["link"].issym() and members["link"].linkname == "deep"
    assert {(one.uid, one.gid, one.uname) for one in members.values()} == {(0, 0, "")}


@pytest.mark.parametrize(
    "options",
    [{"dockerfile": "../docker/web.Dockerfile"}, {"dockerfile_inline": "FROM elsewhere"}, {"dockerfile": "$WHERE/docker/web.Dockerfile"}],
    ids=["outside", "inline", "absolute"],
)
def test_a_dockerfile_that_is_not_in_the_context_is_sent_with_it(project: Path, options: dict[str, str]) -> None:
    write(project / "docker" / "web.Dockerfile", "FROM elsewhere")
    image = build(project, json.dumps({"services": {"web": {"build": {"context": "web", **options}}}}), env={"WHERE": str(project)})
    dockerfile, members, contents = sent(image)
    assert contents[dockerfile] == b"FROM elsewhere" and sorted(members) == [dockerfile, "Dockerfile", "app.py"]
    assert image["name"] != build(project)["name"]


def test_a_dockerfile_may_have_an_ignore_file_of_its_own(project: Path) -> None:
    write(project / "web" / ".dockerignore", "app.py")
    write(project / "web" / "Dockerfile.dockerignore", "nothing")
    assert "app.py" in sent(build(project))[1]


def test_files_that_change_meanwhile_are_not_built_under_the_old_tag(project: Path) -> None:
    image = build(project)
    write(project / "web" / "app.py", "print(2)")
    with pytest.raises(ComposeError, match="the files in '.*' are being changed. Run again when they no longer change"):
        pack_image(image, io.BytesIO())
