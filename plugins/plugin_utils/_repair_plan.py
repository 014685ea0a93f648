# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a repair would do on each host: which finding it answers, what it interrupts, and what others must do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_env import foreseen
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
        "app_env", "env",
        "The app container is recreated with the values of its env file, if docker compose itself would; alone, "
        "without build, pull or volumes.",
        "steve_allow_restart=true",
    ),
    Repair(
        "steve_chargebox", "charge_boxes",
        "The charge boxes of steve_charge_boxes are registered, with the options that stand there; nothing is removed.",
    ),
    Repair(
        "nginx_websocket", "nginx",
        "The location of the WebSocket path in nginx's server block for the public URL is put in or corrected: tested "
        "with nginx -t, loaded by a reload, proven through nginx, and taken back if one of these fails or the "
        "second diagnosis speaks against it. Where it is right and nginx only keeps an old address, nginx is reloaded.",
    ),
)  # fmt: skip
#: Who must do what no role can, by ``remedy.by``.
WHO = {
    "operator": "the operator of this host",
    "network": "whoever runs network, DNS and firewall",
    "charger": "whoever configures the charge box",
    "steve": "whoever develops SteVe",
}


@dataclass(frozen=True)
class Inventory:
    """What the inventory says about the repairs of one host.

    Attributes:
        wanted: repair → why it is asked for although no finding asks for it.
        listed: charge boxes that are to be registered; None: not told, so any may be.
        accepted: those of them whose registration status is to be Accepted; None likewise.
        left_out: tags of the playbook that this run leaves out.
    """

    wanted: Mapping[str, str] = field(default_factory=dict)
    listed: Sequence[str] | None = None
    accepted: Sequence[str] | None = None
    left_out: Sequence[str] = ()

    def repairable(self, finding: Mapping[str, Any]) -> list[str]:
        """Those charge boxes of a finding of theirs that the inventory lets be repaired."""
        may = self.listed if finding["id"] == "charge-box-unregistered" else self.accepted
        ids: list[str] = finding["charge_boxes"]["ids"]
        return ids if may is None else [id for id in ids if id in may]


def plan(
    findings: Mapping[str, Any],
    observations: Iterable[dict[str, Any]] = (),
    inventories: Mapping[str, Inventory] | None = None,
) -> dict[str, Any]:
    """The plan for all hosts of a run, as a document.

    Args:
        findings: the findings document of the diagnosis before the repair.
        observations: what that diagnosis saw; without them nobody knows what is interrupted.
        inventories: host → what its inventory says.
    """
    documents: dict[str, list[dict[str, Any]]] = {}
    for document in observations:
        documents.setdefault(str(document["host"]), []).append(document)
    hosts = []
    for host in findings["hosts"]:
        inventory = (inventories or {}).get(host["host"], Inventory())
        view = merge(host["host"], documents.get(host["host"], []))
        answered, by_hand = _shared([item for item in findings["findings"] if item["host"] == host["host"]], inventory)
        hosts.append({
            "host": host["host"], "reached": host["reached"], "reason": host["reason"],
            "repairs": list(_repairs(answered, view, inventory)) if host["reached"] else [], "by_hand": by_hand,
        })  # fmt: skip
    return {"schema": SCHEMA, "run_id": findings["run_id"], "hosts": hosts}


def repairs(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """Host → the roles and modules of this collection that answer one of its findings."""
    return {
        host["host"]: [repair["by"] for repair in host["repairs"] if repair["answers"]]
        for host in plan["hosts"]
        if any(repair["answers"] for repair in host["repairs"])
    }


def _shared(
    mine: list[dict[str, Any]], inventory: Inventory
) -> tuple[list[tuple[str, dict[str, Any]]], list[dict[str, Any]]]:
    """The findings by what answers them, and what somebody has to do; one about several charge boxes may be both."""
    answered = []
    by_hand = []
    for finding in mine:
        by = str(finding["remedy"]["by"])
        if not finding["remedy"]["command"]:
            by_hand.append(_by_hand(finding, by))
        elif by != "steve_chargebox":
            answered.append((by, _named(finding)))
        else:
            may = inventory.repairable(finding)
            rest = [id for id in finding["charge_boxes"]["ids"] if id not in may]
            if may:
                answered.append((by, _named(finding, may)))
            if rest:
                by_hand.append(_by_hand(finding, "operator", rest))
    return answered, by_hand


def _repairs(
    answered: list[tuple[str, dict[str, Any]]], view: HostView, inventory: Inventory
) -> Iterable[dict[str, Any]]:
    for repair in REPAIRS:
        mine = [item for by, item in answered if by == repair.by]
        if mine or repair.by in inventory.wanted:
            yield {
                "by": repair.by, "tag": repair.tag, "does": repair.does, "interrupts": _interrupts(repair, view),
                "permission": repair.permission, "answers": mine, "wanted": inventory.wanted.get(repair.by),
                "left_out": repair.tag in inventory.left_out, "foresees": _foresees(repair, view),
            }  # fmt: skip


def _foresees(repair: Repair, view: HostView) -> list[dict[str, str]]:
    text = foreseen(view) if repair.by == "app_env" else None
    return [{"id": "env-not-effective", "text": text}] if text else []


def _named(finding: dict[str, Any], ids: list[str] | None = None) -> dict[str, Any]:
    return {
        "id": finding["id"], "hop": finding["hop"], "severity": finding["severity"],
        "charge_box_ids": finding["charge_boxes"]["ids"] if ids is None else ids, "message": finding["message"],
        "remedy": finding["remedy"]["text"],
    }  # fmt: skip


def _by_hand(finding: dict[str, Any], by: str, ids: list[str] | None = None) -> dict[str, Any]:
    return {**_named(finding, ids), "by": by, "who": WHO.get(by, by)}


def _interrupts(repair: Repair, view: HostView) -> str:
    if repair.by == "steve_chargebox":
        return "Nothing, while charge boxes are only added. From SteVe 3.13 on, another password or profile for one " \
            "that is connected is sent to it as well."  # fmt: skip
    connected, who = _connected(view)
    if repair.by == "nginx_websocket":
        limit = (view.part("nginx")["data"] or {}).get("worker_shutdown_timeout")
        if limit is not None and connected != 0:
            place = f"{inert(limit['file'], 200)}:{limit['line']}"
            return (
                f"Every connection through nginx, {inert(limit['value'], 40)} after the reload, as "
                f"worker_shutdown_timeout ({place}) has it for each reload ({who}); they reconnect by themselves. "
                "Take it out of nginx's configuration first where that must not be."
            )
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
