# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts of examples/dockercoins; Flask and redis-py are not needed."""

from __future__ import annotations

import itertools
import json
import runpy
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

DOCKERCOINS = Path(__file__).parents[3] / "examples" / "dockercoins"
OURS = ["rng", "hasher", "worker", "webui"]


def load(service):
    """The globals of a service's app.py; run_path leaves no __pycache__ beside the sources."""
    return SimpleNamespace(**runpy.run_path(str(DOCKERCOINS / service / "app.py")))


def compose(name):
    return yaml.safe_load((DOCKERCOINS / name).read_text(encoding="utf-8"))


class Peer:
    """Fails a given number of times, then answers."""

    def __init__(self, failures):
        self.failures = failures

    def __call__(self):
        self.failures -= 1
        if self.failures >= 0:
            raise OSError("no route")
        return b"answer"


class Store:
    """A redis pipeline that remembers its commands."""

    def __init__(self):
        self.commands = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def pipeline(self):
        return self

    def __getattr__(self, name):
        return lambda *args: self.commands.append((name, *args))


@pytest.mark.parametrize("count", [1, 32, 1024 * 1024])
def test_a_reasonable_number_of_bytes_is_not_refused(count):
    assert load("rng").refusal(count) is None


@pytest.mark.parametrize("count", [0, 1024 * 1024 + 1])
def test_an_unreasonable_number_of_bytes_is_refused_with_a_sentence(count):
    assert load("rng").refusal(count).startswith(f"Could not give {count} bytes: ")


def test_a_hash_is_sha256_in_hexadecimal():
    assert load("hasher").digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("digest", "expected"), [("0fa3", True), ("f0a3", False), ("", False)])
def test_a_coin_is_a_hash_that_begins_with_a_zero(digest, expected):
    assert load("worker").is_coin(digest) is expected


def test_a_batch_counts_every_hash_and_keeps_the_coins():
    batch = load("worker").Batch(started=10.0)
    for digest in ("0a", "b0", "0c"):
        batch.add(digest)
    assert (batch.hashes, batch.coins) == (3, ["0a", "0c"])


@pytest.mark.parametrize(("now", "expected"), [(10.0, False), (10.9, False), (11.0, True), (15.0, True)])
def test_a_batch_is_due_after_a_second(now, expected):
    assert load("worker").Batch(started=10.0).is_due(now) is expected


def test_a_batch_is_saved_in_one_transaction():
    worker, store = load("worker"), Store()
    worker.save(store, worker.Batch(0.0, hashes=20, coins=["0a", "0b"]))
    assert store.commands == [
        ("incrby", "hashes", 20),
        ("incrby", "coins", 2),
        ("lpush", "wallet", "0a", "0b"),
        ("ltrim", "wallet", 0, 999),
        ("execute",),
    ]


def test_a_batch_without_coins_leaves_the_wallet_alone():
    worker, store = load("worker"), Store()
    worker.save(store, worker.Batch(0.0, hashes=9))
    assert store.commands == [("incrby", "hashes", 9), ("execute",)]


def test_delays_double_up_to_the_longest():
    assert list(itertools.islice(load("worker").delays(), 7)) == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends():
    said, slept = [], []
    answer = load("worker").insist("rng", Peer(failures=4), errors=OSError, say=said.append, sleep=slept.append, clock=lambda: sum(slept))
    assert answer == b"answer"
    assert slept == [0.25, 0.5, 1.0, 2.0]
    assert said == ["rng does not answer (no route). Trying until it does.", "rng answers again after 4 s."]


def test_a_peer_that_answers_is_not_worth_a_line():
    said = []
    assert load("worker").insist("rng", Peer(failures=0), errors=OSError, say=said.append) == b"answer"
    assert said == []


def test_an_error_that_is_no_outage_is_not_hidden():
    with pytest.raises(OSError, match="no route"):
        load("worker").insist("rng", Peer(failures=1), errors=KeyError)


def test_a_reading_has_the_time_of_redis():
    assert load("webui").reading((1700000000, 250000), b"40", b"3") == {"now": 1700000000.25, "hashes": 40, "coins": 3}


def test_an_empty_redis_has_no_hashes_and_no_coins():
    assert load("webui").reading((1, 0), None, None) == {"now": 1.0, "hashes": 0, "coins": 0}


def javascript(expression):
    """What an expression over the page's own functions evaluates to."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    module = (DOCKERCOINS / "webui" / "static" / "speed.mjs").as_uri()
    script = f"import * as page from '{module}'; console.log(JSON.stringify({expression}))"
    result = subprocess.run([node, "--input-type=module", "-e", script], check=True, capture_output=True, text=True)
    return json.loads(result.stdout)


def readings(*hashes):
    """One reading a second; None is a second in which nothing could be read."""
    return json.dumps([None if count is None else {"now": now, "hashes": count} for now, count in enumerate(hashes)])


def test_a_speed_is_known_after_three_seconds():
    points = javascript(f"page.speeds({readings(0, 10, 20, 30, 40)})")
    assert points == [None, None, None, {"now": 3, "speed": 10}, {"now": 4, "speed": 10}]


def test_a_speed_looks_back_six_seconds():
    points = javascript(f"page.speeds({readings(0, 0, 0, 0, 0, 0, 60, 120, 180, 240, 300, 360, 420)})")
    assert [point["speed"] for point in points[6:]] == [10, 20, 30, 40, 50, 60, 60]


def test_a_speed_never_spans_an_outage():
    points = javascript(f"page.speeds({readings(0, 10, 20, 30, None, 30, 40, 50, 60)})")
    assert [point and point["speed"] for point in points] == [None, None, None, 10, None, None, None, None, 10]


def test_a_counter_that_began_anew_has_no_negative_speed():
    points = javascript(f"page.speeds({readings(900, 910, 920, 930, 0, 10)})")
    assert [point and point["speed"] for point in points] == [None, None, None, 10, None, None]


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(0, [0, 0.5]), (0.9, [0, 0.5, 1]), (9, [0, 5, 10]), (18, [0, 5, 10, 15, 20]), (430, [0, 200, 400, 600])],
)
def test_the_axis_has_few_round_numbers(highest, expected):
    assert javascript(f"page.ticks({highest})") == expected


def test_the_line_breaks_where_nothing_is_known():
    assert javascript("page.stretches([null, 1, 2, null, null, 3])") == [[1, 2], [3]]


def test_the_first_layer_is_the_same_in_all_images():
    starts = {(DOCKERCOINS / name / "Dockerfile").read_text(encoding="utf-8").partition("WORKDIR")[0] for name in OURS}
    assert len(starts) == 1


def test_every_service_is_dnsrr_in_the_lab():
    services = compose("compose.lab.yml")["services"]
    assert sorted(services) == sorted([*OURS, "redis"])
    for service in services.values():
        assert service["deploy"]["endpoint_mode"] == "dnsrr"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_every_service_stays_on_the_nodes_of_its_environment(environment):
    services = compose(f"compose.{environment}.yml")["services"]
    assert sorted(services) == sorted([*OURS, "redis"])
    for service in services.values():
        assert service["deploy"]["placement"]["constraints"] == [f"node.labels.environment == {environment}"]


def test_nothing_comes_from_outside():
    page = (DOCKERCOINS / "webui" / "static" / "index.html").read_text(encoding="utf-8")
    assert "//" not in page.replace("https://www.gnu.org/licenses/gpl-3.0.txt", "")
