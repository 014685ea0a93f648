# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The questions: each takes the view of a host and says what was seen. No question looks at another's answer.

An answer here is raw: ``fail`` means "this was seen". Whether it is a root cause or the echo of another failure is
decided afterwards, by the needs of the catalogue (``_analyse``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded, near_misses
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import (
    _questions_app,
    _questions_env,
    _questions_network,
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
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_network import (
    hop_text,
    open_between,
    probe_evidence,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView, Probe

_FORBIDDEN = "=/()<>"


def ask(entry: Entry, view: HostView) -> list[Answer]:
    """All answers to one catalogue entry on one host; never empty."""
    if not entry.built:
        return [Answer("skipped", "not built yet")]
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
    missing = _missing(view)
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
        message=_box_message(entry, ids),
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


def _box_message(entry: Entry, ids: tuple[str, ...]) -> str:
    shown = ", ".join(inert(identifier, 60) for identifier in ids[:3])
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    plural = "charge box" if len(ids) == 1 else "charge boxes"
    if entry.id == "charge-box-unregistered":
        return f"SteVe does not know {plural} {shown}{more}."
    return f"{entry.title}: {plural} {shown}{more}."


def _missing(view: HostView) -> list[str]:
    """Ids that were to be asked about and that SteVe's own list does not hold."""
    admin = view.part("admin")
    if admin["status"] != "ok":
        return []
    known = {folded(str(box["id"])) for box in admin["data"]["registered"]}
    return [identifier for identifier in view.asked.get("charge_box_ids") or [] if folded(identifier) not in known]


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
    missing = _missing(view)
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
            "fail", message=_box_message(entry, merged), vantage="host", evidence=(evidence, *more), charge_boxes=merged
        )
    ]


#: Ids for which similar ones are looked for; more is a list that was mixed up, not a typing error.
_MAX_NEAR_MISSES = 20


def _near_miss(view: HostView) -> list[Answer]:
    """Ids that are not registered, and registered ones that were probably meant."""
    admin = view.part("admin")
    if admin["status"] != "ok":
        return [Answer(str(admin["status"]), inert(admin["reason"], 300))]
    refused = [row["charge_box_id"] for row, _probe in view.box_rows() if row["finding"] == "charge-box-unregistered"]
    missing = list(dict.fromkeys([*_missing(view), *refused]))
    known = [str(box["id"]) for box in admin["data"]["registered"]]
    asked = set(view.asked.get("charge_box_ids") or [])
    similar = {}
    for one in missing[:_MAX_NEAR_MISSES]:
        # An id that was asked about as well is a box of its own, and no misspelling of this one.
        misses = [miss for miss in near_misses(one, known) if miss.kind != "typo" or miss.id not in asked]
        if misses:
            similar[one] = misses
    if not similar:
        return [Answer("pass")]
    detail = "; ".join(
        f"{inert(one, 60)} differs from {inert(misses[0].id, 60)} by {misses[0]}"
        for one, misses in list(similar.items())[:3]
    )
    message = f"SteVe does not know {_named(similar)}, but a very similar id: {detail}."
    evidence = ({"source": "admin list", "detail": f"{len(known)} registered; {detail}"},)
    return [Answer("fail", message=message, evidence=evidence, charge_boxes=tuple(similar))]


def _named(ids: Iterable[str]) -> str:
    """A few ids for a sentence."""
    names = [inert(one, 60) for one in ids]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _by_status(entry_id: str, status: str) -> Question:
    """Charge boxes that were asked about and are registered with this status."""

    def question(view: HostView) -> list[Answer]:
        admin = view.part("admin")
        if admin["status"] != "ok":
            return [Answer(str(admin["status"]), inert(admin["reason"], 300))]
        asked = {folded(one) for one in view.asked.get("charge_box_ids") or []}
        boxes = [box for box in admin["data"]["registered"] if folded(str(box["id"])) in asked]
        ids = tuple(str(box["id"]) for box in boxes if box.get("registration_status") == status)
        if ids:
            detail = f"{_named(ids)}: registration status {status}"
            message = _box_message(BY_ID[entry_id], ids)
            evidence = ({"source": "admin", "detail": detail},)
            return [Answer("fail", message=message, evidence=evidence, charge_boxes=ids)]
        if not boxes:
            return [Answer("skipped", "no registered charge box was asked about")]
        unread = [str(box["id"]) for box in boxes if not box.get("registration_status")]
        if unread:
            reason = f"SteVe's page of {_named(unread)} shows no registration status, or was not read"
            return [Answer("unknown", reason, charge_boxes=tuple(unread))]
        return [Answer("pass")]

    return question


def _duplicate_session(view: HostView) -> list[Answer]:
    """Charge boxes with more than one open session."""
    admin = view.part("admin")
    if admin["status"] != "ok":
        return [Answer(str(admin["status"]), inert(admin["reason"], 300))]
    if admin["data"].get("sessions_error"):
        return [Answer("unknown", inert(admin["data"]["sessions_error"], 300))]
    by_id: dict[str, list[dict[str, Any]]] = {}
    for session in admin["data"]["sessions"]:
        by_id.setdefault(folded(str(session["id"])), []).append(session)
    double = [sessions for sessions in by_id.values() if len(sessions) > 1]
    if not double:
        return [Answer("pass")]
    ids = tuple(str(sessions[0]["id"]) for sessions in double)
    evidence = tuple(
        {
            "source": "admin",
            "detail": f"{inert(sessions[0]['id'], 60)}: sessions since "
            + ", ".join(inert(item["connected_since"], 30) for item in sessions[:5]),
        }
        for sessions in double[:3]
    )
    return [Answer("fail", message=_box_message(BY_ID["duplicate-session"], ids), evidence=evidence, charge_boxes=ids)]


def _id_case(view: HostView) -> list[Answer]:
    """Accepted ids that SteVe spells otherwise; what that does depends on the release (SteVe's pull request 1934)."""
    admin = view.part("admin")
    if admin["status"] != "ok":
        return [Answer(str(admin["status"]), inert(admin["reason"], 300))]
    spelt = {folded(str(box["id"])): str(box["id"]) for box in admin["data"]["registered"]}
    exact = {str(box["id"]) for box in admin["data"]["registered"]}
    accepted = [row["charge_box_id"] for row, _probe in view.box_rows() if row["verdict"] == "accepted"]
    others = {item: spelt.get(folded(item), "?") for item in accepted if item not in exact}
    if not others or view.era.at_least("3.11.0") is True:
        return [Answer("pass")]
    ids = tuple(others)
    shown = "; ".join(f"{inert(mine, 60)} is {inert(theirs, 60)} in SteVe" for mine, theirs in list(others.items())[:3])
    evidence = ({"source": "admin list", "detail": shown},)
    if view.era.at_least("3.11.0") is None:
        reason = f"{shown}; SteVe {view.era} minds up to 3.10 only, and the exact release is not known"
        return [Answer("unknown", reason, evidence=evidence, charge_boxes=ids)]
    message = f"{BY_ID['charge-box-id-case'].title}: {shown}."
    return [Answer("fail", message=message, evidence=evidence, charge_boxes=ids)]


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
    "charge-box-unregistered": lambda view: _by_admin_list("charge-box-unregistered", view),
    "charge-box-id-invalid": lambda view: _by_admin_list("charge-box-id-invalid", view),
    "charge-box-id-near-miss": _near_miss,
    "charge-box-rejected": _by_status("charge-box-rejected", "rejected"),
    "charge-box-pending": _by_status("charge-box-pending", "pending"),
    "charge-box-id-case": _id_case,
    "duplicate-session": _duplicate_session,
    "proxy-authorization-stripped": _credential_hops(_authorization_stripped),
    "proxy-scheme-not-forwarded": _credential_hops(_scheme_not_forwarded),
    **_questions_app.QUESTIONS,
    **_questions_env.QUESTIONS,
    **_questions_network.QUESTIONS,
    **_questions_tls.QUESTIONS,
    **_questions_webapi.QUESTIONS,
}

#: Entries that no question answers would be silent gaps; the tests assert that this is empty.
UNANSWERED = tuple(
    entry.id
    for entry in CATALOGUE
    if entry.built
    and entry.id not in _QUESTIONS
    and not (entry.scope == HOP and entry.id in _questions_network.ANSWERED)
    and entry.scope != CHARGE_BOX
)
