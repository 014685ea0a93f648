# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs side by side: what a repair cured, what stayed, what it uncovered, what is new."""

from __future__ import annotations

from typing import Any

Key = tuple[str, str, str, str]
ANSWERED = ("pass", "warn", "fail")
#: A charge box that could not connect before the repair cannot have connected a moment after it.
_WAITS_FOR_CHARGER = "never-connected"


def _key(finding: dict[str, Any]) -> Key:
    return (
        str(finding["host"]), str(finding["id"]), str(finding.get("hop") or ""),
        ",".join(sorted(finding["charge_boxes"]["ids"])),
    )  # fmt: skip


def compare(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Findings that are gone, still there, uncovered, waited for, and new, by host, id, hop and charge boxes.

    Also the hosts that were not reached in ``after``. A finding of ``before`` is only gone when its host was reached in
    ``after`` and the question was answered there. A finding is ``uncovered`` when its question had no answer in
    ``before``, because something else hid it; it is no damage of the repair. ``waiting`` are charge boxes that could
    not have connected before the repair, and that have not connected since.
    """
    old = {_key(item): item for item in before["findings"]}
    new = {_key(item): item for item in after["findings"]}
    answered = {
        (check["host"], check["id"]) for check in after["checks"] if check["status"] in ANSWERED
    }
    known = {
        (check["host"], check["id"], check["hop"]) for check in before["checks"] if check["status"] in ANSWERED
    }
    lost = [key for key in old if key not in new and (key[0], key[1]) not in answered]
    added = [new[key] for key in new if key not in old]
    waiting = [item for item in added if _waits_for_charger(item, before)]
    added = [item for item in added if item not in waiting]
    hidden = [item for item in added if (item["host"], item["id"], item.get("hop")) not in known]
    return {
        "lost": [host for host in after["hosts"] if not host["reached"]],
        "gone": [old[key] for key in old if key not in new and key not in lost],
        "still": [new[key] for key in new if key in old],
        "uncovered": hidden,
        "waiting": waiting,
        "new": [item for item in added if item not in hidden],
        "unanswered": [old[key] for key in lost],
    }


def _waits_for_charger(finding: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether all charge boxes of a finding were kept out by something that stood in their registration before."""
    if finding["id"] != _WAITS_FOR_CHARGER:
        return False
    kept_out: set[str] = set()
    for item in before["findings"]:
        if item["host"] == finding["host"] and item["layer"] == "registration":
            kept_out.update(item["charge_boxes"]["ids"])
    return set(finding["charge_boxes"]["ids"]) <= kept_out
