# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.plugin_utils import _builds, _context
from ansible_collections.apiary.swarm.plugins.plugin_utils._builds import builds_of
from ansible_collections.apiary.swarm.plugins.plugin_utils._compose import as_list
from ansible_collections.apiary.swarm.tests.unit.compose_project import build, builds, refusal, write


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
            "build.additional_contexts is not supported. Remove it",
        ),
        (
            "services: {web: {build: {context: web, platforms: [linux/amd64, linux/arm64]}}}",
            "has 2 platforms, and an engine's store takes the image of one",
        ),
        ("services: {web: {build: {context: web, shm_size: lots}}}", "build.shm_size 'lots' is not a valid size"),
        ("services: {web: {build: $NO}}", "the variable NO has no value"),
        ("services: {web: [", "while parsing a flow node"),
        ("services:\n\t- a", "cannot start any token"),
        ("a: 2024-99-99", "month must be in 1..12"),
        ("services: {web: !reset null}", "could not determine a constructor for the tag '!reset'"),
        ("just text", "it is not a mapping"),
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


def test_arguments_are_not_told_by_the_tag_in_a_way_that_is_quickly_tried(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    digest = _context.digest
    monkeypatch.setattr(_builds, "digest", lambda context, settings: seen.append(settings) or digest(context, settings))
    build(project, "services: {web: {build: {context: web, args: {PIN: '4711'}}}}")
    assert "4711" not in repr(seen) and "args" in repr(seen)
