# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The probe as a whole: one hop, one vantage, any number of charge boxes. Edge: it asks, ``_interpret_*`` judges.

The order spares a server in trouble: addresses, sign-in page, release, ONE preflight, then the others at the same
time, then the gates. With a dead data base SteVe lets preflights queue for 30 s each, so the first one that hangs
is the last one sent.
"""

from __future__ import annotations

import base64
import math
import os
import ssl
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Iterator, Sequence

from ansible_collections.chargeops.steve.plugins.module_utils import (
    _addresses,
    _dial,
    _era,
    _handshake,
    _interpret_box,
    _interpret_endpoint,
    _interpret_upgrade,
    _options,
    _same_steve,
    _session,
)
from ansible_collections.chargeops.steve.plugins.module_utils._dial import Address, Clock
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from ansible_collections.chargeops.steve.plugins.module_utils._handshake import Kind, recognise
from ansible_collections.chargeops.steve.plugins.module_utils._http1 import Answer, Failure
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_box import AskBox, ChargeBox
from ansible_collections.chargeops.steve.plugins.module_utils._interpret_endpoint import Ask
from ansible_collections.chargeops.steve.plugins.module_utils._seen import Seen, compact, narrowed, note
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.module_utils._wire import Job, Reply, Wire

SCHEMA = "chargeops.steve/probe/1"
MODES = ("preflight", "handshake", "boot")
FAIL_ON = ("never", "refused", "undetermined")
MAX_CONCURRENCY = 256
#: An internal error after so many seconds is SteVe waiting for its data base; the other ids would wait, too.
SLOW_S = 3.0


@dataclass
class ProbeRequest:
    """What to probe. The names are those of the options of M(chargeops.steve.steve_ws_probe).

    Attributes:
        url: WebSocket URL without charge box id.
        charge_box_ids: ids to ask about.
        passwords: password of security profile 1 or 2 by id; never in results.
        mode: ``preflight`` | ``handshake`` | ``boot``; the last two open sessions.
        subprotocols: offered in this order; with none the header is not sent.
        last_gate: whether to send the last gate.
        gate_charge_box_id: id for the gates, None for the first id that is accepted.
        hop: label; ``direct`` means that nobody is between the prober and SteVe.
        vantage: label.
        return_accepted: whether accepted ids have rows of their own.
        concurrency: connections at the same time.
        rate: requests per second, 0 for no limit.
        connect_to: ``host:port`` to dial instead of the URL's.
        validate_certs: whether a certificate is verified.
        ca_path: PEM file of trusted authorities, None for the system's.
        client_cert: PEM file with a client certificate.
        client_key: PEM file with its key.
        timeout: seconds for one request.
        deadline: seconds for everything.
        era: release if it is known, None to detect it.
        detect_era: whether to look for the release even where it is known, to tell one SteVe from another.
        ask_ids: False to look at endpoint and gates only.
        check_mode: True to open no session whatever the mode.
    """

    url: str
    charge_box_ids: Sequence[str] = ()
    passwords: dict[str, str] = field(default_factory=dict)
    mode: str = "preflight"
    subprotocols: Sequence[str] = ("ocpp1.6",)
    last_gate: bool = False
    gate_charge_box_id: str | None = None
    hop: str = "direct"
    vantage: str = "host"
    return_accepted: bool = True
    concurrency: int = 8
    rate: float = 100.0
    connect_to: str | None = None
    validate_certs: bool = True
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    timeout: float = 10.0
    deadline: float = 60.0
    era: _era.Era | None = None
    detect_era: bool = False
    ask_ids: bool = True
    check_mode: bool = False


def probe(request: ProbeRequest, clock: Clock | None = None) -> dict[str, Any]:
    """Probe one hop.

    Args:
        request: what to probe.
        clock: where times come from.

    Returns:
        The document ``chargeops.steve/probe/1``.

    Raises:
        InputError: the request cannot be used; nothing was sent.
    """
    return _Probe(request, clock or Clock()).run()


def failed_because(document: dict[str, Any], fail_on: str) -> str | None:
    """Why a task fails on this document, None when it does not.

    Args:
        document: result of ``probe``.
        fail_on: ``never`` | ``refused`` | ``undetermined`` (which includes refused).
    """
    if fail_on == "never":
        return None
    broken, summary = path_broken_because(document), document["summary"]
    if broken is not None:
        return broken
    if summary["refused"]:
        return f"SteVe refuses {summary['refused']} of {summary['asked']} charge boxes: {_list(document, 'refused')}."
    if fail_on == "undetermined" and summary["undetermined"]:
        count = f"{summary['undetermined']} of {summary['asked']}"
        return f"It stays open for {count} charge boxes whether SteVe accepts them: {_list(document, 'undetermined')}."
    return None


def path_broken_because(document: dict[str, Any]) -> str | None:
    """Why nothing gets to SteVe on this hop, whatever it says to ids; None when that is not shown.

    Args:
        document: result of ``probe``.
    """
    endpoint, upgrade = document["endpoint"], document["upgrade_path"]
    if endpoint["verdict"] != "reachable":
        return f"SteVe's endpoint is {endpoint['verdict']} on hop {document['hop']}: {_finding(endpoint)}."
    if upgrade["verdict"] == "broken":
        return f"No WebSocket upgrade gets through hop {document['hop']}: {_finding(upgrade)}."
    return None


def _finding(part: dict[str, Any]) -> str:
    if part["finding"]:
        return str(part["finding"])
    return "undetermined" + (f" between {', '.join(part['candidates'])}" if part.get("candidates") else "")


def _list(document: dict[str, Any], verdict: str) -> str:
    """The first ids with a verdict, with the reason of each."""
    rows = [row for row in document["probes"] if row["verdict"] == verdict]
    shown = [f"{inert(row['charge_box_id'], 40)} ({row['finding'] or 'undetermined'})" for row in rows[:5]]
    return ", ".join(shown) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")


class _Probe:
    """One run of the probe; ``run`` is called once."""

    def __init__(self, request: ProbeRequest, clock: Clock) -> None:
        self._request = request
        self._clock = clock
        self._url = _handshake.parse_url(request.url)
        self._ids = _options.charge_box_ids(request.charge_box_ids) if request.ask_ids else []
        self._offered = _handshake.check_subprotocols(request.subprotocols)
        self._dial = _options.host_and_port(request.connect_to) or (self._url.host, self._url.port)
        self._passwords = _options.passwords(request.passwords)
        self._scout = self._choose_scout()
        _check_numbers(request)
        self._context = self._tls(request.validate_certs) if self._url.secure else None
        self._era = request.era or _era.UNKNOWN
        self._started = clock.monotonic()
        self._from = clock.now()
        self._ends_at = self._started + request.deadline
        self._wires: list[Wire] = []
        self._addresses: list[_addresses.AddressRow] = []
        self._others: list[tuple[_addresses.AddressRow, Address]] = []
        self._signin: Seen | None = None
        self._era_seen: _era.Era | None = None
        self._sessions_opened = 0
        self._accepted: dict[str, None] = {}
        self._accepting: Answer | None = None
        self._preflights: dict[str, Seen] = {}
        self._rows: dict[str, ChargeBox] = {}
        self._sessions: dict[str, dict[str, Any] | None] = {}
        self._knocks: dict[str, None] = {}
        self._gave_up: Failure | None = None

    def run(self) -> dict[str, Any]:
        """Ask everything, in order, and write the document."""
        try:
            endpoint = self._endpoint()
            upgrade = _interpret_upgrade.UpgradePath("unproven", reason="SteVe's endpoint was not reached")
            if endpoint.verdict == "reachable":
                self._tell_3_4_apart()
                self._ask_boxes()
                upgrade = self._gates()
                if self._request.mode != "preflight":
                    upgrade = self._open_sessions(upgrade)
            # Last, so that an address that hangs costs nothing but what is left of the time.
            self._ask_other_addresses()
        finally:
            for wire in self._wires:
                wire.close()
        return self._document(endpoint, upgrade)

    # -- the endpoint ------------------------------------------------------------------------------------------

    def _endpoint(self) -> _interpret_endpoint.Endpoint:
        failure = self._connect()
        if failure:
            return _interpret_endpoint.unreachable(failure)
        found = self._judge_endpoint()
        here = self._signin is not None and _addresses.is_steve(self._signin, self._era)
        if found.verdict != "reachable" and not here and self._move_to_steve():
            return self._judge_endpoint()
        return found

    def _judge_endpoint(self) -> _interpret_endpoint.Endpoint:
        seen: dict[Ask, Seen] = {}
        while True:
            case = _interpret_endpoint.EndpointCase(self._url, self._era, self._request.hop, self._scout, seen)
            step = _interpret_endpoint.endpoint(case)
            if isinstance(step, _interpret_endpoint.Endpoint):
                return step
            if step in seen:
                raise AssertionError("a question is asked once")
            seen[step] = self._ask_endpoint(step)
            if step is not Ask.SIGNIN:
                continue
            self._signin = seen[step]
            wanted = self._request.era is None or self._request.detect_era
            if wanted and _addresses.is_steve(seen[step], self._era):
                self._detect_era()

    def _move_to_steve(self) -> bool:
        """Go on at another address of the name if SteVe is there and not at the first; False when it is not."""
        for row, address in self._others:
            seen = self._signin_at(address)
            if seen is None:
                return False
            if not _addresses.is_steve(seen, self._era):
                continue
            first = next(item for item in self._addresses if item.used)
            if self._signin is not None:
                _addresses.compare(first, self._signin, self._era)
            first.used, row.used = False, True
            self._others = [item for item in self._others if item[0] is not row]
            self._address = address
            self._wire = self._new_wire(self._context, self._request.rate)
            # What another server said of ids is no verdict.
            self._accepted.clear()
            self._preflights.clear()
            return True
        return False

    def _ask_other_addresses(self) -> None:
        """The sign-in page once at every other address that could be connected, while there is time."""
        if self._signin is None or not _addresses.is_steve(self._signin, self._era):
            return
        for row, address in self._others:
            seen = self._signin_at(address)
            if seen is None:
                return
            _addresses.compare(row, seen, self._era)

    def _signin_at(self, address: Address) -> Seen | None:
        """The sign-in page at one address, None when there is no time left to ask."""
        if self._clock.monotonic() >= self._ends_at:
            return None
        request = _handshake.page(self._url, self._url.context + _handshake.SIGNIN)
        reply = self._new_wire(self._context, 0.0, address).ask(request.data)
        self._close_unwanted(reply)
        return self._seen(replace(request, label=f"{request.label} at {address.text}"), reply)

    def _connect(self) -> list[Failure]:
        """Resolve and dial; the failures when no address could be connected."""
        request = self._request
        host, port = self._dial
        found = _dial.resolve(host, port, min(request.timeout, request.deadline))
        if isinstance(found, Failure):
            return [found]
        dialled = _dial.dial(found, min(request.timeout, self._left()), self._clock)
        first = None
        for item in dialled:
            where = item.address
            row = _addresses.dialled(where.text, where.port, item.outcome, item.elapsed_ms, item.failure)
            self._addresses.append(row)
            if item.sock is None:
                continue
            if first is None:
                first, row.used, self._address = item.sock, True, where
            else:
                item.sock.close()
                self._others.append((row, where))
        if first is None:
            return [item.failure for item in dialled if item.failure is not None]
        self._wire = self._new_wire(self._context, request.rate)
        self._wire.adopt(first)
        return []

    def _new_wire(self, context: ssl.SSLContext | None, rate: float, address: Address | None = None) -> Wire:
        wire = Wire(
            address or self._address, context, self._url.host, self._request.timeout, self._ends_at, rate, self._clock
        )
        self._wires.append(wire)
        return wire

    def _tls(self, verify: bool) -> ssl.SSLContext:
        request = self._request
        return _dial.tls_context(verify, request.ca_path, request.client_cert, request.client_key)

    def _choose_scout(self) -> str | None:
        """The id of the first preflight: the dedicated one, else one whose spelling cannot cause the answer."""
        if self._request.gate_charge_box_id is not None:
            return _options.charge_box_id(self._request.gate_charge_box_id, "gate_charge_box_id")
        ids = self._ids or _options.charge_box_ids(self._request.charge_box_ids)
        plain = (item for item in ids if _handshake.is_plain(item))
        return next(plain, ids[0] if ids else None)

    def _ask_endpoint(self, ask: Ask) -> Seen:
        if ask is Ask.PATH:
            if self._scout is None:
                return self._ask(_handshake.preflight(self._url, None, self._offered))
            seen = self._ask(self._preflight(self._scout))
            if seen.answer is None or not self._take_accepted(self._scout, seen.answer):
                self._preflights[self._scout] = seen
            return seen
        if ask is Ask.KNOWN_PATH:
            if self._scout is None:
                raise AssertionError
            authorization = self._authorization(self._scout)
            known = self._url.known_path
            seen = self._ask(_handshake.preflight(self._url, self._scout, self._offered, authorization, known))
            self._note_knock(self._scout, seen)
            return seen
        if ask is Ask.OTHER_SCHEME:
            return self._ask_other_scheme()
        context = _interpret_endpoint.CONTEXTS.get(ask, self._url.context)
        return self._ask(_handshake.page(self._url, context + _handshake.SIGNIN))

    def _ask_other_scheme(self) -> Seen:
        """The sign-in page with TLS where the URL has none, and without where it has."""
        request = _handshake.page(self._url, self._url.context + _handshake.SIGNIN)
        wire = self._new_wire(None if self._url.secure else self._tls(False), 0.0)
        reply = wire.ask(request.data)
        self._close_unwanted(reply)
        label = f"{request.label} {'without' if self._url.secure else 'over'} TLS"
        # What matters is whether the other side speaks TLS, not what it answers then.
        failure = None if reply.tls is not None else reply.failure
        return Seen(label, reply.answer, failure)

    def _detect_era(self) -> None:
        """Four GETs without cookies; the first that times out is the last."""
        context = self._url.context
        paths = {"home": "/manager/home", "unknown_path": "/nosuch", "api": "/api/v1/ocppTags/0"}
        answers: dict[str, _era.FingerprintAnswer | None] = dict.fromkeys((*paths, "root"))
        replies: dict[str, Seen] = {}
        asked = {name: context + path for name, path in paths.items()}
        if self._request.hop == "direct":
            asked["root"] = "/"
        for name, path in asked.items():
            seen = self._ask(_handshake.page(self._url, path))
            if seen.answer is None:
                break
            replies[name] = seen
            answers[name] = _era.FingerprintAnswer(
                seen.answer.status, seen.answer.header("location"), seen.answer.header("www-authenticate"),
                _handshake.has_mark(seen.answer),
            )  # fmt: skip
        found = _era.fingerprint(context, answers["home"], answers["unknown_path"], answers["api"], answers["root"])
        if self._request.era is None:
            self._era = found or self._era
        self._era_seen = found if self._request.hop == "direct" else _same_steve.shown(replies)
        if self._era_seen is not None and _same_steve.disjoint(self._era_seen, self._era):
            # Another SteVe answers here, so its answers are read by what it is.
            self._era = self._era_seen

    def _tell_3_4_apart(self) -> None:
        """Up to 3.4.8 a plain GET says nothing about the id, and without subprotocol the answer is the same."""
        scout, seen = self._scout, self._preflights.get(self._scout or "")
        if scout is None or seen is None or seen.kind(self._era) is not Kind.UPGRADE_LOST:
            return
        if self._era.at_least("3.6.0") is not False or self._era.at_least("3.4.9") is not None:
            return
        other = seen
        if self._offered:
            other = self._ask(_handshake.preflight(self._url, scout, (), self._authorization(scout)))
        if other.answer is not None:
            self._era = narrowed(self._era, other.answer)
        if other.kind(self._era) is Kind.UPGRADE_LOST:
            self._era = self._era.narrowed(_era.Era(_era.OLDEST, "3.4.8", self._era.source))
        if seen.answer is not None:
            self._take_accepted(scout, seen.answer)

    # -- the charge boxes --------------------------------------------------------------------------------------

    def _ask_boxes(self) -> None:
        """Preflight every id, then settle what stays open."""
        scout_row = None
        if self._scout is not None and not self._offered:
            # With nothing offered the first id tells whether that is the reason, for all.
            scout_row = self._judge([self._scout], False)[self._scout]
        reason, candidates = self._why_not_the_rest()
        rest = [item for item in self._ids if item != self._scout and item not in self._preflights]
        if reason is None:
            reason = self._preflight_many(rest) or ""
            self._gave_up = self._wire.gave_up
            candidates = _interpret_box.failure_candidates(self._gave_up)
        asked = [item for item in self._ids if item in self._preflights]
        self._rows = dict.fromkeys(self._accepted, ChargeBox("accepted", None, "upgrade", 400))
        self._rows.update(self._judge(asked, scout_row is not None and scout_row.finding == "subprotocol-missing"))
        for item in self._ids:
            if item not in self._rows:
                self._rows[item] = _interpret_box.not_asked(reason, candidates)
        if self._scout in self._preflights and self._scout not in self._rows:
            # The id of the gates that nobody asked about.
            self._note_knock(self._scout, self._preflights[self._scout])

    def _why_not_the_rest(self) -> tuple[str | None, tuple[str, ...]]:
        """Why the other ids are left alone after the first one, and what they may suffer from."""
        unreadable = _interpret_box.not_interpreted(self._era)
        if unreadable is not None:
            return unreadable, ()
        seen = self._preflights.get(self._scout or "")
        if seen is None:
            return None, ()
        if seen.failed("timeout"):
            return f"the first preflight ({inert(self._scout, 40)}) hangs, and more would queue", (
                "db-unreachable", "http-timeout",
            )  # fmt: skip
        internal = seen.kind(self._era) is Kind.SIGNIN or seen.status == 500
        if internal and seen.elapsed_s >= SLOW_S:
            return f"the first preflight ended in an internal error after {seen.elapsed_s:.0f} s", ("db-unreachable",)
        return None, ()

    def _preflight_many(self, ids: list[str]) -> str | None:
        """Preflights at the same time; why some ids were not asked, or None."""
        plain = _handshake.preflights(self._url, self._offered)

        def jobs() -> Iterator[Job]:
            for item in ids:
                yield Job(item, self._preflight(item).data if item in self._passwords else plain(item))

        def done(job: Job, reply: Reply) -> None:
            if reply.stream is not None:
                self._close_unwanted(reply)
                # Whatever answers so, it opens sessions with ids of live charge boxes.
                self._wire.stop("a plain GET was answered as if it were an upgrade request")
            if reply.answer is None or not self._take_accepted(job.key, reply.answer):
                self._accepted.pop(job.key, None)
                kept = self._seen(self._preflight(job.key), reply)
                self._preflights[job.key] = replace(kept, answer=reply.answer and compact(reply.answer))

        return self._wire.ask_many(jobs(), self._request.concurrency, done)

    def _take_accepted(self, charge_box_id: str, answer: Answer) -> bool:
        """Whether an answer to a preflight says that the id is accepted; it is noted then."""
        if answer is self._accepting:
            # The very answer that was judged before.
            self._accepted[charge_box_id] = None
            self._preflights.pop(charge_box_id, None)
            return True
        self._era = narrowed(self._era, answer)
        accepted = recognise(answer, self._era) is Kind.UPGRADE_LOST
        if not accepted or _interpret_box.not_interpreted(self._era) is not None:
            return False
        self._accepted[charge_box_id] = None
        self._accepting = answer
        self._preflights.pop(charge_box_id, None)
        return True

    def _judge(self, ids: list[str], subprotocol_missing: bool) -> dict[str, ChargeBox]:
        """Judge preflights; what needs a further request is asked, all ids of a round at the same time."""
        facts = _interpret_box.HopFacts(
            self._era, self._request.hop, self._url.secure, self._offered, bool(self._accepted), subprotocol_missing,
            self._url.secure and self._request.client_cert is not None,
        )  # fmt: skip
        rows: dict[str, ChargeBox] = {}
        seen = {item: {AskBox.PREFLIGHT: self._preflights[item]} for item in ids if item in self._preflights}
        while seen:
            asks: dict[str, AskBox] = {}
            for item, answers in seen.items():
                step = _interpret_box.charge_box(self._box_case(item, answers), facts)
                if isinstance(step, AskBox):
                    if step in answers:
                        raise AssertionError("a question is asked once")
                    asks[item] = step
                else:
                    rows[item] = step
                    if step.knocked:
                        self._knocks[item] = None
            replies = self._ask_further(asks)
            seen = {item: {**seen[item], ask: replies[item]} for item, ask in asks.items()}
        for item in ids:
            if item in self._accepted:
                rows[item] = ChargeBox("accepted", None, "upgrade", 400)
        return rows

    def _box_case(self, charge_box_id: str, answers: dict[AskBox, Seen]) -> _interpret_box.BoxCase:
        password = self._passwords.get(charge_box_id)
        other = None if password is None else _handshake.other_form(password)
        return _interpret_box.BoxCase(charge_box_id, password is not None, answers, other is not None)

    def _ask_further(self, asks: dict[str, AskBox]) -> dict[str, Seen]:
        """One more request per id; an id that could not be asked any more gets a failure."""
        requests = {item: self._further(item, ask) for item, ask in asks.items()}
        replies: dict[str, Seen] = {}

        def done(job: Job, reply: Reply) -> None:
            self._close_unwanted(reply)
            replies[job.key] = self._seen(requests[job.key], reply)

        jobs = (Job(item, request.data) for item, request in requests.items())
        why = self._wire.ask_many(jobs, self._request.concurrency, done) or "" if requests else ""
        for item, request in requests.items():
            replies.setdefault(item, Seen(request.label, failure=Failure("deadline", f"not asked: {why}")))
        return replies

    def _further(self, charge_box_id: str, ask: AskBox) -> _handshake.Request:
        authorization = self._authorization(charge_box_id)
        if ask is AskBox.WITHOUT_SUBPROTOCOL:
            return _handshake.preflight(self._url, charge_box_id, (), authorization)
        if ask is AskBox.WITH_OCPP16:
            return _handshake.preflight(self._url, charge_box_id, ("ocpp1.6",), authorization)
        if ask is AskBox.TLS_IN_FRONT:
            headers = (_handshake.TLS_IN_FRONT,)
            return _handshake.preflight(self._url, charge_box_id, self._offered, authorization, headers=headers)
        if ask is AskBox.OTHER_FORM:
            other = _handshake.other_form(self._passwords[charge_box_id]) or b""
            authorization = _handshake.basic(charge_box_id, other)
        elif ask is AskBox.MALFORMED_BASIC:
            authorization = _handshake.MALFORMED_BASIC
        else:
            raise AssertionError
        return _handshake.preflight(self._url, charge_box_id, self._offered, authorization)

    def _preflight(self, charge_box_id: str) -> _handshake.Request:
        return _handshake.preflight(self._url, charge_box_id, self._offered, self._authorization(charge_box_id))

    def _authorization(self, charge_box_id: str) -> str | None:
        password = self._passwords.get(charge_box_id)
        return None if password is None else _handshake.basic(charge_box_id, password)

    # -- the gates ---------------------------------------------------------------------------------------------

    def _gates(self) -> _interpret_upgrade.UpgradePath:
        if self._gave_up is not None:
            why = f"the gates were not sent, because the server stopped answering ({self._gave_up.sentence})"
            return _interpret_upgrade.upgrade_path(self._era, None, None, why)
        wanted = self._request.gate_charge_box_id
        first = wanted if wanted in self._accepted else next(iter(self._accepted), None)
        if first is None and self._scout is not None and self._era.at_least("3.4.9") is False:
            # Spring's checks come before SteVe's there, so that the version gate tells the same for any id.
            version = self._gate(_handshake.version_gate, self._scout)
            why = f"the last gate is not sent to SteVe {self._era}: nobody has seen whether it opens a session there"
            return _interpret_upgrade.upgrade_path(self._era, version, None, why)
        if first is None:
            why = "the gates need an id that SteVe accepts, and none was"
            return _interpret_upgrade.upgrade_path(self._era, None, None, why)
        version = self._gate(_handshake.version_gate, first)
        if _interpret_upgrade.passage(version, self._era) is not _interpret_upgrade.Passage.ARRIVED:
            return _interpret_upgrade.upgrade_path(self._era, version, None, None)
        last, reason = None, "the last gate was not asked for"
        if self._request.last_gate and wanted not in (None, first):
            reason = f"the last gate was not sent, because SteVe did not accept {inert(wanted, 60)}"
        elif self._request.last_gate:
            # From 3.9 on the answer reads like an internal error, so the id is asked once more just before.
            fresh = self._ask(self._preflight(first))
            if fresh.kind(self._era) is Kind.UPGRADE_LOST:
                last, reason = self._gate(_handshake.last_gate, first), ""
            else:
                reason = f"the last gate was not sent, because {inert(first, 60)} is not accepted any more"
        return _interpret_upgrade.upgrade_path(self._era, version, last, reason or None)

    def _gate(self, build: _handshake.GateBuilder, charge_box_id: str) -> Seen:
        """Send a gate; a session that it opened against all rules is closed at once and counted."""
        key = _new_key()
        return self._ask(build(self._url, charge_box_id, self._offered, key, self._authorization(charge_box_id)))

    # -- sessions ----------------------------------------------------------------------------------------------

    def _open_sessions(self, upgrade: _interpret_upgrade.UpgradePath) -> _interpret_upgrade.UpgradePath:
        """Full handshakes, one after the other, with the ids that SteVe would accept."""
        for item in self._ids:
            self._sessions[item] = None
            if self._rows[item].verdict != "accepted":
                continue
            if self._request.check_mode:
                said = note(f"check mode: a full handshake ({self._request.mode}) would follow here")
                self._rows[item] = self._rows[item].with_evidence(said)
                continue
            proof = self._open_session(item)
            if proof is not None and upgrade.verdict == "unproven":
                upgrade = replace(upgrade, verdict="proven", evidence=(*upgrade.evidence, proof), reason=None)
        return upgrade

    def _open_session(self, charge_box_id: str) -> dict[str, Any] | None:
        """One full handshake; evidence of a right 101, else None."""
        key = _new_key()
        authorization = self._authorization(charge_box_id)
        request = _handshake.full_handshake(self._url, charge_box_id, self._offered, key, authorization)
        reply = self._wire.ask(request.data)
        seen = self._seen(request, reply)
        if reply.stream is None or reply.answer is None:
            met = _interpret_upgrade.passage(seen, self._era)
            finding = met.value if met.value.startswith("proxy-") else None
            self._sessions[charge_box_id] = {
                "opened": False, "subprotocol": None, "accept_ok": False, "closed_code": None, "boot": None,
            }  # fmt: skip
            self._rows[charge_box_id] = ChargeBox(
                "undetermined", None, "session", seen.status, (finding,) if finding else (),
                (seen.evidence("the preflight was accepted, the full handshake was not"),),
            )  # fmt: skip
            return None
        self._sessions_opened += 1
        until = min(self._clock.monotonic() + self._request.timeout, self._ends_at)
        session = _session.hold(reply.stream, reply.answer, key, self._request.mode == "boot", self._clock, until)
        self._sessions[charge_box_id] = session.to_dict()
        self._rows[charge_box_id] = _interpret_box.after_session(
            seen, self._offered, self._request.mode == "boot", session.subprotocol, session.accept_ok, session.boot,
            session.notes,
        )  # fmt: skip
        return seen.evidence("a full handshake went through") if session.accept_ok else None

    # -- requests ----------------------------------------------------------------------------------------------

    def _ask(self, request: _handshake.Request) -> Seen:
        reply = self._wire.ask(request.data)
        self._close_unwanted(reply)
        return self._seen(request, reply)

    def _close_unwanted(self, reply: Reply) -> None:
        """A 101 to what is no handshake (a gate, a plain GET): closed at once and counted."""
        if reply.stream is not None:
            self._sessions_opened += 1
            _session.close_at_once(reply.stream, self._clock)

    def _note_knock(self, charge_box_id: str, seen: Seen) -> None:
        """Remember an id that SteVe may have counted as unknown."""
        if seen.kind(self._era) is Kind.EMPTY and seen.status == 404:
            self._knocks[charge_box_id] = None

    @staticmethod
    def _seen(request: _handshake.Request, reply: Reply) -> Seen:
        return Seen(request.label, reply.answer, reply.failure, reply.elapsed_s, request.secrets)

    def _left(self) -> float:
        return max(self._ends_at - self._clock.monotonic(), 0.001)

    # -- the document ------------------------------------------------------------------------------------------

    def _document(
        self, endpoint: _interpret_endpoint.Endpoint, upgrade: _interpret_upgrade.UpgradePath
    ) -> dict[str, Any]:
        request = self._request
        reached = endpoint.verdict == "reachable"
        rows = [self._row(item, self._rows[item]) for item in self._ids] if reached else []
        verdicts = Counter(row["verdict"] for row in rows)
        predicted = request.check_mode and request.mode != "preflight" and verdicts["accepted"] > 0
        return {
            "schema": SCHEMA,
            "hop": request.hop,
            "vantage": request.vantage,
            "url": str(self._url),
            "connect_to": request.connect_to or None,
            "era": self._era.to_dict(),
            "era_seen": self._era_seen and self._era_seen.to_dict(),
            "endpoint": {**endpoint.to_dict(), "addresses": [row.to_dict() for row in self._addresses]},
            "upgrade_path": upgrade.to_dict(),
            "probes": [row for row in rows if request.return_accepted or not _is_plainly_accepted(row)],
            "summary": {
                "asked": len(self._ids),
                "accepted": verdicts["accepted"],
                "refused": verdicts["refused"],
                "undetermined": verdicts["undetermined"] if reached else len(self._ids),
                "findings": dict(Counter(row["finding"] for row in rows if row["finding"])),
            },
            "side_effects": {
                "requests": sum(wire.requests for wire in self._wires),
                "sessions_opened": self._sessions_opened,
                "knocks": list(self._knocks),
                "from": _utc(math.floor(self._from)),
                "to": _utc(math.ceil(self._clock.now())),
            },
            "elapsed_s": round(self._clock.monotonic() - self._started, 3),
            "changed": self._sessions_opened > 0 or predicted,
        }

    def _row(self, charge_box_id: str, box: ChargeBox) -> dict[str, Any]:
        row: dict[str, Any] = {
            "charge_box_id": charge_box_id, "verdict": box.verdict, "finding": box.finding,
            "candidates": list(box.candidates), "stage": box.stage, "status": box.status,
            "evidence": list(box.evidence), "password_given": charge_box_id in self._passwords,
        }  # fmt: skip
        if self._request.mode != "preflight":
            row["session"] = self._sessions.get(charge_box_id)
        return row


def _is_plainly_accepted(row: dict[str, Any]) -> bool:
    """Whether a row says nothing that the summary does not say."""
    return row["verdict"] == "accepted" and not row["finding"] and not row.get("session")


def _check_numbers(request: ProbeRequest) -> None:
    """Refuse numbers and choices that make no sense; a caller in the same process gets the same sentence."""
    _options.seconds(request.timeout, "timeout")
    _options.seconds(request.deadline, "deadline")
    if not 1 <= request.concurrency <= MAX_CONCURRENCY:
        raise InputError("concurrency", f"{request.concurrency} is not between 1 and {MAX_CONCURRENCY}", "Give e.g. 8.")
    if not (request.rate >= 0 and math.isfinite(request.rate)):
        raise InputError("rate", f"{request.rate} is no rate", "Give requests per second, or 0 for no limit.")
    if request.mode not in MODES:
        raise InputError("mode", f"{inert(request.mode, 40)} is not known", f"Give one of {', '.join(MODES)}.")


def _new_key() -> str:
    """A Sec-WebSocket-Key (RFC 6455, 4.1)."""
    return base64.b64encode(os.urandom(16)).decode("ascii")


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
