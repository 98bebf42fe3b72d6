# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._tls.certificates import alternative_name, alternative_names


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Web1.Example.org.", "DNS:web1.example.org"),
        ("worker_1", "DNS:worker_1"),
        ("*.example.org", "DNS:*.example.org"),
        ("10.0.0.4", "IP:10.0.0.4"),
        ("FD00:0:0::1", "IP:fd00::1"),
        ("[fd00::1]", "IP:fd00::1"),
    ],
)
def test_names_and_addresses_are_told_apart(word: str, name: str) -> None:
    assert alternative_name(word) == name


@pytest.mark.parametrize(
    ("word", "cause"),
    [
        ("", "it is empty"),
        ("a b", "it has a space"),
        ("http://a.org", "it is a URL"),
        ("a.org/x", "it is a network or a path"),
        ("10.0.0.0/24", "it is a network or a path"),
        ("a.org:2376", "it has a port, or is not an address"),
        ("fe80::1%eth0", "nobody can connect to that address"),
        ("0.0.0.0", "nobody can connect to that address"),
        ("eth0", "it is a network interface"),
        ("enp3s0", "it is a network interface"),
        ("10.0.0.256", "it ends in a number"),
        ("a.*.org", "a '*' may only be the whole first part"),
        ("*", "a '*' may only be the whole first part"),
        ("*.org", "a '*' may only be the whole first part"),
        ("w*.example.org", "a '*' may only be the whole first part"),
        ("-a.org", "it is neither a name nor an address"),
        ("a..org", "it is neither a name nor an address"),
        ("b\u00fccher.org", "it is not ASCII"),
        ("a" * 64 + ".org", "it is neither a name nor an address"),
        (".".join(["a" * 60] * 5), "it is longer than 253 characters"),
    ],
)
def test_a_name_that_cannot_be_in_a_certificate_is_refused(word: str, cause: str) -> None:
    with pytest.raises(ValueError) as error:
        alternative_name(word)
    assert cause in str(error.value)
    assert list(alternative_names([word], ["w1"])[1].values()) == [str(error.value)]


def test_a_word_that_is_optional_is_left_out_where_it_has_no_place() -> None:
    assert alternative_names(["w1"], ["my host:1", ""]) == (["DNS:w1", "DNS:localhost", "IP:127.0.0.1", "IP:::1"], {})
