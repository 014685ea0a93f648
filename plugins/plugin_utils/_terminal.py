# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report a person reads in a terminal: root cause first, evidence, remedy, and what was not looked at."""

from __future__ import annotations

import textwrap
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._era import UNKNOWN, from_dict
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._followed import told

_COLOURS = {"fail": "31;1", "warn": "33;1", "ok": "32;1", "dim": "2", "bold": "1"}
_MIN_WIDTH = 60
#: Charge boxes that were followed and are shown, one line each.
_FOLLOWED = 20
NOT_BUILT = "not built yet"


class Paper:
    """Collects lines of a width, coloured or not."""

    def __init__(self, width: int, colour: bool) -> None:
        self.width = max(width, _MIN_WIDTH)
        self.colour = colour
        self.lines: list[str] = []

    def paint(self, text: str, style: str) -> str:
        """The text in a style; unchanged without colour."""
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if self.colour else text

    def line(self, text: str = "", style: str | None = None) -> None:
        """One line as it is."""
        self.lines.append(self.paint(text, style) if style else text)

    def block(self, label: str, text: str, indent: int, style: str | None = None) -> None:
        """A labelled paragraph, wrapped so that the text stays in its column."""
        first = " " * indent + f"{label:<10}"
        wrapped = textwrap.wrap(
            text, self.width, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
        )
        for line in wrapped or [first]:
            self.line(line, style)


def render(findings: dict[str, Any], width: int = 100, colour: bool = False, full: bool = False) -> str:
    """The report of a run.

    Args:
        findings: a findings document.
        width: columns of the terminal.
        colour: whether to use ANSI colours.
        full: also list every check that passed, was blocked or was skipped.
    """
    paper = Paper(width, colour)
    for host in sorted(findings["hosts"], key=lambda item: _rank(item, findings)):
        _host(paper, host, findings, full)
    verdict = findings["verdict"]
    paper.line(_verdict_line(paper, verdict))
    return "\n".join(paper.lines)


def _rank(host: dict[str, Any], findings: dict[str, Any]) -> tuple[int, str]:
    severities = {item["severity"] for item in findings["findings"] if item["host"] == host["host"]}
    ill = 0 if not host["reached"] else 1 if "fail" in severities else 2 if severities else 3
    return ill, str(host["host"])


def _host(paper: Paper, host: dict[str, Any], findings: dict[str, Any], full: bool) -> None:
    name = inert(host["host"], 80)
    mine = [item for item in findings["findings"] if item["host"] == host["host"]]
    checks = [item for item in findings["checks"] if item["host"] == host["host"]]
    if not host["reached"]:
        paper.line(paper.paint("LOST", "fail") + f"  {paper.paint(name, 'bold')}")
        paper.block("", f"not reached: {inert(host['reason'], 300)}", 4)
        paper.line()
        return
    worst = "fail" if any(item["severity"] == "fail" for item in mine) else "warn" if mine else "ok"
    era = from_dict(host["era"])
    seen = "release not told" if era == UNKNOWN else f"SteVe {era} (by {era.source})"
    paper.line(paper.paint(f"{worst.upper():<4}", worst) + f"  {paper.paint(name, 'bold')}  {seen}")
    _followed(paper, host.get("followed"))
    for item in mine:
        _finding(paper, item)
    _not_looked(paper, checks, host)
    if full:
        _all_checks(paper, checks)
    paper.line()


def _followed(paper: Paper, followed: dict[str, Any] | None) -> None:
    """What became of the charge boxes that were followed, one line each."""
    if followed is None:
        return
    for row in followed["boxes"][:_FOLLOWED]:
        style = {"booted": "ok", "silent": "warn"}.get(row["outcome"])
        paper.block("followed", f"{inert(row['id'], 60)}: {told(row, followed['seconds'])}", 4, style)
    if len(followed["boxes"]) > _FOLLOWED:
        paper.block("", f"and {len(followed['boxes']) - _FOLLOWED} more", 4)
    if followed["reason"]:
        paper.block("followed", inert(followed["reason"], 300), 4, "warn")


def _finding(paper: Paper, item: dict[str, Any]) -> None:
    label = "cause" if item["severity"] == "fail" else "warning"
    paper.block(label, f"{item['id']}: {item['message']}", 4, item["severity"])
    paper.block("means", item["meaning"], 4)
    for evidence in item["evidence"][:4]:
        paper.block("evidence", f"{inert(evidence['source'], 60)}: {inert(evidence['detail'], 500)}", 4)
    remedy = item["remedy"]
    paper.block("remedy", f"{remedy['text']} (by: {remedy['by']})", 4)
    if remedy["command"]:
        paper.block("", remedy["command"], 4)


def _not_looked(paper: Paper, checks: list[dict[str, Any]], host: dict[str, Any]) -> None:
    """Open and skipped questions grouped by reason, then the count of everything."""
    for status, label, style in (("unknown", "open", None), ("skipped", "not asked", "dim")):
        groups: dict[str, dict[str, list[str]]] = {}
        for check in checks:
            if check["status"] == status and check["reason"] != NOT_BUILT:
                group = groups.setdefault(inert(check["reason"], 400), {"ids": [], "hops": []})
                group["ids"].append(check["id"])
                if check["hop"] and check["hop"] not in group["hops"]:
                    group["hops"].append(check["hop"])
        for reason, group in groups.items():
            where = f" ({', '.join(group['hops'])} hop)" if group["hops"] else ""
            paper.block(label, f"{_some(group['ids'])}: {reason}{where}", 4, style)
    words = [f"evaluated {host['evaluated']} of {host['total']} questions"]
    blocked = len({check["id"] for check in checks if check["status"] == "blocked"})
    if blocked:
        words.append(f"{blocked} blocked by the cause")
    not_built = sum(1 for check in checks if check["reason"] == NOT_BUILT)
    if not_built:
        words.append(f"{not_built} not built yet")
    paper.block("looked", ", ".join(words), 4)


def _some(ids: list[str]) -> str:
    unique = list(dict.fromkeys(ids))
    return ", ".join(unique[:3]) + (f" and {len(unique) - 3} more" if len(unique) > 3 else "")


def _all_checks(paper: Paper, checks: list[dict[str, Any]]) -> None:
    for check in checks:
        where = " ".join(str(check[key]) for key in ("hop", "vantage") if check.get(key))
        reason = f"  {inert(check['reason'], 200)}" if check["reason"] else ""
        paper.line(f"    {check['status']:<8} {check['id']:<30} {where:<16}{reason}".rstrip(), "dim")


def _verdict_line(paper: Paper, verdict: dict[str, Any]) -> str:
    word = paper.paint("OK", "ok") if verdict["ok"] else paper.paint("NOT OK", "fail")
    return f"{word}: {verdict['reason']}"


def render_comparison(result: dict[str, list[dict[str, Any]]], width: int = 100, colour: bool = False) -> str:
    """What a repair changed: cured, still there, uncovered, waiting for the charger, new, not answered.

    Args:
        result: from ``_compare.compare``.
        width: columns of the terminal.
        colour: whether to use ANSI colours.
    """
    paper = Paper(width, colour)
    labels = (
        ("gone", "cured", "ok"),
        ("still", "still", "warn"),
        ("uncovered", "uncovered", "warn"),
        ("waiting", "waiting", "ok"),
        ("new", "new", "fail"),
        ("unanswered", "no answer", "warn"),
    )
    for kind, label, style in labels:
        for finding in result[kind]:
            text = f"{inert(finding['host'], 60)}  {finding['id']}: {finding['message']}"
            paper.block(label, text, 4, style)
            if kind in ("still", "uncovered", "waiting", "new"):
                paper.block("", f"{finding['remedy']['text']} (by: {finding['remedy']['by']})", 4)
    if not paper.lines:
        paper.line("    nothing was wrong before and nothing is now")
    return "\n".join(paper.lines)


#: What a repair interrupts, by the role that does it.
INTERRUPTS = {
    "nginx_websocket": "reloads nginx; connected chargers stay connected, with the old timeouts until they reconnect",
    "app_env": "recreates the app container; every charger's connection drops for a moment and comes back by itself",
}


def render_plan(findings: dict[str, Any], width: int = 100, colour: bool = False) -> str:
    """What a repair would do on each host, for which finding, what it interrupts, and what others must do.

    Args:
        findings: the findings document of the diagnosis before the repair.
        width: columns of the terminal.
        colour: whether to use ANSI colours.
    """
    paper = Paper(width, colour)
    paper.line("Plan", "bold")
    for finding in findings["findings"]:
        remedy = finding["remedy"]
        where = f"{inert(finding['host'], 60)}  {finding['id']}: "
        if remedy["command"]:
            paper.block("repair", f"{where}role {remedy['by']}: {remedy['text']}", 4, "ok")
            paper.block("", INTERRUPTS.get(remedy["by"], ""), 4)
        else:
            paper.block("by hand", f"{where}{remedy['text']} (by: {remedy['by']})", 4, "warn")
    if not findings["findings"]:
        paper.line("    nothing to repair")
    return "\n".join(paper.lines)
