# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report a person reads in a terminal: root cause first, evidence, remedy, and what was not told.

Three forms: *short*, to be pasted into a chat; *full*, every check by layer; and five lines when one charge box is in
question. Every text is made inert here once more: a stored document may come from anywhere.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._era import UNKNOWN, from_dict
from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID, LAYERS
from ansible_collections.chargeops.steve.plugins.plugin_utils._followed import told
from ansible_collections.chargeops.steve.plugins.plugin_utils._paper import Paper, columns, fit

#: Characters of a message, a remedy or a reason that are shown.
_SENTENCE = 1000
_EVIDENCE = 500
#: Pieces of evidence in the short form, each of fewer lines; and groups of what repeats on many hosts.
_SHORT = 3
_GROUPS = 8
#: Charge boxes that were followed and are shown, one line each.
_FOLLOWED = 20

#: Layers of what goes wrong although a charge box may get in.
_BEYOND_THE_HANDSHAKE = ("session", "time", "credentials")
_IS_IT_KNOWN = "charge-box-unregistered"

#: Conditions of a host in the order in which a person wants to read of them, with their styles.
_CONDITIONS = {"LOST": "fail", "FAIL": "fail", "OPEN": "open", "WARN": "warn", "OK": "ok"}


class _Host:
    """One host's share of the findings document."""

    def __init__(self, host: dict[str, Any]) -> None:
        self.data = host
        self.name = inert(host["host"], 80)
        self.findings: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []

    @property
    def unsettled(self) -> list[dict[str, Any]]:
        """Open questions that have candidates: something was seen that has several causes."""
        return [check for check in self.checks if check["status"] == "unknown" and check["candidates"]]

    @property
    def condition(self) -> str:
        """``LOST`` | ``FAIL`` | ``OPEN`` | ``WARN`` | ``OK``."""
        if not self.data["reached"]:
            return "LOST"
        severities = {item["severity"] for item in self.findings}
        if "fail" in severities:
            return "FAIL"
        if self.unsettled:
            return "OPEN"
        return "WARN" if severities else "OK"

    @property
    def release(self) -> str:
        """The release as a person names it."""
        era = from_dict(self.data["era"])
        return "release not told" if era == UNKNOWN else f"SteVe {era}"

    @property
    def source(self) -> str:
        """How the release is known."""
        era = from_dict(self.data["era"])
        return "" if era == UNKNOWN else f" (by {era.source})"


def render(
    findings: dict[str, Any], width: int = 100, colour: bool = False, full: bool = False, report: str | None = None
) -> str:
    """The report of a run.

    Args:
        findings: a findings document.
        width: columns of the terminal.
        colour: whether to use ANSI colours.
        full: every check, by layer, instead of the short form.
        report: path of the full report, to be named at the end.
    """
    paper = Paper(width, colour)
    hosts = _hosts(findings)
    single = [host for host in hosts if host.data.get("charge_box_id") is not None]
    if single and not full and len(single) == len(hosts):
        for number, host in enumerate(hosts):
            if number:
                paper.line()
            _five_lines(paper, host, findings, report)
        if len(hosts) > 1:
            paper.line()
            _verdict(paper, findings)
        return paper.text()
    if full:
        for host in hosts:
            _tree(paper, host)
    else:
        _short(paper, hosts)
    _origin(paper, findings)
    if report:
        paper.block("report", inert(report, _SENTENCE), 0, "dim")
    _verdict(paper, findings)
    return paper.text()


def _hosts(findings: dict[str, Any]) -> list[_Host]:
    """The hosts, ill ones first."""
    hosts = {item["host"]: _Host(item) for item in findings["hosts"]}
    for kind in ("findings", "checks"):
        for item in findings[kind]:
            getattr(hosts[item["host"]], kind).append(item)
    ranks = list(_CONDITIONS)
    return sorted(hosts.values(), key=lambda host: (ranks.index(host.condition), host.data["host"]))


def _verdict(paper: Paper, findings: dict[str, Any]) -> None:
    verdict = findings["verdict"]
    word, style = ("OK", "ok") if verdict["ok"] else ("NOT OK", "fail")
    first = len(paper.lines)
    paper.block("", f"{word}: {_sentence(verdict['reason'])}", 0, column=0)
    paper.lines[first] = paper.paint(word, style) + paper.lines[first][len(word) :]


def _origin(paper: Paper, findings: dict[str, Any]) -> None:
    """Where stored observations came from, and which files were left out."""
    for source in findings.get("sources") or []:
        hosts = f"{source['hosts']} host" + ("" if source["hosts"] == 1 else "s")
        paper.block("from", f"{inert(source['run_dir'], 300)} ({hosts})", 0, "dim")
    for item in findings.get("left_out") or []:
        paper.block("left out", f"{inert(item['file'], 300)}: {_sentence(item['reason'])}", 0, "warn")


def _sentence(text: object) -> str:
    return inert(text, _SENTENCE)


def _head(paper: Paper, host: _Host, rest: str) -> None:
    name = fit(host.name, paper.width - 6)
    paper.line(paper.paint(f"{host.condition:<4}", _CONDITIONS[host.condition]) + f"  {paper.paint(name, 'bold')}")
    if columns(name) + columns(rest) + 8 <= paper.width:
        paper.lines[-1] += f"  {rest}"
    else:
        paper.block("", rest, 4)


def _not_reached(host: _Host) -> str:
    return f"not reached: {inert(host.data['reason'], 300)}"


def _cause(item: dict[str, Any]) -> str:
    return f"{inert(item['id'], 60)}: {_sentence(item['message'])}"


def _remedy(item: dict[str, Any]) -> str:
    return f"{_sentence(item['remedy']['text'])} (by: {inert(item['remedy']['by'], 40)})"


def _evidence(item: dict[str, Any]) -> str:
    return f"{inert(item['source'], 60)}: {inert(item['detail'], _EVIDENCE)}"


def _some(names: list[str], most: int = 3) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:most]) + (f" and {len(unique) - most} more" if len(unique) > most else "")


def _followed(paper: Paper, followed: dict[str, Any] | None, indent: int = 4) -> None:
    """What became of the charge boxes that were followed, one line each."""
    if followed is None:
        return
    for row in followed["boxes"][:_FOLLOWED]:
        style = {"booted": "ok", "silent": "warn"}.get(row["outcome"])
        paper.block("followed", f"{inert(row['id'], 60)}: {told(row, followed['seconds'])}", indent, style)
    if len(followed["boxes"]) > _FOLLOWED:
        paper.block("", f"and {len(followed['boxes']) - _FOLLOWED} more", indent)
    if followed["recreated"]:
        times = ", ".join(inert(at, 30) for at in followed["recreated"][-3:])
        text = f"the app's container was recreated meanwhile ({times}); the new one was followed"
        paper.block("followed", text, indent)
    if followed["reason"]:
        paper.block("followed", inert(followed["reason"], 300), indent, "warn")


# -- short --------------------------------------------------------------------------------------------------


def _short(paper: Paper, hosts: list[_Host]) -> None:
    """Ill hosts in a few lines each, healthy ones together in one, then what was not told about any of them."""
    for host in hosts:
        if host.condition == "LOST":
            _head(paper, host, _not_reached(host))
        elif host.condition != "OK" or host.data.get("followed"):
            _head(paper, host, host.release)
            _followed(paper, host.data.get("followed"))
            for item in host.findings:
                _short_finding(paper, item)
            _unsettled(paper, host)
    well = [host.name for host in hosts if host.condition == "OK" and not host.data.get("followed")]
    if well:
        first = len(paper.lines)
        paper.block("OK", _some(well, 40), 0)
        paper.lines[first] = paper.paint("OK", "ok") + paper.lines[first][len("OK") :]
    _not_told(paper, [host for host in hosts if host.data["reached"]])


def _short_finding(paper: Paper, item: dict[str, Any]) -> None:
    paper.block("cause" if item["severity"] == "fail" else "warning", _cause(item), 4, item["severity"])
    shown = item["evidence"][:_SHORT]
    for evidence in shown:
        paper.block("evidence", _evidence(evidence), 4, most=_SHORT if len(shown) == 1 else _SHORT - 1)
    paper.block("remedy", _remedy(item), 4)
    if item["remedy"]["command"]:
        paper.command(item["remedy"]["command"], 4)


def _unsettled(paper: Paper, host: _Host) -> None:
    """What was seen and has several causes: whom it is about, the candidates, and what would settle it."""
    shown = []
    for check in host.unsettled:
        boxes = check["charge_boxes"]
        whom = _charge_boxes(boxes, 3) + ": " if boxes["count"] else ""
        text = f"{whom}perhaps {_perhaps(check)} ({_settle(check)})"
        if text not in shown:
            shown.append(text)
            paper.block("open", text, 4, "open")


def _perhaps(check: dict[str, Any]) -> str:
    return " or ".join(inert(item, 60) for item in check["candidates"][:6])


def _settle(check: dict[str, Any]) -> str:
    """The reason without the candidates, which it begins with."""
    reason = inert(check["reason"], 400)
    _named, separator, rest = reason.partition(": ")
    return _where(check, rest if separator and reason.startswith("undetermined between ") else reason)


def _not_told(paper: Paper, hosts: list[_Host]) -> None:
    """Open questions by reason, then in one paragraph why others were not asked."""
    for style, label, text in _gaps(hosts):
        paper.block(label, text, 0, style)


def _gaps(hosts: list[_Host]) -> list[tuple[str | None, str, str]]:
    """(style, label, text) of what was not told: open by reason and host, remarks, not asked by reason."""
    gaps: list[tuple[str | None, str, str]] = []
    opened: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    skipped: dict[str, set[str]] = {}
    for host in hosts:
        for check in host.checks:
            remark = check["status"] == "skipped" and check["charge_boxes"]["count"]
            if (check["status"] == "unknown" and not check["candidates"]) or remark:
                label = "remark" if remark else "open"
                ids, names = opened.setdefault((label, _where(check, inert(check["reason"], 400))), ([], []))
                ids.append(inert(check["id"], 60))
                names.append(host.name)
            elif check["status"] == "skipped":
                skipped.setdefault(inert(check["reason"], 400), set()).add(check["id"])
    for (label, reason), (ids, names) in list(opened.items())[:_GROUPS]:
        on = "" if len(hosts) == 1 else f" ({_some(names)})"
        gaps.append((None, label, f"{_some(ids)}: {reason}{on}"))
    if len(opened) > _GROUPS:
        gaps.append((None, "open", f"and for {len(opened) - _GROUPS} more reasons"))
    if skipped:
        reasons = "; ".join(list(skipped)[:_GROUPS]) + ("; and more" if len(skipped) > _GROUPS else "")
        gaps.append(("dim", "not asked", f"{len(set().union(*skipped.values()))} questions: {reasons}"))
    return gaps


def _where(check: dict[str, Any], text: str) -> str:
    """A text with the hop (and vantage) it is about."""
    places = [f"{inert(check['hop'], 20)} hop"] if check["hop"] else []
    if check.get("vantage") and check["vantage"] != "host":
        places.append(f"from {inert(check['vantage'], 60)}")
    return f"{text} ({' '.join(places)})" if places else text


# -- one charge box -----------------------------------------------------------------------------------------


def _five_lines(paper: Paper, host: _Host, findings: dict[str, Any], report: str | None) -> None:
    """Verdict, cause, evidence, remedy, and what was not told; the terminal breaks a line that is longer.

    Cause and remedy are never cut. Evidence and what was not told are, after two lines of the terminal: the report
    has all of it.
    """
    _followed(paper, host.data.get("followed"), 0)
    condition, verdict, cause, evidence, remedy = _answer(host)
    style = _CONDITIONS[condition]
    room = 2 * paper.width - 10
    end = f"; report: {inert(report, _SENTENCE)}" if report else ""
    paper.line("verdict   " + paper.paint(condition, style) + f": {verdict}")
    paper.line("cause     " + (paper.paint(cause, style) if condition in ("FAIL", "LOST") else cause))
    paper.line("evidence  " + fit(evidence, room))
    paper.line("remedy    " + remedy)
    paper.line("not told  " + fit(_untold(host, findings), max(room - columns(end), 60)) + end)


def _untold(host: _Host, findings: dict[str, Any]) -> str:
    """In one line: findings about others, open questions with the reason, numbers of the rest."""
    if not host.data["reached"]:
        return "everything"
    words = []
    others = [inert(item["id"], 60) for item in host.findings if not _about(item, host.data["charge_box_id"])]
    if others:
        words.append(f"{_some(others)} about other charge boxes")
    words += [f"{inert(item['file'], 300)} was left out" for item in findings.get("left_out") or []]
    for _style, label, text in _gaps([host]):
        words.append(text if label in ("open", "remark") else f"{text.partition(':')[0]} {label}")
    return "; ".join(words) or "nothing"


def _about(item: dict[str, Any], charge_box_id: str) -> bool:
    """Whether a finding or check concerns a charge box: by name, or as all of them."""
    return not item["charge_boxes"]["count"] or charge_box_id in item["charge_boxes"]["ids"]


def _answer(host: _Host) -> tuple[str, str, str, str, str]:
    """Condition, verdict, cause, evidence and remedy for the one charge box in question."""
    id = host.data["charge_box_id"]
    box = inert(id, 80)
    if not host.data["reached"]:
        return (
            "LOST", f"nothing is known about {box}", f"{host.name} was not reached: {inert(host.data['reason'], 300)}",
            "none: nothing was observed", "Make the host reachable for Ansible, then ask again.",
        )  # fmt: skip
    where = f"{host.name} ({host.release})"
    mine = [item for item in host.findings if _about(item, id)]
    causes = [item for item in mine if item["severity"] == "fail"]
    if causes:
        way = f"{box} is kept out of {where}"
        if causes[0]["layer"] in _BEYOND_THE_HANDSHAKE:
            way = f"something is wrong about {box} on {where}"
        return "FAIL", way, *_first(causes)
    unsettled = [check for check in host.unsettled if _about(check, id)]
    not_settled = f"whether {box} gets into {where} is not settled"
    if unsettled:
        candidates = [item for item in unsettled[0]["candidates"] if item in BY_ID]
        ways = "".join(f" If {item}: {BY_ID[item].remedy.text}" for item in candidates[:2])
        cause = f"perhaps {_perhaps(unsettled[0])}"
        return "OPEN", not_settled, cause, _settle(unsettled[0]), f"Settle it first.{ways}"
    known = [item for item in host.checks if item["id"] == _IS_IT_KNOWN]
    if not any(item["status"] == "pass" for item in known):
        if mine:
            return "OPEN", not_settled, *_first(mine)
        reason = _settle(known[0]) if known else "it was not asked"
        return (
            "OPEN", not_settled, "not found, because SteVe did not answer for this id", reason,
            "Let SteVe be asked: give what the evidence and the last line say is missing.",
        )  # fmt: skip
    if mine:
        return "WARN", f"nothing keeps {box} out of {where}, but there is a warning", *_first(mine)
    looked = f"{host.data['evaluated']} of {host.data['total']} questions were answered, none of them with a fault"
    return (
        "OK", f"nothing keeps {box} out of {where}, as far as was looked", "none found", looked,
        f"None here. Compare the charger's own settings: its URL, and its id, which has to be exactly {box}.",
    )  # fmt: skip


def _first(items: list[dict[str, Any]]) -> tuple[str, str, str]:
    """Cause, evidence and remedy of the first finding, each in one line, and the ids of the others."""
    item = items[0]
    more = f" And {_some([inert(other['id'], 60) for other in items[1:]])}." if items[1:] else ""
    evidence = "; ".join(_evidence(found) for found in item["evidence"][:_SHORT]) or "none beyond the cause itself"
    command = f" {inert(item['remedy']['command'], _SENTENCE)}" if item["remedy"]["command"] else ""
    return _cause(item) + more, evidence, _remedy(item) + command


# -- full ---------------------------------------------------------------------------------------------------


def _tree(paper: Paper, host: _Host) -> None:
    """A host, its layers, and under each every question with its answer."""
    if not host.data["reached"]:
        _head(paper, host, _not_reached(host))
        paper.line()
        return
    seen = host.data.get("collected_at")
    _head(paper, host, host.release + host.source + (f", observed {inert(seen, 40)}" if seen else ""))
    _followed(paper, host.data.get("followed"))
    for vantage, reason in sorted((host.data.get("dead_vantages") or {}).items()):
        paper.block("vantage", f"{inert(vantage, 80)} sent nothing: {inert(reason, 300)}", 4, "warn")
    findings: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for item in host.findings:
        findings.setdefault(_place(item), []).append(item)
    by_layer: dict[str, list[dict[str, Any]]] = {}
    for check in host.checks:
        entry = BY_ID.get(check["id"])
        by_layer.setdefault(entry.layer if entry else "other", []).append(check)
    for layer in (*LAYERS, "other"):
        if layer in by_layer:
            _layer(paper, layer, by_layer[layer], findings)
    paper.block("looked", _looked(host), 4)
    paper.line()


def _place(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["id"], item["hop"], item["vantage"]


def _layer(
    paper: Paper, layer: str, checks: list[dict[str, Any]], findings: dict[tuple[Any, ...], list[dict[str, Any]]]
) -> None:
    counts: dict[str, int] = {}
    for check in checks:
        counts[check["status"]] = counts.get(check["status"], 0) + 1
    paper.block(layer, ", ".join(f"{count} {status}" for status, count in counts.items()), 2, "bold", column=14)
    for check, places in _same_answers(checks):
        if check["status"] in ("warn", "fail"):
            same = findings.get(_place(check)) or []
            name = _where(check, inert(check["id"], 60))
            _full_finding(paper, check, name, same.pop(0) if same else None)
            continue
        where = f" ({', '.join(places)})" if places else ""
        reason = f": {inert(check['reason'], 400)}" if check["reason"] else ""
        style = "open" if check["status"] == "unknown" else "dim"
        paper.block(inert(check["status"], 9), inert(check["id"], 60) + where + reason, 4, style)
        boxes = check["charge_boxes"]
        if boxes["count"]:
            paper.block("", f"about {_charge_boxes(boxes)}", 4, style)


def _same_answers(checks: list[dict[str, Any]]) -> list[tuple[dict[str, Any], list[str]]]:
    """Each check with the places it speaks for: the same answer on several hops is one line. Findings stay alone."""
    groups: dict[object, tuple[dict[str, Any], list[str]]] = {}
    for number, check in enumerate(checks):
        alone = number if check["status"] in ("warn", "fail") or check["charge_boxes"]["count"] else None
        _check, places = groups.setdefault((check["id"], check["status"], check["reason"], alone), (check, []))
        place = _where(check, "")
        if place:
            places.append(place.strip(" ()"))
    return list(groups.values())


def _charge_boxes(boxes: dict[str, Any], most: int = 20) -> str:
    shown = [inert(item, 80) for item in boxes["ids"][:most]]
    return ", ".join(shown) + (f" and {boxes['count'] - len(shown)} more" if boxes["count"] > len(shown) else "")


def _full_finding(paper: Paper, check: dict[str, Any], name: str, item: dict[str, Any] | None) -> None:
    style = check["status"]
    paper.block(style.upper(), name if item is None else f"{name}: {_sentence(item['message'])}", 4, style)
    if item is None:
        return
    paper.block("means", _sentence(item.get("meaning") or ""), 14)
    if item["charge_boxes"]["count"]:
        paper.block("boxes", _charge_boxes(item["charge_boxes"]), 14)
    for evidence in item["evidence"]:
        paper.block("evidence", _evidence(evidence), 14)
    paper.block("remedy", _remedy(item), 14)
    if item["remedy"]["command"]:
        paper.command(item["remedy"]["command"], 14)


def _looked(host: _Host) -> str:
    words = [f"evaluated {host.data['evaluated']} of {host.data['total']} questions"]
    blocked = len({check["id"] for check in host.checks if check["status"] == "blocked"})
    if blocked:
        words.append(f"{blocked} blocked by the cause")
    return ", ".join(words)
