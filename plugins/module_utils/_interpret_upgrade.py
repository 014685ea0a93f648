# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Would a WebSocket upgrade get through this hop? What the answers to gates mean, by release. Pure.

Sources: Spring's AbstractHandshakeHandler, Jetty's extension negotiation; seen on live servers of 3.7.1, 3.8.0 and
3.14.1, directly and behind nginx 1.22 in seven configurations.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils import _handshake
from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind, recognise
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen


@dataclass(frozen=True)
class UpgradePath:
    """Would a WebSocket upgrade get through this hop?

    Attributes:
        verdict: ``proven`` | ``broken`` | ``unproven``.
        finding: id of the finding when broken, None when it stays open.
        gates: gate and status, in the order sent.
        evidence: requests and answers.
        reason: why it is unproven, None otherwise.
    """

    verdict: str
    finding: str | None = None
    gates: tuple[tuple[str, int | None], ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON form."""
        return {
            "verdict": self.verdict, "finding": self.finding, "reason": self.reason,
            "gates": [{"gate": gate, "status": status} for gate, status in self.gates],
            "evidence": list(self.evidence),
        }  # fmt: skip


class Passage(Enum):
    """What a complete upgrade request met."""

    ARRIVED = "both headers arrived"
    WORKS = "everything arrived, HTTP/1.1 included"
    UPGRADE_LOST = "proxy-upgrade-stripped"
    CONNECTION_LOST = "proxy-connection-stripped"
    HTTP10 = "proxy-http10-upstream"
    REFUSED = "SteVe refused the id, its credentials or the subprotocol"
    BLOCKED = "somebody else answered"
    OPEN = "no answer that tells"


#: What each passage says in evidence.
_PASSAGE_NOTES = {
    Passage.ARRIVED: "Upgrade and Connection arrive",
    Passage.WORKS: "the whole upgrade arrives",
    Passage.UPGRADE_LOST: "the Upgrade header does not arrive",
    Passage.CONNECTION_LOST: "Upgrade arrives, Connection does not",
    Passage.HTTP10: "the upgrade arrives over HTTP/1.0, which cannot carry it",
    Passage.REFUSED: "SteVe refuses the id here although the preflight was accepted",
    Passage.BLOCKED: "the preflight came through, the upgrade request did not",
    Passage.OPEN: "this does not tell whether an upgrade works",
}


def passage(seen: Seen, era: Era) -> Passage:
    """Read the answer to a gate or to a full handshake. Directly and through nginx 1.22 seen on 3.7.1 and 3.14.1."""
    if seen.answer is None:
        return Passage.OPEN
    answer, kind = seen.answer, recognise(seen.answer, era)
    if kind is Kind.SWITCHED:
        return Passage.WORKS
    if kind is Kind.UPGRADE_LOST:
        return Passage.UPGRADE_LOST
    if kind is Kind.CONNECTION_LOST:
        return Passage.CONNECTION_LOST
    if answer.status == 426:
        return Passage.ARRIVED
    if kind is Kind.PAGE and answer.status == 400:
        # Jetty refuses a lost Connection before Spring Security can mark the answer; the last gate comes after.
        last = _handshake.LAST_GATE_TEXT in answer.text() or _handshake.has_mark(answer)
        return Passage.WORKS if last else Passage.CONNECTION_LOST
    if answer.status == 200 and _handshake.is_empty(answer):
        return Passage.HTTP10
    if kind is Kind.SIGNIN:
        # The last gate's own answer since 3.9.0 (error dispatch), and that of any internal error.
        return Passage.OPEN if era.at_least("3.9.0") is False else Passage.WORKS
    if kind is Kind.EMPTY and answer.status in (400, 401, 404):
        return Passage.REFUSED
    return Passage.BLOCKED if kind is Kind.STRANGER else Passage.OPEN


def upgrade_path(era: Era, version: Seen | None, last: Seen | None, reason: str | None) -> UpgradePath:
    """Judge a hop by its gates.

    Args:
        era: range of releases.
        version: the version gate, None when it was not sent.
        last: the last gate, None when it was not sent; it must follow an accepted preflight immediately, because
            from 3.9.0 on its answer is that of an internal error, too.
        reason: why a gate was not sent.
    """
    gates: list[tuple[str, int | None]] = []
    evidence: list[dict[str, Any]] = []
    result = Passage.OPEN
    for name, seen in (("version", version), ("last", last)):
        if seen is None:
            continue
        result = passage(seen, era)
        if name == "version" and seen.kind(era) is Kind.SIGNIN:
            result = Passage.OPEN
        told = _PASSAGE_NOTES[result]
        if seen.status == 101:
            told = "a session was opened and closed at once: something on the way answers or changes the " + (
                "version" if name == "version" else "Sec-WebSocket-Extensions header"
            )
        gates.append((name, seen.status))
        evidence.append(seen.evidence(told))
        if result is not Passage.ARRIVED:
            break
    if result is Passage.WORKS:
        return UpgradePath("proven", None, tuple(gates), tuple(evidence))
    if result in (Passage.UPGRADE_LOST, Passage.CONNECTION_LOST, Passage.HTTP10):
        return UpgradePath("broken", result.value, tuple(gates), tuple(evidence))
    if result is Passage.BLOCKED:
        return UpgradePath("broken", None, tuple(gates), tuple(evidence))
    why = reason or _PASSAGE_NOTES[result]
    return UpgradePath("unproven", None, tuple(gates), tuple(evidence), why)
