# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image is built of what its context says, and of nothing else; the tag of its Compose file is a name for people.

The tests build on each other; the last one ends where the story began.
"""

from __future__ import annotations

import json
import secrets
import urllib.request

import pytest
from predictions import planned
from stack_stories import IMAGE, PLACE, Stack
from stories import ROOT

# A registry forgets nothing: what it does not know yet is new each time.
FIRST, SECOND = (f"{secrets.token_hex(4)}-{number}" for number in (1, 2))
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKERFILE = """\
ARG BASE
FROM $BASE
COPY . /app
RUN test -L /app/src/link && test -L /app/src/folder && test -f /app/src/folder/data && test ! -e /app/notes.md && test ! -e /app/.git
"""
# What the Engine's own builder refuses.
FOR_BUILDKIT = """\
ARG BASE
FROM $BASE
RUN --mount=type=bind,source=src,target=/src <<EOF
test -L /src/link
test -f /src/app.py
EOF
COPY --link src /app/src
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a context that has links, and a list of what belongs to it."""
    folder = tmp_path_factory.mktemp("project")
    context = folder / "context"
    (context / "src" / "real").mkdir(parents=True)
    (context / ".git").mkdir()
    for path, text in {
        "Dockerfile": DOCKERFILE,
        ".dockerignore": "*\n!src\n**/*.pyc\n",
        "notes.md": "notes",
        ".git/index": "1",
        "src/app.py": f"# {FIRST}",
        "src/app.pyc": "",
        "src/real/data": "",
    }.items():
        (context / path).write_text(text, encoding="utf-8")
    (context / "src" / "link").symlink_to("app.py")
    (context / "src" / "folder").symlink_to("real")
    build = {"context": "context", "args": {"BASE": IMAGE}, "labels": {"org.example.kind": "story"}}
    web = {
        "image": "${REGISTRY-127.0.0.1:5000}/story/web:${TAG-1}",
        "build": build,
        "init": True,
        "command": ["sleep", "100000"],
        "deploy": PLACE,
    }
    (folder / "compose.yml").write_text(json.dumps({"version": "3.8", "services": {"web": web}}), encoding="utf-8")
    return folder


def options(project, tag):
    """The options of a run that builds and deploys it."""
    return json.dumps({"stacks_projects": [{"name": "story", "files": [str(project / "compose.yml")], "env": {"TAG": tag}}]})


def site(lab, project, tag=FIRST):
    """The tasks that changed something."""
    _rc, recap, text = lab.site("--tags", "images,stacks", "-e", options(project, tag))
    return sum(counts["changed"] for counts in recap.values()), text


def image_plan(lab, project, tag=FIRST):
    """What the plan says of images."""
    lines = planned(lab, "--tags", "images,stacks", "-e", options(project, tag))
    return [line[2] for line in lines if line[1] == "image"]


def in_registry(lab, tag):
    """The digest of the image that the registry has under a tag."""
    url = f"http://{lab.addresses['worker1']}:5000/v2/story/web/manifests/{tag}"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFEST}), timeout=10) as answer:
        return answer.headers["Docker-Content-Digest"]


def test_an_image_is_what_its_context_says(lab, project):
    assert image_plan(lab, project) == ["build", "tag"]
    changes, _text = site(lab, project)
    assert changes > 0
    running = Stack(lab, project, "story").services()["web"]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"]
    assert running.startswith(f"{lab.addresses['worker1']}:5000/story/web:") and "@sha256:" in running
    labels = lab.host("worker1").check_output(f"docker image inspect --format '{{{{json .Config.Labels}}}}' {running.partition('@')[0]}")
    assert json.loads(labels)["org.example.kind"] == "story"
    assert running.endswith(in_registry(lab, FIRST))


def test_what_does_not_belong_to_the_context_builds_nothing(lab, project):
    (project / "context" / ".git" / "index").write_text("2", encoding="utf-8")
    (project / "context" / "notes.md").write_text("more", encoding="utf-8")
    (project / "context" / "src" / "app.pyc").write_text("2", encoding="utf-8")
    assert image_plan(lab, project) == []
    before = lab.at_rest()
    assert site(lab, project)[0] == 0
    assert not lab.changes_since(before)


def test_another_tag_is_another_name_and_replaces_no_task(lab, project):
    before = lab.at_rest()
    assert image_plan(lab, project, SECOND) == ["tag"]
    assert site(lab, project, SECOND)[0] == 1
    assert in_registry(lab, SECOND) == in_registry(lab, FIRST)
    changed = {key for key in lab.changes_since(before) if key[0] == "tasks"}
    assert not changed
    assert site(lab, project, SECOND)[0] == 0


def test_a_part_that_is_left_out_takes_nothing_from_the_others(lab, project):
    before = lab.at_rest()
    for part in ("images", "registry", "cluster"):
        _rc, recap, _text = lab.site("--skip-tags", part, "-e", options(project, SECOND))
        assert not any(counts["changed"] for counts in recap.values()) and not lab.changes_since(before), part
    (project / "context" / "src" / "app.py").write_text("left out", encoding="utf-8")
    rc, _recap, text = lab.site("--skip-tags", "images", "-e", options(project, SECOND), check=False)
    assert rc != 0 and "the image of its service 'web' is to be built, and this run skips images" in " ".join(text.split())
    assert not lab.changes_since(before)


def test_the_tag_follows_the_content(lab, project):
    (project / "context" / "src" / "app.py").write_text(f"print('{SECOND}')", encoding="utf-8")
    assert image_plan(lab, project, SECOND) == ["build", "tag"]
    assert site(lab, project, SECOND)[0] > 0
    assert in_registry(lab, SECOND) != in_registry(lab, FIRST)


def test_a_dockerfile_for_buildkit_is_refused_where_there_is_none_and_built_where_it_is(lab, project):
    (project / "web.Dockerfile").write_text(FOR_BUILDKIT, encoding="utf-8")
    definition = json.loads((project / "compose.yml").read_text(encoding="utf-8"))
    definition["services"]["web"]["build"]["dockerfile"] = "../web.Dockerfile"
    (project / "compose.yml").write_text(json.dumps(definition), encoding="utf-8")
    builder = lab.host("worker1")
    assert builder.run("docker buildx version").rc != 0, "this test begins without BuildKit"
    before = lab.at_rest()
    rc, _recap, text = lab.site("--tags", "images,stacks", "-e", options(project, SECOND), check=False)
    assert rc != 0 and "this host has no docker buildx. Install docker-buildx" in " ".join(text.split()) and not lab.changes_since(before)
    try:
        builder.check_output("apt-get install --yes --no-install-recommends docker-buildx")
        assert image_plan(lab, project, SECOND) == ["build", "tag"]
        changes, text = site(lab, project, SECOND)
        assert changes > 0 and "sending a context of" in text
        assert image_plan(lab, project, SECOND) == [] and site(lab, project, SECOND)[0] == 0
    finally:
        builder.check_output("apt-get purge --yes docker-buildx")


def test_the_story_ends_where_it_began(lab, project):
    Stack(lab, project, "story").run(state="absent")
    lab.playbook(str(ROOT / "playbooks" / "site.yml"))
    before = lab.at_rest()
    _rc, again, _text = lab.site()
    assert not any(counts["changed"] for counts in again.values()) and not lab.changes_since(before)
