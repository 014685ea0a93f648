# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions: each takes the view of a host and says what was seen. No question looks at another's answer.

An answer here is raw: ``fail`` means "this was seen". Whether it is a root cause or the echo of another failure is
decided afterwards, by the needs of the catalogue (``_analyse``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import (
    _followed,
    _questions_app,
    _questions_boxes,
    _questions_env,
    _questions_log,
    _questions_network,
    _questions_nginx,
    _questions_tls,
    _questions_webapi,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import (
    BY_ID,
    CATALOGUE,
    CHARGE_BOX,
    HOP,
    Entry,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_boxes import box_message, not_listed
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_log import (
    with_refused_passwords,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_network import (
    hop_text,
    open_between,
    probe_evidence,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView, Probe

_FORBIDDEN = "=/()<>"


def ask(entry: Entry, view: HostView) -> list[Answer]:
    """All answers to one catalogue entry on one host; never empty."""
    if not view.reached:
        return [Answer("unknown", f"the host was not reached: {view.reason}")]
    if entry.id in _QUESTIONS:
        return _QUESTIONS[entry.id](view)
    if entry.scope == HOP:
        return _questions_network.hop_answers(entry, view)
    if entry.scope == CHARGE_BOX:
        return _charge_box_answers(entry, view)
    raise LookupError(f"the catalogue's entry {entry.id} has no question")


# -- charge boxes -------------------------------------------------------------------------------------------


def _charge_box_answers(entry: Entry, view: HostView) -> list[Answer]:
    """Answers of the preflights; ids that were asked on exactly one hop."""
    probe = view.asking_probe()
    missing = not_listed(view)
    if probe is None:
        if missing and entry.id not in ("charge-box-unregistered", "charge-box-id-invalid"):
            return [Answer("skipped", "no registered charge box was asked about")]
        return [_nobody_asked(view)]
    if not probe.reachable:
        return [Answer("unknown", "no hop reached SteVe", hop=probe.hop, vantage=probe.vantage)]
    rows = view.box_rows()
    failing = [(row, where) for row, where in rows if row.get("finding") == entry.id]
    if failing:
        return [_failing_boxes(entry, [row for row, hop in failing if hop is where], where) for where in _hops(failing)]
    still_open = [(row, where) for row, where in rows if entry.id in (row.get("candidates") or [])]
    if still_open:
        row, where = still_open[0]
        return [
            Answer(
                "unknown",
                open_between(row["candidates"], row.get("evidence")),
                hop=where.hop,
                vantage=where.vantage,
                charge_boxes=tuple(item["charge_box_id"] for item, _where in still_open),
                candidates=tuple(row["candidates"]),
            )
        ]
    if not probe.data["summary"]["accepted"] and not any(row["verdict"] != "undetermined" for row, _where in rows):
        return [Answer("unknown", "no charge box got an answer", hop=probe.hop, vantage=probe.vantage)]
    return [Answer("pass", hop=probe.hop, vantage=probe.vantage)]


def _hops(rows: list[tuple[dict[str, Any], Probe]]) -> list[Probe]:
    """The probes that the rows come from, each once."""
    return list({id(probe): probe for _row, probe in rows}.values())


def _failing_boxes(entry: Entry, rows: list[dict[str, Any]], probe: Probe) -> Answer:
    ids = tuple(row["charge_box_id"] for row in rows)
    evidence = tuple(item for row in rows[:3] for item in probe_evidence(row.get("evidence"), probe))
    return Answer(
        "fail",
        message=box_message(entry, ids),
        hop=probe.hop,
        vantage=probe.vantage,
        evidence=evidence,
        charge_boxes=ids,
    )


def _nobody_asked(view: HostView) -> Answer:
    part = view.part("probes")
    if part["status"] != "ok":
        return Answer("unknown", str(part["reason"]))
    return Answer(
        "skipped", "no charge box id is known: give steve_charge_box_id, steve_charge_boxes or the admin login"
    )


def _forbidden(identifier: str) -> str | None:
    """Why SteVe's default pattern refuses an id (``ChargeBoxIdValidator``, 3.6.1, 3.7.1 and later), or None."""
    found = sorted({character for character in identifier if character in _FORBIDDEN})
    if found:
        return "contains " + " ".join(found)
    return "begins or ends with a blank" if identifier != identifier.strip() else None


def _by_admin_list(entry_id: str, view: HostView) -> list[Answer]:
    """Membership and pattern for ids that were not preflighted because SteVe's list already says no."""
    entry = BY_ID[entry_id]
    probed = _charge_box_answers(entry, view)
    pattern_known = view.era.at_least("3.8.0") or view.era.min in ("3.5.1", "3.6.1", "3.7.1")
    missing = not_listed(view)
    invalid = {identifier: _forbidden(identifier) for identifier in missing if pattern_known}
    invalid = {identifier: why for identifier, why in invalid.items() if why}
    if entry_id == "charge-box-id-invalid":
        ids = tuple(invalid)
        detail = "; ".join(f"{inert(identifier, 60)} {why}" for identifier, why in list(invalid.items())[:3])
        evidence = {"source": "admin list", "detail": f"not registered, and the default pattern refuses it: {detail}"}
    else:
        ids = tuple(identifier for identifier in missing if identifier not in invalid)
        count = len(view.part("admin")["data"]["registered"]) if missing else 0
        evidence = {"source": "admin list", "detail": f"{count} registered, none equal"}
    if not ids:
        if missing and probed[0].status == "skipped":
            return [Answer("pass")]
        return probed
    merged = tuple(
        dict.fromkeys(ids + tuple(item for answer in probed if answer.status == "fail" for item in answer.charge_boxes))
    )
    more = tuple(item for answer in probed if answer.status == "fail" for item in answer.evidence)
    return [
        Answer(
            "fail", message=box_message(entry, merged), vantage="host", evidence=(evidence, *more), charge_boxes=merged
        )
    ]


def _with_followed_knocks(view: HostView, answers: list[Answer]) -> list[Answer]:
    """What else says that ids are unknown, and SteVe's own word to the charger while it was followed.

    Where all else is open that word is the answer; where another source says that the id is known by now, that one is.
    """
    knocked = _followed.unregistered(view)
    if not knocked or any(answer.status == "pass" for answer in answers):
        return answers
    failing = [answer for answer in answers if answer.status == "fail"]
    if not failing:
        evidence = tuple(item for rows in list(knocked.values())[:3] for item in rows)
        message = box_message(BY_ID["charge-box-unregistered"], tuple(knocked))
        return [Answer("fail", message=message, vantage="host", evidence=evidence, charge_boxes=tuple(knocked))]
    return [
        replace(answer, evidence=(*answer.evidence, *(
            item for one in answer.charge_boxes if one in knocked for item in knocked[one]
        )))
        for answer in answers
    ]  # fmt: skip


# -- credentials behind a proxy -----------------------------------------------------------------------------


def _credential_hops(look: Callable[[HostView, Probe, list[dict[str, Any]]], Answer]) -> Question:
    """A question about each proxy, asked of the charge boxes that were probed through it with a password."""

    def question(view: HostView) -> list[Answer]:
        answers = []
        for probe in view.probes:
            if probe.hop == "direct":
                continue
            rows = [row for row in probe.rows if row.get("password_given")]
            if rows:
                answers.append(look(view, probe, rows))
            else:
                reason = "no charge box with a password was asked on this hop"
                answers.append(Answer("skipped", reason, hop=probe.hop, vantage=probe.vantage))
        part = view.part("probes")
        skipped = (part.get("skipped_hops") or {}).items()
        answers += [Answer("skipped", reason, hop=hop, vantage="host") for hop, reason in skipped]
        if part["status"] != "ok":
            answers.append(Answer("unknown", str(part["reason"])))
        return answers or [Answer("skipped", "no proxy was probed")]

    return question


def _direct_row(view: HostView, charge_box_id: str) -> dict[str, Any] | None:
    direct = view.probe("direct")
    return next((row for row in direct.rows if row["charge_box_id"] == charge_box_id), None) if direct else None


def _hop_finding(entry_id: str, probe: Probe, rows: list[dict[str, Any]], detail: str) -> Answer:
    ids = tuple(row["charge_box_id"] for row in rows)
    evidence = tuple(item for row in rows[:3] for item in probe_evidence(row.get("evidence"), probe))
    return Answer(
        "fail",
        message=f"{BY_ID[entry_id].title} ({hop_text(probe)}).",
        hop=probe.hop,
        vantage=probe.vantage,
        evidence=(*evidence, {"source": f"probe {probe.hop}", "detail": detail}),
        charge_boxes=ids,
    )


def _open_hop(entry_id: str, probe: Probe, rows: list[dict[str, Any]]) -> Answer | None:
    """Unknown where the question is among the candidates of a row."""
    row = next((row for row in rows if entry_id in (row.get("candidates") or [])), None)
    if row is None:
        return None
    return Answer("unknown", open_between(row["candidates"], row.get("evidence")), hop=probe.hop, vantage=probe.vantage)


def _authorization_stripped(view: HostView, probe: Probe, rows: list[dict[str, Any]]) -> Answer:
    """The same id with the same password is accepted directly, and here SteVe does not come to see the header."""
    name = "proxy-authorization-stripped"
    if any(row["verdict"] == "accepted" and (_direct_row(view, row["charge_box_id"]) or {}).get("verdict") == "accepted"
           for row in rows):  # fmt: skip
        return Answer("pass", hop=probe.hop, vantage=probe.vantage)
    lost = []
    for row in rows:
        before = _direct_row(view, row["charge_box_id"])
        if name in row["candidates"] and before and before["verdict"] == "accepted" and before.get("password_given"):
            lost.append(row)
    if lost:
        return _hop_finding(name, probe, lost, "SteVe accepts the same id and password on the direct hop")
    open_hop = _open_hop(name, probe, rows)
    return open_hop or Answer("pass", hop=probe.hop, vantage=probe.vantage)


def _scheme_not_forwarded(view: HostView, probe: Probe, rows: list[dict[str, Any]]) -> Answer:
    """A station of security profile 2 is refused behind TLS, because SteVe does not hear of it (since 3.14)."""
    name = "proxy-scheme-not-forwarded"
    if not probe.is_tls:
        return Answer("skipped", "the URL is plain ws", hop=probe.hop, vantage=probe.vantage)
    if view.era.at_least("3.14.0") is False:
        return Answer("pass", hop=probe.hop, vantage=probe.vantage)
    refused = [row for row in rows if row["finding"] == name]
    if refused:
        return _hop_finding(name, probe, refused, "accepted as soon as the request itself says that TLS was used")
    wanting = []
    for row in rows:
        before = _direct_row(view, row["charge_box_id"])
        if before and before["finding"] == "profile-requires-tls":
            wanting.append(row)
    others = any(row["verdict"] == "accepted" for row in rows)
    deaf = [row for row in wanting if name in row["candidates"]]
    if deaf and others:
        return _hop_finding(name, probe, deaf, "SteVe accepts the same id on the direct hop when it is told of TLS")
    open_hop = _open_hop(name, probe, rows)
    if open_hop is None and not any(row["verdict"] == "accepted" for row in wanting):
        reason = "no station of security profile 2 was seen on this hop"
        return Answer("skipped", reason, hop=probe.hop, vantage=probe.vantage)
    return open_hop or Answer("pass", hop=probe.hop, vantage=probe.vantage)


# -- the host -----------------------------------------------------------------------------------------------


def _admin_login_refused(view: HostView) -> list[Answer]:
    part = view.part("admin")
    if part["status"] == "ok":
        return [Answer("pass")]
    if part.get("code") == "admin-login-refused":
        return [
            Answer(
                "fail",
                message="SteVe refuses the admin login.",
                evidence=({"source": "admin", "detail": inert(part["reason"], 300)},),
            )
        ]
    return [Answer(str(part["status"]), inert(part["reason"], 400))]


_QUESTIONS: dict[str, Question] = {
    "admin-login-refused": _admin_login_refused,
    "charge-box-unregistered": lambda view: _with_followed_knocks(
        view, _by_admin_list("charge-box-unregistered", view)
    ),
    "charge-box-id-invalid": lambda view: _by_admin_list("charge-box-id-invalid", view),
    "basic-auth-refused": lambda view: with_refused_passwords(
        view, _charge_box_answers(BY_ID["basic-auth-refused"], view)
    ),
    "proxy-authorization-stripped": _credential_hops(_authorization_stripped),
    "proxy-scheme-not-forwarded": _credential_hops(_scheme_not_forwarded),
    **_questions_app.QUESTIONS,
    **_questions_boxes.QUESTIONS,
    **_questions_env.QUESTIONS,
    **_questions_log.QUESTIONS,
    **_questions_network.QUESTIONS,
    **_questions_nginx.QUESTIONS,
    **_questions_tls.QUESTIONS,
    **_questions_webapi.QUESTIONS,
}

#: Entries that no question answers would be silent gaps; the tests assert that this is empty.
UNANSWERED = tuple(
    entry.id
    for entry in CATALOGUE
    if entry.id not in _QUESTIONS
    and not (entry.scope == HOP and entry.id in _questions_network.ANSWERED)
    and entry.scope != CHARGE_BOX
)
