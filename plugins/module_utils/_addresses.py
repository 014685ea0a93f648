# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of one name: what each of them leads to, compared with the one that the probe used. Pure.

A charger picks one address and often stays with it, so a name of which one address is dead or leads to another
server is "it works for some". Where the prober itself has no IPv6, that says nothing about the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Failure
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_endpoint import network_finding
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen

ELSEWHERE = "public-url-elsewhere"
#: Status of an answer that is not SteVe's → finding. Others (a limit, an internal error) may come from anybody.
_FINDINGS = {
    **dict.fromkeys(range(200, 400), ELSEWHERE), 404: ELSEWHERE, 410: ELSEWHERE,
    401: "proxy-login-wall", 407: "proxy-login-wall",
    **dict.fromkeys((502, 503, 504), "proxy-bad-gateway"),
}  # fmt: skip


@dataclass
class AddressRow:
    """One address, as it stands in ``endpoint.addresses``.

    Attributes:
        address: IPv6 without brackets.
        port: the port.
        outcome: ``connected`` | ``refused`` | ``timeout`` | ``unreachable`` | ``no-ipv6`` | ``deadline``.
        elapsed_ms: how long dialling took.
        finding: what is wrong with this address alone, None for nothing or not known.
        note: a sentence about it, None when there is nothing to say.
        used: whether the probe asked everything else at this address.
        evidence: the answer that differs, None without one.
    """

    address: str
    port: int
    outcome: str
    elapsed_ms: float
    finding: str | None = None
    note: str | None = None
    used: bool = False
    evidence: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "address": self.address, "port": self.port, "outcome": self.outcome, "elapsed_ms": self.elapsed_ms,
            "used": self.used, "finding": self.finding, "note": self.note, "evidence": self.evidence,
        }  # fmt: skip


def dialled(address: str, port: int, outcome: str, elapsed_ms: float, failure: Failure | None) -> AddressRow:
    """An address that was dialled, and why it could not be connected."""
    if failure is None:
        return AddressRow(address, port, outcome, elapsed_ms)
    return AddressRow(address, port, outcome, elapsed_ms, network_finding(failure), failure.sentence)


def is_steve(signin: Seen, era: Era) -> bool:
    """Whether an address answered with SteVe's sign-in page."""
    return signin.kind(era) is Kind.SIGNIN_PAGE


def compare(row: AddressRow, signin: Seen, era: Era) -> None:
    """Note on an address that it does not lead to SteVe, although another one of the same name does.

    Args:
        row: the address; its ``finding``, ``note`` and ``evidence`` are set when it differs.
        signin: what it answered to a GET of the sign-in page.
        era: range of releases.
    """
    if is_steve(signin, era) or signin.failed("deadline"):
        return
    row.evidence = signin.evidence()
    if signin.failure is not None:
        row.finding, row.note = network_finding(signin.failure), signin.failure.sentence
        return
    row.finding = _FINDINGS.get(signin.status or 0)
    row.note = f"SteVe's sign-in page is at another address of this name; here the answer is {signin.status}"
