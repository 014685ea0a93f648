# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Env files are edited line by line, and every other byte stays."""

from __future__ import annotations

import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._env_file import (
    EnvFileError,
    Statement,
    checked_keys,
    edit,
    parse,
    reading,
    render,
)
from ansible_collections.chargeops.steve.plugins.module_utils._errors import InputError
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.env_files import FILES, NASTY, values


def statements(data: bytes) -> list[tuple[str, str | None, str | None]]:
    """Name, raw value and value of every statement."""
    text = data.decode("utf-8", "surrogateescape")

    def raw(one: Statement) -> str | None:
        return None if one.value is None else text[one.value[0] : one.value[1]]

    return [(one.key, raw(one), reading(text, one)) for one in parse(text)]


@pytest.mark.parametrize("value", NASTY)
@pytest.mark.parametrize("in_quotes", [False, True])
def test_what_is_written_is_read_back(value: str, in_quotes: bool) -> None:
    assert statements(f"A={render(value, in_quotes)}\n".encode()) == [("A", render(value, in_quotes), value)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("1234", "1234"),
        ("", ""),
        ("a b", "'a b'"),
        ("pa$$word", "'pa$$word'"),
        ("it's", '"it\'s"'),
        ("it's $5", '"it\'s \\$5"'),
        ("C:\\dir", "'C:\\dir'"),
        ("dir\\", "dir\\"),
        ("a dir\\", '"a dir\\\\"'),
    ],
)
def test_the_plainest_form_that_is_exact_is_written(value: str, written: str) -> None:
    assert render(value) == written


@pytest.mark.parametrize("data", FILES)
@pytest.mark.parametrize("value", ["new", "", "a 'b' $c\\"])
def test_other_statements_stay_and_the_second_time_changes_nothing(data: bytes, value: str) -> None:
    edited = edit(data, {"A": value})
    assert [one[2] for one in statements(edited.data) if one[0] == "A"][-1] == value
    before, after = statements(data), statements(edited.data)
    assert [one[:2] for one in after if one[0] != "A"] == [one[:2] for one in before if one[0] != "A"]
    assert len(after) == len(before) + len(edited.added)
    again = edit(edited.data, {"A": value})
    assert (again.data, again.added, again.changed) == (edited.data, [], [])


@given(data=st.sampled_from(FILES), value=values, name=st.sampled_from(["A", "B", "C", "NEW"]))
def test_any_value_reads_back_from_any_file(data: bytes, value: str, name: str) -> None:
    edited = edit(data, {name: value})
    assert [one[2] for one in statements(edited.data) if one[0] == name][-1] == value
    before, after = statements(data), statements(edited.data)
    assert [one[:2] for one in after if one[0] != name] == [one[:2] for one in before if one[0] != name]
    assert edit(edited.data, {name: value}).data == edited.data


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        ("A=1\nB=2\n", {"A": "9"}, "A=9\nB=2\n"),
        ("A=1 # why\n", {"A": "x y"}, "A='x y' # why\n"),
        ("A='1'# why\n", {"A": "2"}, "A='2'# why\n"),
        ("export A=1\r\nB=2\r\n", {"A": "2", "C": "3"}, "export A=2\r\nB=2\r\nC=3\r\n"),
        ("A: 1\n", {"A": "2"}, "A: 2\n"),
        ("A=1", {"B": "2"}, "A=1\nB=2"),
        ("", {"B": "2"}, "B=2\n"),
        ("A=\r\n", {"A": "x"}, "A=x\r\n"),
        ("A\nB=1\n", {"A": "x"}, "A=x\nB=1\n"),
        ("A='1\n2'\nB=1\n", {"A": "x"}, "A=x\nB=1\n"),
        ("A=1\nA=2\n", {"A": "3"}, "A=1\nA=3\n"),
        ("A=3\nA=2\n", {"A": "2"}, "A=3\nA=2\n"),
        ("A=1 # c\n", {"A": ""}, "A='' # c\n"),
        ('A="1"\n', {"A": "1"}, 'A="1"\n'),
        ("  A = 1\n", {"A": "2"}, "  A = 2\n"),
    ],
)
def test_keys_are_changed_in_place(before: str, keys: dict[str, str], after: str) -> None:
    assert edit(before.encode(), keys).data.decode() == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=1\nB=2\n", "B=2\n"),
        ("B=2\nA=1\n", "B=2\n"),
        ("# a\nA=1 # c\n# b\nB=2", "# a\n# b\nB=2"),
        ("A='1\n2'\nB=2\n", "B=2\n"),
        ("A=1\nB=2\nA=3\n", "B=2\n"),
        ("A='x'B=2\n", "B=2\n"),
        ("B='x'A=2\nC=1\n", "B='x'\nC=1\n"),
        ("\ufeffA=1\nB=2\n", "\ufeffB=2\n"),
        ("A\nB=2\n", "B=2\n"),
        ("B=2\n", "B=2\n"),
    ],
)
def test_absent_keys_go_with_their_lines(before: str, after: str) -> None:
    result = edit(before.encode(), {}, ["A"])
    assert result.data.decode() == after
    assert result.removed == (["A"] if "A" in before else [])


def test_what_was_done_is_told_by_name_only() -> None:
    result = edit(b"A=old-secret\nB=1\nC=2\n", {"A": "new-secret", "B": "1", "D": "more-secret"}, ["C", "E"])
    assert (result.added, result.changed, result.removed) == (["D"], ["A"], ["C"])
    shown = result.diff("/x")
    assert "secret" not in str(shown)
    assert shown["before"].splitlines() == ["A=(value hidden)", "C=(value hidden)"]
    assert shown["after"].splitlines() == ["A=(new value hidden)", "D=(new value hidden)"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"A=$B\n", "A was interpolated or escaped"),
        (b'A="x\\ty"\n', "A was interpolated or escaped"),
        (b"A='it\\'s'\n", "A was interpolated or escaped"),
        (b"A=1\nA=2\n", "A stands 2 times"),
    ],
)
def test_what_an_operator_should_know_is_said(data: bytes, told: str) -> None:
    assert told in edit(data, {"A": "v"}).notes[0]


@pytest.mark.parametrize(
    ("data", "line"),
    [(b"A=1\nB C=2\n", 2), (b"A=1\n\n'x'=1\n", 3), (b"A='1\nB=2\n", 1), (b'A=1\nB "open\n', 2), (b"caf\xe9=1\n", 1)],
)
def test_a_file_that_compose_refuses_is_refused_with_its_line_and_no_secret(data: bytes, line: int) -> None:
    with pytest.raises(EnvFileError) as caught:
        edit(data + b"S=secret", {"A": "v"})
    assert f"(line {line})" in caught.value.sentence()
    assert "secret" not in caught.value.sentence()


@pytest.mark.parametrize(
    ("keys", "absent", "told"),
    [
        ({"A": 123}, [], "the value of A is a number"),
        ({"A": True}, [], "the value of A is a boolean"),
        ({"A": None}, [], "the value of A is nothing"),
        ({"A": ["x"]}, [], "the value of A is not text"),
        ({"A": "x\ny"}, [], "has a line break"),
        ({"A": "x\r"}, [], "has a line break"),
        ({"A": "\ud800"}, [], "no valid text"),
        ({"A B": "x"}, [], "is no name"),
        ({"": "x"}, [], "is no name"),
        ({"1A": "x"}, [], "is no name"),
        ({"A\n": "x"}, [], "is no name"),
        ({1: "x"}, [], "is no name"),
        ({}, ["a=b"], "Option absent_keys"),
        ({"A": "x"}, ["A"], "A is in keys too"),
        ("A=1", [], "it is not a dictionary"),
    ],
)
def test_values_that_an_env_file_cannot_hold_are_refused(keys: object, absent: list[str], told: str) -> None:
    with pytest.raises(InputError) as caught:
        checked_keys(keys, absent)
    assert told in caught.value.sentence()


@given(data=st.binary(max_size=40) | st.text(alphabet="AB=:'\"\\$# \n\t\rexport", max_size=40).map(str.encode))
def test_no_bytes_break_it(data: bytes) -> None:
    try:
        edited = edit(data, {"KEY": "v"}, ["A"])
    except EnvFileError:
        return
    assert [one[2] for one in statements(edited.data) if one[0] == "KEY"] == ["v"]
    assert all(one[0] != "A" for one in statements(edited.data))
