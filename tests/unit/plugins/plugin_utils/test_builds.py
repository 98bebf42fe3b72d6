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
from ansible_collections.apiary.swarm.plugins.plugin_utils import _builds, _context
from ansible_collections.apiary.swarm.plugins.plugin_utils._builds import builds_of, pack_image
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import ComposeError, as_list


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one Compose file that builds one service from the folder web."""
    write(tmp_path / "compose.yml", "services: {web: {build: web}}")
    write(tmp_path / "web" / "Dockerfile", "FROM scratch")
    write(tmp_path / "web" / "app.py", "print()")
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def builds(project: Path, *texts: str, env: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The builds of the project's Compose file, or of these instead."""
    paths = [str(write(project / f"compose-{number}.yml", text)) for number, text in enumerate(texts)]
    return builds_of({"name": "shop", "files": paths or [str(project / "compose.yml")], "env": env})


def build(project: Path, *texts: str, env: dict[str, Any] | None = None) -> dict[str, Any]:
    (only,) = builds(project, *texts, env=env)
    return only


def refusal(project: Path, *texts: str, env: dict[str, Any] | None = None) -> str:
    """The sentence with which a project is refused."""
    with pytest.raises(ComposeError) as caught:
        builds(project, *texts, env=env)
    sentence = str(caught.value)
    assert sentence.startswith("Could not ") and sentence.endswith(".") and "\n" not in sentence
    return sentence


# -- what is built
def test_a_service_with_build_is_one_image(project: Path) -> None:
    image = build(project)
    tag = image["name"].rpartition(":")[2]
    assert len(tag) == 16 and int(tag, 16) >= 0
    assert image == {
        "project": "shop",
        "service": "web",
        "name": f"shop/web:{tag}",
        "repository": "shop/web",
        "context": str(project / "web"),
        "dockerfile": "Dockerfile",
        "args": {},
        "dockerfile_inline": "",
        "buildkit": False,
        "target": "",
        "network": "",
        "labels": {},
        "shm_size": "",
        "platform": "",
        "tag": "",
    }


def test_the_repository_has_no_capital_letters(project: Path) -> None:
    write(project / "compose.yml", "services: {Web: {build: web}}")
    (found,) = builds_of({"name": "Shop", "files": [str(project / "compose.yml")]})
    assert (found["project"], found["service"], found["repository"]) == ("Shop", "Web", "shop/web")
    assert found["name"].startswith("shop/web:")


def test_services_without_build_are_passed_over(project: Path) -> None:
    assert builds(project, "services: {a: {image: x}, b: null, c: {build: null}}") == []
    assert builds(project, "services: null") == [] and builds(project, "") == []
    assert builds_of({"name": "shop", "files": []}) == []


def test_later_files_win_and_the_others_options_stay(project: Path) -> None:
    image = build(
        project,
        "services: {web: {build: {context: none, target: dev, args: {A: '1', B: '1'}}}}",
        "services: {web: {image: web}}",
        "services: {web: {build: {context: web, args: [B=2, C=x=y]}}}",
    )
    assert (image["context"], image["target"]) == (str(project / "web"), "dev")
    assert image["args"] == {"A": "1", "B": "2", "C": "x=y"}


def test_a_later_string_replaces_the_context_alone(project: Path) -> None:
    image = build(project, "services: {web: {build: {context: none, target: dev}}}", "services: {web: {build: ./web}}")
    assert (image["context"], image["target"]) == (str(project / "web"), "dev")


def test_paths_are_relative_to_the_first_file_as_in_compose(project: Path) -> None:
    other = write(project / "more" / "compose.yml", "services: {web: {build: {context: web}}}")
    (image,) = builds_of({"name": "shop", "files": [str(project / "compose.yml"), str(other)]})
    assert image["context"] == str(project / "web")


def test_the_context_is_the_first_files_folder_where_none_is_given(project: Path) -> None:
    assert build(project, "services: {web: {build: {dockerfile: web/Dockerfile}}}")["context"] == str(project)


def test_a_variable_may_hold_an_absolute_context(project: Path) -> None:
    assert build(project, "services: {web: {build: $WHERE}}", env={"WHERE": str(project / "web")})["context"] == str(project / "web")


def test_a_dollar_in_the_projects_own_path_is_no_variable(tmp_path: Path) -> None:
    folder = tmp_path / "a$NAME"
    write(folder / "web" / "Dockerfile", "FROM scratch")
    assert build(folder, "services: {web: {build: web}}")["context"] == str(folder / "web")


def test_files_may_be_one_string(project: Path) -> None:
    assert builds_of({"name": "shop", "files": str(project / "compose.yml")}) == builds(project)
    assert as_list(" a.yml, b.yml,") == ["a.yml", "b.yml"]


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ("{A: '1', B: 2, C: true, D: ''}", {"A": "1", "B": "2", "C": "true", "D": ""}),
        ("[A=1, B=2, C=true, D=]", {"A": "1", "B": "2", "C": "true", "D": ""}),
        ("{A: $FROM_ENV}", {"A": "e"}),
        ("[FROM_ENV, NOWHERE]", {"FROM_ENV": "e"}),
        ("{FROM_ENV: null, NOWHERE: null}", {"FROM_ENV": "e"}),
        ("null", {}),
    ],
)
def test_arguments_may_be_a_list_or_a_mapping(project: Path, args: str, wanted: dict[str, str]) -> None:
    assert build(project, f"services: {{web: {{build: {{context: web, args: {args}}}}}}}", env={"FROM_ENV": "e"})["args"] == wanted


# -- the tag
def test_the_tag_is_stable(project: Path) -> None:
    before = build(project)["name"]
    write(project / "compose.yml", "# another comment\nservices: {web: {build: {context: ./web}, image: other}}")
    for path in (project / "web").iterdir():
        os.utime(path, (1, 1))
    (project / "web" / "empty").mkdir()
    assert build(project)["name"] == before


def test_the_tag_does_not_tell_where_the_context_lies(project: Path, tmp_path: Path) -> None:
    before = build(project)["name"]
    (project / "web").rename(tmp_path / "elsewhere")
    assert build(project, "services: {web: {build: elsewhere}}")["name"] == before


def test_the_tag_changes_with_every_option(project: Path) -> None:
    write(project / "web" / "Other", "FROM scratch")
    options = ["target: ''", "args: {A: '1'}", "args: {A: '2'}", "args: {B: '1'}", "target: dev", "dockerfile: Other"]
    tags = [build(project, f"services: {{web: {{build: {{context: web, {option}}}}}}}")["name"] for option in options]
    assert len(set(tags)) == len(options)


def test_the_tag_changes_with_content_name_and_executable_bit(project: Path) -> None:
    app = project / "web" / "app.py"
    seen = {build(project)["name"]}
    for change in (
        lambda: app.write_text("print(1)"),
        lambda: app.chmod(0o755),
        lambda: app.rename(app.with_name("main.py")),
        lambda: write(project / "web" / "deep" / "er" / "file", ""),
        lambda: write(project / "web" / "Dockerfile", "FROM other"),
    ):
        change()
        seen.add(build(project)["name"])
    assert len(seen) == 6


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


# -- refusals
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: {web: {build: nowhere}}", "there is no folder '"),
        ("services: {web: {build: {context: web, dockerfile: Nope}}}", "there is no file '"),
        ("services: {web: {build: {context: web, dockerfile: ../Dockerfile}}}", "there is no file '"),
        ("services: {web: {build: {context: web, secrets: [a], ssh: [b]}}}", "build.secrets, build.ssh are not supported"),
        (
            "services: {web: {build: {context: web, additional_contexts: {a: b}}}}",
            "build.additional_contexts is not supported. Take it out",
        ),
        (
            "services: {web: {build: {context: web, platforms: [linux/amd64, linux/arm64]}}}",
            "has 2 platforms, and an engine's store takes the image of one",
        ),
        ("services: {web: {build: {context: web, shm_size: lots}}}", "build.shm_size 'lots' is no size"),
        ("services: {web: {build: $NO}}", "the variable NO has no value"),
        ("services: {web: [", "while parsing a flow node"),
        ("services:\n\t- a", "cannot start any token"),
        ("a: 2024-99-99", "month must be in 1..12"),
        ("services: {web: !reset null}", "could not determine a constructor for the tag '!reset'"),
        ("just text", "it is no mapping"),
        ("services: [web]", "the services of Compose file"),
        ("services: {web: text}", "service 'web' of Compose file"),
        ("services: {web: {build: [web]}}", "the build of service 'web' of Compose file"),
        ("services: {web: {build: {context: web, args: text}}}", "args in the build of service 'web' of Compose file"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(project: Path, text: str, words: str) -> None:
    assert words in refusal(project, text)


def test_a_compose_file_that_cannot_be_read_is_one_sentence(project: Path) -> None:
    (project / "compose.yml").write_bytes(b"a: \xff\xfe\xfa")
    assert f"Compose file '{project}/compose.yml': " in refusal(project)
    (project / "compose.yml").unlink()
    assert refusal(project) == (
        f"Could not read Compose file '{project}/compose.yml': No such file or directory. Correct the file or its path."
    )


def test_a_file_of_the_context_that_cannot_be_read_is_one_sentence(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> _context.Entry:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(_context, "read", refuse)
    assert "Dockerfile' in its context cannot be read (Permission denied)" in refusal(project)


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("FROM a\nRUN --mount=type=cache,target=/x make", True),
        ("FROM a\nrun --network=none make", True),
        ("FROM a\nCOPY --chown=1 --link a b", True),
        ("FROM a\nRUN <<EOF\nmake\nEOF", True),
        ("FROM a\nRUN echo $((1<<2)) && echo --mount", False),
        ("FROM a\n# RUN --mount=type=cache make\nCOPY --chown=1 --from=b a b", False),
        ("FROM a\nRUN \\\n  --mount=type=cache,target=/x \\\n  make", True),
        ("FROM a\nONBUILD RUN --mount=type=cache,target=/x make", True),
        ("FROM a\nRUN --network=none --mount=type=cache,target=/x make", True),
        ("FROM a\nRUN a \\\n && cat <<-'END'\n\tx\n\tEND\n", True),
        ("FROM a\nRUN bash -c 'cat <<<word'\n", False),
        ("FROM a\nRUN echo $((1 <<N))\n", False),
    ],
)
def test_what_only_buildkit_understands_is_told(project: Path, text: str, needed: bool) -> None:
    write(project / "web" / "Dockerfile", text)
    assert build(project)["buildkit"] is needed
    (project / "web" / "Dockerfile").unlink()
    assert (
        build(project, json.dumps({"services": {"web": {"build": {"context": "web", "dockerfile_inline": text.replace("$", "$$")}}}}))[
            "buildkit"
        ]
        is needed
    )


def test_what_the_builder_can_do_is_handed_on_and_counts(project: Path) -> None:
    before = build(project)["name"]
    given = "network: host, labels: {a: b, c: ''}, shm_size: 1gb, platforms: [linux/arm64], cache_from: [x], pull: true"
    image = build(project, f"services: {{web: {{build: {{context: web, {given}}}}}}}")
    assert {name: image[name] for name in ("network", "labels", "shm_size", "platform")} == {
        "network": "host",
        "labels": {"a": "b", "c": ""},
        "shm_size": "1gb",
        "platform": "linux/arm64",
    }
    assert image["name"] != before
    assert build(project, "services: {web: {build: {context: web, cache_from: [x], pull: true}}}")["name"] == before


def test_compose_files_are_read_as_the_caller_does(project: Path) -> None:
    seen: list[str] = []

    def read(path: str) -> bytes:
        seen.append(path)
        return b"services: {web: {build: web}}"

    (image,) = builds_of({"name": "shop", "files": [str(project / "vaulted.yml")]}, read)
    assert image["service"] == "web" and seen == [str(project / "vaulted.yml")]


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("127.0.0.1:5000/rng:1.4", "rng:1.4"),
        ("${REGISTRY-127.0.0.1:5000}/a/rng:${TAG-latest}", "a/rng:latest"),
        ("a/rng:$VERSION", "a/rng:2"),
        ("localhost/rng:1", "rng:1"),
        ("rng", ""),
        ("127.0.0.1:5000/rng", ""),
        ("a/rng:1@sha256:aa", ""),
    ],
)
def test_the_tag_that_a_compose_file_gives_is_known(project: Path, image: str, tag: str) -> None:
    files = ["services: {web: {build: web, image: 'x:0'}, db: {image: 'db:1'}}", f"services: {{web: {{image: '{image}'}}}}"]
    assert build(project, *files, env={"VERSION": 2})["tag"] == tag


# -- what is sent
def sent(image: dict[str, Any]) -> tuple[str, dict[str, tarfile.TarInfo], dict[str, bytes]]:
    """The name of the Dockerfile in the archive, its members and their content."""
    file = io.BytesIO()
    dockerfile = pack_image(image, file)
    file.seek(0)
    with tarfile.open(fileobj=file, mode="r:gz") as archive:
        members = {member.name: member for member in archive}
        return dockerfile, members, {name: archive.extractfile(one).read() for name, one in members.items() if one.isfile()}  # type: ignore[union-attr]


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
    with pytest.raises(ComposeError, match="the files in '.*' are being changed. Run again when they stay as they are"):
        pack_image(image, io.BytesIO())


def test_arguments_are_not_told_by_the_tag_in_a_way_that_is_quickly_tried(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    digest = _context.digest
    monkeypatch.setattr(_builds, "digest", lambda context, settings: seen.append(settings) or digest(context, settings))
    build(project, "services: {web: {build: {context: web, args: {PIN: '4711'}}}}")
    assert "4711" not in repr(seen) and "args" in repr(seen)


def test_a_line_of_dockerignore_that_is_no_pattern_is_named(project: Path) -> None:
    write(project / "web" / ".dockerignore", "ok\n[z-a]*\n")
    assert "its line '[z-a]*' is no pattern" in refusal(project)
