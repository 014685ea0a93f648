# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the program ``openssl`` is told and what it prints."""

from __future__ import annotations

import base64

from ansible_collections.chargeops.steve.plugins.module_utils import _openssl
from hypothesis import given
from hypothesis import strategies as some

PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----"
# The frame of what 1.1.1 and 3.0 print.
OUTPUT = """CONNECTED(00000003)
---
Certificate chain
 0 s:CN = a
   i:CN = b
{first}
 1 s:CN = b
   i:CN = c
{second}
---
Server certificate
subject=CN = a
---
{request}---
SSL handshake has read 1000 bytes
---
New, TLSv1.2, Cipher is ECDHE-RSA-AES256-GCM-SHA384
---
Certificate chain
 0 s:CN = again
{first}
---
"""


def pem(data: bytes) -> str:
    return PEM.format(base64.encodebytes(data).decode().strip())


def test_the_chain_is_read_once_and_in_order() -> None:
    output = OUTPUT.format(first=pem(b"first" * 30), second=pem(b"second" * 30), request="")
    found = _openssl.read(output)
    assert found.chain == (b"first" * 30, b"second" * 30)
    assert (found.version, found.cipher) == ("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384")
    assert found.certificate_requested is False


def test_a_request_for_a_client_certificate_is_seen() -> None:
    output = OUTPUT.format(
        first=pem(b"x"), second=pem(b"y"), request="Client Certificate Types: RSA sign, ECDSA sign\n"
    )
    assert _openssl.read(output).certificate_requested is True


def test_nothing_printed_is_nothing_seen() -> None:
    assert _openssl.read("connect:errno=111\n") == _openssl.Printed((), None, None, None)


@given(some.text(max_size=400), some.text(max_size=400))
def test_any_text_is_read_without_an_error(before: str, inside: str) -> None:
    found = _openssl.read(f"{before}\nCertificate chain\n{PEM.format(inside)}\n")
    assert len(found.chain) <= 1


def test_a_flood_of_certificates_is_cut() -> None:
    output = "Certificate chain\n" + (pem(b"x") + "\n") * 1000
    assert len(_openssl.read(output).chain) == _openssl.MAX_CERTIFICATES
    assert _openssl.read("Certificate chain\n" + pem(b"x" * _openssl.MAX_PEM)).chain == ()


def test_arguments_hold_the_place_and_the_name_and_read_no_configuration() -> None:
    assert _openssl.arguments("192.0.2.1", 443, "charge.example.net")[:5] == [
        "s_client", "-connect", "192.0.2.1:443", "-servername", "charge.example.net",
    ]  # fmt: skip
    assert _openssl.arguments("2001:db8::1", 443, None)[:4] == [
        "s_client",
        "-connect",
        "[2001:db8::1]:443",
        "-noservername",
    ]
    assert _openssl.environment("/usr/bin") == {
        "PATH": "/usr/bin", "OPENSSL_CONF": "/dev/null", "HOME": "/nonexistent", "LC_ALL": "C",
    }  # fmt: skip
