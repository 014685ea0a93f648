# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The figures and marks of docs/fault-matrix.md, on lines written by hand."""

from __future__ import annotations

from dataclasses import replace

from tests.matrix import rows as matrix
from tests.matrix.judge import load
from tests.matrix.rows import Row
from tests.matrix.table import Line, Named, page
from tests.matrix.table import line as judged_line


def line(
    expected: dict[str, str | None],
    ours: set[str],
    literal: set[str],
    *,
    faults: int = 1,
    release: str = "3.14.1",
    unexplained: tuple[str, ...] = (),
) -> Line:
    """A line about ``expected`` (finding to hop); ``ours`` with hops, ``literal`` without; read kindly: nothing."""
    name = f"{'-and-'.join(expected) or 'healthy'}-{release}"
    causes = frozenset(expected.items())
    row = Row(name, tuple(map(str, range(faults))), release, "host", causes, frozenset({"tcp-refused"}), None, False)
    wanted = frozenset(f"{id}@{hop}" if hop else id for id, hop in causes)
    ids = frozenset(expected)
    return Line(
        row, Named(frozenset(ours), wanted), Named(frozenset(literal), ids), Named(frozenset(), ids), unexplained,
        frozenset({"tcp-refused", "app-starting"}), (3.25, 2.5),
    )  # fmt: skip


LINES = [
    line({}, set(), {"admin-login-refused"}, release="3.7.1"),
    line({"app-not-running": None}, {"app-not-running"}, {"app-not-running"}),
    line(
        {"proxy-upgrade-stripped": "proxy"}, {"proxy-upgrade-stripped@proxy"},
        {"proxy-upgrade-stripped", "subprotocol-unsupported"}, unexplained=("step 1b: 500",),
    ),
    line(
        {"proxy-bad-gateway": "proxy", "clock-skew": None}, {"proxy-bad-gateway@direct", "clock-skew"}, set(), faults=2
    ),
]  # fmt: skip
PAGE = page(LINES, {"disk-full": {"reason": "Because.", "tested": "tests/unit/x.py"}})


def cells(name: str) -> list[str]:
    """What stands beside a name, in the summary or in the table of rows."""
    (found,) = [text for text in PAGE.splitlines() if text.startswith(f"| {name} |")]
    return [cell.strip() for cell in found.strip("|").split("|")][1:]


def test_exact_named_and_false_are_counted_for_each_side() -> None:
    assert cells("**all rows**") == ["4", "75 %", "1", "25 %", "75 %", "2", "25 %", "25 %", "0"]


def test_the_runbook_is_measured_by_what_it_has_words_for_as_well() -> None:
    assert cells("what the runbook has words for")[:5] == ["3", "100 %", "0", "33 %", "100 %"]


def test_rows_are_counted_by_release_layer_and_hop() -> None:
    assert cells("3.7.1")[:3] == ["1", "100 %", "0"]
    assert cells("3.14.1")[:3] == ["3", "66 %", "1"]
    assert [cells(name)[0] for name in ("healthy", "layer app", "layer proxy", "two faults")] == ["1"] * 4
    assert [cells(name)[0] for name in ("hop host", "hop proxy")] == ["2", "2"]
    assert "| layer time |" not in PAGE and "| hop direct |" not in PAGE


def test_a_row_shows_what_was_expected_and_what_was_said() -> None:
    assert cells("app-not-running-3.14.1") == ["app-not-running", "=", "tcp-refused", "=", "-", "3.2 s / 2.5 s"]
    assert cells("proxy-upgrade-stripped-3.14.1")[3] == (
        "proxy-upgrade-stripped, **subprotocol-unsupported** (step 1b: 500)"
    )
    assert cells("healthy-3.7.1")[:2] == ["nothing", "="]
    assert cells("healthy-3.7.1")[3] == "**admin-login-refused**"


def test_what_was_missed_is_struck_out() -> None:
    ours, literal = (cells("proxy-bad-gateway-and-clock-skew-3.14.1")[at] for at in (1, 3))
    assert ours == "clock-skew, **proxy-bad-gateway@direct**, ~~proxy-bad-gateway@proxy~~"
    assert literal == "~~clock-skew~~, ~~proxy-bad-gateway~~"


def test_a_row_in_which_the_runbook_was_not_played_does_not_count_for_it() -> None:
    text = page([replace(LINES[0], literal=None, kindly=None), LINES[1]], {})
    assert "| **all rows** | 2 | 100 % | 0 | 100 % | 100 % | 0 | 0 % | 0 % | 0 |" in text
    assert "| healthy-3.7.1 | nothing | = | tcp-refused | not played | - |" in text
    assert "Its figures are of the 1 rows" in " ".join(text.split())


def test_a_row_that_its_unplayed_steps_would_decide_does_not_count_for_the_runbook() -> None:
    for key, counts in (("clock-ahead-3.7.1", False), ("tls-leaf-only-3.7.1", False), ("box-unregistered-3.7.1", True)):
        (row,) = matrix.select([key])
        one = judged_line(row, load(row.recording))
        assert (one.literal is not None, one.kindly is not None) == (counts, counts)


def test_findings_without_a_row_are_listed_with_their_reason() -> None:
    assert "| disk-full | Because. | `tests/unit/x.py` |" in PAGE
