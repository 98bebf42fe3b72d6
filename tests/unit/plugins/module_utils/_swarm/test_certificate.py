# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.apiary.swarm.plugins.module_utils._swarm import certificate
from ansible_collections.apiary.swarm.tests.unit.fake_engine import node_certificate

# A root certificate and a join token of a real swarm (Docker 26.1) that is gone.
ROOT = b"""-----BEGIN CERTIFICATE-----
MIIBaTCCARCgAwIBAgIUEIP/2I04s6FNkGJFlbPcDiqhh30wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAxMIc3dhcm0tY2EwHhcNMjYxMTIwMTMzMzAwWhcNNDYxMTE1MTMz
MzAwWjATMREwDwYDVQQDEwhzd2FybS1jYTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABAODF+2AnVoD+RZSRTI1we9QMnZovaeDC4qTpv99yd/TEChWwxQSjqXLN/jY
LgKDU5cYUa6fsAWtsbHMyziCqXOjQjBAMA4GA1UdDwEB/wQEAwIBBjAPBgNVHRMB
Af8EBTADAQH/MB0GA1UdDgQWBBR0+BvxXOUpvXniuR73X0wbMemJNjAKBggqhkjO
PQQDAgNHADBEAiBLDCbhscBym4JX/z9dXSw8XKiOBERWyh8xDP2nwGFsCwIgNKA4
GQdRtvmz8S4s/WjONV369cY5SeiB00Mr/2G77/s=
-----END CERTIFICATE-----
"""
TOKEN = "SWMTKN-1-46noi8lvfx1171vwp76ep2kif16mq1mg64fv5zgepr32h515ok-" + "0" * 25
# The node certificate of a manager of that swarm.
NODE = b"""-----BEGIN CERTIFICATE-----
MIICNjCCAdugAwIBAgIUSJWTaMjz1/BG+qDFYDre9iUOHf0wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAxMIc3dhcm0tY2EwHhcNMjYxMTIwMTIzODAwWhcNMjcwMjE4MTMz
ODAwWjBgMSIwIAYDVQQKExloZGpzZXhqMTh2aWJyaHk0dG04ajQzajhkMRYwFAYD
VQQLEw1zd2FybS1tYW5hZ2VyMSIwIAYDVQQDExlodTV3ZmRqZno4cmtiMXdsbWVu
eTh4YmQyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElB4+2VUTItdEt/wcLkgI
S9JQjerkBiODMqtHolsCpcnR8d+2NhhpTjJskmn3rjFY/YfqHZhzwYRIj9HVOW4H
AqOBvzCBvDAOBgNVHQ8BAf8EBAMCBaAwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsG
AQUFBwMCMAwGA1UdEwEB/wQCMAAwHQYDVR0OBBYEFGBoGAYxsYwWpuh5ekMDaamK
YoDHMB8GA1UdIwQYMBaAFHT4G/Fc5Sm9eeK5HvdfTBsx6Yk2MD0GA1UdEQQ2MDSC
DXN3YXJtLW1hbmFnZXKCGWh1NXdmZGpmejhya2Ixd2xtZW55OHhiZDKCCHN3YXJt
LWNhMAoGCCqGSM49BAMCA0kAMEYCIQDjYLNigo0G3f5rjo4D8YOGBM4ILywUmJpQ
6TPqrfeltgIhAPDSBMMZDkhctB3bqh1BsusmpjmyG5bsA6WqYhtIdjbM
-----END CERTIFICATE-----
"""


def test_token_holds_the_digest_of_the_root_certificate() -> None:
    assert certificate.token_digest(TOKEN) == certificate.root_digest(ROOT)
    assert certificate.token_digest(TOKEN) != certificate.root_digest(ROOT + b"\n")


@pytest.mark.parametrize("text", ["", "SWMTKN-1-abc-def", "SWMTKN-3" + TOKEN[8:], TOKEN + "\nx", TOKEN.upper()])
def test_other_text_is_no_token(text: str) -> None:
    assert certificate.token_digest(text) is None


def test_small_number_in_base36() -> None:
    assert [certificate.base36(number) for number in (0, 35, 36)] == ["0", "z", "10"]


def test_real_node_certificate_is_read() -> None:
    found = certificate.parse_certificate(NODE)
    assert found == certificate.Certificate(
        "hu5wfdjfz8rkb1wlmeny8xbd2",
        "hdjsexj18vibrhy4tm8j43j8d",
        "manager",
        datetime(2027, 2, 18, 13, 38, tzinfo=timezone.utc),
    )


def test_made_node_certificate_is_read() -> None:
    found = certificate.parse_certificate(node_certificate("n", "worker", "c", "991231235959Z"))
    assert (found.node_id, found.role, found.cluster_id, found.not_after.year) == (
        "n",
        "worker",
        "c",
        1999,
    )


@pytest.mark.parametrize("pem", [b"", b"x", ROOT, b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"])
def test_other_file_is_no_node_certificate(pem: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        certificate.parse_certificate(pem)
