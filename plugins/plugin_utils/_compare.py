# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs side by side: what a repair cured, what stayed, what it uncovered, what is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Key = tuple[str, str, str, str]
ANSWERED = ("pass", "warn", "fail")
#: What can be taken back after the second diagnosis, and the hops that it changes.
_NGINX = "nginx_websocket"
_NGINX_HOPS = ("proxy", "public")
#: A charge box that could not connect before the repair cannot have connected a moment after it.
_WAITS_FOR_CHARGER = "never-connected"


def _parts(findings: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    """Each finding; one about charge boxes once for each of them, because one of them may be cured."""
    found: dict[Key, dict[str, Any]] = {}
    for item in findings["findings"]:
        for id in item["charge_boxes"]["ids"] or [""]:
            found[(str(item["host"]), str(item["id"]), str(item.get("hop") or ""), id)] = item
    return found


def _told(keys: Iterable[Key], findings: Mapping[Key, dict[str, Any]]) -> list[dict[str, Any]]:
    """The findings of these keys, those of one finding together again, with only these charge boxes."""
    together: dict[Key, list[str]] = {}
    for key in keys:
        together.setdefault((*key[:3], ""), []).append(key[3])
    rows = []
    for (host, id, hop, _box), ids in together.items():
        boxes = [box for box in ids if box]
        rows.append({**findings[(host, id, hop, ids[0])], "charge_boxes": {"count": len(boxes), "ids": boxes}})
    return rows


def compare(
    before: dict[str, Any],
    after: dict[str, Any],
    repairs: Mapping[str, Mapping[str, Any]] | None = None,
    plan: Mapping[str, Any] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Findings that are gone, still there, uncovered, waited for, and new, by host, id, hop and charge box.

    ``repairs`` is what was tried: host → ``done`` (roles and modules that ended well), ``failed`` (``by`` and ``text``
    of those that did not) and ``announced`` (ids of findings that a repair said would come); ``plan`` says which
    findings they were to answer. A failure becomes an item of ``failed``; a finding that stands although the repair for
    it ended well becomes one of ``no_effect`` too.

    Also the hosts that were not reached in ``after``: ``lost`` when they were before, else ``away``. A finding of
    ``before`` is only gone when its host was reached in ``after`` and the question was answered there. A finding is
    ``uncovered`` when its question had no answer in ``before``, because something else hid it; it is no damage of the
    repair. ``waiting`` are charge boxes that could not have connected before the repair, and that have not connected
    since. ``dimmed`` are questions that were answered well at a hop which a repair has changed, and have no answer
    there any more, although nothing is found that would explain it: no finding is no proof then.
    """
    old, new = _parts(before), _parts(after)
    answered = {(check["host"], check["id"]) for check in after["checks"] if check["status"] in ANSWERED}
    known = {
        (check["host"], check["id"], str(check["hop"] or "")) for check in before["checks"]
        if check["status"] in ANSWERED
    }  # fmt: skip
    unanswered = [key for key in old if key not in new and key[:2] not in answered]
    added = [key for key in new if key not in old]
    kept_out = _kept_out(before)
    waiting = [key for key in added if key[1] == _WAITS_FOR_CHARGER and (key[0], key[3]) in kept_out]
    added = [key for key in added if key not in waiting]
    hidden = [key for key in added if key[:3] not in known or (key[0], key[3]) in kept_out]
    told = {(host, id) for host, one in (repairs or {}).items() for id in one.get("announced") or []}
    announced = [key for key in added if key not in hidden and key[:2] in told]
    still = [key for key in new if key in old]
    repaired = _repaired(repairs or {}, plan or {"hosts": []})
    reached = {host["host"] for host in before["hosts"] if host["reached"]}
    gone_dark = [host for host in after["hosts"] if not host["reached"]]
    return {
        "failed": [
            {"host": host, "by": str(item["by"]), "text": str(item["text"])}
            for host, one in (repairs or {}).items() for item in one.get("failed") or []
        ],
        "no_effect": _told([key for key in still if key in repaired], new),
        "lost": [host for host in gone_dark if host["host"] in reached],
        "away": [host for host in gone_dark if host["host"] not in reached],
        "gone": _told([key for key in old if key not in new and key not in unanswered], old),
        "still": _told(still, new),
        "uncovered": _told(hidden, new),
        "waiting": _told(waiting, new),
        "announced": _told(announced, new),
        "new": _told([key for key in added if key not in [*hidden, *announced]], new),
        "unanswered": _told(unanswered, old),
        "dimmed": _dimmed(before, after, repairs or {}, [key[::2] for key in still], {key[0] for key in added}),
    }  # fmt: skip


def _dimmed(
    before: dict[str, Any], after: dict[str, Any], repairs: Mapping[str, Mapping[str, Any]],
    still: Iterable[tuple[str, str]], added: set[str],
) -> list[dict[str, Any]]:
    """What a finding may explain is left out.

    Args:
        still: host and hop of the findings that stand.
        added: hosts with a finding that did not stand before.
    """

    def answers(document: dict[str, Any], status: str) -> dict[tuple[str, str, str], dict[str, Any]]:
        return {
            (check["host"], check["id"], check["hop"]): check for check in document["checks"]
            if check["status"] == status and check["hop"] in _NGINX_HOPS and check["vantage"] in (None, "host")
        }  # fmt: skip

    passed = answers(before, "pass")
    return [
        {"host": host, "id": id, "hop": hop, "charge_boxes": {"count": 0, "ids": []}, "message": str(check["reason"])}
        for (host, id, hop), check in answers(after, "unknown").items()
        if (host, id, hop) in passed and (host, hop) not in still and host not in added
        and _NGINX in (repairs.get(host, {}).get("done") or [])
    ]


def _repaired(repairs: Mapping[str, Mapping[str, Any]], plan: Mapping[str, Any]) -> set[Key]:
    """What the repairs that ended well were to answer."""
    return {
        (str(host["host"]), str(item["id"]), str(item["hop"] or ""), str(id))
        for host in plan["hosts"]
        for repair in host["repairs"]
        if repair["by"] in (repairs.get(host["host"], {}).get("done") or [])
        for item in repair["answers"]
        for id in item["charge_box_ids"] or [""]
    }


def _kept_out(before: dict[str, Any]) -> set[tuple[str, str]]:
    """Host and id of the charge boxes that something in their registration kept out."""
    return {
        (str(item["host"]), id) for item in before["findings"] if item["layer"] == "registration"
        for id in item["charge_boxes"]["ids"]
    }  # fmt: skip


def verdict(result: dict[str, list[dict[str, Any]]], fail_on: str, host: str | None = None) -> dict[str, Any]:
    """Whether all is well after a repair, and whether it did no harm, for all hosts or for one.

    Not ``ok``: a repair failed or had no effect, something is new or was not answered, or a finding stands that stood,
    was hidden or was announced before and counts by ``fail_on``, or a host is not reached. Not ``safe``: the same
    except for findings that merely stand and hosts that were not reached before either; no further host should be
    touched then.
    """
    mine = {kind: [item for item in items if host in (None, item["host"])] for kind, items in result.items()}
    bad = {"fail": ("fail",), "warn": ("fail", "warn"), "never": ()}[fail_on]
    standing = [item for kind in ("still", "uncovered", "announced") for item in mine[kind] if item["severity"] in bad]
    safe = not any(mine[kind] for kind in ("failed", "no_effect", "new", "unanswered", "dimmed", "lost"))
    words = [f"{len(mine['gone'])} cured", f"{len(mine['still'])} still there", f"{len(mine['new'])} new"]
    words += [f"{len(mine[kind])} {kind}" for kind in ("uncovered", "waiting", "announced") if mine[kind]]
    if mine["failed"]:
        words.append(f"{_count(mine['failed'], 'repair')} failed")
    if mine["no_effect"]:
        words.append(f"{_count(mine['no_effect'], 'finding')} repaired without effect")
    if mine["lost"] or mine["away"]:
        words.append(f"{_count([*mine['lost'], *mine['away']], 'host')} not reached")
    if mine["unanswered"]:
        words.append(f"{len(mine['unanswered'])} not answered")
    if mine["dimmed"]:
        words.append(f"{_count(mine['dimmed'], 'question')} answered before and not any more")
    return {"ok": safe and not standing and not mine["away"], "safe": safe, "reason": ", ".join(words)}


def take_back(
    result: Mapping[str, list[dict[str, Any]]], repairs: Mapping[str, Mapping[str, Any]], host: str
) -> list[str]:
    """The repairs of a host that the second diagnosis speaks against, of those that can be taken back.

    Something is new, or open, where the repair acts; or it cured nothing of what it was to cure.
    """
    if _NGINX not in (repairs.get(host, {}).get("done") or []):
        return []
    mine = {kind: [item for item in items if item["host"] == host] for kind, items in result.items()}
    harm = mine["dimmed"] or [item for item in (*mine["new"], *mine["unanswered"]) if item["hop"] in _NGINX_HOPS]
    useless, cured = (
        [item for item in mine[kind] if item["remedy"]["by"] == _NGINX] for kind in ("no_effect", "gone")
    )  # fmt: skip
    return [_NGINX] if harm or (useless and not cured) else []


def _count(items: list[dict[str, Any]], name: str) -> str:
    return f"{len(items)} {name}{'' if len(items) == 1 else 's'}"
