# Copyright (c) 2026 the apiary.swarm authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines serve their API to clients with a certificate, and certificates and CA change under a running application.

The tests build on each other; the last one ends where the story began.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import http.client
import json
import shutil
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from predictions import done, planned
from stories import MANAGERS, ROOT, WORKERS, Watch

HOSTS = MANAGERS + WORKERS
# Runs beside each other.
AT_ONCE = 3
# The CA and the clients of this story.
FOLDER = ROOT / "build" / "test" / "tls"
OPERATOR = FOLDER / "clients" / "operator"
FIRST = {"tls_days": 200}
RENEWED = {"tls_renew_before": 300}
TRUST = {"tls_ca": "ca", "tls_trusted_cas": ["ca-2"]}
OVERLAP = {"tls_ca": "ca-2", "tls_trusted_cas": ["ca"]}
SECOND = {"tls_ca": "ca-2"}


@pytest.fixture(scope="module", autouse=True)
def no_earlier_ca(lab):
    """The lab's CA is this story's own, and so are the certificates of its hosts."""

    def clear():
        shutil.rmtree(FOLDER, ignore_errors=True)
        lab.everywhere("rm -rf /etc/docker/tls")

    clear()
    yield
    clear()


def arguments(variables):
    """For the engines' part of a run, with the remote API of the managers."""
    remote = f"{{{{ inventory_hostname in {json.dumps(MANAGERS)} }}}}"
    return ["--tags", "engine", "-e", json.dumps({"engine_remote_api": remote, "tls_directory": str(FOLDER), **variables})]


def site(lab, check=True, more=(), **variables):
    """That part of site.yml; returns (rc, {host: changes}, output)."""
    rc, recap, text = lab.site(*arguments(variables), *more, check=check)
    return rc, {name: counts["changed"] for name, counts in recap.items()}, " ".join(text.split())


def under_load(lab, **variables):
    """Do what is planned, line by line, under the eyes of users and of whoever counts managers; the lines."""
    page = f"http://{lab.addresses['worker1']}:8000/json"
    lines = planned(lab, *arguments(variables))
    with Watch(lab.managers_listening) as quorum, Watch(lambda: lab.http(page)[0]) as users:
        assert done(lab, *arguments(variables)) == lines
    assert min(quorum.seen) >= 2 and len(quorum.seen) > 20, quorum.seen
    assert set(users.seen) == {200}
    return lines


def files(lab):
    """Name, content and age of every file that belongs to TLS, on all hosts and here."""
    find = "find /etc/docker /var/lib/apiary-swarm -type f -printf '%p %T@\\n' -exec sha256sum {} + | sort"
    here = {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in FOLDER.rglob("*") if path.is_file()}
    return {**lab.everywhere(find), **here}


def certificate(lab, name):
    """The certificate that a manager presents."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((lab.addresses[name], 2376)).encode())


def version(lab, name, folder):
    """What GET /version answers to the certificate in a folder, which trusts only what is in it, or why not."""
    trusted = folder / "ca.pem" if folder and (folder / "ca.pem").exists() else OPERATOR / "ca.pem"
    context = ssl.create_default_context(cafile=str(trusted))
    if folder:
        context.load_cert_chain(str(folder / "cert.pem"), str(folder / "key.pem"))
    connection = http.client.HTTPSConnection(lab.addresses[name], 2376, context=context, timeout=30)
    try:
        connection.request("GET", "/version")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()


def make_ca(folder, name, days=30, passphrase=None, ca=True):
    """A CA of somebody else, and a client's certificate of it."""
    folder.mkdir(exist_ok=True)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    base = x509.CertificateBuilder().issuer_name(subject).serial_number(x509.random_serial_number())
    base = base.not_valid_before(now - datetime.timedelta(days=60)).not_valid_after(now + datetime.timedelta(days=days))
    own = base.subject_name(subject).public_key(key.public_key()).add_extension(x509.BasicConstraints(ca, None), True)
    client_key = ec.generate_private_key(ec.SECP256R1())
    client = base.subject_name(subject).public_key(client_key.public_key())
    client = client.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    cipher = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    pem, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    for path, data in {
        "ca.crt": own.sign(key, hashes.SHA256()).public_bytes(pem),
        "ca.key": key.private_bytes(pem, kind, cipher),
        "cert.pem": client.sign(key, hashes.SHA256()).public_bytes(pem),
        "key.pem": client_key.private_bytes(pem, kind, serialization.NoEncryption()),
    }.items():
        (folder / path).write_bytes(data)
        (folder / path).chmod(0o600)
    return folder


def test_remote_api_is_off_until_it_is_turned_on(lab):
    assert [name for name in HOSTS if lab.http(f"https://{lab.addresses[name]}:2376/version")[1].find("refused") < 0] == []


def test_one_variable_turns_it_on_where_it_is_wanted(lab):
    starts = lab.engine_starts()
    lines = under_load(lab, **FIRST)
    assert {host for host, *_what in lines} == {"controller", *MANAGERS}
    assert {(host, verb) for host, subject, verb, _what in lines if subject == "engine"} == {(name, "restart") for name in MANAGERS}
    after = lab.engine_starts()
    assert {name for name in HOSTS if after[name] != starts[name]} == set(MANAGERS)
    assert lab.http(f"https://{lab.addresses['worker1']}:2376/version")[1].find("refused") >= 0


def test_certificates_have_all_names_and_both_purposes(lab):
    for name in MANAGERS:
        extensions = certificate(lab, name).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert {name, "localhost"} <= set(names.get_values_for_type(x509.DNSName))
        assert {lab.addresses[name], "127.0.0.1", "::1"} <= {str(address) for address in names.get_values_for_type(x509.IPAddress)}
        purposes = set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        assert purposes == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_key_of_the_ca_is_encrypted_and_on_no_node(lab):
    assert "ENCRYPTED" in (FOLDER / "ca.key").read_text(encoding="utf-8")
    assert (FOLDER / "ca.key").stat().st_mode & 0o077 == 0
    for name in MANAGERS:
        found = lab.host(name).check_output("grep -rlE 'PRIVATE KEY' /etc/docker")
        assert found == "/etc/docker/tls/key.pem", name
        assert lab.host(name).check_output("stat --format='%a %U' /etc/docker/tls/key.pem") == "600 root"


def test_only_certificates_of_the_ca_are_let_in(lab, tmp_path):
    foreign = make_ca(tmp_path / "foreign", "foreign")
    for name in MANAGERS:
        assert version(lab, name, OPERATOR) == 200
        assert lab.http(f"http://{lab.addresses[name]}:2376/version")[0] == 400
        assert "certificate required" in version(lab, name, None)
        assert version(lab, name, foreign) != 200
        assert "unknown" in version(lab, name, foreign) or "alert" in version(lab, name, foreign)


def test_environment_file_of_the_operator_works_as_it_is_and_where_it_is_copied(lab, tmp_path):
    shutil.copytree(OPERATOR, tmp_path / "a copy")
    for folder in (OPERATOR, tmp_path / "a copy"):
        command = f". '{folder}/docker.env' && echo \"$DOCKER_CERT_PATH\" && docker node ls --format '{{{{.Hostname}}}}'"
        path, *listed = subprocess.run(["bash", "-c", command], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        assert path == str(folder) and set(HOSTS) - set(listed) == set(), listed


def test_second_run_writes_nothing(lab):
    before = lab.at_rest(), files(lab), lab.engine_starts()
    _rc, changes, _text = site(lab, **FIRST)
    assert not any(changes.values())
    assert not lab.changes_since(before[0]) and (files(lab), lab.engine_starts()) == before[1:]


def test_certificates_are_renewed_before_they_expire_and_nobody_notices(lab):
    serials = {name: certificate(lab, name).serial_number for name in MANAGERS}
    keys = {name: lab.host(name).check_output("sha256sum /etc/docker/tls/key.pem") for name in MANAGERS}
    lines = under_load(lab, **RENEWED)
    assert {host for host, subject, verb, _what in lines if (subject, verb) == ("certificate", "renew")} == set(MANAGERS)
    assert all(certificate(lab, name).serial_number != serials[name] for name in MANAGERS)
    assert {name: lab.host(name).check_output("sha256sum /etc/docker/tls/key.pem") for name in MANAGERS} == keys
    assert [version(lab, name, OPERATOR) for name in MANAGERS] == [200] * 3
    before = files(lab), lab.engine_starts()
    _rc, changes, _text = site(lab, **RENEWED)
    assert not any(changes.values())
    assert (files(lab), lab.engine_starts()) == before


def test_new_ca_takes_over_in_three_steps_and_never_in_one(lab, tmp_path):
    before = files(lab)
    rc, changes, text = site(lab, **SECOND, check=False)
    assert rc != 0 and "tls_trusted_cas" in text and not any(changes.values())
    assert files(lab) == before

    def issuers():
        return {certificate(lab, name).issuer.rfc4514_string() for name in MANAGERS}

    # Trust goes out before anything is signed by whom it is for.
    early = tmp_path / "early"
    shutil.copytree(OPERATOR, early)
    under_load(lab, **TRUST)
    assert issuers() == {"CN=apiary.swarm CA ca"}
    assert [version(lab, name, early) for name in MANAGERS] == [200] * 3

    # What an operator holds who was handed the folder in time works on, as it is.
    copy = tmp_path / "copy"
    shutil.copytree(OPERATOR, copy)
    under_load(lab, **OVERLAP)
    assert issuers() == {"CN=apiary.swarm CA ca-2"}
    assert [version(lab, name, OPERATOR) for name in MANAGERS] == [200] * 3
    assert [version(lab, name, copy) for name in MANAGERS] == [200] * 3
    assert 200 not in [version(lab, name, early) for name in MANAGERS]

    site(lab, **SECOND)
    assert [version(lab, name, OPERATOR) for name in MANAGERS] == [200] * 3
    # It is the engines that refuse it: the copy itself still trusts both.
    answers = [version(lab, name, copy) for name in MANAGERS]
    assert 200 not in answers and not any("CERTIFICATE_VERIFY_FAILED" in answer for answer in answers), answers


def test_bad_input_changes_nothing_anywhere(lab, tmp_path):
    foreign = make_ca(tmp_path / "foreign", "foreign")
    expired = make_ca(tmp_path / "expired", "expired", days=-1)
    no_ca = make_ca(tmp_path / "no_ca", "no-ca", ca=False)
    locked = make_ca(tmp_path / "locked", "locked", passphrase="right and long")

    def external(folder, key=None, passphrase=""):
        return {"tls_ca_cert": str(folder / "ca.crt"), "tls_ca_key": str((key or folder) / "ca.key"), "tls_ca_passphrase": passphrase}

    cases = [
        ({"tls_ca_passphrase": "wrong and long"}, "passphrase"),
        ({"tls_ca_passphrase": ""}, "tls_ca_passphrase"),
        ({"tls_names": "{{ ['no such name'] if inventory_hostname == 'manager2' else [] }}"}, "no such name"),
        ({"tls_names": "{{ ['https://manager2'] if inventory_hostname == 'manager2' else [] }}"}, "https://manager2"),
        ({"tls_renew_before": 365}, "tls_renew_before"),
        ({"tls_clients": ["../operator"]}, "../operator"),
        ({"tls_trusted_cas": ["/nowhere/nobody.crt"]}, "nobody"),
        ({"tls_trusted_cas": ["nobody.crt"]}, "nobody"),
        ({"tls_directory": "tls"}, "relative"),
        ({"tls_directory": f"{FOLDER}/{{{{ inventory_hostname }}}}"}, "one absolute path for all hosts"),
        ({"engine_tls_directory": "~/tls"}, "not an absolute path"),
        (external(expired), "expired"),
        (external(no_ca), "ca.crt"),
        (external(foreign, key=expired), "belongs to another"),
        (external(locked, passphrase="wrong and long"), "passphrase"),
        (external(tmp_path / "nowhere"), "nowhere"),
    ]
    before = files(lab)
    # Runs that write nothing cannot be in each other's way, and two hosts are enough to differ.
    two = ["--limit", ",".join(MANAGERS[:2])]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(lambda case: site(lab, **{**SECOND, **case[0]}, check=False, more=two), cases))
    for (variables, words), (rc, changes, text) in zip(cases, runs):
        assert rc != 0 and not any(changes.values()), variables
        assert "Could not" in text and words in text, (variables, text[-1500:])
        assert "wrong and long" not in text
    assert files(lab) == before


def test_turned_off_it_is_gone(lab):
    _rc, recap, _text = lab.site()
    assert {name for name, counts in recap.items() if counts["changed"]} == set(MANAGERS)
    test_remote_api_is_off_until_it_is_turned_on(lab)
    before = lab.at_rest()
    _rc, recap, _text = lab.site()
    assert not any(counts["changed"] for counts in recap.values())
    assert not lab.changes_since(before)
