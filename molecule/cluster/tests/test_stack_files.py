# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold what public stack files hold: the plan is what the run does, and docker's own deployment of a file is no change."""

from __future__ import annotations

import pathlib
import shlex

import pytest
from stack_stories import play

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "stacks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yml"))
ENV = {"FILES_GIVEN": "given", "FILES_EMPTY": ""}
THERE = "/root/stack-files"
# What external.yml names.
EXTERNAL = (
    "docker network create --driver overlay --attachable files_shared",
    "echo token | docker secret create files_token -",
    "echo motd | docker config create files_motd -",
)
CHECK = {"check": True}


class Files:
    """All files at once, as stacks of their names: by the module, and by docker's own command.

    :ivar results: what happened -> file -> what each run of the module returned.
    :ivar written: what a run that had nothing to do has written all the same.
    """

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.host = lab.host("manager2")
        self.results, self.written = {}, {}

    def runs(self, what, *runs):
        """Run the module on each file."""
        series = {name: [{"name": f"files-{name}", "env": ENV, **self.given(name, run), **run} for run in runs] for name in NAMES}
        self.results[what] = play(self.lab, self.folder, series)

    def given(self, name, run):
        return {} if run.get("state") else {"files": [str(FOLDER / f"{name}.yml")]}

    def unwritten(self, what, *runs):
        """The same, of runs that have nothing to do: all that was to run does, or has ended."""
        before = self.lab.snapshot()
        self.runs(what, *runs)
        self.written[what] = self.lab.changes_since(before)

    def docker(self):
        """Deploy each file as docker does."""
        values = " ".join(f"{name}={shlex.quote(value)}" for name, value in ENV.items())
        deploy = f"{values} docker stack deploy --resolve-image never -c {THERE}/$name.yml files-$name"
        self.host.check_output(f"for name in {' '.join(NAMES)}; do {deploy} 2>&1 || exit 1; done")


@pytest.fixture(scope="module")
def files(lab, tmp_path_factory):
    """Everything that was done with the files."""
    files = Files(lab, tmp_path_factory.mktemp("results"))
    copied = files.host.ansible("copy", f"src={FOLDER}/ dest={THERE}/ mode=0600", check=False)
    assert not copied.get("failed"), copied
    files.host.check_output(" && ".join(EXTERNAL))
    try:
        files.docker()
        files.runs("settled", {})
        files.unwritten("after docker", CHECK, {})
        files.runs("gone", {"state": "absent"})
        files.runs("deployed", CHECK, {})
        files.unwritten("again", CHECK, {})
        files.docker()
        files.runs("after docker again", CHECK)
        yield files
    finally:
        files.runs("removed", {"state": "absent"})
        files.host.run(f"docker secret rm files_token; docker config rm files_motd; docker network rm files_shared; rm -rf {THERE}")


def test_there_are_as_many_as_promised():
    assert len(NAMES) >= 25


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_is_what_the_run_does(files, name):
    predicted, done = files.results["deployed"][name]
    assert not done.get("failed"), done["msg"]
    assert predicted["plan"] == done["plan"] and predicted["diff"] == done["diff"]
    assert {entry["action"] for entry in done["plan"]} <= {"create", "unchanged"}
    # The lab's images are on no registry.
    warnings = [
        text for text in done.get("warnings", []) if not text.startswith("The registry did not return the digest of image 'apiary-lab/")
    ]
    assert done["converged"] and not warnings, warnings


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["settled", "after docker", "again", "after docker again"])
def test_the_same_file_is_no_change(files, name, what):
    for result in files.results[what][name]:
        assert not result.get("failed"), result["msg"]
        assert not result["changed"], result["diff"]


@pytest.mark.parametrize("what", ["after docker", "again"])
def test_nothing_was_written(files, what):
    assert not files.written[what]


def test_nothing_is_left(files, lab):
    files.runs("removed early", {"state": "absent"})
    left = [item["Spec"]["Name"] for kind in ("services", "configs", "secrets") for item in lab.get(f"/{kind}")]
    assert not [name for name in left if name.startswith(("files-", "files_key"))]
