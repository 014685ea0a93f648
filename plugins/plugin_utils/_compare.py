# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs side by side: what a repair cured, what stayed, what is new."""

from __future__ import annotations

from typing import Any

Key = tuple[str, str, str, str]


def _key(finding: dict[str, Any]) -> Key:
    return (
        str(finding["host"]), str(finding["id"]), str(finding.get("hop") or ""),
        ",".join(sorted(finding["charge_boxes"]["ids"])),
    )  # fmt: skip


def compare(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Findings that are gone, still there, and new, by host, id, hop and charge boxes.

    Also the hosts that were not reached in ``after``. A finding of ``before`` is only gone when its host was reached in
    ``after`` and the question was answered there.
    """
    old = {_key(item): item for item in before["findings"]}
    new = {_key(item): item for item in after["findings"]}
    answered = {
        (check["host"], check["id"]) for check in after["checks"] if check["status"] in ("pass", "warn", "fail")
    }
    lost = [key for key in old if key not in new and (key[0], key[1]) not in answered]
    return {
        "lost": [host for host in after["hosts"] if not host["reached"]],
        "gone": [old[key] for key in old if key not in new and key not in lost],
        "still": [new[key] for key in new if key in old],
        "new": [new[key] for key in new if key not in old],
        "unanswered": [old[key] for key in lost],
    }
