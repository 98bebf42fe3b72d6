# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of engines change under a running application: nothing, a reload, or restarts one by one.

The tests build on each other; the last one ends where the story began.
"""

from __future__ import annotations

import contextlib
import json

from predictions import planned
from stories import MANAGERS, WORKERS, Watch

HOSTS = MANAGERS + WORKERS
METRICS = "127.0.0.1:9323"
# What is wrong with each option is said in a sentence, all of them at once.
IMPOSSIBLE = {
    "log-drivr": "json-file",
    "log-opts": {"max-file": 3},
    "debug": "yes please",
    "max-concurrent-downloads": "three",
    "labels": ["zone=a", "zone=b"],
    "live-restore": True,
    "firewall-backend": "nftables",
    "registry-mirrors": ["mirror.example"],
    "insecure-registries": ["http://registry.example:5000"],
    "default-address-pools": [{"base": "172.30.0.0/16", "size": 8}],
    "default-ulimits": {"nofile": 1024},
    "hosts": ["tcp://0.0.0.0:2375"],
    "data-root": "var/lib/docker",
    "metrics-addr": "everywhere",
    "bip": "172.17.0.1",
    "node-generic-resources": ["gpu"],
    "dns": ["localhost"],
}


def site(lab, check=True, more=(), **variables):
    """site.yml, the part that is about engines; returns (rc, {host: changes}, output)."""
    rc, recap, text = lab.site("--tags", "engine", "-e", json.dumps(variables), *more, check=check)
    return rc, {name: counts["changed"] for name, counts in recap.items()}, text


def on(hosts, value):
    """A variable that has this value on these hosts, and none on the others."""
    return f"{{{{ {json.dumps(value)} if inventory_hostname in {json.dumps(hosts)} else none }}}}"


DEBUG = {"debug": True}
# What the managers have from the second test on.
LIMITS = {"engine_ulimits": on(MANAGERS, {"nofile": {"Name": "nofile", "Hard": 4096, "Soft": 4096}})}


@contextlib.contextmanager
def taken_port(lab, name):
    """Something else listens where the engine of this host would."""
    host, unit = lab.host(name), "apiary-lab-port"
    host.check_output(f"systemd-run --collect --unit={unit} python3 -m http.server --bind 127.0.0.1 9323")
    try:
        yield
    finally:
        host.check_output(f"systemctl stop {unit}")


def without_age(files):
    """What is in the files."""
    return {name: text.partition("\n")[2] for name, text in files.items()}


def options(lab):
    return without_age(lab.daemon_files())


def leader(lab):
    return next(name for name, node in lab.nodes().items() if node.get("ManagerStatus", {}).get("Leader"))


def test_reload_keeps_every_task(lab):
    before, starts = lab.at_rest(), lab.engine_starts()
    assert planned(lab, "--tags", "engine", "-e", json.dumps({"engine_daemon_options": DEBUG})) == [
        (name, "engine", "reload", "debug true") for name in HOSTS
    ]
    assert not any(lab.get("/info", name)["Debug"] for name in HOSTS)
    _rc, done, _text = site(lab, engine_daemon_options=DEBUG)
    assert done == dict.fromkeys(HOSTS, 1)
    assert all(lab.get("/info", name)["Debug"] for name in HOSTS)
    assert not lab.changes_since(before) and lab.engine_starts() == starts
    files = lab.daemon_files()
    _rc, again, _text = site(lab, engine_daemon_options=DEBUG)
    assert again == dict.fromkeys(HOSTS, 0)
    assert lab.daemon_files() == files


def test_managers_restart_one_by_one_and_nobody_notices(lab):
    url = f"http://{lab.addresses['worker1']}:8000"
    starts = lab.engine_starts()
    change = {"engine_daemon_options": DEBUG, **LIMITS}
    told = planned(lab, "--tags", "engine", "-e", json.dumps(change))
    assert [(host, verb, text.split(" ")[0]) for host, _subject, verb, text in told] == [
        (name, "restart", "default-ulimits") for name in MANAGERS
    ]
    with Watch(lab.managers_listening) as quorum, Watch(lambda: (lab.http(f"{url}/")[0], lab.http(f"{url}/json")[0])) as page:
        _rc, done, _text = site(lab, **change)
    assert min(quorum.seen) >= 2 and len(quorum.seen) > 20, quorum.seen
    assert set(page.seen) == {(200, 200)} and len(page.seen) > 20
    assert done == {**dict.fromkeys(MANAGERS, 1), **dict.fromkeys(WORKERS, 0)}
    after = lab.engine_starts()
    assert [name for name in HOSTS if after[name] != starts[name]] == MANAGERS
    before = lab.at_rest()
    _rc, again, _text = site(lab, **change)
    assert again == dict.fromkeys(HOSTS, 0)
    assert not lab.changes_since(before) and lab.engine_starts() == after


def test_option_that_the_engine_refuses_at_its_start_stops_the_run_at_the_first_host(lab):
    files, starts = lab.daemon_files(), lab.engine_starts()
    rc, changes, text = site(lab, check=False, engine_daemon_options={**DEBUG, "storage-driver": "nonsense"}, **LIMITS)
    assert rc != 0 and not any(changes.values())
    plain = " ".join(text.split())
    assert "Could not apply the daemon options of 'worker1' (storage-driver):" in plain and "nonsense" in plain
    after = lab.daemon_files()
    assert without_age(after) == without_age(files)
    assert [name for name in HOSTS if after[name] != files[name]] in ([], ["worker1"])
    now = lab.engine_starts()
    assert [name for name in HOSTS if now[name] != starts[name]] == ["worker1"]
    assert lab.host("worker1").check_output("systemctl is-active docker") == "active"
    lab.until(lambda: all(node["Status"]["State"] == "ready" for node in lab.get("/nodes")), "five nodes ready")
    _rc, changes, _text = site(lab, engine_daemon_options=DEBUG, **LIMITS)
    assert not any(changes.values())


def test_option_that_dockerd_does_not_know_is_written_nowhere(lab):
    files, starts = lab.daemon_files(), lab.engine_starts()
    rc, changes, text = site(lab, check=False, engine_daemon_options={"no-such-option": 1}, engine_daemon_allow_unknown=True, **LIMITS)
    assert rc != 0 and not any(changes.values())
    assert "no-such-option" in text and "match any configuration option" in " ".join(text.split())
    assert (lab.daemon_files(), lab.engine_starts()) == (files, starts)


def test_impossible_options_change_nothing_on_any_host(lab):
    files, starts = lab.daemon_files(), lab.engine_starts()
    variable = {name: on(["worker2"], value) for name, value in IMPOSSIBLE.items()}
    rc, changes, text = site(lab, check=False, engine_daemon_options=variable)
    assert rc != 0 and not any(changes.values())
    plain = " ".join(text.split())
    for name in IMPOSSIBLE:
        assert f"Could not set daemon option '{name}' of host 'worker2':" in plain, name
    assert (lab.daemon_files(), lab.engine_starts()) == (files, starts)


def test_promotion_stops_at_the_host_that_does_not_come_back_and_goes_on_from_there(lab):
    """A setting tried on one host goes to all. On one of them it cannot work, until the reason is gone."""
    change = {"engine_daemon_options": DEBUG, **LIMITS}
    _rc, done, _text = site(lab, **change, engine_metrics_addr=on(["worker2"], METRICS))
    assert done == {**dict.fromkeys(HOSTS, 0), "worker2": 1}
    leads = leader(lab)
    order = ["worker1", *(name for name in MANAGERS if name != leads), leads]
    blocked, done_first, left = order[2], order[:2], order[3:]
    with taken_port(lab, blocked):
        starts, files = lab.engine_starts(), lab.daemon_files()
        rc, changes, text = site(lab, check=False, **change, engine_metrics_addr=METRICS)
        assert rc != 0
        plain = " ".join(text.split())
        assert f"Could not apply the daemon options of '{blocked}' (metrics-addr):" in plain and "address already in use" in plain
        assert {name for name in HOSTS if changes[name]} == set(done_first)
        now = lab.engine_starts()
        assert {name for name in HOSTS if now[name] != starts[name]} == {*done_first, blocked}
        assert {name for name in HOSTS if options(lab)[name] == without_age(files)[name]} == {"worker2", blocked, *left}
        assert lab.host(blocked).check_output("systemctl is-active docker") == "active"
    lab.until(lambda: all(node["Status"]["State"] == "ready" for node in lab.get("/nodes")), "five nodes ready")

    _rc, changes, _text = site(lab, **change, engine_metrics_addr=METRICS)
    assert {name for name in HOSTS if changes[name]} == {blocked, *left}
    last = lab.engine_starts()
    assert {name for name in HOSTS if last[name] != now[name]} == {blocked, *left}


def test_restarts_everywhere_never_cost_the_quorum_and_end_where_the_story_began(lab):
    with Watch(lab.managers_listening) as quorum:
        _rc, done, _text = site(lab)
    assert min(quorum.seen) >= 2 and len(quorum.seen) > 20, quorum.seen
    assert done == dict.fromkeys(HOSTS, 1)
    lab.until(lambda: len(lab.running("dockercoins_rng")) == len(HOSTS), "rng on every node")
    before = lab.at_rest()
    _rc, again, _text = lab.site()
    assert not any(counts["changed"] for counts in again.values())
    assert not lab.changes_since(before)
