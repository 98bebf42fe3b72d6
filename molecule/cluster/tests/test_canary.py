# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every secret that a run is given has a mark, and after runs at -vvvv, one that fails and one that is killed, the mark is looked for.

The tests build on each other; the last one ends where the story began.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import time

import pytest
from stack_stories import IMAGE, PLACE, Stack
from stories import PATIENCE, ROOT, Watch, family

# No other text has it, so that one search finds all secrets.
MARK = f"kingfisher{secrets.token_hex(8)}"
# Where a module's payload, a copied file or a socket could be left.
PLACES = "/root/.ansible /tmp /var/tmp /dev/shm /run /etc /var/log /var/lib/apiary-swarm"
# The options that the engine itself has to have, and what this collection notes that it has read; root alone may read them.
KNOWN = {"/etc/docker/daemon.json", "/var/lib/apiary-swarm/daemon.json"}


def marked(name):
    """A secret."""
    return f"{MARK}-{name}"


# The registry is reached without.
PROXIES = {"http-proxy": f"http://operator:{marked('proxy')}@192.0.2.1:3128", "no-proxy": "172.28.0.0/16"}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Options with a marked value in every secret input, in a file as from a vault."""
    folder = tmp_path_factory.mktemp("vault")
    (folder / "password").write_text(marked("file"), encoding="utf-8")
    (folder / "web.env").write_text(f"FROM_FILE={marked('envfile')}\n", encoding="utf-8")
    service = {
        "image": IMAGE,
        "init": True,
        "stop_grace_period": "1s",
        "command": ["sh", "-c", "${SCRIPT}", "${PASSWORD}"],
        "environment": {"PASSWORD": "${PASSWORD}"},
        "labels": {"password": "${PASSWORD}"},
        "healthcheck": {"test": ["CMD", "true", "${PASSWORD}"], "interval": "1s"},
        "logging": {"driver": "json-file", "options": {"tag": "${PASSWORD}"}},
        "secrets": ["password"],
        "deploy": {**PLACE, "restart_policy": {"delay": "1s", "max_attempts": 2}},
    }
    (folder / "context").mkdir()
    dockerfile = f'FROM {IMAGE}\nARG TOKEN\nRUN test -n "$$TOKEN"\n'
    build = {"context": "context", "dockerfile_inline": dockerfile, "args": {"TOKEN": "${PASSWORD}"}}
    built = {**{key: value for key, value in service.items() if key != "image"}, "build": build}
    compose = folder / "compose.yml"
    definition = {
        "version": "3.9",
        "services": {"web": {**service, "env_file": "web.env"}, "built": built},
        "secrets": {"password": {"file": "./password"}},
    }
    compose.write_text(json.dumps(definition), encoding="utf-8")
    project = {
        "name": "canary",
        "files": [str(compose)],
        "env": {"PASSWORD": marked("env"), "SCRIPT": "{{ script | default('sleep 100000') }}"},
        "registry_logins": [{"registry": "registry.invalid", "username": "operator", "password": marked("login")}],
    }
    variables = {
        "stacks_projects": [project],
        "registry_environment": {"REGISTRY_HTTP_SECRET": marked("registry")},
        "engine_daemon_options": {"proxies": PROXIES},
        "cluster_unlock_key": f"SWMKEY-1-{marked('unlock')}",
        "engine_remote_api": True,
        "tls_ca_passphrase": marked("passphrase"),
        "tls_directory": str(folder / "tls"),
    }
    path = folder / "secrets.json"
    path.write_text(json.dumps(variables), encoding="utf-8")
    return f"@{path}"


# Of the engine: what containers were started with, and for a moment what a health check is started with.
ENGINES_OWN = ("/run/docker", "/run/containerd", "/tmp/runc-process")


def left_on(lab):
    """host -> files in which the mark is, beside those that have to have it."""
    found = {}
    for name, text in lab.everywhere(f"grep -rlsaF --exclude-dir=proc {MARK} {PLACES} || true").items():
        files = {path for path in text.splitlines() if path not in KNOWN and not path.startswith(ENGINES_OWN)}
        if files:
            found[name] = sorted(files)
    return found


def in_journals(lab):
    """host -> lines of its journal with the mark."""
    texts = lab.everywhere(f"journalctl --output=cat --no-pager | grep -aF {MARK} | grep -avF 'grep ' | cut -c1-300 || true")
    return {name: text.splitlines()[:5] for name, text in texts.items() if text}


def processes(lab):
    """Command lines with the mark, here and on a manager: those of containers have what they were given."""
    here = subprocess.run(["ps", "-eo", "args"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [line for line in here.splitlines() if MARK in line and "sh -c" not in line and "sleep" not in line]


def shown(text):
    """The places of an output in which the mark is."""
    return [line.strip()[:300] for line in text.splitlines() if MARK in line][:5]


def test_a_run_at_vvvv_shows_no_secret_anywhere(lab, given):
    with Watch(lambda: processes(lab), pause=0.5) as seen:
        _rc, _recap, text = lab.site("-vvvv", "-e", given)
    assert not shown(text)
    assert not [lines for lines in seen.seen if lines]
    assert not left_on(lab) and not in_journals(lab)


def test_a_run_that_fails_shows_none_either(lab, given):
    rc, _recap, text = lab.site("-vvvv", "-e", given, "-e", json.dumps({"script": "echo $$PASSWORD $$FROM_FILE $$0; exit 3"}), check=False)
    assert rc != 0 and "canary_web" in text and "last log lines" in text and "(hidden)" in text
    assert not [line for line in shown(text) if marked("envfile") not in line]
    assert not left_on(lab) and not in_journals(lab)


def test_a_plan_and_a_diff_show_none(lab, given):
    for arguments in (("--check", "--diff"), ("--diff",)):
        _rc, _recap, text = lab.site("-vvvv", *arguments, "-e", given, "--tags", "stacks")
        assert not shown(text)


@pytest.fixture
def role_alone(tmp_path):
    """A playbook of somebody who does without site.yml, and has the images of elsewhere."""
    path = tmp_path / "stacks.json"
    overlays = {"canary": {"services": {"built": {"image": IMAGE}}}}
    role = {"role": "apiary.swarm.stacks", "vars": {"stacks_overlays": overlays}}
    path.write_text(json.dumps([{"name": "Deploy", "hosts": "manager1", "gather_facts": False, "roles": [role]}]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("whole", "task"), [(True, "Deploy the stacks"), (True, "Gather what the plan needs"), (False, "Deploy the stacks")]
)
def test_a_run_that_is_killed_leaves_none(lab, given, role_alone, whole, task):
    variables = json.dumps({"script": f"sleep 10{secrets.randbelow(10**6)}"})
    playbook = ROOT / "playbooks" / "site.yml" if whole else role_alone
    run = subprocess.Popen(
        ["ansible-playbook", "-i", str(lab.inventory), str(playbook), "-e", given, "-e", variables],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_PIPELINING": "false"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + PATIENCE
    try:
        for line in run.stdout:
            assert time.monotonic() < end
            if line.startswith("TASK") and task in line:
                break
        else:
            pytest.fail(f"the run has ended before it came to '{task}'")
        # The module is on its way or at work.
        time.sleep(secrets.randbelow(20) / 10)
    finally:
        for pid in family(run.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.communicate()
    assert not left_on(lab) and not in_journals(lab)


def test_the_story_ends_where_it_began(lab, tmp_path):
    Stack(lab, tmp_path, "canary").run(state="absent")
    lab.site()
    # Nothing takes certificates away, and the next story has another CA.
    lab.everywhere("rm -rf /etc/docker/tls")
    before = lab.at_rest()
    _rc, again, _text = lab.site()
    assert not any(counts["changed"] for counts in again.values()) and not lab.changes_since(before)
