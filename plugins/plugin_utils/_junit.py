# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report that continuous integration reads: JUnit XML, one suite per host and one case per check.

JUnit knows three colours, and this file gives them the meaning of the verdict. Red (``failure``, ``error``) is exactly
what makes the verdict bad, so that file and exit code never disagree. Yellow (``skipped``, which readers show with its
message) is everything that is no proof of health: what could not be looked at, was not asked or is explained by
another finding, and findings that ``fail_on`` does not count. An ``error`` would say that the check itself broke, and
would turn every host red where containers may not be read. Green is what was looked at and found well, nothing else.
The first case of each suite, ``observed``, is the host itself: an error when it was not reached.

The form is that of the schemas of Ant and of Jenkins: attributes and children in the order that both accept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID

_BAD = {"fail": ("fail",), "warn": ("fail", "warn"), "never": ()}
_LONGEST = 1000


def render(findings: dict[str, Any]) -> str:
    """The document as text with its declaration.

    Args:
        findings: a findings document.
    """
    root = ElementTree.Element("testsuites")
    nothing = not any(host["evaluated"] for host in findings["hosts"])
    rows: dict[str, list[dict[str, Any]]] = {host["host"]: [] for host in findings["hosts"]}
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for check in findings["checks"]:
        rows[check["host"]].append(check)
    for item in findings["findings"]:
        found.setdefault(_place(item), []).append(item)
    for number, host in enumerate(findings["hosts"]):
        cases = [_observed(host, nothing), *_cases(rows[host["host"]], found, _BAD[findings["fail_on"]])]
        root.append(_suite(number, host, cases))
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(number: int, host: dict[str, Any], cases: list[ElementTree.Element]) -> ElementTree.Element:
    name = inert(host["host"])
    count = {kind: str(sum(1 for case in cases if case.find(kind) is not None)) for kind in _KINDS}
    suite = ElementTree.Element(
        "testsuite",
        {
            "id": str(number), "name": name, "package": "chargeops.steve", "hostname": name,
            # The schema's time has no zone; it is UTC.
            "timestamp": str(host.get("collected_at") or "1970-01-01T00:00:00Z")[:19],
            "time": f"{host.get('duration_s') or 0:.3f}", "tests": str(len(cases)),
            "failures": count["failure"], "errors": count["error"], "skipped": count["skipped"],
        },
    )  # fmt: skip
    ElementTree.SubElement(suite, "properties")
    names: dict[str, int] = {}
    for case in cases:
        case.set("classname", f"{name}.{case.get('classname')}")
        names[case.get("name", "")] = same = names.get(case.get("name", ""), 0) + 1
        if same > 1:
            # Two answers about one hop, such as two of its addresses. Readers take equal names for one case.
            case.set("name", f"{case.get('name')} #{same}")
        suite.append(case)
    ElementTree.SubElement(suite, "system-out")
    ElementTree.SubElement(suite, "system-err")
    return suite


_KINDS = ("failure", "error", "skipped")


def _case(layer: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", {"name": name, "classname": layer, "time": "0"})


def _observed(host: dict[str, Any], nothing: bool) -> ElementTree.Element:
    """The host itself: not reached is an error, and so is a run in which nothing at all was evaluated."""
    case = _case("host", "observed")
    if not host["reached"]:
        _say(case, "error", "not-reached", f"not reached: {inert(host['reason'], _LONGEST)}")
    elif nothing:
        _say(case, "error", "nothing-evaluated", "nothing was evaluated")
    return case


def _cases(
    checks: list[dict[str, Any]], found: dict[tuple[Any, ...], list[dict[str, Any]]], bad: tuple[str, ...]
) -> Iterator[ElementTree.Element]:
    for check in checks:
        entry = BY_ID.get(check["id"])
        places = [inert(check[key], 60) for key in ("hop", "vantage") if check[key] and check[key] != "host"]
        name = inert(check["id"], 60) + (f" ({' from '.join(places)})" if places else "")
        case = _case(entry.layer if entry else "other", name)
        status = inert(check["status"], 20)
        if status in ("fail", "warn"):
            same = found.get(_place(check)) or []
            item = same.pop(0) if same else None
            message = inert(item["message"], _LONGEST) if item else status
            kind = "failure" if status in bad else "skipped"
            text = "\n".join(_lines(item)) if item else ""
            # A reader sees a skipped case's message only: say first that this is a finding.
            _say(case, kind, inert(check["id"], 60), message if kind == "failure" else f"{status}: {message}", text)
        elif status != "pass":
            _say(case, "skipped", None, f"{status}: {inert(check['reason'], _LONGEST)}")
        yield case


def _say(case: ElementTree.Element, kind: str, type: str | None, message: str, text: str = "") -> None:
    """Give a case its outcome. ``skipped`` has no type in the schemas."""
    outcome = ElementTree.SubElement(case, kind, {"message": message})
    if type and kind != "skipped":
        outcome.set("type", type)
    if text:
        outcome.text = text


def _lines(item: dict[str, Any]) -> Iterator[str]:
    yield inert(item["message"], _LONGEST)
    if item.get("meaning"):
        yield f"means: {inert(item['meaning'], _LONGEST)}"
    for evidence in item["evidence"]:
        yield f"evidence: {inert(evidence['source'])}: {inert(evidence['detail'], _LONGEST)}"
    remedy = item["remedy"]
    yield f"remedy: {inert(remedy['text'], _LONGEST)} (by: {inert(remedy['by'], 60)})"
    if remedy["command"]:
        yield inert(remedy["command"], _LONGEST)


def _place(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["host"], item["id"], item["hop"], item["vantage"]
