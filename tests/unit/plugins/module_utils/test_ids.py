# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ids that look alike: what kind of difference there is, and what is no likeness at all."""

from __future__ import annotations

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils import _ids
from ansible_collections.chargeops.steve.plugins.module_utils._ids import KINDS, MAX_SUGGESTIONS, folded, near_misses
from hypothesis import given, settings
from hypothesis import strategies as st

PAIRS = {
    ("CP-1 ", "CP-1"): "blank",
    ("CP -1", "CP-1"): "blank",
    ("\tCP-1", "CP-1"): "blank",
    ("CP\u200b-1", "CP-1"): "zero-width",
    ("\ufeffCP-1", "CP-1"): "zero-width",
    ("cp-1", "CP-1"): "case",
    ("CAF\u00c9-1", "CAFE-1"): "accent",
    ("CP-O1", "CP-01"): "look-alike",
    ("CP-l", "CP-1"): "look-alike",
    ("\u0421P-1", "CP-1"): "look-alike",
    ("CP\u20131", "CP-1"): "look-alike",
    ("CP_1", "CP-1"): "look-alike",
    ("CHARGER-LEFT", "CHARGER-LETF"): "typo",
    ("STATION-A", "STATON-A"): "typo",
    ("WALLBOX", "WALLBOXX"): "typo",
}


@pytest.mark.parametrize("pair", PAIRS)
def test_the_kind_of_difference_is_named(pair: tuple[str, str]) -> None:
    for one, other in (pair, pair[::-1]):
        (miss,) = near_misses(one, [other, "SOMETHING-ELSE-ENTIRELY"])
        assert (miss.id, miss.kind) == (other, PAIRS[pair])
        assert str(miss)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CP-1", "CP-2"), ("CP-1", "CP-12"), ("CP-9", "CP-10"), ("CP-1", "XY-7"), ("A1", "B1"), ("A", "B"),
        ("STATION-A", "STATION-B"), ("STATION-A1", "STATION-B2"), ("GARAGE", "GARAGE2"), ("GARAGE-1", "GARAGE-1-B"),
        ("WALLBOX-LEFT", "WALLBOX-RIGHT"),
    ],
)  # fmt: skip
def test_boxes_of_one_row_of_numbers_are_not_misspelt(one: str, other: str) -> None:
    assert near_misses(one, [other]) == near_misses(other, [one]) == []


def test_the_likeliest_comes_first_and_the_list_is_short() -> None:
    known = ["STATI0N-A", "STATION-B", "station-a", "STATION-A ", "STATION-C", "STATION-AB"]
    found = near_misses("STATION-A", known)
    assert [miss.id for miss in found] == ["STATION-A ", "station-a", "STATI0N-A"]
    assert len(found) == MAX_SUGGESTIONS


def test_the_id_itself_is_no_near_miss() -> None:
    assert near_misses("CP-1", ["CP-1"]) == []


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)


@given(TEXTS, st.lists(TEXTS, max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_text_is_compared_without_a_complaint(one: str, known: list[str]) -> None:
    found = near_misses(one, known)
    assert {miss.id for miss in found} <= set(known) - {one}
    assert all(miss.kind in KINDS for miss in found)


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_what_the_data_base_may_take_for_equal_is_always_found(one: str) -> None:
    for other in (one + " ", one.upper(), one.lower()):
        if other != one and folded(other) == folded(one) and one.strip():
            assert [miss.id for miss in near_misses(one, [other])] == [other]


def edits_by_the_book(one: str, other: str) -> int:
    """The restricted Damerau-Levenshtein distance as textbooks write it, the whole table."""
    table = [[0] * (len(other) + 1) for _row in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                table[i][j] = i + j
                continue
            table[i][j] = min(
                table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            )  # fmt: skip
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


@given(st.text("abc", max_size=9), st.text("abc", max_size=9))
def test_the_short_cuts_find_the_distance_of_the_whole_table(one: str, other: str) -> None:
    distance = edits_by_the_book(one, other)
    assert _ids._edits(one, other, 2) == (distance if distance <= 2 else None)
