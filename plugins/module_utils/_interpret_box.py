# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Would SteVe accept this charge box? What the answers to preflights and sessions mean, by release. Pure.

As with the endpoint, a judgement ends or names the one further question that would settle it.

Sources: SteVe's OcppWebSocketHandshakeHandler at the tags 3.4.9 to 3.14.1 (order of checks: id, registration,
credentials, subprotocol, then Spring's), answers seen on live servers of 3.4.9, 3.5.1, 3.6.1, 3.7.1, 3.8.0, 3.9.0,
3.12.0, 3.13.0 and 3.14.1. Up to 3.4.8 Spring's checks come first, so that a plain GET says nothing about the id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Mapping

from ansible_collections.chargeops.steve.plugins.module_utils import _handshake
from ansible_collections.chargeops.steve.plugins.module_utils._era import WITHOUT_PATTERN, Era
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind, recognise
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Failure
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen, note


class AskBox(Enum):
    """A question about a charge box that is still to be asked."""

    PREFLIGHT = "the preflight itself"
    WITHOUT_SUBPROTOCOL = "the same without Sec-WebSocket-Protocol"
    WITH_OCPP16 = "the same with ocpp1.6"
    MALFORMED_BASIC = "the same with an Authorization header that holds no token"
    OTHER_FORM = "the same with the password in its other form, hexadecimal digits or bytes"
    TLS_IN_FRONT = "the same with the header by which a proxy tells that TLS was used"


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
        client_certificate: whether the connection carries a client certificate.
    """

    era: Era
    hop: str
    secure: bool
    offered: tuple[str, ...]
    any_accepted: bool = False
    subprotocol_missing: bool = False
    client_certificate: bool = False


@dataclass(frozen=True)
class BoxCase:
    """What is known about one charge box so far.

    Attributes:
        charge_box_id: the id.
        password_given: whether the requests carried a password.
        seen: answers by question.
        has_other_form: whether the password can be written in another form.
    """

    charge_box_id: str
    password_given: bool
    seen: Mapping[AskBox, Seen]
    has_other_form: bool = False


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
    kind = recognise(seen.answer, facts.era)
    if _stopped_before_steve(case, facts, seen.answer.status, kind):
        return _refused("charge-box-id-invalid", "id", seen, why="its path is refused before SteVe looks at it")
    unreadable = not_interpreted(facts.era)
    if unreadable is not None:
        return _undetermined(seen, "registration", (), unreadable)
    if kind is Kind.UPGRADE_LOST:
        return ChargeBox("accepted", None, "upgrade", seen.status)
    if kind is Kind.EMPTY and seen.answer.status in _EMPTY_ANSWERS:
        return _EMPTY_ANSWERS[seen.answer.status](case, facts)
    return _odd_answer(case, facts, seen, kind)


def _stopped_before_steve(case: BoxCase, facts: HopFacts, status: int, kind: Kind) -> bool:
    """Whether the container, or Spring's firewall, refused the path that this id makes.

    The firewall answers 500 from 3.6.0 on; before that it is not on this path, and 500 is SteVe's own trouble.
    """
    if kind not in (Kind.SIGNIN, Kind.PAGE) or not _handshake.stopped_by_firewall(case.charge_box_id):
        return False
    return status != 500 or facts.era.at_least("3.6.0") is not False


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
    known = era.at_least("3.4.9")
    if known is None:
        return f"SteVe may be any release of {era}, and this answer depends on it; give the release as era"
    return None if known else (
        f"SteVe {era} answers a plain GET before it looks at the id (up to 3.4.8); "
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
    unchecked = facts.era.among(WITHOUT_PATTERN)
    odd_id = _handshake.violates_default_pattern(case.charge_box_id) and unchecked is not True
    if facts.era.is_runbook:
        finding = "subprotocol-unsupported" if facts.offered else "subprotocol-missing"
        return _refused(finding, "subprotocol", seen)
    if not facts.offered:
        return _box_400_without_subprotocol(case, facts, seen, odd_id)
    if odd_id or facts.any_accepted:
        why = None if odd_id else "other ids are accepted: this SteVe has a pattern of its own"
        return _refused("charge-box-id-invalid", "id", seen, why=why)
    if unchecked:
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
    """401 without a body: not registered up to 3.5.1; since 3.9.0 registered, and the security profile refuses."""
    seen = case.seen[AskBox.PREFLIGHT]
    if facts.era.at_least("3.6.0") is False:
        return _refused("charge-box-unregistered", "registration", seen, why="up to 3.5.1 the status for it is 401")
    if facts.era.at_least("3.9.0") is False:
        return _undetermined(seen, "credentials", (), f"SteVe {facts.era} never answers 401 here")
    if not case.password_given and not facts.client_certificate:
        return _undetermined(
            seen, "credentials", ("basic-auth-refused", *_other_profiles(facts)),
            "registered, asks for credentials: give its password in passwords, or its client certificate",
        )  # fmt: skip
    if AskBox.MALFORMED_BASIC not in case.seen:
        return AskBox.MALFORMED_BASIC
    malformed = case.seen[AskBox.MALFORMED_BASIC]
    if malformed.kind(facts.era) is Kind.EMPTY and malformed.status == 400:
        return _password_refused(case, facts)
    return _not_for_the_password(case, facts)


def _other_profiles(facts: HopFacts) -> tuple[str, ...]:
    """What refuses beside a wrong password: profile 3, and profile 2 where SteVe sees no TLS (since 3.14.0)."""
    if facts.era.at_least("3.14.0") is False or (facts.secure and facts.hop == "direct"):
        return ("client-certificate-refused",)
    tls = "proxy-scheme-not-forwarded" if facts.secure else "profile-requires-tls"
    return ("client-certificate-refused", tls)


def _password_refused(case: BoxCase, facts: HopFacts) -> ChargeBox | AskBox:
    """A malformed header gets 400, so that SteVe reads it: profile 1 or 2, and user name or password is wrong."""
    seen, malformed = case.seen[AskBox.PREFLIGHT], case.seen[AskBox.MALFORMED_BASIC]
    said = malformed.evidence("a malformed header gets 400, so SteVe reads it")
    if not case.password_given:
        box = _undetermined(
            seen, "credentials", ("basic-auth-refused",), "registered, asks for a password: give it in passwords"
        )
        return box.with_evidence(said)
    if case.has_other_form and AskBox.OTHER_FORM not in case.seen:
        return AskBox.OTHER_FORM
    why = "user name or password is wrong, or SteVe has none stored"
    if facts.era.at_least("3.11.0") is not True:
        why += "; up to 3.10 the user name must be spelt like SteVe's id, case included"
    more = []
    if case.has_other_form:
        other = case.seen[AskBox.OTHER_FORM]
        accepted = other.kind(facts.era) is Kind.UPGRADE_LOST
        if accepted:
            why = "SteVe knows this password in its other form: one side means hexadecimal digits, the other the bytes"
        more.append(other.evidence("accepted" if accepted else "refused, too"))
    return _refused("basic-auth-refused", "credentials", seen, said, *more, why=why)


def _not_for_the_password(case: BoxCase, facts: HopFacts) -> ChargeBox | AskBox:
    """SteVe did not come to look at the header: profile 3, profile 2 without TLS, or the header was lost."""
    seen, malformed = case.seen[AskBox.PREFLIGHT], case.seen[AskBox.MALFORMED_BASIC]
    said = malformed.evidence("SteVe did not come to look at the password")
    others = _other_profiles(facts)
    if case.password_given and len(others) > 1:
        if AskBox.TLS_IN_FRONT not in case.seen:
            return AskBox.TLS_IN_FRONT
        other = case.seen[AskBox.TLS_IN_FRONT]
        if other.kind(facts.era) is Kind.UPGRADE_LOST:
            why = "accepted as soon as SteVe is told that TLS was used: security profile 2"
            return _refused(others[1], "credentials", seen, said, other.evidence(why))
        said = other.evidence("the same when SteVe is told that TLS was used; it may listen to another header")
    if facts.hop == "direct" and len(others) == 1 and facts.client_certificate and malformed.status == 401:
        why = "security profile 3: its certificate's subject does not fit what SteVe knows of the box"
        return _refused("client-certificate-refused", "credentials", seen, said, why=why)
    if facts.hop != "direct" and case.password_given:
        others = (*others, "proxy-authorization-stripped")
    candidates = others if malformed.status == 401 else ("basic-auth-refused", *others)
    why = "registered, and refuses for its security profile"
    return _undetermined(seen, "credentials", candidates, why).with_evidence(said)


def _box_404(case: BoxCase, facts: HopFacts) -> ChargeBox | AskBox:
    """404 without a body: no offered subprotocol is enabled, or, since 3.6.0, the id is not registered."""
    seen = case.seen[AskBox.PREFLIGHT]
    if facts.era.at_least("3.6.0") is False:
        return _box_404_old(case, facts)
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


def _box_404_old(case: BoxCase, facts: HopFacts) -> ChargeBox | AskBox:
    """Up to 3.5.1 an unregistered id gets 401 before this; somebody else's empty 404 looks the same."""
    seen = case.seen[AskBox.PREFLIGHT]
    if AskBox.WITHOUT_SUBPROTOCOL not in case.seen:
        return AskBox.WITHOUT_SUBPROTOCOL
    other = case.seen[AskBox.WITHOUT_SUBPROTOCOL]
    if other.kind(facts.era) is Kind.EMPTY and other.status == 400:
        why = "registered: without subprotocol the answer is another"
        return _refused("subprotocol-unsupported", "subprotocol", seen, other.evidence(why))
    box = _undetermined(seen, "subprotocol", ("subprotocol-unsupported", "proxy-no-route"), "404 has two causes here")
    return box.with_evidence(other.evidence())


def _surely_enabled(facts: HopFacts) -> bool:
    """Before 3.10.0 no configuration could switch a subprotocol off."""
    known = any(item in _handshake.KNOWN_SUBPROTOCOLS for item in facts.offered)
    return known and facts.era.at_least("3.10.0") is False


_EMPTY_ANSWERS = {400: _box_400, 401: _box_401, 404: _box_404}


def _odd_answer(case: BoxCase, facts: HopFacts, seen: Seen, kind: Kind) -> ChargeBox:
    """An answer that is no verdict of SteVe's on the id."""
    if seen.answer is None:
        raise AssertionError
    status = seen.answer.status
    internal = kind is Kind.SIGNIN or (kind is Kind.PAGE and status == 500)
    if internal and _handshake.exceeds_data_base(case.charge_box_id):
        why = "the data base's column ends at U+FFFF, and this id has a character beyond it"
        if facts.any_accepted:
            return _refused("charge-box-id-invalid", "id", seen, why=f"{why}; other ids are looked up")
        return _undetermined(seen, "id", ("charge-box-id-invalid", "db-unreachable"), why)
    if internal:
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
