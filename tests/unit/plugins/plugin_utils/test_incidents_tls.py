# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Incidents from public threads that a probe can see: each is rebuilt, and the diagnosis names its cause.

Those that no probe can see stand in docs/limits.md with the reason; a test holds the two lists together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse

from tests import certificates
from tests.certificates import NAME, authority, server
from tests.unit.plugins.plugin_utils.documents import broken, probe
from tests.unit.plugins.plugin_utils.documents_tls import AT, MADE, URL, behind_tls, endpoint

TRUSTS = {"ok": True, "code": 0, "reason": None}
LIMITS = Path(__file__).resolve().parents[4] / "docs" / "limits.md"


def replaced_root() -> dict[str, Any]:
    """The backend's authority was replaced; browsers know the new root, the firmware holds the old one."""
    old, new = authority("Backend Root 2016"), authority("Backend Root 2026")
    lower = authority("Backend CA", new)
    return behind_tls(endpoint(chain=[server(lower, NAME).der, lower.der], verification=TRUSTS), store=(old,))


def expired_root() -> dict[str, Any]:
    """The root in the firmware ended one day; nothing that is presented changed."""
    root = authority("Backend Root", ends=AT - timedelta(days=1))
    lower = authority("Backend CA", root)
    return behind_tls(endpoint(chain=[server(lower, NAME).der, lower.der], verification=TRUSTS), store=(root,))


def shorter_chain() -> dict[str, Any]:
    """After a renewal the cross-certificate is left out that led to the only root in the firmware."""
    old, new = authority("DST Root"), authority("ISRG Root")
    crossed = authority("ISRG Root", old, key=new.key)
    lower = authority("R3", new)
    leaf = server(lower, NAME, public=True)
    before = behind_tls(endpoint(chain=[leaf.der, lower.der, crossed.der], verification=TRUSTS), store=(old,))
    assert named(before) == []
    return behind_tls(endpoint(chain=[leaf.der, lower.der], verification=TRUSTS), store=(old,))


def no_intermediate() -> dict[str, Any]:
    """Browsers fetch the intermediate, the charger does not; the server's log stays empty."""
    leaf = server(MADE.intermediate, NAME, public=True, aia="http://i.example.net/r3.crt")
    return behind_tls(endpoint(chain=[leaf.der]))


def other_name() -> dict[str, Any]:
    """The right authority, and a name that is not in the certificate: an address in the URL."""
    asked = URL.replace(NAME, "192.0.2.1")
    return behind_tls(endpoint(host="192.0.2.1"), public=asked)


def common_name_only() -> dict[str, Any]:
    """An old certificate whose only name is its common name."""
    made = certificates._issue(NAME, MADE.intermediate, MADE.leaf.key)
    return behind_tls(endpoint(chain=[made.der, MADE.intermediate.der]))


def wss_to_plain() -> dict[str, Any]:
    """wss in the charger, and the port of plain HTTP."""
    unseen = endpoint(reason="the TLS handshake failed: wrong version number")
    failed = probe("proxy", endpoint=broken("tls-on-plain-port", "tls"), rows=[], url=URL)
    return behind_tls(unseen, probes=[probe(), failed])


def ws_to_tls() -> dict[str, Any]:
    """ws in the charger, and the port of https."""
    url = URL.replace("wss", "ws")
    failed = probe("proxy", endpoint=broken("plain-on-tls-port", "http"), rows=[], url=url)
    return behind_tls(probes=[probe(), failed], public=url)


@dataclass(frozen=True)
class Incident:
    """Row of the table of incidents, its thread, how it is rebuilt, and what the diagnosis has to say."""

    row: str
    thread: str
    rebuilt: Callable[[], dict[str, Any]]
    expected: str
    says: str


INCIDENTS = [
    Incident("D1", "smartevse35#363", replaced_root, "tls-untrusted", "The host that looked does trust it"),
    Incident("D1", "smartevse35#363", expired_root, "tls-untrusted", "expired on"),
    Incident("D2", "openevse#806", shorter_chain, "tls-untrusted", "ISRG Root, which issued CN=R3, is not among"),
    Incident(
        "D4", "ha-ocpp#1599", no_intermediate, "tls-chain-incomplete", "Browsers fetch it from http://i.example.net"
    ),
    Incident("D5", "MO#85", other_name, "tls-name-mismatch", "The URL says 192.0.2.1"),
    Incident("D5", "MO#85", common_name_only, "tls-name-mismatch", "common name would match"),
    Incident("D8", "steve#930", wss_to_plain, "tls-on-plain-port", "TLS was spoken to a plain port"),
    Incident("D8", "steve#296", ws_to_tls, "plain-on-tls-port", "Plain HTTP was spoken to a TLS port"),
    Incident("D14", "citrineos#24", wss_to_plain, "tls-on-plain-port", "TLS was spoken to a plain port"),
]
#: Rows of the same table that no probe can see (of D5: one of its two causes).
UNSEEN = ("D5", "D10", "D13")
#: Rows that are staged on the wire or in SteVe's log (tests/unit/plugins/test_incidents.py).
ON_THE_WIRE = ("D7", "D11", "D16")


def named(document: dict[str, Any]) -> list[tuple[str, str]]:
    result = analyse([document], ["steve-a"], "20261123T010203Z-7f3a")
    return [(item["id"], item["message"]) for item in result["findings"]]


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda item: f"{item.row} {item.rebuilt.__name__}")
def test_the_cause_of_an_incident_is_named_and_nothing_else(incident: Incident) -> None:
    ((id, message),) = named(incident.rebuilt())
    assert id == incident.expected
    assert incident.says in message


def test_every_row_is_rebuilt_or_explained() -> None:
    rows = {"D1", "D2", "D4", "D5", "D7", "D8", "D10", "D11", "D13", "D14", "D16"}
    assert {item.row for item in INCIDENTS} | set(UNSEEN) | set(ON_THE_WIRE) == rows
    text = LIMITS.read_text(encoding="utf-8").partition("\n## TLS\n")[2].partition("\n## ")[0]
    for row in UNSEEN:
        assert f"| [{row}](" in text, row
