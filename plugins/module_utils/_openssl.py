# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program ``openssl s_client``: how it is called for one look, and what it printed. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

#: Certificates of one chain that are kept, and characters of one of them in PEM. OpenSSL itself takes 100 KB a chain.
MAX_CERTIFICATES = 20
MAX_PEM = 100_000
#: Everything the other side may want to negotiate; what is weak shall be seen and not refused.
ANY_CIPHER = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
_NEGOTIATED = re.compile(r"^(?:New|Reused), (TLSv1(?:\.\d)?|SSLv3), Cipher is ([A-Za-z0-9_-]{1,80})\s*$")
#: Printed only when the server asked for a certificate (OpenSSL 1.1.1 and 3, tried with and without).
_REQUEST_MARKS = ("Requested Signature Algorithms:", "Client Certificate Types:", "Acceptable client certificate CA")


@dataclass(frozen=True)
class Printed:
    """What ``s_client`` saw.

    Attributes:
        chain: certificates as presented, DER, the server's own first.
        version: negotiated protocol version such as ``TLSv1.3``, None without one.
        cipher: negotiated cipher suite, None without one.
        certificate_requested: whether the server asked the client for a certificate; None when no handshake came
            so far.
    """

    chain: tuple[bytes, ...]
    version: str | None
    cipher: str | None
    certificate_requested: bool | None


def arguments(address: str, port: int, server_name: str | None) -> list[str]:
    """The arguments behind ``openssl`` for one look at a chain.

    Args:
        address: address to dial, IPv6 without brackets.
        port: port to dial.
        server_name: name for SNI, None to send none.
    """
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    name = ["-noservername"] if server_name is None else ["-servername", server_name]
    # -prexit: a server that insists on a client certificate ends the handshake after it has shown its own.
    return ["s_client", "-connect", place, *name, "-showcerts", "-prexit", "-cipher", ANY_CIPHER]


def environment(path: str) -> dict[str, str]:
    """A fixed environment: no configuration file of the user or the system, no home, English.

    Args:
        path: the value of ``PATH``.
    """
    return {"PATH": path, "OPENSSL_CONF": "/dev/null", "HOME": "/nonexistent", "LC_ALL": "C"}


def read(output: str) -> Printed:
    """Read what ``s_client -showcerts -prexit`` printed; never raises.

    Only the first list under the heading ``Certificate chain`` counts: -prexit repeats it, and what follows may be
    text of the other side.
    """
    chain: list[bytes] = []
    version = cipher = None
    block: list[str] | None = None
    section = "before"
    requested = False
    for line in output.splitlines():
        if section == "before":
            section = "chain" if line == "Certificate chain" else "before"
        elif section == "chain" and block is None:
            if line == "-----BEGIN CERTIFICATE-----" and len(chain) < MAX_CERTIFICATES:
                block = []
            elif line == "---":
                section = "after"
        elif section == "chain" and block is not None:
            if line == "-----END CERTIFICATE-----":
                chain += _decoded("".join(block))
                block = None
            else:
                block.append(line[:80])
        elif version is None:
            requested = requested or line.startswith(_REQUEST_MARKS)
            found = _NEGOTIATED.match(line)
            if found:
                # Python calls it TLSv1.
                version, cipher = found.group(1).replace("TLSv1.0", "TLSv1"), found.group(2)
    return Printed(tuple(chain), version, cipher, requested if chain else None)


def _decoded(text: str) -> list[bytes]:
    if len(text) > MAX_PEM:
        return []
    try:
        return [base64.b64decode(text, validate=True)]
    except (binascii.Error, ValueError):
        return []
