# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Would SteVe accept this charge box? What the answers to preflights and sessions mean, by release. Pure.

As with the endpoint, a judgement ends or names the one further question that would settle it.

Sources: SteVe's OcppWebSocketHandshakeHandler at the tags 3.6.0 to 3.14.1 (order of checks: id, registration,
credentials, subprotocol, then Spring's), answers seen on live servers of 3.7.1, 3.8.0, 3.9.0, 3.12.0 and 3.14.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Mapping

from ansible_collections.chargeops.steve.plugins.module_utils import _handshake
from ansible_collections.chargeops.steve.plugins.module_utils._era import Era
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind, recognise
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Failure
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen, note


class AskBox(Enum):
    """A question about a charge box that is still to be asked."""

    PREFLIGHT = "the preflight itself"
    WITHOUT_SUBPROTOCOL = "the same without Sec-WebSocket-Protocol"
    WITH_OCPP16 = "the same with ocpp1.6"
    MALFORMED_BASIC = "the same with an Authorization header that holds no token"


@dataclass(frozen=True)
class HopFacts:
    """What holds for every charge box asked on one hop.

    Attributes:
        era: range of releases.
        hop: label of the hop.
        secure: whether the URL is wss.
        offered: subprotocols in the requests.
        any_accepted: whether some id was accepted with the same subprotocols.
        subprotocol_missing: whether a further request showed that only the missing subprotocol was refused.
    """

    era: Era
    hop: str
    secure: bool
    offered: tuple[str, ...]
    any_accepted: bool = False
    subprotocol_missing: bool = False


@dataclass(frozen=True)
class BoxCase:
    """What is known about one charge box so far.

    Attributes:
        charge_box_id: the id.
        password_given: whether the requests carried a password.
        seen: answers by question.
    """

    charge_box_id: str
    password_given: bool
    seen: Mapping[AskBox, Seen]


@dataclass(frozen=True)
class ChargeBox:
    """Would SteVe accept this id?

    Attributes:
        verdict: ``accepted`` | ``refused`` | ``undetermined``.
        finding: id of the finding when refused.
        stage: ``id`` | ``registration`` | ``credentials`` | ``subprotocol`` | ``upgrade`` | ``session``.
        candidates: findings still possible when undetermined.
        status: status of the preflight, None without an answer.
        evidence: requests and answers.
        knocked: whether SteVe counted the id as unknown.
    """

    verdict: str
    finding: str | None
    stage: str
    status: int | None = None
    candidates: tuple[str, ...] = ()
    evidence: tuple[dict[str, Any], ...] = ()
    knocked: bool = False

    def with_evidence(self, *items: dict[str, Any]) -> ChargeBox:
        """The same with further evidence."""
        return replace(self, evidence=(*self.evidence, *items))


def charge_box(case: BoxCase, facts: HopFacts) -> ChargeBox | AskBox:
    """Judge one preflight, or name the question that has to be asked first."""
    seen = case.seen[AskBox.PREFLIGHT]
    if seen.answer is None:
        return _unanswered_box(seen)
    unreadable = not_interpreted(facts.era)
    if unreadable is not None:
        return _undetermined(seen, "registration", (), unreadable)
    kind = recognise(seen.answer, facts.era)
    if kind is Kind.UPGRADE_LOST:
        return ChargeBox("accepted", None, "upgrade", seen.status)
    if kind is Kind.EMPTY and seen.answer.status in _EMPTY_ANSWERS:
        return _EMPTY_ANSWERS[seen.answer.status](case, facts)
    return _odd_answer(case, seen, kind)


def not_asked(reason: str, candidates: tuple[str, ...]) -> ChargeBox:
    """A charge box that was not asked because of what another one's request showed."""
    return ChargeBox("undetermined", None, "registration", None, candidates, (note(f"not asked: {reason}"),))


def _undetermined(seen: Seen, stage: str, candidates: tuple[str, ...], why: str) -> ChargeBox:
    return ChargeBox("undetermined", None, stage, seen.status, candidates, (seen.evidence(why),))


def _refused(finding: str, stage: str, seen: Seen, *more: dict[str, Any], why: str | None = None) -> ChargeBox:
    knocked = finding == "charge-box-unregistered"
    return ChargeBox("refused", finding, stage, seen.status, (), (seen.evidence(why), *more), knocked)


def not_interpreted(era: Era) -> str | None:
    """Why answers of these releases to a preflight are left open, None when they are not."""
    known = era.at_least("3.6.0")
    if known is None:
        return f"SteVe may be any release of {era}, and this answer depends on it; give the release as era"
    return None if known else (
        f"answers of SteVe {era} are not interpreted (they mean something else before 3.6); "
        "SteVe's charge point list, or a full handshake with a dedicated id, settles it"
    )  # fmt: skip


#: Failure of a preflight → candidates. The sign-in page answered before, so the server itself is there.
_BOX_FAILURES = {
    "timeout": ("db-unreachable", "http-timeout"),
    "closed": ("connection-closed",),
    "refused": ("tcp-refused",),
    "connect-timeout": ("tcp-timeout",),
    "unreachable": ("host-unreachable",),
    "not-http": ("not-http",),
    "deadline": (),
}


def failure_candidates(failure: Failure | None) -> tuple[str, ...]:
    """What an id may suffer from that got this failure, or was not asked after it."""
    return () if failure is None else _BOX_FAILURES.get(failure.kind, ())


def _unanswered_box(seen: Seen) -> ChargeBox:
    if seen.failure is None:
        raise AssertionError
    candidates = failure_candidates(seen.failure)
    why = None
    if seen.failure.kind == "timeout":
        why = "SteVe hangs on this path when its data base does not answer; its log and the db service settle it"
    return _undetermined(seen, "registration", candidates, why or "")


def _box_400(case: BoxCase, facts: HopFacts) -> ChargeBox | AskBox:
    """400 without a body: the id's pattern, or no subprotocol arrived."""
    seen = case.seen[AskBox.PREFLIGHT]
    odd_id = _handshake.violates_default_pattern(case.charge_box_id)
    if facts.era.is_runbook:
        finding = "subprotocol-unsupported" if facts.offered else "subprotocol-missing"
        return _refused(finding, "subprotocol", seen)
    if not facts.offered:
        return _box_400_without_subprotocol(case, facts, seen, odd_id)
    if odd_id or facts.any_accepted:
        why = None if odd_id else "other ids are accepted: this SteVe has a pattern of its own"
        return _refused("charge-box-id-invalid", "id", seen, why=why)
    if facts.era.min == facts.era.max and facts.era.min in ("3.6.0", "3.7.0"):
        # These two releases check no pattern on the handshake.
        return _refused("subprotocol-missing", "subprotocol", seen, why="Sec-WebSocket-Protocol did not arrive")
    return _undetermined(
        seen, "id", ("charge-box-id-invalid", "subprotocol-missing"),
        "SteVe's pattern for ids refuses this one, or Sec-WebSocket-Protocol is lost on the way; "
        "the direct hop, or an id that is registered, settles it",
    )  # fmt: skip


def _box_400_without_subprotocol(case: BoxCase, facts: HopFacts, seen: Seen, odd_id: bool) -> ChargeBox | AskBox:
    """None was offered on purpose: is it only that?"""
    if facts.subprotocol_missing and not odd_id:
        return _refused("subprotocol-missing", "subprotocol", seen)
    if AskBox.WITH_OCPP16 not in case.seen:
        return AskBox.WITH_OCPP16
    other = case.seen[AskBox.WITH_OCPP16]
    kind = other.kind(facts.era)
    if kind is Kind.UPGRADE_LOST or (kind is Kind.EMPTY and other.status == 404):
        return _refused("subprotocol-missing", "subprotocol", seen, other.evidence("the id is registered"))
    if kind is Kind.EMPTY and other.status == 400:
        return _refused("charge-box-id-invalid", "id", seen, other.evidence())
    box = _undetermined(seen, "id", ("charge-box-id-invalid", "subprotocol-missing"), "400 has two causes here")
    return box.with_evidence(other.evidence())


def _box_401(case: BoxCase, facts: HopFacts) -> ChargeBox | AskBox:
    """401 without a body, since 3.9.0: the box is registered and its security profile refuses."""
    seen = case.seen[AskBox.PREFLIGHT]
    if facts.era.at_least("3.9.0") is False:
        return _undetermined(seen, "credentials", (), f"SteVe {facts.era} never answers 401 here")
    others = ["client-certificate-refused"]
    if facts.era.at_least("3.14.0") is not False:
        others.append("profile-requires-tls")
    if facts.hop != "direct" and case.password_given:
        others.append("proxy-authorization-stripped")
    if not case.password_given:
        return _undetermined(
            seen, "credentials", ("basic-auth-refused", *others),
            "registered, asks for credentials: give its password in passwords, or its client certificate",
        )  # fmt: skip
    if AskBox.MALFORMED_BASIC not in case.seen:
        return AskBox.MALFORMED_BASIC
    other = case.seen[AskBox.MALFORMED_BASIC]
    if other.kind(facts.era) is Kind.EMPTY and other.status == 400:
        why = "a malformed header gets 400, so SteVe reads it: user name or password is wrong, or none is stored"
        return _refused("basic-auth-refused", "credentials", seen, other.evidence(why))
    candidates = tuple(others) if other.status == 401 else ("basic-auth-refused", *others)
    box = _undetermined(seen, "credentials", candidates, "registered, and refuses for its security profile")
    return box.with_evidence(other.evidence("SteVe did not come to look at the password"))


def _box_404(case: BoxCase, facts: HopFacts) -> ChargeBox | AskBox:
    """404 without a body, since 3.6.0: not registered, or no offered subprotocol is enabled."""
    seen = case.seen[AskBox.PREFLIGHT]
    if facts.any_accepted or facts.era.is_runbook or not facts.offered or _surely_enabled(facts):
        return _refused("charge-box-unregistered", "registration", seen)
    if AskBox.WITHOUT_SUBPROTOCOL not in case.seen:
        return AskBox.WITHOUT_SUBPROTOCOL
    other = case.seen[AskBox.WITHOUT_SUBPROTOCOL]
    own = other.kind(facts.era) is Kind.EMPTY
    if own and other.status == 404:
        return _refused("charge-box-unregistered", "registration", seen, other.evidence("also 404 without subprotocol"))
    if own and other.status == 400:
        why = "registered: without subprotocol the answer is another"
        return _refused("subprotocol-unsupported", "subprotocol", seen, other.evidence(why))
    box = _undetermined(
        seen, "registration", ("charge-box-unregistered", "subprotocol-unsupported"), "404 has two causes"
    )
    return replace(box.with_evidence(other.evidence()), knocked=True)


def _surely_enabled(facts: HopFacts) -> bool:
    """Before 3.10.0 no configuration could switch a subprotocol off."""
    known = any(item in _handshake.KNOWN_SUBPROTOCOLS for item in facts.offered)
    return known and facts.era.at_least("3.10.0") is False


_EMPTY_ANSWERS = {400: _box_400, 401: _box_401, 404: _box_404}


def _odd_answer(case: BoxCase, seen: Seen, kind: Kind) -> ChargeBox:
    """An answer that is no verdict of SteVe's on the id."""
    if seen.answer is None:
        raise AssertionError
    status = seen.answer.status
    if kind in (Kind.SIGNIN, Kind.PAGE) and _handshake.stopped_by_firewall(case.charge_box_id):
        return _refused("charge-box-id-invalid", "id", seen, why="its path is refused before SteVe looks at it")
    if kind is Kind.SIGNIN or (kind is Kind.PAGE and status == 500):
        return _undetermined(
            seen, "registration", ("db-unreachable",),
            "an internal error of SteVe's while it looked the id up; its log settles it",
        )  # fmt: skip
    if status in (502, 503, 504):
        return _undetermined(seen, "registration", ("proxy-bad-gateway",), "a proxy answered in SteVe's place")
    return _undetermined(seen, "registration", (), "this is not SteVe's answer to a charge box")


#: Status in the answer to a BootNotification → verdict and finding.
_BOOT = {
    "Accepted": ("accepted", None),
    "Pending": ("accepted", "charge-box-pending"),
    "Rejected": ("refused", "charge-box-rejected"),
}


def after_session(
    seen: Seen,
    offered: tuple[str, ...],
    booted: bool,
    subprotocol: str | None,
    accept_ok: bool,
    boot: Mapping[str, Any] | None,
    notes: list[str],
) -> ChargeBox:
    """Judge a charge box by its session.

    Args:
        seen: the full handshake, answered with 101.
        offered: subprotocols that were offered.
        booted: whether a BootNotification was sent.
        subprotocol: what the server chose.
        accept_ok: whether Sec-WebSocket-Accept was right.
        boot: what stood in the answer to the BootNotification.
        notes: what else happened.
    """
    evidence = (seen.evidence("; ".join(notes)),) if notes else ()
    if not accept_ok:
        return ChargeBox("undetermined", None, "session", seen.status, (), evidence)
    if subprotocol is None or subprotocol not in offered:
        # RFC 6455, 4.1: a client must fail the connection then, and chargers do.
        said = seen.evidence("the server chose no subprotocol, or one that was not offered")
        return ChargeBox("undetermined", None, "subprotocol", seen.status, (), (*evidence, said))
    if not booted:
        return ChargeBox("accepted", None, "session", seen.status, (), evidence)
    if boot is None:
        return ChargeBox("undetermined", None, "session", seen.status, (), evidence)
    verdict, finding = _BOOT.get(str(boot.get("status")), ("undetermined", None))
    if finding is not None or verdict == "undetermined":
        evidence = (*evidence, note(f"the BootNotification was answered with the status {boot.get('status')}"))
    return ChargeBox(verdict, finding, "session", seen.status, (), evidence)
