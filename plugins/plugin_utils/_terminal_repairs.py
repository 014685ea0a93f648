# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repair in the terminal: the plan before it, and what it changed."""

from __future__ import annotations

from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._paper import Paper

_INDENT = 4
#: Room of the labels.
_COLUMN = 12
_SENTENCE = 1000
_KINDS = (
    ("gone", "cured", "ok"),
    ("failed", "failed", "fail"),
    ("still", "still", "warn"),
    ("uncovered", "uncovered", "warn"),
    ("waiting", "waiting", "ok"),
    ("announced", "announced", "warn"),
    ("new", "new", "fail"),
    ("unanswered", "no answer", "warn"),
    ("dimmed", "no answer", "warn"),
    ("lost", "lost", "fail"),
    ("away", "away", "warn"),
)


def render_plan(plan: dict[str, Any], width: int = 100, colour: bool = False) -> str:
    """What a repair would do on each host, for which finding, what it interrupts, and what others must do.

    Args:
        plan: from ``_repair_plan.plan``.
        width: columns of the terminal.
        colour: whether to use ANSI colours.
    """
    paper = Paper(width, colour)
    healthy: list[str] = []
    for host in plan["hosts"]:
        name = inert(host["host"], 60)
        if not host["reached"]:
            paper.line(f"PLAN  {name}: nothing, it was not reached", "bold")
            _row(paper, "reason", inert(host["reason"], 300))
            continue
        if not host["repairs"] and not host["by_hand"]:
            healthy.append(name)
            continue
        paper.line(f"PLAN  {name}", "bold")
        for repair in host["repairs"]:
            _repair(paper, repair)
        for item in host["by_hand"]:
            _row(paper, "by hand", f"{_named(item)}: {_sentence(item['remedy'])}", "warn")
            _row(paper, "who", inert(item["who"], 100))
    if healthy:
        paper.block("PLAN", f"{', '.join(healthy)}: nothing to repair", 0, "bold", column=6)
    return paper.text()


def _repair(paper: Paper, repair: dict[str, Any]) -> None:
    _row(paper, "repair", f"{inert(repair['by'], 40)} (tag {inert(repair['tag'], 40)})", "ok")
    for item in repair["answers"]:
        _row(paper, "because", f"{_named(item)}: {_sentence(item['message'])}")
    if repair["wanted"]:
        _row(paper, "because", _sentence(repair["wanted"]))
    if repair["left_out"]:
        _row(paper, "not done", "the tags of this run leave it out", "warn")
        return
    _row(paper, "does", _sentence(repair["does"]))
    _row(paper, "interrupts", _sentence(repair["interrupts"]))
    for item in repair["foresees"]:
        _row(paper, "will stay", f"{inert(item['id'], 60)}: {_sentence(item['text'])}", "warn")
    if repair["permission"]:
        _row(paper, "needs", f"-e {inert(repair['permission'], 60)}")


def _named(item: dict[str, Any]) -> str:
    hop = f" ({inert(item['hop'], 20)} hop)" if item["hop"] else ""
    ids = [inert(id, 60) for id in item["charge_box_ids"]]
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"{inert(item['id'], 60)}{hop}" + (f" of {', '.join(ids[:3])}{more}" if ids else "")


def _row(paper: Paper, label: str, text: str, style: str | None = None) -> None:
    paper.block(label, text, _INDENT, style, column=_COLUMN)


def _sentence(text: object) -> str:
    return inert(text, _SENTENCE)


def render_comparison(result: dict[str, list[dict[str, Any]]], width: int = 100, colour: bool = False) -> str:
    """What a repair changed: cured, failed and undone, still there, uncovered, waiting for the charger, new.

    Args:
        result: from ``_compare.compare``.
        width: columns of the terminal.
        colour: whether to use ANSI colours.
    """
    paper = Paper(width, colour)
    for kind, label, style in _KINDS:
        for item in result[kind]:
            host = inert(item["host"], 60)
            if kind in ("lost", "away"):
                _row(paper, label, f"{host}  not reached: {inert(item['reason'], 300)}", style)
                continue
            if kind == "failed":
                _row(paper, label, f"{host}  {inert(item['by'], 40)}: {_sentence(item['text'])}", style)
                continue
            named = _named({**item, "charge_box_ids": item["charge_boxes"]["ids"]})
            _row(paper, label, f"{host}  {named}: {_sentence(item['message'])}", style)
            if kind in ("still", "uncovered", "waiting", "announced", "new"):
                by = inert(item["remedy"]["by"], 40)
                _row(paper, "", f"{_sentence(item['remedy']['text'])} (by: {by})")
    if not paper.lines:
        paper.line("    nothing was wrong before and nothing is now")
    return paper.text()
