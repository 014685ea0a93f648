# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about charge boxes that SteVe's own lists answer: who is registered, who knocked, who is connected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded, near_misses
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils import _followed
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer, Question
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID, Entry
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView

#: Ids for which similar ones are looked for; more is a list that was mixed up, not a typing error.
_MAX_NEAR_MISSES = 20


def _near_miss(view: HostView) -> list[Answer]:
    """Ids that are not registered, and registered ones that were probably meant."""
    admin = view.part("admin")
    if admin["status"] != "ok":
        return [Answer(str(admin["status"]), inert(admin["reason"], 300))]
    refused = [row["charge_box_id"] for row, _probe in view.box_rows() if row["finding"] == "charge-box-unregistered"]
    missing = list(dict.fromkeys([*not_listed(view), *refused]))
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
    message = f"SteVe does not know {named(similar)}, but a very similar id: {detail}."
    evidence = ({"source": "admin list", "detail": f"{len(known)} registered; {detail}"},)
    return [Answer("fail", message=message, evidence=evidence, charge_boxes=tuple(similar))]


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
            detail = f"{named(ids)}: registration status {status}"
            message = box_message(BY_ID[entry_id], ids)
            evidence = ({"source": "admin", "detail": detail},)
            return [Answer("fail", message=message, evidence=evidence, charge_boxes=ids)]
        if not boxes:
            return [Answer("skipped", "no registered charge box was asked about")]
        unread = [str(box["id"]) for box in boxes if not box.get("registration_status")]
        if unread:
            reason = f"SteVe's page of {named(unread)} shows no registration status, or was not read"
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
    return [Answer("fail", message=box_message(BY_ID["duplicate-session"], ids), evidence=evidence, charge_boxes=ids)]


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


def _never_connected(view: HostView) -> list[Answer]:
    """Registered charge boxes of which SteVe has no trace.

    From 3.5.0 on SteVe stores the protocol when a station connects, before only when it boots (contract, section 2).
    A box that was registered ahead of its installation has never connected either. So it is the answer to the question
    why this one charge box does not connect, and a remark where many were asked about.
    """
    admin = view.part("admin")
    if admin["status"] != "ok":
        return [Answer(str(admin["status"]), inert(admin["reason"], 300))]
    asked = {folded(one) for one in view.asked.get("charge_box_ids") or []}
    asked.discard(folded(str(view.asked.get("probe_charge_box_id") or "")))
    boxes = [box for box in admin["data"]["registered"] if folded(str(box["id"])) in asked]
    if not boxes:
        return [Answer("skipped", "no registered charge box was asked about")]
    silent = [box for box in boxes if not box.get("protocol") and not box.get("last_heartbeat")]
    connected = {folded(str(session["id"])) for session in admin["data"]["sessions"]}
    ids = tuple(str(box["id"]) for box in silent if folded(str(box["id"])) not in connected)
    ids = tuple(one for one in ids if not _followed.came(view, one))
    if not ids:
        return [Answer("pass")]
    evidence = [{"source": "admin list", "detail": f"{named(ids)}: no protocol, no heartbeat, no open session"}]
    if admin["data"].get("sessions_error"):
        evidence[0]["detail"] = f"{named(ids)}: no protocol and no heartbeat"
        if view.era.at_least("3.5.0") is not True:
            reason = f"whether {named(ids)} is connected is not known: {inert(admin['data']['sessions_error'], 200)}"
            return [Answer("unknown", reason, evidence=tuple(evidence), charge_boxes=ids)]
    watched, needs = _followed.absent(view, ids)
    alike = _alike_knocking(ids, admin["data"]["unknown"])
    evidence += [*alike, *watched]
    if view.era.at_least("3.5.0") is not True:
        reason = f"{named(ids)} never booted; up to 3.4.9 SteVe keeps no trace of a station that connected before that"
        return [Answer("unknown", reason, evidence=tuple(evidence), charge_boxes=ids)]
    message = box_message(BY_ID["never-connected"], ids)
    if alike:
        message += " An unregistered id that looks alike knocked."
    if not view.asked.get("single"):
        reason = f"{_never(ids)} so far, which is right before the installation; ask about one with steve_charge_box_id"
        return [Answer("skipped", reason, evidence=tuple(evidence), charge_boxes=ids)]
    return [Answer("fail", message=message, evidence=tuple(evidence), charge_boxes=ids, needs=needs)]


def _never(ids: tuple[str, ...]) -> str:
    return f"{named(ids)} {'has' if len(ids) == 1 else 'have'} never connected"


def _alike_knocking(ids: Iterable[str], unknown: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Evidence of unregistered ids that knocked and look like one of some ids."""
    by_id = {str(entry["id"]): entry for entry in unknown}
    found = []
    for one in list(ids)[:_MAX_NEAR_MISSES]:
        for miss in near_misses(one, by_id):
            knock = by_id[miss.id]
            last = inert(knock["last_attempt"] or "at an unknown time", 30)
            detail = (
                f"{inert(miss.id, 60)} is not registered and knocked {int(knock['attempts'])} times, last {last}; "
                f"it differs from {inert(one, 60)} by {miss}"
            )
            found.append({"source": "unknown list", "detail": detail})
    return found[:3]


def named(ids: Iterable[str]) -> str:
    """A few ids for a sentence."""
    names = [inert(one, 60) for one in ids]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def box_message(entry: Entry, ids: tuple[str, ...]) -> str:
    shown = ", ".join(inert(identifier, 60) for identifier in ids[:3])
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    plural = "charge box" if len(ids) == 1 else "charge boxes"
    if entry.id == "charge-box-unregistered":
        return f"SteVe does not know {plural} {shown}{more}."
    return f"{entry.title}: {plural} {shown}{more}."


def not_listed(view: HostView) -> list[str]:
    """Ids that were to be asked about and that SteVe's own list does not hold."""
    admin = view.part("admin")
    if admin["status"] != "ok":
        return []
    known = {folded(str(box["id"])) for box in admin["data"]["registered"]}
    return [identifier for identifier in view.asked.get("charge_box_ids") or [] if folded(identifier) not in known]


QUESTIONS: dict[str, Question] = {
    "charge-box-id-near-miss": _near_miss,
    "charge-box-rejected": _by_status("charge-box-rejected", "rejected"),
    "charge-box-pending": _by_status("charge-box-pending", "pending"),
    "charge-box-id-case": _id_case,
    "duplicate-session": _duplicate_session,
    "never-connected": _never_connected,
}
