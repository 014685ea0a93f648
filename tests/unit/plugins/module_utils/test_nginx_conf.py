# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lexer against crossplane, and against nginx's rules where crossplane has others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import crossplane
import pytest
from ansible_collections.chargeops.steve.plugins.module_utils._nginx_conf import (
    Directive,
    Edit,
    NginxConfigError,
    Overlay,
    edited,
    glob_matches,
    load,
    parse,
    quote,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import nginx_configs
from tests.unit.nginx_configs import MAIN, Dictionary, config, source


def ours(directives: Iterable[Directive]) -> list[Any]:
    return [
        (one.name, list(one.args), one.line, None if one.block is None else ours(one.block.directives))
        for one in directives
    ]


def theirs(parsed: Iterable[dict[str, Any]]) -> list[Any]:
    # A comment between the words of a directive comes out as a directive "#" behind it, even when none are asked for.
    found = [one for one in parsed if one["directive"] != "#"]
    return [
        (one["directive"], one["args"], one["line"], theirs(one["block"]) if "block" in one else None) for one in found
    ]


def crossplanes_view(path: Path) -> list[Any]:
    payload = crossplane.parse(str(path), single=True, check_ctx=False, check_args=False)
    assert payload["status"] == "ok", payload["errors"]
    return theirs(payload["config"][0]["parsed"])


@settings(max_examples=200, deadline=None)
@given(text=nginx_configs.files)
def test_random_configurations_are_read_as_crossplane_reads_them(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.conf"
    path.write_bytes(text.encode())
    assert ours(parse(text.encode(), "random.conf").directives) == crossplanes_view(path)


@settings(max_examples=100, deadline=None)
@given(text=nginx_configs.files)
def test_every_offset_points_at_what_was_read(text: str) -> None:
    data = text.encode()

    def check(directives: Iterable[Directive]) -> None:
        for one in directives:
            for word in one.words:
                again = parse(data[word.start : word.end] + b";", "word").directives[0].words[0]
                assert again.text == word.text
                assert word.line == data.count(b"\n", 0, word.start) + 1
            if one.block is None:
                assert data[one.end - 1 : one.end] == b";"
            else:
                assert data[one.block.open : one.block.open + 1] == b"{"
                assert data[one.block.close : one.block.close + 1] == b"}"
                assert one.end == one.block.close + 1
                check(one.block.directives)

    check(parse(data, "file").directives)


@settings(max_examples=300)
@given(data=st.binary(max_size=60) | st.text(alphabet="ab {};#\\\"'$\n", max_size=40).map(str.encode))
def test_no_bytes_break_the_lexer(data: bytes) -> None:
    try:
        parse(data, "file")
    except NginxConfigError as error:
        line = error.line
    else:
        return
    assert 1 <= line <= data.count(b"\n") + 1


@given(text=st.text(max_size=20))
def test_a_quoted_word_is_read_back_exactly(text: str) -> None:
    data = f"x {quote(text)};".encode("utf-8", "surrogateescape")
    assert parse(data, "file").directives[0].args == (text,)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        (r'x "a\"b";', ('a"b',)),
        (r"x 'a\'b';", ("a'b",)),
        (r"x a\;b;", (r"a\;b",)),  # the backslash protects the byte and stays
        (r"x a\ b;", (r"a\ b",)),
        (r"x ~ \.php$;", ("~", r"\.php$")),
        (r'x "a\tb\n\\";', ("a\tb\n\\",)),
        ("x a}b;", ("a}b",)),
        ("x ${a}b{c;", None),  # only directly behind the dollar sign a brace is part of the word
        ("x ${{a;", ("${{a",)),
        ('if ($a = "b") { y; }', ("($a", "=", "b", ")")),
        ("x a#b;", ("a#b",)),
        ("x a #b;\n;", ("a",)),
        ("x '';", ("",)),
        ("x a\x0bb;", ("a\x0bb",)),  # a vertical tab separates nothing
    ],
)
def test_words_follow_nginxs_own_rules(text: str, args: tuple[str, ...] | None) -> None:
    if args is None:
        with pytest.raises(NginxConfigError):
            parse(text.encode(), "f")
    else:
        assert parse(text.encode(), "f").directives[0].args == args


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a", 1, "unexpected end of file"),
        ("a b\n", 2, "unexpected end of file"),
        ("a {\n b;\n", 3, 'expecting "}"'),
        ("a;\n}\n", 2, 'unexpected "}"'),
        ("a {\n b }\n", 2, 'unexpected "}"'),
        (";", 1, 'unexpected ";"'),
        ("{ }", 1, 'unexpected "{"'),
        ('a "b"c;', 1, 'unexpected "c"'),
        ('a "b;\n', 1, "after a quote"),
        ("content_by_lua_block { }", 1, "Lua"),
        ("a {" * 100, 1, "blocks inside each other"),
    ],
)
def test_what_nginx_refuses_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(NginxConfigError) as caught:
        parse(text.encode(), "/etc/nginx/x.conf")
    assert caught.value.line == line
    assert what in caught.value.what
    assert f"/etc/nginx/x.conf:{line}" in caught.value.sentence()


def test_bytes_that_are_not_utf_8_come_back_as_they_were() -> None:
    name = parse(b"include /etc/\xff.conf;", "f").directives[0].args[0]
    assert name.encode("utf-8", "surrogateescape") == b"/etc/\xff.conf"


def test_includes_are_relative_to_the_main_file_and_sorted_by_bytes() -> None:
    read = config(
        "include conf.d/*.conf;\ninclude /etc/nginx/one;\n",
        **{
            "conf.d__b.conf": "b;",
            "conf.d__B.conf": "B;",
            "conf.d__.hidden.conf": "h;",
            "conf.d__c.txt": "c;",
            "one": "o;",
        },
    )
    assert [one.name for one in read.top() if one.name != "include"] == ["B", "b", "o"]


def test_a_file_from_two_places_stands_in_both() -> None:
    read = config("a { include s; }\nb { include s; }\n", s="x;\n")
    assert [one.name for block in read.top() for one in read.inside(block) if one.name != "include"] == ["x", "x"]
    assert list(read.files) == [MAIN, "/etc/nginx/s"]


def test_what_cannot_be_read_is_told_and_the_rest_is_there() -> None:
    read = load(MAIN, source("include missing.conf;\ninclude broken;\nok;\n", broken="x {"))
    assert [one.name for one in read.top() if one.name != "include"] == ["ok"]
    assert len(read.errors) == 2
    assert "missing.conf" in read.errors[0].sentence()
    assert "broken:1" in read.errors[1].sentence()


def test_a_file_that_includes_itself_ends() -> None:
    read = load(MAIN, source("include a;", a="x; include b;", b="y; include a;"))
    assert [one.name for one in read.top() if one.name != "include"] == ["x", "y"]
    assert "includes itself" in read.errors[0].got


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/a/*.conf", "/a/b.conf", True),
        ("/a/*.conf", "/a/.b.conf", False),
        ("/a/*.conf", "/a/b/c.conf", False),
        ("/a/*/x", "/a/b/x", True),
        ("/a/.*", "/a/.b", True),
        ("/a/[bc]?", "/a/cx", True),
    ],
)
def test_patterns_match_as_in_glob_3(pattern: str, path: str, expected: bool) -> None:
    assert glob_matches(pattern, path) is expected


def test_an_overlay_shows_added_and_replaced_files() -> None:
    base = Dictionary({"/a/x": b"1", "/a/y": b"2"})
    over = Overlay(base, {"/a/y": b"3", "/a/b": b"4"})
    assert over.glob("/a/*") == ["/a/b", "/a/x", "/a/y"]
    assert (over.read("/a/x"), over.read("/a/y")) == (b"1", b"3")


@given(data=st.binary(max_size=30), cuts=st.lists(st.integers(0, 30), max_size=6), new=st.binary(max_size=5))
def test_edits_change_their_bytes_and_no_others(data: bytes, cuts: list[int], new: bytes) -> None:
    places = sorted({cut for cut in cuts if cut <= len(data)})
    ranges = list(zip(places[::2], places[1::2], strict=False))
    result = edited(data, [Edit("f", start, end, new) for start, end in reversed(ranges)])
    for start, end in reversed(ranges):
        data = data[:start] + new + data[end:]
    assert result == data


def test_overlapping_edits_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        edited(b"abcdef", [Edit("f", 0, 3, b""), Edit("f", 2, 4, b"")])
