# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs side by side: what a repair cured, what stayed, what it uncovered, what is new."""

from __future__ import annotations

from collections.abc import Mapping
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


def compare(
    before: dict[str, Any], after: dict[str, Any], repairs: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Findings that are gone, still there, uncovered, waited for, and new, by host, id, hop and charge boxes.

    ``repairs`` is what was tried: host → ``done`` (roles and modules that ended well) and ``failed`` (``by`` and
    ``text`` of those that did not). A failure becomes an item of ``failed``; a finding that stands although the repair
    for it ended well becomes one of ``no_effect`` too.

    Also the hosts that were not reached in ``after``: ``lost`` when they were before, else ``away``. A finding of
    ``before`` is only gone when its host was reached in ``after`` and the question was answered there. A finding is
    ``uncovered`` when its question had no answer in ``before``, because something else hid it; it is no damage of the
    repair. ``waiting`` are charge boxes that could not have connected before the repair, and that have not connected
    since.
    """
    old = {_key(item): item for item in before["findings"]}
    new = {_key(item): item for item in after["findings"]}
    answered = {
        (check["host"], check["id"]) for check in after["checks"] if check["status"] in ANSWERED
    }
    known = {
        (check["host"], check["id"], check["hop"]) for check in before["checks"] if check["status"] in ANSWERED
    }
    unanswered = [key for key in old if key not in new and (key[0], key[1]) not in answered]
    added = [new[key] for key in new if key not in old]
    waiting = [item for item in added if _waits_for_charger(item, before)]
    added = [item for item in added if item not in waiting]
    hidden = [item for item in added if (item["host"], item["id"], item.get("hop")) not in known]
    tried = repairs or {}
    still = [new[key] for key in new if key in old]
    reached = {host["host"] for host in before["hosts"] if host["reached"]}
    gone_dark = [host for host in after["hosts"] if not host["reached"]]
    return {
        "failed": [
            {"host": host, "by": str(item["by"]), "text": str(item["text"])}
            for host, one in tried.items() for item in one.get("failed") or []
        ],
        "no_effect": [
            item for item in still if item["remedy"]["by"] in (tried.get(item["host"], {}).get("done") or [])
        ],
        "lost": [host for host in gone_dark if host["host"] in reached],
        "away": [host for host in gone_dark if host["host"] not in reached],
        "gone": [old[key] for key in old if key not in new and key not in unanswered],
        "still": still,
        "uncovered": hidden,
        "waiting": waiting,
        "new": [item for item in added if item not in hidden],
        "unanswered": [old[key] for key in unanswered],
    }


def verdict(result: dict[str, list[dict[str, Any]]], fail_on: str, host: str | None = None) -> dict[str, Any]:
    """Whether all is well after a repair, and whether it did no harm, for all hosts or for one.

    Not ``ok``: a repair failed or had no effect, something is new or was not answered, or a finding stands that stood
    or was hidden before and counts by ``fail_on``, or a host is not reached. Not ``safe``: the same except for findings
    that merely stand and hosts that were not reached before either; no further host should be touched then.
    """
    mine = {kind: [item for item in items if host in (None, item["host"])] for kind, items in result.items()}
    bad = {"fail": ("fail",), "warn": ("fail", "warn"), "never": ()}[fail_on]
    standing = [item for item in (*mine["still"], *mine["uncovered"]) if item["severity"] in bad]
    safe = not any(mine[kind] for kind in ("failed", "no_effect", "new", "unanswered", "lost"))
    words = [f"{len(mine['gone'])} cured", f"{len(mine['still'])} still there", f"{len(mine['new'])} new"]
    words += [f"{len(mine[kind])} {kind}" for kind in ("uncovered", "waiting") if mine[kind]]
    if mine["failed"]:
        words.append(f"{_count(mine['failed'], 'repair')} failed")
    if mine["no_effect"]:
        words.append(f"{_count(mine['no_effect'], 'finding')} repaired without effect")
    if mine["lost"] or mine["away"]:
        words.append(f"{_count([*mine['lost'], *mine['away']], 'host')} not reached")
    if mine["unanswered"]:
        words.append(f"{len(mine['unanswered'])} not answered")
    return {"ok": safe and not standing and not mine["away"], "safe": safe, "reason": ", ".join(words)}


def _count(items: list[dict[str, Any]], name: str) -> str:
    return f"{len(items)} {name}{'' if len(items) == 1 else 's'}"


def _waits_for_charger(finding: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether all charge boxes of a finding were kept out by something that stood in their registration before."""
    if finding["id"] != _WAITS_FOR_CHARGER:
        return False
    kept_out: set[str] = set()
    for item in before["findings"]:
        if item["host"] == finding["host"] and item["layer"] == "registration":
            kept_out.update(item["charge_boxes"]["ids"])
    return set(finding["charge_boxes"]["ids"]) <= kept_out
