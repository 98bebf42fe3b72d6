# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application is deployed, scaled and removed."""

from __future__ import annotations

import json

from stories import MANAGERS, ROOT, WORKERS

FILES = [str(ROOT / "examples" / "dockercoins" / name) for name in ("compose.yml", "compose.lab.yml")]


def stacks(lab, more_files=(), check=True, **changes):
    """A run of site.yml's last part with one project, changed."""
    images = {"DOCKERCOINS_BASE": "apiary-lab/python:13", "REDIS_IMAGE": f"{lab.addresses['worker1']}:5000/apiary-lab/redis:8"}
    project = {"name": "dockercoins", "files": [*FILES, *more_files], "env": images, **changes}
    return lab.site("--tags", "stacks", "-e", json.dumps({"stacks_projects": [project]}), check=check)


def changed(result):
    return sum(counts["changed"] for counts in result[1].values())


def services(lab):
    return {service["Spec"]["Name"]: service for service in lab.get("/services")}


def test_scaling_writes_one_service_and_replaces_no_task(lab, tmp_path):
    overlay = tmp_path / "scale.yml"
    overlay.write_text("services: {worker: {deploy: {replicas: 4}}}\n", encoding="utf-8")
    before, tasks = services(lab), {task["ID"] for task in lab.running("dockercoins_worker")}
    assert changed(stacks(lab, [str(overlay)])) == 1
    after = services(lab)
    assert [name for name in after if after[name]["Version"] != before[name]["Version"]] == ["dockercoins_worker"]
    now = {task["ID"] for task in lab.running("dockercoins_worker")}
    assert len(now) == 4 and tasks <= now
    assert changed(stacks(lab, [str(overlay)])) == 0


def test_going_back_scales_down(lab):
    assert changed(stacks(lab)) == 1
    lab.until(lambda: len(lab.running("dockercoins_worker")) == 2, "two workers")


def test_broken_image_is_a_failed_task_with_its_reason(lab, tmp_path):
    overlay = tmp_path / "broken.yml"
    overlay.write_text("services: {hasher: {command: [/nowhere]}}\n", encoding="utf-8")
    rc, _recap, text = stacks(lab, [str(overlay)], check=False)
    assert rc != 0
    assert "dockercoins_hasher" in text and "nowhere" in text
    assert changed(stacks(lab)) >= 0, "the right file mends it"
    lab.until(lambda: lab.running("dockercoins_hasher"), "hasher")


def test_removal_returns_when_nothing_is_left(lab):
    assert changed(stacks(lab, state="absent")) == 1
    assert not [name for name in services(lab) if name.startswith("dockercoins")]
    assert not [task for task in lab.get("/tasks") if task.get("Spec", {}).get("ContainerSpec", {}).get("Image", "").count("dockercoins")]
    assert not [network for network in lab.get("/networks") if network["Name"].startswith("dockercoins")]
    assert changed(stacks(lab, state="absent")) == 0


def test_deployment_right_after_removal_works(lab):
    stacks(lab)
    for name in MANAGERS + WORKERS:
        lab.until(lambda name=name: lab.http(f"http://{lab.addresses[name]}:8000/healthz")[0] == 200, f"the page on {name}")
    assert changed(stacks(lab)) == 0
