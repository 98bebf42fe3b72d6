# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._core import values
from ansible_collections.apiary.swarm.plugins.module_utils._core.errors import SwarmError


@pytest.mark.parametrize(
    ("text", "nanoseconds", "normal"),
    [
        ("5s", 5_000_000_000, "5s"),
        ("2160h", 7_776_000_000_000_000, "2160h"),
        ("2160h0m0s", 7_776_000_000_000_000, "2160h"),
        ("90m", 5_400_000_000_000, "1h30m"),
        ("1.5s", 1_500_000_000, "1s500ms"),
        ("250ms", 250_000_000, "250ms"),
    ],
)
def test_duration_has_one_normal_form(text: str, nanoseconds: int, normal: str) -> None:
    assert values.parse_duration("cert_expiry", text) == nanoseconds
    assert values.format_duration(nanoseconds) == normal


@pytest.mark.parametrize("text", ["5", "90d", "", "5 s", "-5s", "5000000000", "s"])
def test_duration_without_a_unit_is_refused(text: str) -> None:
    with pytest.raises(SwarmError, match="^Could not use the duration '.*' of option 'cert_expiry': .*2160h"):
        values.parse_duration("cert_expiry", text)


def test_no_duration_at_all_is_shown_as_zero() -> None:
    assert values.format_duration(0) == "0s"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", ("10.0.0.1", 2377)),
        ("10.0.0.1:2400", ("10.0.0.1", 2400)),
        ("manager1.example:2377", ("manager1.example", 2377)),
        ("2001:DB8:0::1", ("2001:db8::1", 2377)),
        ("[2001:db8::1]:99", ("2001:db8::1", 99)),
        ("[::1]", ("::1", 2377)),
    ],
)
def test_address_is_split(text: str, expected: Any) -> None:
    assert values.split_address("remote_addrs", text) == expected


@pytest.mark.parametrize("text", ["", "a:b", "10.0.0.1:0", "10.0.0.1:70000", "a b", "[::1]:x"])
def test_bad_address_is_refused(text: str) -> None:
    with pytest.raises(SwarmError, match="of option 'remote_addrs'"):
        values.split_address("remote_addrs", text)


def test_ipv6_address_is_joined_with_brackets() -> None:
    assert values.join_address("::1", 2377) == "[::1]:2377"
    assert values.join_address("10.0.0.1", 2377) == "10.0.0.1:2377"


def test_label_values_become_strings_and_empty_ones_stay() -> None:
    assert values.label_values("label", {"n": 7, "empty": "", "s": "yes"}) == {"n": "7", "empty": "", "s": "yes"}


@pytest.mark.parametrize("value", [True, False, None, 1.5, ["a"], {"a": "b"}])
def test_label_value_that_yaml_guessed_is_refused(value: Any) -> None:
    with pytest.raises(SwarmError, match="^Could not label node 'w1': .*label 'key'"):
        values.label_values("label node 'w1'", {"key": value})


@pytest.mark.parametrize("key", ["", "a b", "a=b", "-a", "a.", "ä", 7])
def test_bad_label_key_is_refused(key: Any) -> None:
    with pytest.raises(SwarmError, match="is not a valid label key"):
        values.label_values("label", {key: "x"})
