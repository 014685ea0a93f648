# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was seen while SteVe's log was followed, for the questions about charge boxes and for the report. Pure.

The operator power-cycled the charge boxes meanwhile, so what was followed is newer than all else that is known of them.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._ids import folded, near_misses
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView

#: Seconds after the boot answer within which a close is taken for the charger's answer to it.
AFTER_BOOT_S = 10.0
#: Why SteVe refuses a knock, in words, by the reasons of the part ``log``.
_REFUSALS = {
    "unknown-id": "SteVe does not know this id", "pattern": "the id has characters that SteVe forbids",
    "no-subprotocol": "it offers no subprotocol", "unsupported": "it offers no subprotocol that SteVe speaks",
    "basic-missing": "it sends no password", "basic-malformed": "its Authorization header cannot be read",
    "no-password-stored": "SteVe has no password stored for it", "wrong-user": "its user name is not the charge box id",
    "empty-password": "its password is empty", "wrong-password": "its password is wrong",
    "profile-2-over-ws": "its security profile asks for TLS", "certificate": "its certificate is refused",
}  # fmt: skip


def rows(view: HostView) -> dict[str, dict[str, Any]]:
    """What became of each charge box that was followed, by its folded id; empty where nothing was followed."""
    part = view.part("follow")
    return {folded(str(row["id"])): row for row in part["data"]["boxes"]} if part["status"] == "ok" else {}


def for_report(view: HostView) -> dict[str, Any] | None:
    """What the findings document says about it: None where following was not asked for."""
    part = view.part("follow")
    if not view.asked.get("follow_s"):
        return None
    if part["status"] != "ok":
        return {"seconds": None, "ended": None, "reason": str(part["reason"]), "recreated": [], "boxes": []}
    data = part["data"]
    boxes = [{key: value for key, value in row.items() if key != "sessions"} for row in data["boxes"]]
    return {
        "seconds": data["seconds"], "ended": data["ended"], "reason": data["reason"],
        # Observations that were stored before it was looked at lack it.
        "recreated": list(data.get("recreated") or []), "boxes": boxes,
    }  # fmt: skip


def told(row: dict[str, Any], seconds: float) -> str:
    """What became of one charge box, in words.

    Args:
        row: the charge box, as in the part ``follow``.
        seconds: how long it was followed.
    """
    connected = f"connected at {row['connected_at']}" if row["connected_at"] else "was connected before"
    if row["outcome"] == "booted":
        late = ", later than 30 s after it connected" if row["within_30_s"] is False else ""
        return f"booted at {row['booted_at']} ({inert(row['boot_status'], 20)}){late}"
    if row["outcome"] == "connected":
        return f"{connected}, {_boot(row)}"
    if row["outcome"] == "closed":
        ended = f"closed at {row['closed_at']} with code {inert(row['close_code'], 5)}"
        return f"{connected}, {_boot(row)}, {ended}" if row["connected_at"] else f"{connected}, {ended}, not back since"
    if row["outcome"] == "refused":
        return _refused(row["refused"])
    return f"silent: nothing arrived in {seconds:.0f} s"


def _boot(row: dict[str, Any]) -> str:
    if row["booted_at"]:
        return f"booted at {row['booted_at']} ({inert(row['boot_status'], 20)})"
    if row["within_30_s"]:
        return "asked to boot and got no answer"
    return "no BootNotification within 30 s" if row["within_30_s"] is False else "no BootNotification yet"


def _refused(refused: dict[str, Any]) -> str:
    why = _REFUSALS.get(str(refused["reason"]), inert(refused["reason"], 40))
    times = "once" if refused["count"] == 1 else f"{int(refused['count'])} times"
    return f"refused {times}, last at {inert(refused['last'], 30)}: {why}"


def _evidence(row: dict[str, Any], detail: str) -> tuple[dict[str, str], ...]:
    return ({"source": "followed log", "detail": f"{inert(row['id'], 60)}: {detail}"},)


def _fail(row: dict[str, Any], detail: str) -> Answer:
    return Answer("fail", evidence=_evidence(row, detail))


# -- the questions: an answer, or None where what was followed says nothing -----------------------------------


def boot_missing(row: dict[str, Any], logged: list[dict[str, Any]]) -> Answer | None:
    """Connected, and no BootNotification within 30 s.

    One that says something else reconnected without starting anew; whether it was power-cycled nobody here knows.
    """
    del logged
    if row["booted_at"] or row["within_30_s"]:
        return Answer("pass")
    if row["within_30_s"] is not False:
        return None
    if row["received"]:
        reason = (
            f"it connected at {row['connected_at']} and talks, but sent no BootNotification within 30 s: it did not "
            "start anew"
        )
        return Answer("unknown", reason)
    return _fail(row, f"connected at {row['connected_at']}, and nothing was received from it within 30 s")


def closed_after_boot(row: dict[str, Any], logged: list[dict[str, Any]]) -> Answer | None:
    """Closed right after the boot answer; once is not each time, and somebody may have switched it off again."""
    mine = [item for item in row["sessions"] if item["after_boot_s"] is not None]
    quick = [item for item in mine if item["after_boot_s"] <= AFTER_BOOT_S]
    stayed = row["held_s"] is not None and row["held_s"] > AFTER_BOOT_S
    if stayed or not quick:
        return Answer("pass") if stayed else None
    before = [item for box in logged for item in box["sessions"] or [] if item["after_boot_s"] is not None]
    last, newest = quick[-1], [*before, *mine][-3:]
    count = sum(item["after_boot_s"] <= AFTER_BOOT_S for item in newest)
    how = f"closed {last['after_boot_s']:g} s after the boot answer ({inert(row['boot_status'], 20)})"
    if count < 2:
        return Answer("unknown", f"it {how} while it was followed, but only once", evidence=_evidence(row, how))
    often = f"{count} of its last {len(newest)} boots ended so"
    return _fail(row, f"{how} with code {inert(last['code'], 5)} at {last['closed']}; {often}")


def boot_not_accepted(row: dict[str, Any], logged: list[dict[str, Any]]) -> Answer | None:
    """The status that SteVe answered; it is newer than what SteVe's own list showed before."""
    del logged
    if not row["boot_status"]:
        return None
    if str(row["boot_status"]).lower() == "accepted":
        return Answer("pass")
    return _fail(row, f"BootNotification answered {inert(row['boot_status'], 20)} at {inert(row['booted_at'], 30)}")


def basic_auth_missing(row: dict[str, Any], logged: list[dict[str, Any]]) -> Answer | None:
    """Refused for want of a password. Once is enough: it is the charger that was power-cycled."""
    del logged
    return refused_for(row, ("basic-missing",))


def refused_for(row: dict[str, Any], reasons: tuple[str, ...]) -> Answer | None:
    """Whether a charge box was refused for one of these reasons and did not come in; None where it was not seen."""
    if row["outcome"] == "refused" and row["refused"]["reason"] in reasons:
        return _fail(row, _refused(row["refused"]))
    return Answer("pass") if row["connected_at"] else None


def unregistered(view: HostView) -> dict[str, tuple[dict[str, str], ...]]:
    """Evidence for ids that SteVe refused as unknown while they were followed, by id as it was asked about."""
    refused = [row for row in rows(view).values() if (refused_for(row, ("unknown-id",)) or Answer("pass")).evidence]
    return {str(row["id"]): _evidence(row, _refused(row["refused"])) for row in refused}


def came(view: HostView, charge_box_id: str) -> bool:
    """Whether a charge box had a session while it was followed."""
    row = rows(view).get(folded(charge_box_id))
    return row is not None and row["outcome"] in ("booted", "connected", "closed")


def absent(view: HostView, ids: tuple[str, ...]) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """Evidence about charge boxes that did not come in while they were followed, and the entries that explain it."""
    found: list[dict[str, str]] = []
    needs: tuple[str, ...] = ()
    for one in ids[:3]:
        row = rows(view).get(folded(one))
        if row is None:
            continue
        data = view.part("follow")["data"]
        found += _evidence(row, told(row, data["seconds"]))
        if row["outcome"] == "refused":
            needs = ("basic-auth-missing", "basic-auth-refused")
            continue
        others = {str(item["id"]): item for item in data["others"] if item.get("reason") == "unknown-id"}
        for miss in near_misses(one, others)[:1]:
            detail = f"{inert(miss.id, 60)} was {_refused(others[miss.id])}; it differs from {inert(one, 60)} by {miss}"
            found.append({"source": "followed log", "detail": detail})
    return found, needs
