# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a repair would do on each host: which finding it answers, what it interrupts, and what others must do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView, merge

SCHEMA = "chargeops.steve/plan/1"
#: Ids that are named before the rest is only counted.
_NAMED = 5


@dataclass(frozen=True)
class Repair:
    """What ``remediate`` can do by itself.

    Attributes:
        by: the role, or the module, that does it.
        tag: the playbook's tag that leaves everything else out.
        does: what it changes, and how it is secured.
        permission: what has to be said on the command line before it is done, or None.
    """

    by: str
    tag: str
    does: str
    permission: str | None = None


#: In the order in which ``remediate`` does them.
REPAIRS = (
    Repair(
        "nginx_websocket", "nginx",
        "The location of the WebSocket path in nginx's server block for the public URL is put in or corrected: tested "
        "with nginx -t, loaded by a reload, proven through nginx, and taken back if one of these fails. Where it is "
        "right and nginx only keeps an old address, nginx is reloaded.",
    ),
    Repair(
        "app_env", "env",
        "The app container is recreated with the values of its env file, if docker compose itself would; alone, "
        "without build, pull or volumes.",
        "steve_allow_restart=true",
    ),
    Repair(
        "steve_chargebox", "charge_boxes",
        "The charge boxes of steve_charge_boxes are registered, with the options that stand there; nothing is removed.",
    ),
)  # fmt: skip
#: Who must do what no role can, by ``remedy.by``.
WHO = {
    "operator": "the operator of this host",
    "network": "whoever runs network, DNS and firewall",
    "charger": "whoever configures the charge box",
    "steve": "whoever develops SteVe",
}


def plan(
    findings: Mapping[str, Any],
    observations: Iterable[dict[str, Any]] = (),
    wanted: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """The plan for all hosts of a run, as a document.

    Args:
        findings: the findings document of the diagnosis before the repair.
        observations: what that diagnosis saw; without them nobody knows what is interrupted.
        wanted: host → repairs that its inventory asks for although no finding does.
    """
    documents: dict[str, list[dict[str, Any]]] = {}
    for document in observations:
        documents.setdefault(str(document["host"]), []).append(document)
    hosts = []
    for host in findings["hosts"]:
        mine = [item for item in findings["findings"] if item["host"] == host["host"]]
        view = merge(host["host"], documents.get(host["host"], []))
        hosts.append({
            "host": host["host"], "reached": host["reached"], "reason": host["reason"],
            "repairs": list(_repairs(mine, view, (wanted or {}).get(host["host"], ()))),
            "by_hand": [_by_hand(item) for item in mine if not item["remedy"]["command"]],
        })  # fmt: skip
    return {"schema": SCHEMA, "run_id": findings["run_id"], "hosts": hosts}


def repairs(findings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Host → the roles and modules of this collection that answer one of its findings."""
    found: dict[str, list[str]] = {}
    for finding in findings["findings"]:
        if finding["remedy"]["command"] and finding["remedy"]["by"] not in found.setdefault(finding["host"], []):
            found[finding["host"]].append(finding["remedy"]["by"])
    return found


def _repairs(mine: list[dict[str, Any]], view: HostView, wanted: Sequence[str]) -> Iterable[dict[str, Any]]:
    for repair in REPAIRS:
        answered = [item for item in mine if item["remedy"]["command"] and item["remedy"]["by"] == repair.by]
        if answered or repair.by in wanted:
            yield {
                "by": repair.by, "tag": repair.tag, "does": repair.does, "interrupts": _interrupts(repair, view),
                "permission": repair.permission, "answers": [_named(item) for item in answered],
                "wanted": repair.by in wanted,
            }  # fmt: skip


def _named(finding: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": finding["id"], "hop": finding["hop"], "severity": finding["severity"],
        "charge_box_ids": finding["charge_boxes"]["ids"], "message": finding["message"],
        "remedy": finding["remedy"]["text"],
    }  # fmt: skip


def _by_hand(finding: dict[str, Any]) -> dict[str, Any]:
    by = str(finding["remedy"]["by"])
    return {**_named(finding), "by": by, "who": WHO.get(by, by)}


def _interrupts(repair: Repair, view: HostView) -> str:
    if repair.by == "steve_chargebox":
        return "Nothing, while charge boxes are only added. From SteVe 3.13 on, another password or profile for one " \
            "that is connected is sent to it as well."  # fmt: skip
    connected, who = _connected(view)
    if repair.by == "nginx_websocket":
        stay = f"What is connected now stays connected ({who})" if connected != 0 else "Nobody is connected now"
        return f"Nothing. {stay}; an open connection keeps its old timeouts until it reconnects."
    if connected == 0:
        return "SteVe is away while it starts; nobody is connected now."
    running = (view.part("admin")["data"] or {}).get("active_transactions")
    charging = "unknown" if running is None else f"{running} by SteVe's home page"
    return (
        f"Every charge box's connection until SteVe has started ({who}); they reconnect by themselves. "
        f"Running transactions: {charging}."
    )


def _connected(view: HostView) -> tuple[int | None, str]:
    """How many charge boxes had a session when SteVe was asked, None when that is unknown; and in words."""
    admin = view.part("admin")
    data = admin["data"] or {}
    if admin["status"] != "ok" or data.get("sessions_error"):
        why = inert(data.get("sessions_error") or admin["reason"] or "SteVe's own list was not read", 200)
        return None, f"how many is unknown: {why}"
    ids = sorted({str(session["id"]) for session in data.get("sessions") or []})
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return len(ids), f"{len(ids)}: {', '.join(inert(id, 60) for id in ids[:_NAMED])}{more}" if ids else "none"
