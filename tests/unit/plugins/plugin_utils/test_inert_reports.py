# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text from outside is inert wherever a report is shown or written, whatever a stored document holds."""

from __future__ import annotations

import copy
from typing import Any
from xml.etree import ElementTree

from ansible_collections.chargeops.steve.plugins.plugin_utils import (
    _junit,
    _repair_plan,
    _terminal,
    _terminal_repairs,
)
from ansible_collections.chargeops.steve.plugins.plugin_utils._analyse import analyse
from ansible_collections.chargeops.steve.plugins.plugin_utils._compare import compare
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils.documents import broken, observation, probe, row, unknown

RUN = "20261123T010203Z-7f3a"
NASTY = st.one_of(
    st.sampled_from(
        [
            "\x1b]0;owned\x07", "\x1b[2J\x1b[H", "\x9b31m", "\u202egnp.exe", "\u2066x\u2069", "a\nb\rc\x08\x08", "\x00",
            "{{ lookup('pipe', 'id') }}{% raw %}", "]]></failure><!--", "<![CDATA[ & \" '", "\ufffe\uffff", "\ud800",
            "\u2028\u2029\x85", "x" * 5000, "\u5145" * 3000, "e" + "\u0301" * 2000, "\U000e0041", "%s{0}\\u001b",
        ]
    ),
    st.text(max_size=60),
)  # fmt: skip
#: What the analyser fills with its own words. Everything else may hold a stranger's.
OURS = frozenset(("schema", "status", "severity", "layer", "fail_on", "source", "min", "max"))
BOXES = [row("CP-1", "undetermined", candidates=["charge-box-unregistered"])]
DOCUMENTS = [
    observation(probes=[probe(), probe("proxy", endpoint=broken("proxy-no-route", "path"), rows=[])]),
    observation("steve-b", admin=unknown("x"), probes=[probe(rows=BOXES)]),
    observation("steve-c", asked=["CP-2"], registered=["CP-1"]),
]
FINDINGS = analyse(DOCUMENTS, ["steve-a", "steve-lost"], RUN) | {
    "sources": [{"run_dir": "x", "run_id": "x", "hosts": 1}], "left_out": [{"file": "x", "reason": "x"}],
}  # fmt: skip
TRIED = {"steve-a": {"done": [], "failed": [{"by": "app_env", "text": "x"}]}}


def poison(value: Any, text: str, key: str = "") -> Any:
    """The document with a nasty text in every place that may hold one; equal texts stay equal, as host names must."""
    if isinstance(value, dict):
        return {name: poison(item, text, name) for name, item in value.items()}
    if isinstance(value, list):
        return [poison(item, text, key) for item in value]
    if isinstance(value, str) and key not in OURS:
        return value + text
    return value


def lines(text: str) -> list[str]:
    """The lines, split at nothing but the line feeds that the report itself puts there."""
    return text.split("\n")


@settings(max_examples=60)
@given(NASTY)
def test_no_character_reaches_a_terminal_that_it_would_obey(text: str) -> None:
    poisoned = poison(copy.deepcopy(FINDINGS), text)
    single = copy.deepcopy(poisoned)
    for host in single["hosts"]:
        host["charge_box_id"] = "CP-1" + text
    shown = [
        _terminal.render(poisoned, report="x" + text), _terminal.render(poisoned, full=True),
        _terminal.render(single, report="x" + text),
        _terminal_repairs.render_plan(poison(_repair_plan.plan(FINDINGS, DOCUMENTS), text)),
        _terminal_repairs.render_comparison(compare(poisoned, FINDINGS)),
        _terminal_repairs.render_comparison(compare(FINDINGS, poisoned, poison(TRIED, text))),
    ]  # fmt: skip
    for report in shown:
        assert all(line.isprintable() for line in lines(report))
    assert max(len(line) for report in shown for line in lines(report)) < 4000


@settings(max_examples=60)
@given(NASTY)
def test_junit_stays_what_it_is_and_holds_no_character_that_xml_forbids(text: str) -> None:
    clean = ElementTree.fromstring(_junit.render(copy.deepcopy(FINDINGS)))
    written = _junit.render(poison(copy.deepcopy(FINDINGS), text))
    written.encode("utf-8")
    root = ElementTree.fromstring(written)
    assert [item.tag for item in root.iter()] == [item.tag for item in clean.iter()]
    assert all(line.isprintable() for line in lines(written))
    values = [value for item in root.iter() for value in (*item.attrib.values(), item.text or "")]
    assert all(part.isprintable() for value in values for part in lines(value))
    assert max(len(value) for value in values) < 20_000
