# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From observations to findings: root causes, and what they block. Pure; never opens a socket or a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.chargeops.steve.plugins.plugin_utils import _followed
from ansible_collections.chargeops.steve.plugins.plugin_utils._answer import Answer
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import (
    BY_ID,
    CATALOGUE,
    FAIL,
    HOP,
    LAYERS,
    WARN,
    Entry,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions import ask
from ansible_collections.chargeops.steve.plugins.plugin_utils._questions_tls import QUESTIONS as ABOUT_CERTIFICATES
from ansible_collections.chargeops.steve.plugins.plugin_utils._view import HostView, merge

SCHEMA = "chargeops.steve/findings/1"
FAIL_ON = ("fail", "warn", "never")
_MAX_IDS = 1000


@dataclass
class Check:
    """One question on one host (and hop, and vantage) with its final status."""

    entry: Entry
    answer: Answer
    status: str
    blocked_by: tuple[str, ...] = ()

    @property
    def failing(self) -> bool:
        """Whether other checks that need this one are blocked by it."""
        return self.status in (FAIL, WARN, "blocked") and not self.answer.aside


def analyse(documents: list[dict[str, Any]], hosts: list[str], run_id: str, fail_on: str = "fail") -> dict[str, Any]:
    """Judge one run.

    Args:
        documents: observation documents of all hosts, those of vantages included.
        hosts: the hosts the run was to look at; one without a document was not reached.
        run_id: id of the run.
        fail_on: ``fail`` | ``warn`` | ``never``: from which severity on findings make the verdict bad. Hosts that
            were not reached and a run that evaluated nothing always do.

    Returns:
        The findings document.
    """
    if fail_on not in FAIL_ON:
        raise ValueError(f"fail_on is {fail_on!r}, not one of {', '.join(FAIL_ON)}")
    by_host: dict[str, list[dict[str, Any]]] = {host: [] for host in hosts}
    for document in documents:
        by_host.setdefault(str(document["host"]), []).append(document)
    judged = [_judge(host, mine) for host, mine in by_host.items()]
    return _document([view for view, _checks in judged], {view.host: mine for view, mine in judged}, run_id, fail_on)


def _judge(host: str, documents: list[dict[str, Any]]) -> tuple[HostView, list[Check]]:
    """A host and its checks; one whose documents are damaged is lost, and costs no other host its verdict."""
    try:
        view = merge(host, documents)
        view.era.to_dict(), _single(view)
        return view, check_host(view)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        reason = f"its observation is damaged or of another version and cannot be judged ({type(error).__name__})"
        lost = HostView(host, reached=False, reason=reason)
        return lost, check_host(lost)


def check_host(view: HostView) -> list[Check]:
    """All checks of one host, with every failure that another one explains marked as blocked."""
    checks = [
        Check(entry, answer, _severity(entry, answer, view) if answer.status == "fail" else answer.status)
        for entry in CATALOGUE
        for answer in ask(entry, view)
    ]
    by_id: dict[str, list[Check]] = {}
    for check in checks:
        by_id.setdefault(check.entry.id, []).append(check)
    done: set[int] = set()
    for check in checks:
        _resolve(check, by_id, done)
    return checks


def _severity(entry: Entry, answer: Answer, view: HostView) -> str:
    """A direct hop that fails while the proxy gets through is a wrong steve_url, not the chargers' trouble."""
    if answer.aside:
        return WARN
    if entry.id in ABOUT_CERTIFICATES:
        # Asked about the direct hop only where the chargers come that way.
        return entry.severity
    if entry.scope == HOP and answer.hop == "direct" and answer.status == "fail":
        if any(probe.reachable for probe in view.probes if probe.hop != "direct"):
            return WARN
    return entry.severity


def _resolve(check: Check, by_id: dict[str, list[Check]], done: set[int]) -> None:
    if id(check) in done:
        return
    done.add(id(check))
    if check.status in ("pass", "skipped"):
        return
    failing: list[Check] = []
    # The public hop repeats what the proxy of the host does.
    repeated = (f"{check.entry.id}@proxy",) if check.answer.hop == "public" and check.answer.vantage else ()
    for need in (*check.entry.needs, *check.answer.needs, *repeated):
        for needed in _needed(need, check, by_id):
            _resolve(needed, by_id, done)
            if needed.failing:
                failing.append(needed)
    blockers = [name for needed in _explaining(failing, check) for name in needed.blocked_by or (needed.entry.id,)]
    if blockers:
        check.status = "blocked"
        check.blocked_by = tuple(dict.fromkeys(blockers))


def _needed(need: str, check: Check, by_id: dict[str, list[Check]]) -> list[Check]:
    hop = check.answer.hop
    condition, separator, rest = need.partition(":")
    if separator:
        if condition == "open":
            if check.answer.status == "fail":
                return []
        elif (condition == "direct") != (hop == "direct") or hop is None:
            return []
        need = rest
    name, separator, wanted_hop = need.partition("@")
    found = [item for item in by_id[name] if item is not check]
    if separator:
        return [item for item in found if item.answer.hop == wanted_hop and wanted_hop != hop]
    if BY_ID[name].scope != HOP:
        return found
    # A question about the host as a whole needs what the host itself saw on its direct hop.
    vantage = check.answer.vantage or "host"
    return [item for item in found if item.answer.hop == (hop or "direct") and item.answer.vantage in (vantage, None)]


def _explaining(failing: list[Check], check: Check) -> list[Check]:
    """The failed needs that explain a check: each by itself, or several that together name all of its charge boxes.

    A need about some charge boxes explains only what is seen on those.
    """
    mine = set(check.answer.charge_boxes)
    alone = [needed for needed in failing if not needed.answer.charge_boxes or mine <= set(needed.answer.charge_boxes)]
    if alone:
        return alone
    shares = [needed for needed in failing if mine & set(needed.answer.charge_boxes)]
    return shares if mine <= {box for needed in shares for box in needed.answer.charge_boxes} else []


# -- the document -------------------------------------------------------------------------------------------


def _document(views: list[HostView], checks: dict[str, list[Check]], run_id: str, fail_on: str) -> dict[str, Any]:
    hosts = []
    rows: list[dict[str, Any]] = []
    findings: list[dict[str, Any]] = []
    counts = dict.fromkeys(("pass", "warn", "fail", "blocked", "skipped", "unknown"), 0)
    for view in views:
        mine = checks[view.host]
        evaluated = {check.entry.id for check in mine if check.status in ("pass", WARN, FAIL)}
        hosts.append(
            {
                "host": view.host,
                "era": view.era.to_dict() if view.reached else None,
                "reached": view.reached,
                "reason": view.reason,
                "evaluated": len(evaluated),
                "total": len(CATALOGUE),
                "dead_vantages": view.dead_vantages,
                "charge_box_id": _single(view),
                "collected_at": _only(str, (view.observation or {}).get("collected_at")),
                "duration_s": _only((int, float), (view.observation or {}).get("duration_s")),
                "followed": _followed.for_report(view),
            }
        )
        for check in mine:
            counts[check.status] += 1
            rows.append(_row(view.host, check))
            if check.status in (FAIL, WARN):
                findings.append(_finding(view.host, check))
    findings.sort(key=lambda item: (item["severity"] != FAIL, LAYERS.index(item["layer"])))
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "hosts": hosts,
        "checks": rows,
        "findings": findings,
        "counts": counts,
        "verdict": _verdict(hosts, findings, counts, fail_on),
        "fail_on": fail_on,
    }


def _only(kind: type | tuple[type, ...], value: Any) -> Any:
    return value if isinstance(value, kind) else None


def _single(view: HostView) -> str | None:
    """The one charge box that is in question on a host, None when several are or none is."""
    ids = view.asked.get("charge_box_ids") or []
    return str(ids[0]) if view.asked.get("single") and len(ids) == 1 else None


def _row(host: str, check: Check) -> dict[str, Any]:
    reason = check.answer.reason
    if check.status == "blocked":
        reason = "explained by " + ", ".join(check.blocked_by)
    return {
        "host": host,
        "id": check.entry.id,
        "hop": check.answer.hop,
        "vantage": check.answer.vantage,
        "status": check.status,
        "reason": reason,
        "blocked_by": list(check.blocked_by),
        "charge_boxes": _boxes(check.answer),
        "candidates": [str(item) for item in check.answer.candidates] if check.status == "unknown" else [],
    }


def _boxes(answer: Answer) -> dict[str, Any]:
    return {"count": len(answer.charge_boxes), "ids": [str(item) for item in answer.charge_boxes[:_MAX_IDS]]}


def _finding(host: str, check: Check) -> dict[str, Any]:
    entry, answer = check.entry, check.answer
    message = answer.message or entry.title
    if check.status == WARN and entry.severity == FAIL and not answer.aside:
        message += " The proxy reaches SteVe all the same: steve_url is probably not SteVe's address."
    return {
        "id": entry.id,
        "layer": entry.layer,
        "severity": check.status,
        "root_cause": not check.blocked_by,
        "blocked_by": list(check.blocked_by),
        "host": host,
        "hop": answer.hop,
        "vantage": answer.vantage,
        "charge_boxes": _boxes(answer),
        "title": entry.title,
        "meaning": entry.meaning,
        "message": message,
        "evidence": list(answer.evidence),
        "remedy": {"text": entry.remedy.text, "by": entry.remedy.by, "command": entry.remedy.command},
    }


def _verdict(
    hosts: list[dict[str, Any]], findings: list[dict[str, Any]], counts: dict[str, int], fail_on: str
) -> dict[str, Any]:
    lost = [host["host"] for host in hosts if not host["reached"]]
    causes = [item for item in findings if item["severity"] == FAIL]
    warnings = [item for item in findings if item["severity"] == WARN]
    words = []
    if causes:
        ill = len({item["host"] for item in causes})
        words.append(f"{_plural(len(causes), 'root cause')} on {ill} of {_plural(len(hosts), 'host')}")
    if warnings:
        words.append(_plural(len(warnings), "warning"))
    if lost:
        words.append(f"{len(lost)} of {_plural(len(hosts), 'host')} not reached")
    nothing = not any(host["evaluated"] for host in hosts)
    if nothing:
        words.append("nothing was evaluated")
    bad = bool(lost) or nothing
    bad = bad or (bool(causes) and fail_on != "never") or (bool(warnings) and fail_on == "warn")
    if not words:
        words.append(f"no finding on {_plural(len(hosts), 'host')}")
    if counts["unknown"]:
        words.append(f"{_plural(counts['unknown'], 'question')} open")
    return {"ok": not bad, "reason": ", ".join(words)}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")
