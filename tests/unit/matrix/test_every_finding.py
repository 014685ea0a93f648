# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every finding of the catalogue is expected by a row of the fault matrix, or there is a written reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.chargeops.steve.plugins.plugin_utils._catalogue import BY_ID

from tests.matrix import rows as matrix
from tests.matrix.table import without_row

ROOT = Path(__file__).resolve().parents[3]
WITHOUT = without_row()


def test_a_finding_has_a_row_or_a_reason_and_never_both() -> None:
    expected = {id for row in matrix.all_rows() for id, _hop in row.expected}
    assert sorted(expected - set(BY_ID)) == [], "a row expects what is no finding"
    assert sorted(set(BY_ID) - expected - set(WITHOUT)) == [], "write a row, or a reason into without_row.yml"
    assert sorted(expected & set(WITHOUT)) == [], "it has a row now: take the reason out of without_row.yml"
    assert sorted(set(WITHOUT) - set(BY_ID)) == [], "a reason for what is no finding"


def test_what_a_row_says_is_blocked_is_a_finding() -> None:
    assert sorted({id for row in matrix.all_rows() for id in row.blocked} - set(BY_ID)) == []


@pytest.mark.parametrize("id", WITHOUT)
def test_a_reason_names_a_test_that_is_there_and_speaks_of_the_finding(id: str) -> None:
    given = WITHOUT[id]
    assert set(given) == {"reason", "tested"}
    assert given["reason"].endswith(".") and len(given["reason"]) > 30
    path = ROOT / given["tested"]
    assert path.is_file() and path.name.startswith("test_") and path.is_relative_to(ROOT / "tests")
    assert f'"{id}"' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", matrix.faults())
def test_a_fault_is_repaired_by_whom_the_catalogue_names_or_says_why_not(name: str) -> None:
    fault = matrix.faults()[name]
    offered = {BY_ID[id].remedy.by for id, _hop in fault.expected} & set(matrix.REPAIRS)
    repaired = set(fault.repaired_by.split(", ")) if fault.repaired_by else set()
    if fault.kept is None:
        assert repaired == offered
    else:
        assert offered, "no role is named, so that there is nothing to keep from"
