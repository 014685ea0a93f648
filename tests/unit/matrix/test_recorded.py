# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every row of the fault matrix as it was recorded: named exactly as expected, and nothing false beside it."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.matrix import rows as matrix
from tests.matrix.judge import load, verdict
from tests.matrix.rows import Row
from tests.matrix.verdict import Verdict, differences

ALL = frozenset(row.name for row in matrix.all_rows())
#: Rows with a recording; a test of its own says that these are all.
ROWS = {row.name: row for row in matrix.all_rows() if row.recording.exists()}


@cache
def recorded(key: str) -> dict[str, Any]:
    return load(ROWS[key].recording)


@cache
def judged(key: str) -> Verdict:
    return verdict(recorded(key))


def agrees(row: Row, said: Verdict) -> bool:
    return differences(row, said) == []


def test_every_row_has_a_recording_and_every_recording_a_row() -> None:
    files = {path.stem for path in matrix.RECORDED.glob("*.json")}
    assert sorted(ALL - files) == [], "record them: python3 tests/bootstrap.py dev -m tests.matrix record NAME"
    assert sorted(files - ALL) == [], "no row is called so: remove them"
    made_otherwise = [key for key, row in ROWS.items() if recorded(key)["made_by"] != row.digest]
    assert made_otherwise == [], "the row was changed since: record it again"


def test_a_recording_holds_what_the_runbook_was_answered_or_that_it_was_not_played() -> None:
    names = {"ps", "logs", "home", "list", "handshake", "nginx", "webapi"}
    assert sorted(key for key in ROWS if set(recorded(key)["runbook"]) not in (names, set())) == []
    played = [key for key in ROWS if recorded(key)["runbook"]]
    assert len(played) >= 0.9 * len(ROWS), "record them again"


@pytest.mark.parametrize("key", ROWS)
def test_a_row_is_named_exactly(key: str) -> None:
    assert differences(ROWS[key], judged(key)) == []
    assert sorted(ROWS[key].open - judged(key).open) == [], "it has an answer, and need not be left open"


def blind(document: dict[str, Any], status: str) -> dict[str, Any]:
    """An observation whose parts saw nothing."""
    unseen = {"status": status, "reason": "not looked at", "data": None}
    return document | {"parts": {name: part | unseen for name, part in document["parts"].items()}}


@pytest.mark.parametrize("status", ["unknown", "skipped"])
def test_who_looks_away_is_never_right(status: str) -> None:
    fooled = []
    for key, row in ROWS.items():
        documents = [blind(document, status) for document in recorded(key)["observations"]]
        if agrees(row, verdict(recorded(key) | {"observations": documents})):
            fooled.append(key)
    assert fooled == []


def test_a_look_takes_no_longer_than_an_operator_waits() -> None:
    # The longest of them waits for three deadlines of the probe.
    assert sorted(key for key in ROWS if recorded(key)["seconds"]["diagnose"] > 45) == []


def test_a_recording_of_one_row_is_not_right_for_another_that_expects_otherwise() -> None:
    wrong = [
        (one, other)
        for one, other in combinations(ROWS, 2)
        if ROWS[one].expected != ROWS[other].expected
        and (agrees(ROWS[other], judged(one)) or agrees(ROWS[one], judged(other)))
    ]
    assert wrong == []


@pytest.mark.parametrize("key", {row.faults: key for key, row in ROWS.items()}.values())
def test_what_could_not_be_looked_at_is_no_false_alarm(key: str) -> None:
    """One part of an observation after the other is taken away: what explained something else may be missing then."""
    allowed = {id for id, _hop in ROWS[key].expected} | judged(key).blocked
    documents = recorded(key)["observations"]
    if matrix.vantage(ROWS[key]):
        # The URL is one of this machine itself, which is told as long as nobody else got through.
        allowed |= {"public-url-elsewhere"}
    alarms = {}
    for at, document in enumerate(documents):
        for name, part in document["parts"].items():
            if part["status"] != "ok":
                continue
            unseen = part | {"status": "unknown", "reason": "not looked at", "data": None}
            changed = document | {"parts": document["parts"] | {name: unseen}}
            said = verdict(recorded(key) | {"observations": [*documents[:at], changed, *documents[at + 1 :]]})
            if false := {id for id, _hop in said.causes} - allowed:
                alarms[name] = false
    assert alarms == {}


def test_a_recording_is_of_what_it_says(tmp_path: Path) -> None:
    key = next(iter(ROWS))
    path = tmp_path / "another.json"
    path.write_text(ROWS[key].recording.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ValueError, match=f"^another.json: it is the recording of {key}$"):
        load(path)
    path.write_text('{"row": "another"}', encoding="utf-8")
    with pytest.raises(ValueError, match="holds made_by, observations, row, runbook, seconds and nothing else"):
        load(path)


def test_a_host_that_was_not_reached_is_no_verdict() -> None:
    key = next(iter(ROWS))
    lost = {"host": "steve-host", "reached": False, "reason": "ssh", "parts": {}}
    with pytest.raises(ValueError, match="steve-host was not reached: ssh"):
        verdict(recorded(key) | {"observations": [lost]})
