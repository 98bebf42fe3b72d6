# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.apiary.swarm.plugins.module_utils._engine import redaction

OPTIONS: dict[str, Any] = {
    "log-opts": {"splunk-token": "cafe-0815", "splunk-url": "https://splunk:8088", "gelf-address": "udp://user:pass@10.0.0.1:1"},
    "proxies": {"http-proxy": "http://joe:hunter2@proxy:3128", "https-proxy": "joe:hunter3@proxy:3128", "no-proxy": "localhost"},
    "registry-mirrors": ["https://mirror.example.com", "https://joe:hunter4@mirror"],
    "labels": ["registry-password=hunter5", "rack=a7", "mail=joe@example.com"],
    "runtimes": {"x": {"path": "/x", "options": {"api_key": "hunter6", "flag": True}}},
    "tlskey": "/etc/docker/key.pem",
}


def test_secrets_are_redacted_and_all_else_is_shown() -> None:
    assert redaction.redact("", OPTIONS) == {
        "log-opts": {"splunk-token": "********", "splunk-url": "https://splunk:8088", "gelf-address": "udp://********@10.0.0.1:1"},
        "proxies": {"http-proxy": "http://********@proxy:3128", "https-proxy": "********@proxy:3128", "no-proxy": "localhost"},
        "registry-mirrors": ["https://mirror.example.com", "https://********@mirror"],
        "labels": ["registry-password=********", "rack=a7", "mail=joe@example.com"],
        "runtimes": {"x": {"path": "/x", "options": {"api_key": "********", "flag": True}}},
        "tlskey": "/etc/docker/key.pem",
    }


def test_secrets_are_taken_out_of_the_engines_words() -> None:
    words = redaction.without_secrets("proxies: joe:hunter2, cafe-0815; //joe:hunter4@mirror, hunter5 and hunter6 of localhost", OPTIONS)
    assert "hunter" not in words and "cafe" not in words and "localhost" in words
    assert not {"localhost", "/x", "rack=a7"} & redaction.secrets(OPTIONS)


def test_secrets_are_taken_out_of_a_file_that_is_no_json() -> None:
    text = '{"splunk-token": "cafe", "api-key": 12345, "http-proxy": "http://joe:pw@x", "a": 1,}'
    assert redaction.redact_text(text) == (
        '{"splunk-token": "********", "api-key": "********", "http-proxy": "http://********@x", "a": 1,}'
    )


def test_a_password_may_hold_slashes() -> None:
    options = {"registry-mirrors": ["http://joe:hunter8/a@b@proxy:3128", "joe:hunter9/a@proxy"]}
    assert redaction.redact("", options) == {"registry-mirrors": ["http://********@proxy:3128", "//********@proxy"]}
    assert "hunter" not in redaction.without_secrets("bad http://joe:hunter8/a@b@proxy:3128 and joe:hunter9/a@proxy", options)
